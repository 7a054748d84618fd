"""Champion and challenger are compared on the same rows, and what is compared is told."""

import pytest

from detectors.signals.challenger import COMPARED, RECENT, ChallengerLoss

from ..builders import DAY, START, days, layout_of, model_spec, pane_of, panes_of, profile_of, read


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_both_losses_are_over_the_same_rows(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    signal = ChallengerLoss(layout)
    panes = [pane for pane in panes_of(layout, days(spec, 5)) if pane.key.family == "label"]
    for pane in panes:
        readings = {f.reading.signal: f.reading for f in signal.read(pane)}
        losses = [min(row.loss, layout.loss_scale) for row in pane.sample]
        assert readings["champion_loss"].value == pytest.approx(sum(losses) / len(losses))
        assert readings["challenger_loss"].n == readings["champion_loss"].n == len(losses)


def test_the_comparison_fades_by_pane() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    signal = ChallengerLoss(layout)
    assert signal.comparison() is None
    panes = [pane for pane in panes_of(layout, days(spec, 2)) if pane.key.family == "label"]
    first, second = (sum(row.loss for row in pane.sample) for pane in panes)
    read(signal, panes)
    found = signal.comparison()
    assert found is not None
    assert found["rows"] == pytest.approx(50 * RECENT + 50)
    assert found["champion"] == pytest.approx((first * RECENT + second) / (50 * RECENT + 50))


def test_one_absurd_loss_does_not_spoil_the_comparison() -> None:
    spec = model_spec("regression")
    layout = layout_of(spec, profile_of(spec))
    signal = ChallengerLoss(layout)
    rows = days(spec, 1)
    rows[7][0].value, rows[7][1].value = 1.7e308, -1.7e308
    read(signal, [pane_of(layout, "label", rows)])
    found = signal.comparison()
    assert found is not None
    assert layout.loss_scale is not None
    assert max(found["challenger"], found["champion"]) <= layout.loss_scale


def test_no_labels_are_unknown() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    rows = days(spec, 1)
    for _, label in rows:
        label.label, label.rating = None, 0.5
    found = list(ChallengerLoss(layout).read(pane_of(layout, "label", rows, START + DAY)))
    assert {f.reading.status for f in found} == {"unknown"}
    assert all(f.reading.reason for f in found)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_the_disagreement_is_that_of_the_predictions_before_the_pane(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    signal = ChallengerLoss(layout)
    first, second = (pane for pane in panes_of(layout, days(spec, 2)) if pane.key.family == "label")
    (before,) = [f.reading for f in signal.read(first) if f.reading.signal == "challenger_disagreement"]
    assert (before.value, before.reason) == (None, "the challenger has learnt nothing yet")
    said = [(row.row, signal.challenger.predict(row.row.features)) for row in second.sample]
    differences = [
        min(1.0, abs(row.value - other) / layout.loss_scale) if task == "regression" else float(row.label != other)
        for row, other in said
    ]
    (after,) = [f.reading for f in signal.read(second) if f.reading.signal == "challenger_disagreement"]
    assert (after.tier, after.n, after.status, after.sampled) == ("proxies", 50, "ok", False)
    assert after.value == pytest.approx(sum(differences) / 50)


def test_the_two_are_compared_on_some_rows_of_a_large_pane() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    signal = ChallengerLoss(layout)
    rows = days(spec, 1, rows=2 * COMPARED + 1)
    read(signal, [pane_of(layout, "label", rows)])
    (found,) = [f.reading for f in read(signal, [pane_of(layout, "label", rows)]) if "disagree" in f.reading.signal]
    assert COMPARED / 2 < found.n <= COMPARED
    assert found.sampled


def test_rows_that_curation_chose_are_learnt_and_not_compared() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    rows = days(spec, 1)
    for _, label in rows[::2]:
        label.chosen = True
    pane = pane_of(layout, "label", rows)
    signal = ChallengerLoss(layout)
    readings = {f.reading.signal: f.reading for f in signal.read(pane)}
    assert signal.challenger.learnt == len(rows)
    counted = [sampled.loss for sampled in pane.sample if not sampled.label.chosen]
    assert readings["champion_loss"].n == len(counted) == len(rows) // 2
    assert readings["champion_loss"].value == pytest.approx(sum(counted) / len(counted))
