"""The slice that carries a rise of the loss is found; where the rise is spread, no slice is made up."""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from detectors import loss_rows, slices
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.slices import GROUPS, PAIRED, worst_slice
from detectors.state import decode, encode
from schemas.alert import ChangeSlice

from .builders import DAY, START, labelled_row, layout_of, model_spec, pane_of, profile_of

FEATURES = {"income": "numeric", "age": "numeric", "region": "categorical", "owner": "boolean"}
SPEC = model_spec(features=FEATURES)
SEGMENTED = model_spec(features=FEATURES, segments=["region"])
LAYOUT = layout_of(SPEC, profile_of(SPEC))
CHANGE = START + 10 * DAY


def kept(
    errors: Callable[[Sequence[Any]], float], *, seed: int = 0, before: int = 10, after: int = 6, rows: int = 100
) -> LossRows:
    """Rows of ten days with an error rate of 10 %, then of some by their features."""
    rng, store = random.Random(seed), LossRows()
    for day in range(10 - before, 10 + after):
        store.add(pane_of(LAYOUT, "cohort", [one(rng, day, i, errors) for i in range(rows)], START + day * DAY))
    return store


def one(rng: random.Random, day: int, i: int, errors: Callable[[Sequence[Any]], float]) -> tuple[Any, Any]:
    row, label = labelled_row(SPEC, rng, START + day * DAY + i, f"{day}-{i}", error=0.0)
    if rng.random() < (0.1 if day < 10 else errors(row.features)):
        label.label = "no" if row.label == "yes" else "yes"
    return row, label


def found(store: LossRows) -> ChangeSlice:
    slice_ = worst_slice(LAYOUT, store, CHANGE, name="error rate")
    assert slice_ is not None
    return slice_


def test_a_category_that_carries_the_rise_is_named_with_its_share() -> None:
    where = found(kept(lambda features: 0.5 if features[2] == "north" else 0.1))
    assert where.conditions == ["region = north"]
    assert where.share > 0.8
    assert where.of == 600
    assert where.rows == pytest.approx(200, abs=40)
    assert where.loss == pytest.approx(0.5, abs=0.1)
    assert where.outside == pytest.approx(0.1, abs=0.05)
    assert where.before == pytest.approx(0.1, abs=0.06)
    assert "region = north" in where.description


def test_adjacent_bins_are_one_range() -> None:
    where = found(kept(lambda features: 0.6 if features[0] > 105 else 0.1))
    (condition,) = where.conditions
    name, sign, edge = condition.split()
    assert (name, sign) == ("income", ">")
    assert float(edge) == pytest.approx(105, abs=2.5)


def test_two_conditions_are_named_where_both_are_needed() -> None:
    where = found(kept(lambda features: 0.7 if features[2] == "north" and features[3] else 0.1))
    assert sorted(where.conditions) == ["owner = true", "region = north"]


def test_values_that_are_missing_are_a_slice() -> None:
    rng, store = random.Random(1), LossRows()
    for day in range(16):
        rows = []
        for i in range(100):
            row, label = one(rng, min(day, 9), i, lambda _: 0.1)
            if day >= 10 and i % 4 == 0:
                row.features[1] = None
                label.label = "no" if row.label == "yes" and i % 8 else "yes"
            rows.append((row, label))
        store.add(pane_of(LAYOUT, "cohort", rows, START + day * DAY))
    assert found(store).conditions == ["age missing or invalid"]


def test_a_rise_of_all_rows_names_no_slice() -> None:
    spread = [found(kept(lambda _: 0.3, seed=seed)) for seed in range(20)]
    assert sum(bool(where.conditions) for where in spread) <= 1  # 5 % of searches may
    where = spread[0]
    assert (where.share, where.rows, where.of, where.outside) == (1.0, 600, 600, None)
    assert where.description.startswith("spread over all rows")


def test_what_was_worse_before_does_not_carry_the_rise() -> None:
    rng, store = random.Random(2), LossRows()
    rate = {"north": 0.4, "south": 0.05, "east": 0.05}
    for day in range(16):
        rows = []
        for i in range(100):
            row, label = labelled_row(SPEC, rng, START + day * DAY + i, f"{day}-{i}", error=0.0)
            if rng.random() < rate[str(row.features[2])] + 0.2 * (day >= 10):
                label.label = "no" if row.label == "yes" else "yes"
            rows.append((row, label))
        store.add(pane_of(LAYOUT, "cohort", rows, START + day * DAY))
    assert found(store).conditions == []


def test_without_rows_from_before_the_reference_stands_in() -> None:
    where = found(kept(lambda features: 0.5 if features[2] == "north" else 0.1, before=0))
    assert where.conditions == ["region = north"]


@pytest.mark.parametrize("rows", [0, 5])
def test_too_few_rows_say_nothing(rows: int) -> None:
    assert worst_slice(LAYOUT, kept(lambda _: 0.9, rows=rows), CHANGE) is None


