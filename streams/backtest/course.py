"""`Course`: which model serves when under one policy, and what happens when that policy calls for a retraining.

The same for all policies, so that they differ in when they call and in what they say to learn from: train, compare on
rows that nobody has learnt, and let the cheapest serve: the new model, the serving one, the one before it, or the
recorded one. Each training is paid for, whether its model serves or not.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from schemas.event_time import Micros
from streams.backtest.candidates import RECORDED, Candidate, Candidates
from streams.backtest.decision_points import matured, newest_matured
from streams.backtest.history import Floats, Positions

CHECKED = 30  # held-out rows; with fewer the new model serves unseen

Came = Literal["served", "kept", "went_back", "failed"]


@dataclass(frozen=True)
class Retraining:
    """One training and what came of it."""

    moment: Micros
    """When the policy called."""
    point: int
    begin: Micros
    """The oldest row that it learns from is no older."""
    came: Came
    candidate: Candidate | None
    """The new model; None where the training failed."""
    serves: Candidate
    """What serves from then on."""
    refit: bool
    reason: str


class Course:
    """What serves in each stretch, as far as it is decided.

    Parameters
    ----------
    gate
        Whether candidates are compared before they serve.
    """

    def __init__(self, candidates: Candidates, *, gate: bool = True) -> None:
        self._candidates = candidates
        self._gate = gate
        self.serving: list[Candidate] = [RECORDED] * candidates.points.stretches
        self.previous = RECORDED
        self.retrainings: list[Retraining] = []

    def retrain(self, moment: Micros, begin: Micros, reason: str, *, refit: bool = False) -> Retraining | None:
        """Train at the first point at or after a moment on what is known since `begin`; None after the last point.

        Calls have to come in the order of time. A second call at one point finds the training under way.
        """
        point = self._candidates.points.next(moment)
        if point is None or (self.retrainings and self.retrainings[-1].point >= point):
            return None
        before = self.serving[point + 1]
        candidate, problem = self._candidates.of(begin, point)
        if problem is not None:
            done = Retraining(moment, point, begin, "failed", None, before, refit, f"{reason}; {problem}")
        else:
            serves = self._cheapest(candidate, before, begin, point)
            came: Came = "served" if serves == candidate else "kept" if serves == before else "went_back"
            done = Retraining(moment, point, begin, came, candidate, serves, refit, reason)
            if serves != before:
                self.previous = before
                self.serving[point + 1 :] = [serves] * (len(self.serving) - point - 1)
        self.retrainings.append(done)
        return done

    def held_out_loss(self, done: Retraining) -> tuple[int, float | None]:
        """Return how many rows a new model was compared on, and its mean loss there; None where it answered none."""
        at = self._held_out(done.begin, done.point)
        if done.candidate is None or not len(at):
            return 0, None
        loss = self._candidates.held_out_loss(done.candidate, at)
        return (0 if loss is None else len(at)), loss

    def losses_of(self, at: Positions) -> Floats:
        """Return the losses of what answered the rows `at`. Shape (rows,)."""
        edges = self._candidates.points.edges
        stretches = np.searchsorted(edges, at, side="right") - 1
        found = np.full(len(at), np.nan)
        for candidate in dict.fromkeys(self.serving[one] for one in np.unique(stretches).tolist()):
            mine = np.array([one == candidate for one in self.serving])[stretches]
            answers = self._candidates.answers_to(candidate, at[mine])
            found[mine] = self._candidates.history.losses_of(answers, at[mine])
        return found

    @property
    def losses(self) -> Floats:
        """What mistakes cost in each stretch. Shape (stretches,)."""
        return np.array([self._candidates.costs(one)[stretch] for stretch, one in enumerate(self.serving)])

    @property
    def training(self) -> Floats:
        """What trainings cost, in the stretch that begins with what they decide. Shape (stretches,)."""
        spent = np.zeros(len(self.serving))
        for done in self.retrainings:
            spent[done.point + 1] += self._candidates.prices.retraining
        return spent

    def _cheapest(self, new: Candidate, serving: Candidate, begin: Micros, point: int) -> Candidate:
        at = self._held_out(begin, point)
        if not self._gate or len(at) < CHECKED:
            return new
        choices = dict.fromkeys([serving, self.previous, RECORDED, new])  # of equals, what is there already
        return min(choices, key=lambda one: self._candidates.held_out_cost(one, at))

    def _held_out(self, begin: Micros, point: int) -> Positions:
        """Return the rows that models are compared on: of what a training may use, the newest that nobody learns."""
        history = self._candidates.history
        moment = int(self._candidates.points.moments[point])
        newest = newest_matured(history, moment, self._candidates.compared_on)
        return np.flatnonzero(matured(history, max(begin, newest), moment) & self._candidates.held_out)
