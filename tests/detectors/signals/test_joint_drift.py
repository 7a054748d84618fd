"""Joint drift: a change of dependence that no feature shows is seen, clean panes are not taken for changed ones."""

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from detectors.build_profile import SAMPLED, build_profile
from detectors.classifier_bets import PASSES
from detectors.joint_columns import PAIRS, columns_of
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Row
from detectors.signals.joint_drift import JointDrift, joint_drift
from detectors.signals.signal import Finding
from detectors.state import decode, encode
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from ..builders import DAY, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

FEATURES = {f"x{i}": "numeric" for i in range(6)} | {"kind": "categorical", "flag": "boolean"}
SPEC = model_spec(features=FEATURES)
KINDS = ("a", "b", "c")


def row(rng: np.random.Generator, time: int, name: str, rho: float, shift: float = 0.0, tie: float = 0.0) -> Row:
    """Numbers of which the first two go together by `rho`; `tie` is how often the flag follows the third."""
    x = rng.normal(0, 1, 6)
    x[1] = rho * x[0] + (1 - rho**2) ** 0.5 * x[1]
    flag = bool(x[2] > 0) if rng.random() < tie else bool(rng.random() < 0.5)
    return Row(time, name, [*(x + shift).tolist(), KINDS[int(rng.integers(3))], flag], label="yes")


