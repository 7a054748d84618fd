"""Differences between the values of a segment: which two, how large, how sure, and when it is not known."""

from typing import Any

import numpy as np
import pytest

from detectors.layout import FIXED, Layout
from detectors.pane import ClosedPane
from detectors.signals.bias import FEWEST, RATES, WINDOW, Bias, biases, largest_difference
from detectors.state import decode, encode
from schemas.reading import Reading

from ..builders import blank_pane, days, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec(segments=["region"])
Cell = tuple[int, int, int, int]
"""Rows by said and by true class: true negatives, false negatives, false positives, true positives."""


def layout(task: str = "binary", profiled: bool = True) -> Layout:
    spec = model_spec(task, segments=["region"])
    return layout_of(spec, profile_of(spec) if profiled else None)


def cohort(of: Layout, day: int = 0, unlabelled: tuple[int, int] = (0, 0), **cells: Cell) -> ClosedPane:
    """A cohort by its confusion matrices; unlabelled rows of each value: said to be negative, positive."""
    values = of.segment_values("region")
    matrix = np.zeros((len(values) + 1, 4), dtype=np.int64)
    for value, cell in cells.items():
        matrix[values.index(value)] = cell
    extra = (matrix.sum(axis=1) > 0)[:, np.newaxis] * np.array([unlabelled])
    said = np.stack([matrix[:, 0] + matrix[:, 1], matrix[:, 2] + matrix[:, 3]], axis=1) + extra
    sections: dict[str, Any] = {
        "n": said.sum(),
        "losses": matrix.sum(),
        "segment_n:region": said.sum(axis=1),
        "segment_positive:region": said[:, 1],
        "segment_confusion:region": matrix.ravel(),
        "segment_losses:region": matrix.sum(axis=1),
        "segment_loss_sums:region": (matrix[:, 1] + matrix[:, 2]) * FIXED,
    }
    return blank_pane(of, "cohort", day, **sections)


def readings(signal: Bias, pane: ClosedPane) -> dict[str, Reading]:
    return {finding.reading.signal: finding.reading for finding in signal.read(pane)}


def test_each_rate_is_that_of_its_own_rows() -> None:
    of = layout()
    pane = cohort(of, north=(40, 10, 20, 30), south=(50, 30, 0, 20), unlabelled=(0, 100))
    found = readings(Bias("region"), pane)
    rates = {name: one.value for name, one in found.items()}
    assert rates == {
        "demographic_parity": pytest.approx(150 / 200 - 120 / 200),
        "equal_opportunity": pytest.approx(30 / 40 - 20 / 50),
        "predictive_parity": None,  # south has 20 rows that were said to be positive
        "error_parity": pytest.approx(0.0),
    }
    assert {name: one.n for name, one in found.items()} == {
        "demographic_parity": 400,
        "equal_opportunity": 90,
        "predictive_parity": 0,
        "error_parity": 200,
    }
    assert {(one.segment, one.tier) for one in found.values()} == {("region", "drift")}
    parity = found["demographic_parity"]
    assert parity.detail == "share of positive predictions of north (200 rows) above that of south (200)"


def test_the_interval_is_newcombes_and_wider_for_more_pairs() -> None:
    """Two values: 56 of 70 against 48 of 80, as in Newcombe 1998, table II (a), and a third one between them."""
    two = np.array([[70, 80], [56, 48]], dtype=np.int32)
    high, low, apart = largest_difference(two, [0, 1])
    assert (high, low) == (0, 1)
    assert (round(apart.value, 4), round(apart.low, 4), round(apart.high, 4)) == (0.2, 0.0524, 0.3339)
    three = np.concatenate([two, np.array([[100], [70]], dtype=np.int32)], axis=1)
    assert largest_difference(three, [0, 1, 2])[:2] == (0, 1)
    wider = largest_difference(three, [0, 1, 2])[2]
    assert wider.low < apart.low < apart.high < wider.high


def test_the_intervals_of_all_pairs_hold_at_once_as_often_as_they_say() -> None:
    """No value differs from another: the largest of six differences leaves 0 out of its interval in 5 % at most."""
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(2_000):
        n = rng.integers(30, 300, 4)
        hits = rng.binomial(n, 0.3)
        apart = largest_difference(np.stack([n, hits]).astype(np.int32), [0, 1, 2, 3])[2]
        wrong += not apart.low <= 0 <= apart.high
    assert wrong <= 0.06 * 2_000


def test_cohorts_add_up_and_the_oldest_go() -> None:
    of = layout()
    signal, biased, even = Bias("region"), (0, 0, 10, 0), (5, 0, 5, 0)
    for day in range(WINDOW):
        found = readings(signal, cohort(of, day, north=biased, south=even))
    assert found["demographic_parity"].n == 2 * 10 * WINDOW
    assert found["demographic_parity"].value == pytest.approx(0.5)
    for day in range(WINDOW):
        found = readings(signal, cohort(of, WINDOW + day, north=even, south=even))
        assert found["demographic_parity"].value == pytest.approx(0.5 * (WINDOW - day - 1) / WINDOW)
    assert found["demographic_parity"].low is not None
    assert found["demographic_parity"].low < 0


