"""Drawn rows keep to their law, and their panes are those that the product makes of the same rows."""

from dataclasses import fields, replace

import numpy as np
import pytest

from bench.detection.model_panes import ModelRows, _PaneMaker, closed_panes, profile_of
from bench.detection.population import MODEL, Law, draw, model_spec
from bench.detection.protocol import DAY, LABEL_DELAY_DAYS, MODEL_SAMPLE, NUMERIC, generator
from detectors.label_counting import label_columns
from detectors.layout import Layout
from detectors.row_shape import RowShape

SPEC = model_spec()


def drawn(days: int = 32, rows: int = 40, **law: float):
    return draw(generator("test, model"), [rows] * days, law=Law(**law))


def test_columns_are_those_of_the_products_own_rows() -> None:
    rows = drawn(days=5)
    layout = Layout(MODEL, "1", SPEC, profile_of(SPEC, rows))
    known, maker = ModelRows(SPEC, rows), _PaneMaker(layout, rows, sampled=True)
    whole = [known.row(at) for at in range(len(rows))]
    for made, theirs in (
        (maker._columns, RowShape(SPEC).columns_of(whole)),
        (maker._labels, label_columns(layout, [(row, known.label(at)) for at, row in enumerate(whole)])),
    ):
        for column in fields(made):
            mine, product = getattr(made, column.name), getattr(theirs, column.name)
            if isinstance(product, np.ndarray):
                np.testing.assert_array_equal(mine, product, err_msg=column.name)
            else:
                assert [list(one) if column.name == "values" else one for one in mine] == [
                    list(one) if column.name == "values" else one for one in product
                ], column.name


def test_the_panes_of_the_reference_add_up_to_its_profile() -> None:
    rows = drawn()
    profile = profile_of(SPEC, rows)
    layout = Layout(MODEL, "1", SPEC, profile)
    end = int(rows.known.max()) + 10 * DAY
    totals = {family: np.zeros(lay.size, dtype=np.int64) for family, lay in layout.families.items()}
    for pane in closed_panes(layout, rows, until=end):
        totals[pane.key.family] += pane.counts
    for family, lay in layout.families.items():
        for section in lay.sections:
            assert lay.view(totals[family], section).tolist() == profile.counts[family][section], (family, section)


def test_panes_come_as_they_are_due_and_none_that_is_due_after_the_end() -> None:
    rows = drawn(days=10)
    layout = Layout(MODEL, "1", SPEC, profile_of(SPEC, rows))
    panes = list(closed_panes(layout, rows))
    assert [pane.due for pane in panes] == sorted(pane.due for pane in panes)
    assert max(pane.due for pane in panes) == 10 * DAY
    assert {family: sum(pane.key.family == family for pane in panes) for family in layout.families} == {
        "traffic": 10,
        "cohort": 10 - LABEL_DELAY_DAYS,
        "label": 10 - LABEL_DELAY_DAYS,
    }


def test_a_label_that_comes_late_is_in_its_label_pane_and_not_in_its_cohort() -> None:
    rows = drawn(days=10)
    rows = replace(rows, known=np.where(np.arange(len(rows)) < 5, rows.times + 5 * DAY, rows.known))
    layout = Layout(MODEL, "1", SPEC, profile_of(SPEC, rows))
    panes = {(pane.key.family, pane.start // DAY): pane for pane in closed_panes(layout, rows)}
    cohort = panes["cohort", 0]
    assert (cohort.n, int(cohort.view("losses").sum())) == (40, 35)
    assert panes["label", 2].n == 35
    assert panes["label", 5].n == 45


def test_a_sample_has_the_same_rows_in_every_family() -> None:
    rows = drawn(days=4)
    layout = Layout(MODEL, "1", SPEC, profile_of(SPEC, rows))
    ids = {
        pane.key.family: [one.row.id for one in pane.sample]
        for pane in closed_panes(layout, rows)
        if pane.start == (LABEL_DELAY_DAYS * DAY if pane.key.family == "label" else 0)
    }
    assert len(ids["traffic"]) == MODEL_SAMPLE
    assert ids["traffic"] == ids["cohort"] == ids["label"]
    assert not any(pane.sample for pane in closed_panes(layout, rows, sampled=False))


@pytest.mark.parametrize("correlation", [0.0, 0.9])
def test_features_of_a_row_hang_together_as_claimed(correlation: float) -> None:
    latent = Law(correlation=correlation).latent(generator("test, law"), 20_000)
    found = np.corrcoef(latent.T)[np.triu_indices(latent.shape[1], 1)]
    assert found == pytest.approx(np.full(len(found), correlation), abs=0.04)
    assert latent.std(axis=0) == pytest.approx(np.ones(latent.shape[1]), abs=0.03)


def test_features_remember_the_row_before_as_claimed() -> None:
    latent = Law(memory=0.9).latent(generator("test, law"), 50_000)
    assert np.corrcoef(latent[1:, 0], latent[:-1, 0])[0, 1] == pytest.approx(0.9, abs=0.02)
    assert latent.std() == pytest.approx(1, abs=0.05)


def test_scores_are_calibrated() -> None:
    rows = drawn(days=500, rows=100)
    for low in (0.1, 0.5, 0.8):
        within = (rows.scores >= low) & (rows.scores < low + 0.1)
        assert rows.truth[within].mean() == pytest.approx(rows.scores[within].mean(), abs=0.04)
    assert np.isnan(rows.numbers[:, :NUMERIC]).mean() == pytest.approx(0.01, abs=0.002)
