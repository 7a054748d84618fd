"""`Prices`: what mistakes and retrainings cost in a backtest; one unit for both."""

from dataclasses import dataclass

import numpy as np

from detectors.bounds import CONFIDENCE
from detectors.layout import Layout
from detectors.policies.yardstick import ASSUMED_PREDICTIONS, yardstick_of
from schemas.spec import ModelSpec
from streams.backtest.answers import Answers
from streams.backtest.history import Floats, History, Positions
from streams.errors import UserError


@dataclass(frozen=True)
class Prices:
    """What things cost."""

    spec: ModelSpec
    retraining: float
    assumed: bool
    """costs.retraining is not declared."""

    @property
    def unit(self) -> str:
        """What numbers are counted in."""
        if self.spec.costs.matrix is not None:
            return "in the unit of costs.matrix"
        return "in units of loss" if self.spec.costs.loss is None else "in the unit of costs.loss"

    def costs(self, history: History, answers: Answers, at: Positions) -> Floats:
        """Return what answers to the rows `at` cost; 0 where no label is known, or nobody said what it costs."""
        matrix = self.spec.costs.matrix
        if matrix is None:
            losses = history.losses_of(answers, at)
            price = 1.0 if self.spec.costs.loss is None else self.spec.costs.loss
            # a model that gives no answer where others do has made the largest mistake there is, not none
            losses = np.where(history.labelled[at] & np.isnan(losses), self._worst(history), losses)
            return np.where(history.labelled[at], price * losses, 0.0)
        truths = [history.label_names[place] for place in at.tolist()]
        said = answers.said.tolist()
        table = self._by_name()
        found = [
            table.get((self._name(truth), self._name(answer)), 0.0) for truth, answer in zip(truths, said, strict=True)
        ]
        return np.where(history.labelled[at], np.array(found, dtype=np.float64), 0.0)

    def _worst(self, history: History) -> float:
        return 1.0 if self.spec.task != "regression" else float(np.nanmax(history.losses))

    def _name(self, label: str | None) -> str | None:
        """Return the name by which the matrix knows a class: in a binary task all but the positive one are one."""
        if self.spec.task != "binary" or label is None or label == self.spec.positive_label:
            return label
        return ""

    def _by_name(self) -> dict[tuple[str | None, str | None], float]:
        matrix = self.spec.costs.matrix or {}
        return {
            (self._name(actual), self._name(predicted)): cost
            for actual, row in matrix.items()
            for predicted, cost in row.items()
        }


def prices_of(spec: ModelSpec, layout: Layout, history: History) -> Prices:
    """Return the prices of a model: the declared ones; a retraining, the loss of 2,000 reference predictions.

    Where the reference has no labels, the oldest labelled rows of the history stand in for it.

    Raises
    ------
    UserError
        When mistakes cost nothing, so that there is nothing to compare.
    """
    if spec.costs.matrix is None and spec.costs.loss == 0:
        raise UserError(f"models.{layout.model}.costs.loss is 0: where mistakes cost nothing, never retraining is best")
    declared = yardstick_of(layout, CONFIDENCE)  # the cost policy's own price
    if declared.retraining:
        return Prices(spec, declared.retraining, declared.assumed)
    at = np.flatnonzero(history.labelled)[:ASSUMED_PREDICTIONS]
    mean = float(Prices(spec, 0.0, True).costs(history, history.recorded.take(at), at).mean())
    if mean == 0:
        raise UserError(
            f"models.{layout.model}.costs.retraining: give the price of a retraining; its default is what the loss of "
            f"{ASSUMED_PREDICTIONS:,} reference predictions comes to, and there they made no mistake"
        )
    return Prices(spec, ASSUMED_PREDICTIONS * mean, assumed=True)
