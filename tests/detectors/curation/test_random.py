"""The random draw has the probability that it says, whatever else is asked for: weighted back, it is unbiased."""

import random
from statistics import mean, stdev
from typing import Any

import pytest

from detectors.curation.curation import Curation
from detectors.curation.random import random_draw
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.row import Row

from ..builders import START, LabelledRow, days, layout_of, model_spec, pane_of, profile_of

ROWS = 60
SEEDS = 600


def layout(**label_requests: Any) -> Layout:
    spec = model_spec(traffic_sample=30, label_requests=label_requests)
    return layout_of(spec, profile_of(model_spec()))


def rows_of(seed: int) -> tuple[list[LabelledRow], dict[str, float]]:
    """The same rows under other ids, and the loss of each: rows near the threshold are wrong more often."""
    rng = random.Random(5)
    rows, losses = [], {}
    for i, (row, _) in enumerate(days(model_spec(), 1, rows=ROWS)):
        named = Row(row.time, f"{seed}/{i}", row.features, row.label, row.score, latency_ms=row.latency_ms)
        rows.append((named, None))
        losses[named.id] = float(rng.random() < (0.6 if abs((row.score or 0) - 0.5) < 0.2 else 0.1))
    return rows, losses


@pytest.mark.parametrize(
    "settings",
    [
        {"strategies": ["random"], "per_pane": 10},
        {"strategies": ["uncertainty", "rare", "drifted", "errors"], "per_pane": 20},
        {
            "strategies": ["uncertainty", "random"],
            "per_pane": 30,
            "rules": [{"name": "high", "when": "income > 112"}, {"name": "unsure", "when": "0.4 <= score <= 0.6"}],
        },
    ],
    ids=["random", "beside strategies", "beside rules"],
)
def test_the_mean_loss_weighted_back_is_that_of_all_rows(settings: dict[str, Any]) -> None:
    """Horvitz and Thompson's estimate, over many hashes of the same rows; the plain mean of what is asked is not."""
    plan = layout(**settings)
    estimates, plain = [], []
    for seed in range(SEEDS):
        rows, losses = rows_of(seed)
        requests = Curation().close(pane_of(plan, "traffic", rows), [], LossRows()).requests
        drawn = [(losses[one.prediction_id], one.inclusion_probability) for one in requests]
        estimates.append(sum(loss / p for loss, p in drawn if p is not None) / ROWS)
        plain.append(mean(loss for loss, _ in drawn))
    truth = mean(losses.values())
    assert stdev(estimates) > 0
    assert mean(estimates) == pytest.approx(truth, abs=4 * stdev(estimates) / SEEDS**0.5)
    if "uncertainty" in settings["strategies"]:
        assert mean(plain) > truth + 10 * stdev(plain) / SEEDS**0.5, "chosen rows are no fair sample"


def test_each_row_is_drawn_as_often_as_said() -> None:
    plan = layout(strategies=["uncertainty", "rare"], per_pane=20)
    often = dict.fromkeys(range(ROWS), 0)
    said = set()
    for seed in range(SEEDS):
        rows, _ = rows_of(seed)
        for one in Curation().close(pane_of(plan, "traffic", rows), [], LossRows()).requests:
            if one.inclusion_probability is not None:
                often[int(one.prediction_id.split("/")[1])] += 1
                said.add(one.inclusion_probability)
    (probability,) = said
    assert probability == 6 / ROWS
    error = (probability * (1 - probability) / SEEDS) ** 0.5
    assert all(abs(count / SEEDS - probability) < 5 * error for count in often.values())


def test_a_draw_is_never_larger_than_the_sample_and_says_so() -> None:
    rows, _ = rows_of(0)
    draw = random_draw(pane_of(layout(strategies=["random"]), "traffic", rows), 500)
    assert len(draw.keys) == 30
    assert draw.probability == 30 / ROWS


def test_a_pane_of_which_something_is_missing_gives_no_probability() -> None:
    rows, _ = rows_of(0)
    pane = pane_of(layout(strategies=["random"]), "traffic", rows, START, mismatched=1)
    draw = random_draw(pane, 5)
    assert len(draw.keys) == 5
    assert draw.probability is None


def test_a_sample_that_lost_rows_gives_no_probability() -> None:
    rows, _ = rows_of(0)
    pane = pane_of(layout(strategies=["random"]), "traffic", rows)
    short = ClosedPane(pane.key, pane.layout, pane.counts, pane.sample[:12], complete=False)
    assert random_draw(short, 5).probability is None


def test_of_an_empty_pane_nothing_is_drawn() -> None:
    draw = random_draw(pane_of(layout(strategies=["random"]), "traffic", []), 5)
    assert (draw.keys, draw.probability) == (frozenset(), None)
