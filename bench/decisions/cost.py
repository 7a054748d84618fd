"""The cost policy: `detectors.excess_cost` as shipped, on data since the change point, with one later refit.

What a training brought is graded as shipped, too. Which batches a model learns is said here: there are only batches.
"""

from dataclasses import dataclass

from bench.decisions.matrix import Bits, Matrix, Model
from detectors.excess_cost import ExcessCost
from detectors.loss_difference import Losses, difference_of
from schemas.policy_spec import CostPolicy as Spec


@dataclass(frozen=True)
class Setting:
    """How the policy is set; by default as it is shipped."""

    burn_in: int = Spec.model_fields["burn_in"].default
    confidence: float = Spec.model_fields["confidence"].default
    refit: bool = True
    older: bool = False
    """Whether a model that has served before may serve again, for nothing."""


class CostPolicy:
    """Retrains when the excess cost of the serving model comes to the price of a training.

    The new model is trained on the newest batch that lies wholly after the change point: on this one, unless the change
    began in it; else on the next. Once a whole window lies after the change point, the last window takes its place,
    unless loss is rising again just then. Each training in a row that did not measurably help doubles what the next
    one has to be worth.
    """

    def __init__(self, matrix: Matrix, price: float, setting: Setting = Setting()) -> None:
        self._matrix = matrix
        self._price = price
        self._setting = setting
        self._failures = 0
        self._before: Losses | None = None  # of the last model, from the change point on
        self._waits = False
        self._fresh: int | None = None
        self._seen: list[tuple[int, int]] = []  # rows and errors of each batch that this model served
        self._bounds: dict[Model, float] = {}
        self._serving = matrix.first
        self._cost = self._excess_cost()

    def after(self, batch: int, errors: Bits) -> Model | None:
        rows, wrong = len(errors), int(errors.sum())
        if self._waits:
            return self._new(batch)
        self._cost.update(batch, batch + 1, rows, wrong, wrong)
        self._seen.append((rows, wrong))
        self._measure()
        since = self._cost.since
        if self._cost.called and since is not None:
            self._before = _sum(self._seen[since - batch - 1 :])
            if since < batch:
                return self._new(batch)
            self._waits = True
        elif self._refit_is_due(batch):
            self._fresh = None
            return self._serve(Model("last window", batch))
        return None

    def _refit_is_due(self, batch: int) -> bool:
        if not self._setting.refit or self._fresh is None:
            return False
        return self._cost.excess == 0 and batch - self._fresh >= self._matrix.stream.window - 1

    def _new(self, batch: int) -> Model:
        self._waits = False
        if self._setting.older and (older := self._older(batch)) is not None:
            self._fresh = None
            return self._serve(older)
        self._fresh = batch
        return self._serve(Model("fresh", batch))

    def _older(self, batch: int) -> Model | None:
        """Return the older version that errs least on a batch, if that is no more than it did when it was new."""
        means = {model: self._matrix.mean(model, batch) for model in self._bounds if model != self._serving}
        best = min(means, key=lambda model: means[model], default=None)
        return best if best is not None and means[best] <= self._bounds[best] else None

    def _serve(self, model: Model) -> Model:
        self._serving = model
        self._cost = self._excess_cost()
        self._seen = []
        return model

    def _excess_cost(self) -> ExcessCost:
        cost = ExcessCost(
            price=1.0,
            retraining_cost=self._price * self._matrix.stream.batch,
            burn_in=self._setting.burn_in,
            confidence=self._setting.confidence,
            bound=self._bounds.get(self._serving),
        )
        cost.back_off(self._failures)
        return cost

    def _measure(self) -> None:
        """After the burn-in of a model, say whether it is better than the one before it was."""
        if not self._cost.burnt_in:
            return
        if self._cost.bound is not None:
            self._bounds.setdefault(self._serving, self._cost.bound)
        if self._before is None:
            return
        helped = difference_of(_sum(self._seen), self._before, dispersion=1.0).high < 0
        self._failures = 0 if helped else self._failures + 1
        self._cost.back_off(self._failures)
        self._before = None


def _sum(seen: list[tuple[int, int]]) -> Losses:
    rows, wrong = sum(rows for rows, _ in seen), sum(wrong for _, wrong in seen)
    return Losses(rows, wrong, wrong, 1.0)
