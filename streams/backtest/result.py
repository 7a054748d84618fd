"""What a backtest comes to, in numbers: `Outcome` of each contender, and the whole as `Result`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from schemas.event_time import rfc3339
from streams.backtest.contenders import Contender
from streams.backtest.course import Course
from streams.backtest.history import Floats
from streams.backtest.oracle import Best


@dataclass(frozen=True)
class Outcome:
    """What one contender would have cost; the mean over its phases."""

    name: str
    family: str
    loss_cost: float
    retrainings: float
    retraining_cost: float
    total: float
    regret: float
    """Total less that of the best decision in hindsight."""
    triggers: list[dict[str, Any]]
    """Of its first phase: when it called, what it trained on, what came of it."""
    best_phase: float | None
    """Total of the cheapest phase, where there are several: nobody knows it before."""
    settings: dict[str, Any] | None
    note: str
    by_stretch: Floats
    """Cost in each stretch. Shape (stretches,)."""


@dataclass(frozen=True)
class Result:
    """A whole backtest of one model."""

    model: str
    unit: str
    retraining: float
    """Price of a retraining."""
    assumed: bool
    """It is not declared."""
    rows: int
    labelled: int
    start: int
    end: int
    decisions: int
    panes: int
    delay: int
    fitted: int
    """Models that were trained."""
    outcomes: list[Outcome]
    """The cheapest first."""
    best: Best
    moments: list[int]
    """First moment of each stretch."""
    notes: list[str] = field(default_factory=list)


def outcome_of(contender: Contender, courses: Sequence[Course], best: Best) -> Outcome:
    """Return what a contender's courses (at least one) come to."""
    losses = np.mean([course.losses for course in courses], axis=0)
    training = np.mean([course.training for course in courses], axis=0)
    totals = [float(course.losses.sum() + course.training.sum()) for course in courses]
    total = float(np.mean(totals))
    return Outcome(
        name=contender.name,
        family=contender.family,
        loss_cost=float(losses.sum()),
        retrainings=float(np.mean([len(course.retrainings) for course in courses])),
        retraining_cost=float(training.sum()),
        total=total,
        regret=max(0.0, total - best.total),  # sums of the same numbers in another order may differ in the last bit
        triggers=[
            {
                "time": rfc3339(done.moment),
                "train_since": rfc3339(done.begin),
                "came": done.came,
                "refit": done.refit,
                "reason": done.reason,
            }
            for done in courses[0].retrainings
        ],
        best_phase=min(totals) if len(totals) > 1 else None,
        settings=contender.settings,
        note=contender.note,
        by_stretch=losses + training,
    )
