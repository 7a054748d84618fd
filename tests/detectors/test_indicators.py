"""Indicators ask the questions that they say, and their sums are those of the rows."""

import numpy as np
import pytest

from detectors import indicators
from detectors.row import Row

from .builders import START, TASKS, layout_of, model_spec, pane_of, profile_of


def rows(values: list[object], position: int) -> list[tuple[Row, None]]:
    result = []
    for i, value in enumerate(values):
        features: list[object] = [None] * 4
        features[position] = value
        result.append((Row(START, str(i), features, label="yes", score=i / 10, value=i * 10.0, text_length=i), None))
    return result


def test_each_indicator_of_a_number_counts_the_rows_that_it_describes() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    values = [80.0, 95.5, 100.0, 104.0, 130.0, None, "x", float("nan")]
    pane = pane_of(layout, "traffic", rows(values, 0))
    totals, n = indicators.of_feature(layout, pane.counts, "income")
    numbers = np.array(values[:5], dtype=float)
    edges = layout.edges["income"]
    assert n == 8
    assert len(totals) == 2 * len(edges) + 1
    for bet, total in enumerate(totals):
        text = indicators.describe(layout, "income", bet)
        if bet == 2 * len(edges):
            assert (text, total) == ("income missing or invalid", 3)
        elif bet < len(edges):
            assert (text, total) == (f"income <= {edges[bet]:.6g}", (numbers <= edges[bet]).sum())
        else:
            edge = edges[bet - len(edges)]
            assert (text, total) == (f"income > {edge:.6g}", (numbers > edge).sum())


def test_each_indicator_of_a_category_counts_the_rows_that_it_describes() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    pane = pane_of(layout, "traffic", rows(["north", "north", "south", "west", "up", None, float("inf")], 1))
    totals, n = indicators.of_feature(layout, pane.counts, "region")
    told = {indicators.describe(layout, "region", bet): total for bet, total in enumerate(totals)}
    assert n == 7
    assert told == {
        "region = north": 2,
        "region = south": 1,
        "region = east": 0,
        "region = a value the reference does not have": 2,
        "region other than north": 3,
        "region other than south": 4,
        "region other than east": 5,
        "region other than a value the reference does not have": 3,
        "region missing or invalid": 2,
    }


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("profiled", [True, False])
def test_every_indicator_has_words_and_lies_between_nothing_and_all(task: str, profiled: bool) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec) if profiled else None)
    pane = pane_of(layout, "traffic", rows([1.0] * 9, 0))
    for feature in ("income", "region", "owner", None):
        found = indicators.of_prediction(layout, pane.counts) if feature is None else None
        totals, n = found or indicators.of_feature(layout, pane.counts, str(feature))
        words = [indicators.describe(layout, feature, bet) for bet in range(len(totals))]
        assert len(set(words)) == len(words)
        assert ((totals >= 0) & (totals <= n)).all()


def test_a_text_length_is_described_by_what_its_buckets_hold() -> None:
    spec = model_spec("text")
    layout = layout_of(spec, None)
    lengths = [0, 1, 2, 3, 4, 7, 8, 1_000]
    pane = pane_of(layout, "traffic", [(Row(START, str(i), [None] * 4, text_length=i), None) for i in lengths])
    totals, _ = indicators.of_prediction(layout, pane.counts)
    for bet in range(32):
        limit = int(indicators.describe(layout, None, bet).removeprefix("text length <= "))
        assert totals[bet] == sum(length <= limit for length in lengths)


def test_a_scored_binary_model_is_watched_by_its_scores_and_one_without_by_its_classes() -> None:
    spec = model_spec()
    scored, plain = layout_of(spec, profile_of(spec)), layout_of(spec, None)
    assert indicators.describe(scored, None, 0).startswith("score <= ")
    assert indicators.describe(plain, None, 0) == "prediction = not yes"
