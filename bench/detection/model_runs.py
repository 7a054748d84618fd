"""Monitors of a model whose rows keep to one law, each with a reference of its own: what fires in 90 days."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bench.detection.population import Rows, draw, model_spec
from bench.detection.protocol import MODEL_REFERENCE_DAYS, MODEL_ROWS, QUARTER, Scale
from bench.detection.rates import bound_over_runs, poisson_bound
from bench.detection.watched_model import Fired, watched_model

Draw = Callable[[np.random.Generator, Sequence[int], int], Rows]
"""From random numbers, rows of each day and the first day to rows. Runs may be in other processes: no lambda."""
Counts = Callable[[Fired], bool]


@dataclass(frozen=True)
class Run:
    """What a monitor with one reference did."""

    quarters: int
    fired: list[Fired]
    told: Counter[str]
    """Alerts by severity."""


def everything(_: Fired) -> bool:
    return True


def independent(rng: np.random.Generator, rows_a_day: Sequence[int], first_day: int) -> Rows:
    return draw(rng, rows_a_day, first_day=first_day)


def model_runs(
    purpose: str, scale: Scale, references: int, quarters: int, drawn: Draw = independent, sampled: bool = True
) -> list[Run]:
    """Return one run for each reference, on all cores; runs of no quarter are left out.

    The quarters of a run follow one another: what evidence one of them leaves is there in the next.

    Parameters
    ----------
    quarters
        In all runs together.
    sampled
        Whether panes have samples.
    """
    shares = [quarters // references + (run < quarters % references) for run in range(references)]
    run_one = partial(_run, purpose, scale, drawn, sampled)
    if references == 1:
        return [run_one(0, shares[0])]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        return [run for run in pool.map(run_one, range(references), shares) if run.quarters]


def _run(purpose: str, scale: Scale, drawn: Draw, sampled: bool, number: int, quarters: int) -> Run:
    rng = scale.generator(purpose, number)
    reference = drawn(rng, [MODEL_ROWS] * MODEL_REFERENCE_DAYS, 0)
    watched = watched_model(reference, model_spec(), sampled)
    if quarters:
        watched.watch(drawn(rng, [MODEL_ROWS] * QUARTER * quarters, MODEL_REFERENCE_DAYS))
    return Run(quarters, watched.fired, Counter(alert.severity for alert in watched.alerts))


def spread_of(runs: Sequence[Run], severity: str, counts: Counts = everything) -> dict[str, Any]:
    """Return firings in 90 days with the larger of two upper bounds of their rate, and the alerts made of them.

    One bound is exact if firings come independently; the other has in it that all quarters of a run share a reference.
    """
    found = [sum(one.severity == severity and counts(one) for one in run.fired) for run in runs]
    quarters = sum(run.quarters for run in runs)
    rates = [count / run.quarters for count, run in zip(found, runs, strict=True)]
    bounds = [poisson_bound(sum(found), quarters)] + ([bound_over_runs(rates)] if len(rates) > 1 else [])
    told = {"told, per 90 d": sum(run.told[severity] for run in runs) / quarters} if counts is everything else {}
    return {
        "per 90 d": sum(found) / quarters,
        "upper 95 % bound": max(bounds),
        "worst reference": max(rates),
        "quarters": quarters,
        **told,
    }


def by_signal(runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return the rate of each kind of signal that fired at all."""
    found = Counter((one.severity, one.name) for run in runs for one in run.fired)
    quarters = sum(run.quarters for run in runs)
    return [{"what": f"{severity}s of {name}", "per 90 d": n / quarters} for (severity, name), n in found.most_common()]
