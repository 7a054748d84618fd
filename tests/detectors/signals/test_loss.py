"""Performance alarms on a rise of the loss, on all rows and on each segment, and says so when it cannot judge."""

import numpy as np
import pytest

from detectors.e_detector import AIM, alternatives, stakes
from detectors.layout import FIXED
from detectors.signals.loss import Loss, label_losses, losses
from detectors.signals.signal import Finding

from ..builders import (
    DAY,
    START,
    TASKS,
    blank_pane,
    cohort_of_errors,
    days,
    layout_of,
    model_spec,
    pane_of,
    panes_of,
    profile_of,
    read,
)

NAMES = {"binary": "error_rate", "multiclass": "error_rate", "regression": "absolute_error", "text": "rating_loss"}


def overall(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.reading.segment is None]


@pytest.mark.parametrize("task", TASKS)
def test_a_loss_that_stays_is_ok_and_one_that_rises_alarms(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    (signal,) = losses(layout)
    calm = read(signal, panes_of(layout, days(spec, 40, seed=1), maturity_only=True))
    assert {finding.reading.status for finding in calm} == {"ok"}
    risen = read(signal, panes_of(layout, days(spec, 12, first=40, error=0.4), maturity_only=True))
    first = next(finding for finding in risen if finding.firing)
    assert first.firing is not None
    assert first.reading.signal == NAMES[task]
    assert first.firing.severity == "alarm"
    assert abs(first.firing.since - (START + 40 * DAY)) <= 2 * DAY
    assert first.firing.value > first.firing.baseline > first.firing.reference


@pytest.mark.parametrize("task", TASKS)
def test_the_value_is_the_mean_loss_in_its_unit(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    rows = days(spec, 1, seed=2)
    scale = layout.loss_scale
    assert scale is not None
    pane = pane_of(layout, "cohort", rows)
    expected = np.mean([min(one.loss, scale) for one in pane.sample if one.loss is not None])
    (finding,) = losses(layout)[0].read(pane)
    assert finding.reading.value == pytest.approx(expected, abs=1e-7)
    assert finding.reading.n == len(rows)


@pytest.mark.parametrize("task", TASKS)
def test_the_evidence_is_that_of_the_losses_one_by_one_or_a_little_less(task: str) -> None:
    """0/1 losses exactly; real ones by chords over 20 bins, which cost little."""
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    signal = Loss(layout, None, 0, 1.0)
    assert signal._bet is not None
    pane = pane_of(layout, "cohort", days(spec, 1, error=0.11))
    x = np.array([min(row.loss / layout.loss_scale, 1.0) for row in pane.sample])
    m, phi = signal._bet.detector.baselines[0], signal._bet.detector.dispersion[0]
    logs = np.log1p(alternatives(np.array([m]))[0][:, None] * (x - m)).sum(axis=1)
    exact = float(np.exp(logs / phi) @ stakes(np.array([m]), AIM)[0] / 90)
    (finding,) = signal.read(pane)
    if task in ("binary", "multiclass"):
        assert finding.reading.evidence == pytest.approx(exact, rel=1e-6)
    else:
        assert 0.8 * exact < finding.reading.evidence <= exact


def test_a_segment_alarms_by_itself_and_names_itself() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec, rows=150))
    signals = losses(layout)
    cell = layout.segment_values("region").index("south")
    fired = set()
    for day in range(40):
        errors = np.full(4, 5)
        errors[cell] = 15
        pane = blank_pane(
            layout,
            "cohort",
            day,
            n=200,
            losses=200,
            loss_sums=int(errors.sum()) * FIXED // 2,  # all rows together stay as they were
            **{
                "segment_n:region": 50,
                "segment_losses:region": 50,
                "segment_loss_sums:region": errors * FIXED,
            },
        )
        fired |= {f.reading.segment for signal in signals for f in signal.read(pane) if f.firing}
    assert fired == {"region=south"}


def test_rows_that_are_of_no_known_value_of_a_segment_are_named_as_other_or_missing() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    pane = blank_pane(layout, "cohort", 0, n=9, **{"segment_n:region": np.array([0, 0, 0, 9])})
    counts = pane.view("segment_losses:region")
    counts[-1] = 9
    assert "region=(other or missing)" in {f.reading.segment for signal in losses(layout) for f in signal.read(pane)}


def test_a_segment_without_rows_says_nothing() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    pane = pane_of(layout, "cohort", [(row, label) for row, label in days(spec, 1) if row.features[1] != "east"])
    segments = {f.reading.segment for signal in losses(layout) for f in signal.read(pane)}
    assert segments == {None, "region=north", "region=south"}


def test_weights_are_shared_within_the_budget() -> None:
    spec = model_spec(segments=["region", "owner"])
    layout = layout_of(spec, profile_of(spec))
    weights = [signal._weight for signal in losses(layout)]
    assert weights[0] == spec.weights.performance
    assert sum(weights[1:]) == pytest.approx(spec.weights.segments)
    assert len(weights) == 1 + 4 + 3  # each value, and one cell for all others


