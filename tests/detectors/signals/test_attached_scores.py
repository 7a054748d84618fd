"""Scores that the producer attaches are read and watched as a numeric feature is, under their own names."""

import random
from typing import Any

import pytest

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.signals.attached_scores import ScoreDrift, ScoreReading
from detectors.state import decode, encode

from ..builders import DAY, START, days, layout_of, model_spec, pane_of, profile_of, read

SPEC = model_spec("text", scores={"toxicity": {"range": [0, 1]}, "length": None})


def scored(day: int, shift: float = 0.0, missing: float = 0.0) -> list[Any]:
    rows, rng = days(SPEC, 1, first=day), random.Random(day)
    for row, _ in rows:
        toxicity = None if rng.random() < missing else min(1.0, max(0.0, rng.gauss(0.2 + shift, 0.05)))
        row.extras = (toxicity, float(rng.randrange(100)))
    return rows


@pytest.fixture(scope="module")
def layout() -> Layout:
    return layout_of(SPEC, build_profile("m", None, SPEC, [row for day in range(-60, 0) for row in scored(day)]))


def pane(layout: Layout, day: int, **changes: float) -> Any:
    return pane_of(layout, "traffic", scored(day, **changes), START + day * DAY)


def test_mean_and_missing_share_are_told(layout: Layout) -> None:
    rows = scored(0, missing=0.3)
    values = [row.extras[0] for row, _ in rows if row.extras[0] is not None]
    mean, missing = (f.reading for f in ScoreReading(layout, "toxicity").read(pane_of(layout, "traffic", rows)))
    assert (mean.signal, mean.feature, mean.tier) == ("score_mean", "toxicity", "proxies")
    assert mean.value == pytest.approx(sum(values) / len(values))
    assert mean.n == len(values) < 50
    assert mean.reference == pytest.approx(0.2, abs=0.01)
    assert (missing.signal, missing.value, missing.reference) == ("score_missing", 1 - len(values) / 50, 0.0)


def test_a_shift_is_a_notice_and_none_is_none(layout: Layout) -> None:
    signal = ScoreDrift(layout, "toxicity", 0.1)
    calm = [finding for day in range(40) for finding in read(signal, [pane(layout, day)])]
    assert {finding.reading.status for finding in calm} == {"ok"}
    assert {(f.reading.signal, f.reading.feature, f.reading.tier) for f in calm} == {
        ("score_drift", "toxicity", "proxies")
    }
    moved = [finding for day in range(40, 60) for finding in read(signal, [pane(layout, day, shift=0.1)])]
    fired = next(finding for finding in moved if finding.firing is not None)
    assert fired.firing is not None
    assert fired.firing.severity == "notice"
    assert fired.firing.what.startswith("share of score:toxicity ")


def test_a_weight_of_0_is_said_to_be_why_nothing_is_judged(layout: Layout) -> None:
    (finding,) = ScoreDrift(layout, "toxicity", 0.0).read(pane(layout, 0))
    assert (finding.reading.status, finding.reading.reason) == ("unknown", "its weight is 0: nothing is staked on it")


def test_scores_that_stop_coming_are_drift_too(layout: Layout) -> None:
    signal = ScoreDrift(layout, "toxicity", 0.1)
    found = [finding for day in range(20) for finding in read(signal, [pane(layout, day, missing=0.5)])]
    assert any(finding.firing and "missing" in finding.firing.what for finding in found)


def test_what_the_reference_does_not_have_is_unknown() -> None:
    unscored = layout_of(SPEC, profile_of(SPEC))
    mean, missing = (f.reading for f in ScoreReading(unscored, "length").read(pane(unscored, 0)))
    assert (mean.status, mean.value) == ("unknown", None)
    assert "no reference says how large" in (mean.reason or "")
    assert (missing.status, missing.value) == ("ok", 0.0)
    (drift,) = read(ScoreDrift(unscored, "length", 0.1), [pane(unscored, 0)])
    assert (drift.reading.status, drift.reading.reason) == ("unknown", "the reference has none")


def test_values_out_of_the_declared_range_are_counted(layout: Layout) -> None:
    rows = scored(0)
    rows[0][0].extras = (1.5, 3.0)
    counted = pane_of(layout, "traffic", rows)
    assert counted.view("quality:score:toxicity").tolist() == [0, 0, 1, 0]


def test_they_go_on_from_a_snapshot(layout: Layout) -> None:
    signal = ScoreDrift(layout, "toxicity", 0.1)
    read(signal, [pane(layout, 0)])
    again = decode(encode(signal))
    assert read(again, [pane(layout, 1)]) == read(signal, [pane(layout, 1)])