def test_values_with_too_few_rows_are_left_out_and_named() -> None:
    of, few = layout(), FEWEST - 1
    pane = cohort(of, north=(50, 0, 50, 0), south=(50, 0, 50, 0), east=(few, 0, 0, 0))
    found = readings(Bias("region"), pane)["demographic_parity"]
    assert found.value == 0.0
    assert f"left out with fewer than {FEWEST} rows: east" in (found.detail or "")
    alone = readings(Bias("region"), cohort(of, north=(50, 0, 50, 0), east=(few, 0, 0, 0)))["demographic_parity"]
    assert (alone.status, alone.value) == ("unknown", None)
    assert f"1 of 3 values of region have {FEWEST} rows" in (alone.reason or "")


def test_the_same_two_values_are_compared_in_the_reference() -> None:
    of = layout()
    found = readings(Bias("region"), cohort(of, north=(100, 0, 0, 0), south=(0, 0, 100, 0)))["demographic_parity"]
    values = of.segment_values("region")
    assert of.profile is not None
    counts = of.profile.counts["cohort"]
    share = [
        counts["segment_positive:region"][cell] / counts["segment_n:region"][cell]
        for cell in (values.index("south"), values.index("north"))
    ]
    assert found.reference == pytest.approx(share[0] - share[1])
    assert found.effect == pytest.approx(1.0 - share[0] + share[1])


@pytest.mark.parametrize("task", ["multiclass", "regression", "text"])
def test_other_tasks_compare_their_mean_loss(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    of = layout_of(spec, profile_of(spec))
    rows = days(spec, 1, 300)
    losses: dict[str, list[float]] = {}
    for row, label in rows:
        worse = row.features[1] == "north"
        if task == "multiclass":
            label.label = "low" if worse else row.label
        elif task == "regression":
            label.value = (row.value or 0) + (10 if worse else 1)
        else:
            label.rating = 0.5 if worse else 0.9
        loss = {
            "multiclass": row.label != label.label,
            "regression": 10 if worse else 1,
            "text": 1 - (label.rating or 0),
        }
        losses.setdefault(str(row.features[1]), []).append(float(loss[task]))
    (found,) = readings(Bias("region"), pane_of(of, "cohort", rows)).values()
    means = sorted(float(np.mean(values)) for values in losses.values())
    assert found.signal == RATES[task][0].signal
    assert found.value == pytest.approx(means[-1] - means[0], abs=1e-6)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < (found.value or 0) < found.high
    assert "of north" in (found.detail or "")


def test_what_needs_labels_is_unknown_where_there_are_too_few_and_predictions_need_none() -> None:
    of = layout()
    found = readings(Bias("region"), cohort(of, north=(50, 5, 5, 50), south=(50, 5, 5, 50), unlabelled=(60, 60)))
    assert {name: one.status for name, one in found.items()} == {
        "demographic_parity": "ok",
        "equal_opportunity": "unknown",
        "predictive_parity": "unknown",
        "error_parity": "unknown",
    }
    assert found["error_parity"].reason == "label coverage: 220 of 460 rows; label_coverage asks for 0.5"


def test_a_cohort_that_is_not_whole_is_unknown_and_left_out() -> None:
    of, signal = layout(), Bias("region")
    rows = days(of.spec, 1, 300)
    found = readings(signal, pane_of(of, "cohort", rows, mismatched=1))
    assert {one.status for one in found.values()} == {"unknown"}
    assert all("1 source partitions" in (one.reason or "") for one in found.values())
    assert readings(signal, pane_of(of, "cohort", rows[:10]))["demographic_parity"].status == "unknown"
    assert len(signal._newest) == 1


def test_a_segment_of_which_nothing_is_known_has_no_signal_and_a_boolean_one_has_two_values() -> None:
    assert biases(layout(profiled=False)) == []
    owner = model_spec(segments=["owner", "region"])
    assert len(biases(layout_of(owner, None))) == 1
    assert len(biases(layout_of(owner, profile_of(owner)))) == 2
    assert biases(layout_of(model_spec(), profile_of(model_spec()))) == []


def test_losses_without_a_scale_are_unknown() -> None:
    spec = model_spec("regression", segments=["owner"])
    of = layout_of(spec, None)
    (found,) = readings(Bias("owner"), pane_of(of, "cohort", days(spec, 1))).values()
    assert (found.status, found.value) == ("unknown", None)
    assert "no reference profile" in (found.reason or "")


def test_its_state_outlives_a_restart() -> None:
    of, signal = layout(), Bias("region")
    panes = [cohort(of, day, north=(4, 1, 2, 3), south=(5, 3, 1, 1)) for day in range(2 * WINDOW)]
    for pane in panes[:WINDOW]:
        list(signal.read(pane))
    again = decode(encode(signal))
    for pane in panes[WINDOW:]:
        assert readings(again, pane) == readings(signal, pane)
