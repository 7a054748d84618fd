"""`Candidates`: every model that a policy or the oracle may use, fitted when first asked for, and what each would cost.

A candidate is named by what it has learnt: rows since a moment, as they were known at a decision point. Some rows, by
the hash of their id, are kept from all of them, so that any two can be compared on rows that neither has learnt.
"""

import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from schemas.event_time import Micros
from schemas.prediction import FeatureValue
from streams.backtest.answers import Answers, answers_of
from streams.backtest.decision_points import DecisionPoints, matured, newest_matured
from streams.backtest.history import Floats, History, Positions
from streams.backtest.prices import Prices
from streams.errors import UserError
from streams.trainer import FittedModel, Trainer

FEWEST = 30  # rows to learn from; a trainer given fewer says more of the rows than of the world
ENOUGH = 5  # times minimum_labels: rows that models are compared on, and learn where no change says since when
KEPT = 8_000_000  # answers of candidates, 16 bytes each; those of others are asked for again
SPAN = 2**64  # of hashes


class Candidate(NamedTuple):
    """What a model has learnt."""

    begin: int
    """First row."""
    point: int
    """Decision point at which it was trained."""


RECORDED = Candidate(-1, -1)
"""The model, or the models, whose answers the history holds."""


class Candidates:
    """Fits candidates and says what they cost.

    Parameters
    ----------
    holdout
        Share of rows that no candidate learns.
    learn
        Makes a model out of rows of the archive's columns, oldest first.
    tell
        Is called after each fit.
    """

    def __init__(
        self,
        history: History,
        points: DecisionPoints,
        prices: Prices,
        learn: Callable[[pa.Table], FittedModel],
        holdout: float,
        tell: Callable[[], None] = lambda: None,
    ) -> None:
        self.history, self.points, self.prices = history, points, prices
        self.held_out = history.hashes < np.uint64(min(int(holdout * SPAN), SPAN - 1))
        self._learn, self._tell = learn, tell
        self._models: dict[Candidate, FittedModel | str] = {}
        """What came of a fit; text is why there is none."""
        self._answers: OrderedDict[Candidate, tuple[Positions, Answers]] = OrderedDict()
        self._kept_rows = 0
        self._costs: dict[Candidate, Floats] = {}
        self.compared_on = ENOUGH * max(1, history.spec.retraining.minimum_labels)
        """Models are compared on the held-out ones of so many labelled rows, the newest."""
        self._held_out_rows = np.flatnonzero(self.held_out)
        self._held_out_costs: dict[Candidate, Floats] = {}

    @property
    def fitted(self) -> list[Candidate]:
        """All that were asked for and are there, the recorded one first."""
        return [RECORDED, *(one for one, model in self._models.items() if not isinstance(model, str))]

    def of(self, begin: Micros, point: int) -> tuple[Candidate, str | None]:
        """Return the candidate that has learnt what was known at a point of rows since `begin`; or why there is none.

        A fit that fails fails each time: it is tried once.
        """
        at = np.flatnonzero(matured(self.history, begin, int(self.points.moments[point])) & ~self.held_out)
        candidate = Candidate(int(at[0]) if len(at) else len(self.history), point)
        if candidate not in self._models:
            self._models[candidate] = self._fit(at)
            self._tell()
        model = self._models[candidate]
        return candidate, model if isinstance(model, str) else None

    def answers_to(self, candidate: Candidate, at: Positions) -> Answers:
        """Return what a candidate answers to rows that came no sooner than it did; what is recorded, for that one."""
        if candidate == RECORDED:
            return self.history.recorded.take(at)
        rows, answers = self._asked(candidate)
        return answers.take(np.searchsorted(rows, at))

    def costs(self, candidate: Candidate) -> Floats:
        """Return what a candidate's mistakes cost in each stretch, 0 before its birth. Shape (stretches,)."""
        self._priced(candidate)
        return self._costs[candidate]

    def held_out_cost(self, candidate: Candidate, at: Positions) -> float:
        """Return the mean cost of a candidate on rows that none has learnt, older than it or not."""
        self._priced(candidate)
        return float(self._held_out_costs[candidate][np.searchsorted(self._held_out_rows, at)].mean())

    def held_out_loss(self, candidate: Candidate, at: Positions) -> float | None:
        """Return the mean loss of a candidate on rows that none has learnt; None where it answers none of them."""
        losses = self.history.losses_of(self.answers_to(candidate, at), at)
        known = losses[~np.isnan(losses)]
        return float(known.mean()) if len(known) else None

    def _asked(self, candidate: Candidate) -> tuple[Positions, Answers]:
        """Return the rows that a candidate may be asked about, and its answers."""
        found = self._answers.pop(candidate, None)
        if found is None:
            model = self._models[candidate]
            assert not isinstance(model, str)
            rows = self._answerable(candidate)
            features = [self._features[row] for row in rows.tolist()]
            with threadpool_limits(1, user_api="openmp"):  # threads that wait for each other on busy cores burn them
                found = rows, answers_of(self.history.spec, model.outputs(features) if features else [])
            self._kept_rows += len(rows)
            while self._answers and self._kept_rows > KEPT:
                self._kept_rows -= len(self._answers.popitem(last=False)[1][0])
        self._answers[candidate] = found
        return found

    def _answerable(self, candidate: Candidate) -> Positions:
        """Return the rows from its birth on, and those before that it is compared on: the newest of the held-out."""
        moment = int(self.points.moments[candidate.point])
        wanted = self.held_out & (self.history.times >= newest_matured(self.history, moment, self.compared_on))
        wanted[self.points.from_birth(candidate.point)] = True
        return np.flatnonzero(wanted)

    def _priced(self, candidate: Candidate) -> None:
        if candidate in self._costs:
            return
        if candidate == RECORDED:
            rows, answers, born = np.arange(len(self.history)), self.history.recorded, 0
        else:
            rows, answers = self._asked(candidate)
            born = self.points.from_birth(candidate.point).start
        costs = np.zeros(len(self.history))
        costs[rows] = self.prices.costs(self.history, answers, rows)
        self._held_out_costs[candidate] = costs[self._held_out_rows]
        costs[:born] = 0.0
        self._costs[candidate] = np.diff(np.concatenate(([0.0], np.cumsum(costs)))[self.points.edges])

    @cached_property
    def _features(self) -> list[tuple[FeatureValue, ...]]:
        return self.history.features(np.arange(len(self.history)))

    def _fit(self, at: Positions) -> FittedModel | str:
        most = self.history.spec.retraining.dataset.max_rows
        at = at[-most:]
        if len(at) < FEWEST:
            return f"{len(at)} labelled rows to learn from; fewer than {FEWEST} teach nothing"
        try:
            return self._learn(self.history.table.take(pa.array(at)))
        except UserError as error:
            return str(error)


def learner_of(trainer: Trainer, *, directories: bool) -> Callable[[pa.Table], FittedModel]:
    """Return what makes a model out of rows with a declared trainer.

    Parameters
    ----------
    directories
        The trainer works on directories alone (a command): each fit has a model directory of its own, for as long as
        the function that is returned lives, since a model may read it whenever it is asked.
    """
    if not directories:
        return trainer.fit
    scratch = tempfile.TemporaryDirectory(prefix="streamgauge-")
    fits = count()

    def learn(rows: pa.Table) -> FittedModel:
        place = Path(scratch.name) / str(next(fits))
        dataset, model = place / "dataset", place / "model"
        dataset.mkdir(parents=True)
        model.mkdir()
        pq.write_table(rows, dataset / "train.parquet")
        trainer.train(dataset, model)
        shutil.rmtree(dataset)
        return trainer.load(model)

    return learn
