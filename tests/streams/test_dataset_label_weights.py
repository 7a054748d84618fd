"""What a labelled row stands for, by how the other labels of its pane came about."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.event_time import from_micros
from streams.dataset import describe, form_dataset
from streams.dataset_label_weights import LabelWeights
from streams.dataset_plan import plan_of
from streams.dataset_rows import select

from .archived import MONITOR, ROWS, Archive, archived, trigger_for
from .world import T0

M = MONITOR.models["r"]
END = T0 + ROWS * 60_000_000
PANE = 100 * 60_000_000


def table(rows: int, others: int, drawn: int, start: int = 0, probability: float | None = None) -> pa.Table:
    """Rows of one pane: so many with labels by themselves, so many drawn with r / n, the rest without a label."""
    weight = rows / drawn if drawn and probability is None else 1 / (probability or 1)
    weights = [1.0] * others + [weight] * drawn + [1.0] * (rows - others - drawn)
    return pa.table(
        {
            "version": ["1"] * rows,
            "time": pa.array([from_micros(start + i) for i in range(rows)], pa.timestamp("us", tz="UTC")),
            "weight": weights,
            "value": [1.0] * (others + drawn) + [None] * (rows - others - drawn),
        }
    )


def weighted(*tables: pa.Table) -> list[np.ndarray]:
    found = LabelWeights(PANE)
    labelled = [np.array([value is not None for value in each["value"].to_pylist()]) for each in tables]
    for each, mask in zip(tables, labelled, strict=True):
        found.take(each, mask)
    return [
        np.array(found.on(each.filter(pa.array(mask)))["weight"]) for each, mask in zip(tables, labelled, strict=True)
    ]


def test_where_nobody_else_labels_drawn_rows_stand_for_the_pane():
    (weights,) = weighted(table(120, 0, 4))
    assert weights.tolist() == [30.0] * 4


def test_answers_that_are_wanting_are_not_made_up_for():
    """Two of six answered: with what the draw gave them, for nobody knows why the others were not."""
    (weights,) = weighted(table(120, 0, 2, probability=6 / 120))
    assert weights.tolist() == pytest.approx([20.0, 20.0])


def test_rows_that_were_chosen_stand_for_themselves_and_drawn_ones_for_the_rest():
    (weights,) = weighted(table(165, 15, 5))
    assert weights[:15].tolist() == [1.0] * 15
    assert weights[15:].tolist() == pytest.approx([30.0] * 5)
    assert weights.sum() == pytest.approx(165)


def test_requests_for_coverage_stand_for_the_rest_already():
    (weights,) = weighted(table(100, 40, 6, probability=6 / 60))
    assert weights[40:].tolist() == pytest.approx([10.0] * 6)


def test_where_most_labels_come_by_themselves_each_row_counts_once():
    (weights,) = weighted(table(118, 100, 1))
    assert weights.tolist() == [1.0] * 101


def test_panes_and_versions_are_judged_apart():
    alone, beside = table(100, 0, 2), table(100, 85, 2, start=PANE)
    other = alone.set_column(0, "version", pa.array(["2"] * 100))
    assert [each.max() for each in weighted(alone, beside, other)] == [50.0, 1.0, 50.0]


@given(st.integers(1, 60), st.floats(0, 1), st.lists(st.floats(0.01, 1), max_size=10), st.randoms(), st.integers(1, 30))
@settings(max_examples=60, deadline=None)
def test_no_weight_is_below_one_or_above_what_it_was_whatever_the_order(rows, share, chances, random, batch):
    others = int(share * rows)
    whole = table(rows + len(chances), others + len(chances), 0)
    weights = [1.0] * others + [1 / chance for chance in chances] + [1.0] * (rows - others)
    whole = whole.set_column(2, "weight", pa.array(weights))
    labelled = np.arange(len(whole)) < others + len(chances)
    found = LabelWeights(PANE)
    found.take(whole, labelled)
    known = whole.filter(pa.array(labelled))
    after = np.array(found.on(known)["weight"])
    assert (after >= 1).all()
    assert (after <= np.array(known["weight"])).all()
    order = list(range(len(whole)))
    random.shuffle(order)
    parts = LabelWeights(PANE)
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        parts.take(whole.take(part), labelled[part])
    assert np.array(parts.on(known)["weight"]).tolist() == after.tolist()
    assert sum(parts.counts().values()) == sum(chance < 1 for chance in chances)


def drawn(rows: pa.Table, places: list[int], weight: float) -> pa.Table:
    weights = np.ones(len(rows))
    weights[places] = weight
    place = rows.schema.get_field_index("weight")
    return rows.set_column(place, rows.schema.field(place), pa.array(weights))


def test_seven_drawn_rows_among_many_that_are_labelled_anyway_carry_no_third_of_the_weight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    rows = drawn(archived(M), list(range(100, 2_000, 270)), 118.0)
    manifest = form_dataset(MONITOR, trigger_for(T0, END, model="r"), Archive(rows), tmp_path / "d")
    assert manifest["weights"]["counted_once"] >= 5
    assert manifest["weights"]["as_drawn"] == manifest["weights"]["scaled_down"] == 0
    for name in ("train.parquet", "holdout.parquet"):
        assert manifest["files"][name]["effective_rows"] == manifest["files"][name]["rows"]
    describe(manifest, tmp_path / "d")
    out = capsys.readouterr().out
    assert "drawn for a label count once" in out
    assert "worth" not in out


def test_unequal_weights_are_told_by_what_the_rows_are_worth(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """Where nearly nothing has a label, drawn rows stand for many, and chosen ones for themselves."""
    rows = archived(M)
    labelled = np.zeros(len(rows), dtype=bool)
    labelled[::10] = True
    place = rows.schema.get_field_index("value")
    values = [value if known else None for value, known in zip(rows["value"].to_pylist(), labelled, strict=True)]
    rows = rows.set_column(place, rows.schema.field(place), pa.array(values, pa.float64()))
    rows = drawn(rows, list(range(0, 2_000, 50)), 50.0)
    manifest = form_dataset(MONITOR, trigger_for(T0, END, model="r"), Archive(rows), tmp_path / "d")
    assert manifest["weights"]["scaled_down"] + manifest["weights"]["as_drawn"] > 20
    train = manifest["files"]["train.parquet"]
    assert train["effective_rows"] < train["rows"] / 2
    describe(manifest, tmp_path / "d")
    assert "by their weights worth" in capsys.readouterr().out


def test_rows_from_before_the_window_are_weighed_by_their_own_pane():
    rows = drawn(archived(M), list(range(0, 2_000, 40)), 118.0)
    start = T0 + 1_500 * 60_000_000
    pinned = next(row["prediction_id"] for row in rows.to_pylist() if row["weight"] > 1 and row["value"] is not None)
    trigger = trigger_for(start, END, model="r", must_have=[{"where": "x > 1", "at_least": 150}], pinned=[pinned])
    found = select(plan_of(trigger, M), Archive(rows))
    assert found.reasons["must_have"] > 20
    assert pinned in found.train["prediction_id"].to_pylist()
    assert set(found.train["weight"].to_pylist()) == {1.0}