@cache
def layout(rho: float = 0.9, rows: int = 6_000, seed: int = 0) -> Layout:
    rng = np.random.default_rng(seed)
    reference = [(row(rng, START + i * 40 * DAY // rows, f"r{i}", rho), None) for i in range(rows)]
    return layout_of(SPEC, build_profile("m", None, SPEC, reference))


def pane(of: Layout, make: Callable[[int, str], Row], day: int, rows: int = 200) -> ClosedPane:
    start = START + day * DAY
    return pane_of(of, "traffic", [(make(start + i, f"{day}-{i}"), None) for i in range(rows)], start)


def watch(
    count: int,
    change: int,
    *,
    seed: int = 0,
    weight: float = 0.1,
    before: float = 0.9,
    after: float = 0.9,
    **new: float,
) -> list[Finding]:
    rng, of = np.random.default_rng(seed), layout(before, seed=seed)
    signal, found = JointDrift(of, weight), []
    for day in range(count):
        rho, extra = (after, new) if day >= change else (before, {})
        found += signal.read(pane(of, lambda time, name, r=rho, e=extra: row(rng, time, name, r, **e), day))
    return found


def delay(found: list[Finding], change: int) -> int:
    fired = [day for day, finding in enumerate(found) if finding.firing]
    assert fired
    assert fired[0] >= change
    return fired[0] - change + 1


@pytest.mark.parametrize(("before", "after"), [(0.9, 0.0), (0.0, 0.9), (0.9, -0.9)])
def test_a_changed_dependence_is_found_though_no_feature_has_changed(before: float, after: float) -> None:
    found = watch(32, 20, before=before, after=after)
    assert delay(found, 20) <= 6
    firing = next(finding.firing for finding in found if finding.firing)
    assert firing.severity == "notice"
    assert firing.minimum_effect == SPEC.minimum_effect.joint
    assert firing.since >= START + 19 * DAY


def test_a_shift_of_all_features_is_found() -> None:
    assert delay(watch(24, 12, shift=0.5), 12) <= 4


def test_a_dependence_between_a_number_and_a_flag_is_found() -> None:
    assert delay(watch(40, 12, tie=0.7), 12) <= 12


def test_clean_panes_raise_nothing() -> None:
    found = [finding for seed in range(3) for finding in watch(120, 0, seed=seed, weight=1.0)]
    assert not [finding for finding in found if finding.firing]
    excess = [finding.reading.effect for finding in found if finding.reading.effect is not None]
    assert abs(float(np.mean(excess))) < 0.02


def test_the_classifier_never_learns_the_rows_that_are_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    of = layout()
    columns = columns_of(of)
    assert columns is not None
    assert len(columns.training) == len(columns.held_out) == SAMPLED // 2
    signal, rng = JointDrift(of, 0.1), np.random.default_rng(0)
    seen: list[np.ndarray] = []
    assert signal._bets is not None
    monkeypatch.setattr(signal._bets, "train", lambda current, reference: seen.append(reference))
    list(signal.read(pane(of, lambda time, name: row(rng, time, name, 0.9), 0)))
    turns = np.arange(len(seen[0])) % (SAMPLED // 2)
    assert [part.tolist() for part in seen] == [columns.encode(columns.training[turns]).tolist()]
    assert len(turns) == PASSES * 200


def test_a_pane_is_tested_before_it_is_learnt() -> None:
    of, rng = layout(), np.random.default_rng(0)
    signal = JointDrift(of, 0.1)
    (first,) = signal.read(pane(of, lambda time, name: row(rng, time, name, 0.9), 0))
    assert first.reading.status == "unknown"
    assert first.reading.reason == "the classifier has not learnt from any pane yet"
    (second,) = signal.read(pane(of, lambda time, name: row(rng, time, name, 0.9, shift=3.0), 1))
    assert second.reading.status == "ok"
    assert (second.reading.effect or 0.0) < 0.5  # nothing that it has learnt so far tells these rows
    (third,) = signal.read(pane(of, lambda time, name: row(rng, time, name, 0.9, shift=3.0), 2))
    assert (third.reading.effect or 0.0) > 0.8


def test_all_pairs_of_twenty_numbers_have_a_column() -> None:
    spec = model_spec(features={f"x{i}": "numeric" for i in range(22)})
    rng = np.random.default_rng(0)
    numbers = rng.normal(0, 1, (1_200, 22))
    numbers[:, 21] = numbers[:, 20]
    reference = [
        (Row(START + i * 40 * DAY // 1_200, str(i), one.tolist(), label="yes"), None) for i, one in enumerate(numbers)
    ]
    columns = columns_of(layout_of(spec, build_profile("m", None, spec, reference)))
    assert columns is not None
    assert PAIRS == 20 * 21 // 2
    assert columns.width == 22 * 2 + PAIRS
    kept = {(int(a) // 2, int(b) // 2) for a, b in columns._pairs.T}
    assert (20, 21) in kept  # of more pairs, those that go together in the reference


@pytest.mark.parametrize(
    ("spec", "profile", "reason"),
    [
        (SPEC, None, "no reference profile for version 1"),
        (SPEC, profile_of(SPEC, panes=10), "10 panes"),
        (SPEC, profile_of(SPEC, rows=3), "no sample of rows that is large enough"),
        (SPEC, profile_of(SPEC).model_copy(update={"sample": {}}), "no sample of rows that is large enough"),
    ],
    ids=["none", "few panes", "few rows", "older"],
)
def test_without_rows_of_the_reference_it_is_unknown(
    spec: ModelSpec, profile: ReferenceProfile | None, reason: str
) -> None:
    of = layout_of(spec, profile)
    signal = JointDrift(of, 0.1)
    for _ in range(3):
        (finding,) = signal.read(pane_of(of, "traffic", days(spec, 1)))
        assert finding.reading.status == "unknown"
        assert reason in (finding.reading.reason or "")


def test_panes_with_a_problem_or_without_rows_are_unknown_and_not_learnt() -> None:
    of, signal = layout(), JointDrift(layout(), 0.1)
    (finding,) = signal.read(blank_pane(of, "traffic"))
    assert finding.reading.reason == "the pane has no rows"
    (finding,) = signal.read(pane_of(of, "traffic", days(SPEC, 1), mismatched=1))
    assert "1 source partitions" in (finding.reading.reason or "")
    assert signal._bets is not None
    assert signal._bets.learnt == 0


def test_a_model_without_features_that_have_bins_has_no_such_signal() -> None:
    spec = model_spec(features={"note": "text"})
    assert joint_drift(layout_of(spec, profile_of(spec)), 0.1) == []
    assert joint_drift(layout(), 0.0) == []
    (signal,) = joint_drift(layout(), 0.1)
    assert signal.stakes == (("notice", 0.1),)
    assert JointDrift(layout_of(SPEC, None), 0.1).stakes == ()


def test_rows_of_a_day_that_go_together_count_for_fewer() -> None:
    profile = layout().profile
    assert profile is not None
    bets = {f"feature:x0:{bet}": 9.0 for bet in range(39)}
    of = layout_of(SPEC, profile.model_copy(update={"dispersion": bets}))
    signal = JointDrift(of, 0.1)
    assert signal._bets is not None
    # 150 rows a pane in the reference, all of which the sample of a pane would hold
    assert signal._bets._bets._dispersion.tolist() == [9.0, 9.0]
    assert signal._held_out_dispersion == pytest.approx(1 + 8 * (1_000 / 40 - 1) / (150 - 1))


def test_the_state_goes_on_exactly() -> None:
    of, rng = layout(), np.random.default_rng(0)
    signal = JointDrift(of, 0.1)
    panes = [pane(of, lambda time, name: row(rng, time, name, 0.5), day) for day in range(12)]
    for one in panes[:6]:
        list(signal.read(one))
    again = decode(encode(signal))
    for one in panes[6:]:
        assert list(again.read(one)) == list(signal.read(one))
    assert encode(again) == encode(signal)
