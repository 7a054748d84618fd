"""Hard cases of the whole monitor: what reality does to the assumptions of its bounds."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bench.detection.model_runs import Counts, Draw, by_signal, everything, model_runs, spread_of
from bench.detection.population import Law, Rows, draw, model_spec
from bench.detection.protocol import (
    CASE_QUARTERS,
    CASE_REFERENCES,
    COPULA,
    DAY,
    LABEL_DELAY_DAYS,
    LATE_AFTER,
    MEMORY,
    MODEL_REFERENCE_DAYS,
    MODEL_ROWS,
    QUARTER,
    RIGHT_AFTER,
    SHORT_REFERENCE,
    VALUES,
    VERSION_AFTER,
    VERSION_BEFORE,
    VERSION_CHANGED,
    VERSION_REPEATS,
    VERSION_WRONG,
    WEEKEND_ROWS,
    WRONG_AFTER,
    Scale,
)
from bench.detection.streams import Floats
from bench.detection.watched_model import Fired, watched_model
from schemas.alert import Alert


def correlated(scale: Scale) -> dict[str, Any]:
    """Return firings in 90 days while all features of a row hang together."""
    return _case("correlated", scale, _by_law(Law(correlation=COPULA)))


def autocorrelated(scale: Scale) -> dict[str, Any]:
    """Return firings in 90 days while each feature hangs together with that of the row before."""
    return _case("autocorrelated", scale, _by_law(Law(memory=MEMORY)))


def biased_delay(scale: Scale) -> dict[str, Any]:
    """Return alarms in 90 days while labels of wrong predictions come sooner, and fewer rows at weekends."""
    return _case("biased_delay", scale, _biased, gated=("alarm",))


def late_segment(scale: Scale) -> dict[str, Any]:
    """Return false alarms in 90 days while a value that the reference does not have appears in the segment's feature.

    The error rate stays as it was, so every alarm of outcomes or performance is false. That the feature has changed is
    true: what fires for that is shown, and not counted.
    """
    return _case("late_segment", scale, _late, gated=("alarm",), counts=_of_performance)


def short_reference(scale: Scale) -> dict[str, Any]:
    """Return how many readings were judged by an e-detector, though the reference is too short to judge by."""
    rng = scale.generator("short reference")
    watched = watched_model(draw(rng, [MODEL_ROWS] * SHORT_REFERENCE), model_spec())
    watched.watch(draw(rng, [MODEL_ROWS] * QUARTER, first_day=SHORT_REFERENCE))
    rows = [{"status of readings": status, "count": count} for status, count in sorted(watched.statuses.items())]
    judged = watched.judged.total()
    return {"judged": judged, "beside": [*rows, {"status of readings": "with evidence", "count": judged}]}


def new_version(scale: Scale) -> dict[str, Any]:
    """Return alerts of one change of the error rate that a new version mends; beside it, one that it does not mend.

    An alert that is told again because it has become an alarm is the same one: they share their episode.
    """
    beside = []
    for words, wrong in (("the new version mends it", 0.0), ("it does not", VERSION_WRONG)):
        alerts = [_alerts(scale, repeat, wrong) for repeat in range(scale.of(VERSION_REPEATS))]
        beside.append(
            {
                "case": words,
                "alerts": float(np.mean([len({one.episode for one in told}) for told in alerts])),
                "most": max(len({one.episode for one in told}) for told in alerts),
                "told as alarm": float(np.mean([sum(one.severity == "alarm" for one in told) for told in alerts])),
                "told as notice": float(np.mean([sum(one.severity == "notice" for one in told) for told in alerts])),
                "repeats": len(alerts),
            }
        )
    return {"alerts": beside[0]["alerts"], "beside": beside}


def _case(
    purpose: str,
    scale: Scale,
    drawn: Draw,
    gated: Sequence[str] = ("alarm", "notice"),
    counts: Counts = everything,
) -> dict[str, Any]:
    runs = model_runs(purpose, scale, scale.of(CASE_REFERENCES), scale.of(CASE_QUARTERS), drawn)
    spread = {severity: spread_of(runs, severity, counts) for severity in ("alarm", "notice")}
    return {
        "rate": max(spread[severity]["per 90 d"] for severity in gated),
        "beside": [*({"what": f"{severity}s", **each} for severity, each in spread.items()), *by_signal(runs)],
    }


def _by_law(law: Law) -> Draw:
    return partial(_drawn, law)


def _drawn(law: Law, rng: np.random.Generator, rows_a_day: Sequence[int], first_day: int) -> Rows:
    return draw(rng, rows_a_day, first_day=first_day, law=law)


def _biased(rng: np.random.Generator, rows_a_day: Sequence[int], first_day: int) -> Rows:
    weekly = [
        round(rows * (WEEKEND_ROWS if (first_day + day) % 7 >= 5 else 1.0)) for day, rows in enumerate(rows_a_day)
    ]
    rows = draw(rng, weekly, first_day=first_day)
    mean = np.where(rows.said != rows.truth, WRONG_AFTER, RIGHT_AFTER)
    delay = np.minimum(rng.exponential(mean), LABEL_DELAY_DAYS)
    return replace(rows, known=rows.times + (delay * DAY).astype(np.int64))


def _late(rng: np.random.Generator, rows_a_day: Sequence[int], first_day: int) -> Rows:
    rows = draw(rng, rows_a_day, first_day=first_day)
    if first_day < MODEL_REFERENCE_DAYS:
        return rows  # the reference knows nothing of it
    late = rows.times >= (first_day + LATE_AFTER) * DAY
    changed = rows.categories.copy()
    changed[late & (rng.random(len(rows)) < 1 / VALUES), 0] = VALUES
    return replace(rows, categories=changed)


def _of_performance(fired: Fired) -> bool:
    return fired.reading.tier in ("outcomes", "performance")


def _alerts(scale: Scale, repeat: int, wrong_after: float) -> list[Alert]:
    """Return what people were told of performance: clean days, changed days, then days of a new version."""
    rng = scale.generator("new version", repeat)
    watched = watched_model(draw(rng, [MODEL_ROWS] * MODEL_REFERENCE_DAYS), model_spec())
    old = draw(rng, [MODEL_ROWS] * (VERSION_BEFORE + VERSION_CHANGED), first_day=MODEL_REFERENCE_DAYS)
    change = (MODEL_REFERENCE_DAYS + VERSION_BEFORE) * DAY
    new = draw(rng, [MODEL_ROWS] * VERSION_AFTER, first_day=MODEL_REFERENCE_DAYS + VERSION_BEFORE + VERSION_CHANGED)
    versions = {
        "1": _turned_round(rng, old, (old.times >= change) * VERSION_WRONG),
        "2": _turned_round(rng, new, np.full(len(new), wrong_after)),
    }
    watched.watch_versions(versions)
    return [one for one in watched.alerts if one.tier == "performance" and one.severity in ("alarm", "notice")]


def _turned_round(rng: np.random.Generator, rows: Rows, share: Floats) -> Rows:
    return replace(rows, truth=rows.truth ^ (rng.random(len(rows)) < share))