def test_the_minimum_effect_is_put_up_with() -> None:
    spec, patient = model_spec(), model_spec(minimum_effect={"error_rate": 0.1})
    found = {}
    for name, one in (("strict", spec), ("patient", patient)):
        layout = layout_of(one, profile_of(one, rows=200))
        signal = losses(layout)[0]
        findings = read(signal, [cohort_of_errors(layout, day, 200, 36) for day in range(100)])
        found[name] = sum(finding.firing is not None for finding in findings)
    assert found["strict"] > 0
    assert found["patient"] == 0


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ("no reference", "no reference profile"),
        ("few panes", "29 panes; 30 are needed"),
        ("other width", "another pane width"),
        ("no labels", "no labelled rows"),
        ("low coverage", "label coverage: 20 of 50"),
        ("no label", "label coverage: 0 of 50"),
        ("mismatched", "1 source partitions count by another reference profile, or sent what cannot be read"),
        ("hopeless", "near 1"),
        ("no weight", "its weight is 0"),
    ],
)
def test_what_cannot_be_judged_is_unknown_with_the_reason(case: str, reason: str) -> None:
    spec = model_spec(weights={"performance": 0}) if case == "no weight" else model_spec()
    profile = {
        "no reference": None,
        "few panes": profile_of(spec, panes=29),
        "other width": profile_of(model_spec(pane="12h")),
        "no labels": profile_of(spec).model_copy(update={"counts": {}}),
        "hopeless": profile_of(spec, rows=3, error=1.0),
    }.get(case, profile_of(spec))
    layout = layout_of(spec, profile)
    rows = days(spec, 1)
    known = {"low coverage": 20, "no label": 0}.get(case, 50)
    rows = [(row, label if i < known else None) for i, (row, label) in enumerate(rows)]
    (signal,) = losses(layout)
    for day in range(3):
        (finding,) = signal.read(pane_of(layout, "cohort", rows, START + day * DAY, int(case == "mismatched")))
        assert finding.reading.status == "unknown"
        assert reason in (finding.reading.reason or "")
        assert finding.firing is None


@pytest.mark.parametrize("task", TASKS)
def test_without_a_reference_the_reason_is_the_reference(task: str) -> None:
    layout = layout_of(model_spec(task), None)
    (finding,) = losses(layout)[0].read(pane_of(layout, "cohort", days(layout.spec, 1)))
    assert "no reference profile" in (finding.reading.reason or "")


def test_panes_that_are_not_judged_earn_nothing() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    one, twin = (Loss(layout, None, 0, 1.0) for _ in range(2))
    for day in range(0, 40, 2):
        a, b = cohort_of_errors(layout, day, 100, 15), cohort_of_errors(layout, day + 1, 100, 40, labelled=45)
        readings = [*read(one, [a, b]), *read(twin, [a])]
        assert readings[0].reading.evidence == readings[2].reading.evidence
        assert readings[1].reading.status == "unknown"


def test_false_alarms_of_the_whole_path_stay_within_the_budget() -> None:
    """Reference and stream by the same law, the bound taken from the reference: what a user has."""
    rng, alarms, panes = np.random.default_rng(0), 0, 1_000
    for seed in range(12):
        spec = model_spec(false_alarms="1 per 30d")
        layout = layout_of(spec, profile_of(spec, panes=60, rows=40, seed=seed))
        signal = Loss(layout, None, 0, 1.0)
        errors = rng.binomial(40, 0.1, size=panes)
        alarms += sum(
            f.firing is not None
            for d in range(panes)
            for f in signal.read(cohort_of_errors(layout, d, 40, int(errors[d])))
        )
    assert alarms / 12 < panes / 30 / 4  # the bound and the tempering leave room


@pytest.mark.parametrize("task", TASKS)
def test_a_rise_is_noticed_as_labels_become_known(task: str) -> None:
    spec = model_spec(task, notices="1 per 30d")
    layout = layout_of(spec, profile_of(spec))
    (early,) = label_losses(layout)
    assert early.families == {"label"}
    assert early.stakes == (("notice", spec.notice_weights.performance),)
    panes = panes_of(layout, days(spec, 40, seed=1) + days(spec, 12, first=40, error=0.4))
    findings = read(early, panes)
    assert {finding.reading.status for finding in findings[:38]} <= {"ok", "unknown"}
    first = next(finding for finding in findings if finding.firing)
    assert first.firing is not None
    assert first.firing.severity == "notice"
    assert first.reading.signal == NAMES[task]
    assert first.reading.detector == "e_detector"
    assert first.firing.baseline == pytest.approx(read(losses(layout)[0], panes)[0].reading.baseline)


def test_false_notices_stay_within_their_share() -> None:
    spec = model_spec(notices="1 per 30d")
    layout, rng, fired = layout_of(spec, profile_of(spec, rows=200)), np.random.default_rng(9), []
    for _ in range(8):
        (early,) = label_losses(layout)
        assert early._bet is not None
        rate = float(early._bet.detector.baselines[0])
        panes = [
            blank_pane(layout, "label", day, n=200, labelled=200, losses=200, loss_sums=int(errors) * FIXED)
            for day, errors in enumerate(rng.binomial(200, rate, 600))
        ]
        fired.append(sum(finding.firing is not None for finding in read(early, panes)))
    promised = spec.notice_weights.performance * 600 / 30
    assert sum(fired) > 0
    assert np.mean(fired) <= promised + 3 * max(float(np.std(fired)), 0.3) / len(fired) ** 0.5


def test_a_pane_in_which_no_label_became_known_is_unknown() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    (finding,) = label_losses(layout)[0].read(blank_pane(layout, "label", 0))
    assert (finding.reading.status, finding.reading.reason) == ("unknown", "no labels became known")


def test_a_weight_of_0_gives_no_notice() -> None:
    spec = model_spec(notice_weights={"performance": 0.0})
    assert label_losses(layout_of(spec, profile_of(spec))) == []