def test_a_loss_that_fell_has_no_slice() -> None:
    assert worst_slice(LAYOUT, kept(lambda _: 0.0), CHANGE) is None


def test_without_a_reference_or_rows_from_before_there_is_nothing_to_compare_with() -> None:
    layout = layout_of(SPEC, None)
    store = LossRows()
    rng = random.Random(0)
    store.add(pane_of(layout, "cohort", [one(rng, 10, i, lambda _: 0.5) for i in range(200)], CHANGE))
    assert worst_slice(layout, store, CHANGE) is None


def test_the_store_is_bounded_and_keeps_the_newest_of_several_panes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loss_rows, "ROWS", 100)
    monkeypatch.setattr(loss_rows, "PER_PANE", 30)
    store = kept(lambda _: 0.1, rows=50)
    assert len(store) == 100
    before, after = store.split(START + 14 * DAY, START + 14 * DAY, DAY)
    assert (before.n, after.n) == (40, 60)


def test_a_pane_with_a_problem_is_not_kept() -> None:
    store, rng = LossRows(), random.Random(0)
    rows = [one(rng, 0, i, lambda _: 0.1) for i in range(10)]
    store.add(pane_of(LAYOUT, "cohort", rows, START, mismatched=1))
    assert len(store) == 0


def test_rows_of_fewer_bins_than_before_take_the_place_of_the_old_ones() -> None:
    store, rng = kept(lambda _: 0.1, after=0), random.Random(0)
    other = layout_of(model_spec(features={"income": "numeric"}), None)
    row, label = labelled_row(other.spec, rng, START, "x")
    store.add(pane_of(other, "cohort", [(row, label)], START))
    assert worst_slice(other, store, CHANGE) is None


def test_it_goes_on_from_a_snapshot_as_before() -> None:
    store = kept(lambda features: 0.5 if features[2] == "north" else 0.1)
    again = decode(encode(store))
    assert found(again) == found(store)
    assert len(encode(store)) < 20 * len(store)


def test_absolute_errors_have_a_slice_too() -> None:
    spec = model_spec("regression", features={"income": "numeric", "region": "categorical"})
    layout = layout_of(spec, profile_of(spec))
    store, rng = LossRows(), random.Random(0)
    for day in range(16):
        rows = []
        for i in range(100):
            row, label = labelled_row(spec, rng, START + day * DAY + i, f"{day}-{i}", error=0.1)
            if day >= 10 and row.features[1] == "south":
                label.value = (label.value or 0.0) + 5.0
            rows.append((row, label))
        store.add(pane_of(layout, "cohort", rows, START + day * DAY))
    where = worst_slice(layout, store, CHANGE)
    assert where is not None
    assert where.conditions == ["region = south"]
    assert where.loss - where.before == pytest.approx(3.5, abs=1)


def test_what_is_tried_grows_with_the_features_and_not_with_their_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    count, tried, score = 30, [], slices._Search._score

    def counted(self: Any, n: Any, *sums: Any) -> Any:
        tried.append(len(n))
        return score(self, n, *sums)

    monkeypatch.setattr(slices._Search, "_score", counted)
    spec = model_spec(features={f"x{i}": "numeric" for i in range(count)})
    layout: Layout = layout_of(spec, profile_of(spec))
    store, rng = LossRows(), random.Random(0)
    for day in range(8):
        rows = [
            labelled_row(spec, rng, START + day * DAY + i, f"{day}-{i}", 0.1 if day < 4 else 0.3) for i in range(500)
        ]
        store.add(pane_of(layout, "cohort", rows, START + day * DAY))
    assert len(store) == loss_rows.ROWS
    worst_slice(layout, store, START + 4 * DAY)
    alone, in_pairs = tried[0], (GROUPS * (GROUPS + 1) // 2) ** 2
    assert alone > 100
    assert sum(tried) <= count * alone + math.comb(PAIRED, 2) * in_pairs + alone**2


def test_within_a_segment_only_its_rows_are_looked_at() -> None:
    segmented = layout_of(SEGMENTED, profile_of(SEGMENTED))
    rises = kept(lambda features: 0.7 if features[2] == "north" and features[3] else 0.1)
    where = worst_slice(segmented, rises, CHANGE, name="error rate", segment="region=north")
    assert where is not None
    assert where.conditions == ["owner = true"]
    assert where.of < 300
    assert where.description.endswith("% of the labelled rows of region=north")
    spread = worst_slice(
        segmented, kept(lambda features: 0.5 if features[2] == "north" else 0.1), CHANGE, segment="region=north"
    )
    assert spread is not None
    assert spread.conditions == []
    assert spread.description.startswith(f"within region=north: spread over all its rows, as far as {spread.rows} of")
    others = worst_slice(segmented, rises, CHANGE, segment="region=(other or missing)")
    assert others is None, "there are none"
