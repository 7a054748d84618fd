"""`Challenger`: an incremental model beside the champion, tested on every labelled row before it learns from it.

Order matters (rows arrive sorted by event time); no I/O, no clock, no randomness.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from detectors.feature_encoder import FeatureEncoder
from detectors.running_scale import LARGEST_ERROR, RunningScale
from detectors.state_classes import register
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue
from schemas.spec import Task

FADING = 0.995  # an expert's loss of 200 rows ago counts a third
CLASSES = 64  # classes that are told apart; all others are one
OTHER = ""  # what is predicted for them: no label is empty


class LabelledRow(NamedTuple):
    """A row whose outcome is known."""

    features: Sequence[FeatureValue]
    """Values in the order of the challenger's features."""
    truth: str | float
    """The class (binary, multiclass), or the value (regression)."""
    champion_loss: float | None = None
    """Loss of the champion's prediction, as `detectors.losses.losses` has it; None when it made none."""


@dataclass(frozen=True)
class ChallengerReading:
    """Challenger against champion on the same rows, each predicted before it was learnt."""

    n: int
    """Rows compared: those of which both losses are known."""
    loss_sum: float
    """Sum of the challenger's losses over them."""
    champion_loss_sum: float
    """Sum of the champion's losses over them."""
    better: int
    """Rows on which the challenger's loss is smaller."""
    worse: int
    """Rows on which it is larger."""
    learnt: int
    """Rows learnt: those with a usable truth."""


@register
class Challenger:
    """Several incremental models of River's, of which the one that erred least of late predicts.

    Logistic regressions of two learning rates (one softmax regression where there are many classes, two linear ones
    for a value) and a Hoeffding tree that starts anew when its error rises. Which of them is best differs from stream
    to stream, and changes within one; following the smallest fading loss costs little over the best of them.

    Parameters
    ----------
    task
        binary, multiclass or regression.
    features
        Type of each feature by name. Rows hold their values in this order. Text and datetime features are not used.
    positive_label
        The class to predict (binary).
    largest_loss
        Losses are cut at this (regression), the champion's likewise; in the unit of the value.

    Attributes
    ----------
    learnt : int
        Rows learnt so far.

    Raises
    ------
    ValueError
        The task has nothing to learn, or it is binary and there is no positive label.

    Notes
    -----
    Losses are those of the champion: 0 or 1 in classification, absolute error in regression. Memory is bounded: at most
    128 leaves, 64 classes, and 72 columns for each categorical feature. Any value of a feature is safe.

    References
    ----------
    Gama, Sebastião and Rodrigues, "On evaluating stream learning algorithms", Machine Learning 90(3), 2013:
    test-then-train and fading factors.

    Examples
    --------
    >>> challenger = Challenger("binary", {"amount": "numeric"}, positive_label="yes")
    >>> rows = [LabelledRow([float(i % 10)], "yes" if i % 10 > 4 else "no", 0.5) for i in range(1_000)]
    >>> reading = challenger.test_then_train(rows)
    >>> reading.n, reading.champion_loss_sum, reading.loss_sum < 50
    (1000, 500.0, True)
    >>> challenger.predict([9.0])
    'yes'
    """

    def __init__(
        self,
        task: Task,
        features: Mapping[str, FeatureType],
        *,
        positive_label: str | None = None,
        largest_loss: float = 1e100,
    ) -> None:
        if task == "binary" and positive_label is None:
            raise ValueError("a challenger of a binary task needs the positive label")
        from detectors.challenger_experts import experts_for  # here, for those without a challenger: it takes 80 MB

        self.task: Task = task
        self.learnt = 0
        self._experts = experts_for(task)
        self._fading = [0.0] * len(self._experts)
        self._encoder = FeatureEncoder(features)
        self._positive = positive_label
        self._largest_loss = largest_loss
        self._codes: dict[str, int] = {}  # class -> code (multiclass)
        self._negative = f"not {positive_label}"  # the other class, as last seen (binary)
        self._target = RunningScale()

    def predict(self, features: Sequence[FeatureValue]) -> str | float:
        """Return the class or the value predicted for a row."""
        row = self._encoder.encode(features, learn=False)
        outcome = self._experts[self._fading.index(min(self._fading))].predict(row)
        if self.task == "regression":
            return self._target.value(outcome)
        if self.task == "binary":
            return str(self._positive) if outcome else self._negative
        return next((label for label, code in self._codes.items() if code == outcome), OTHER)

    def votes(self, features: Sequence[FeatureValue]) -> list[float]:
        """Return what each model of the challenger predicts for a row: a code of its class, or a value."""
        row = self._encoder.encode(features, learn=False)
        outcomes = [expert.predict(row) for expert in self._experts]
        return [self._target.value(outcome) for outcome in outcomes] if self.task == "regression" else outcomes

    def test_then_train(self, rows: Iterable[LabelledRow]) -> ChallengerReading:
        """Predict each row, then learn from it; rows whose truth is no class and no finite value are left out."""
        n = better = worse = learnt = 0
        total = champion_total = 0.0
        for features, truth, champion_loss in rows:
            loss = self._test_then_train(features, truth)
            if loss is None:
                continue
            learnt += 1
            if champion_loss is None or champion_loss != champion_loss:
                continue
            loss = min(loss, self._largest_loss)
            champion_loss = min(champion_loss, self._largest_loss)
            n += 1
            total += loss
            champion_total += champion_loss
            better += loss < champion_loss
            worse += loss > champion_loss
        self.learnt += learnt
        return ChallengerReading(n, total, champion_total, better, worse, learnt)

    def _test_then_train(self, features: Sequence[FeatureValue], truth: str | float) -> float | None:
        if self.task == "regression":
            if isinstance(truth, str) or not math.isfinite(truth):
                return None
            outcome = self._target.score(truth, learn=False)
            error = self._learn(features, outcome, LARGEST_ERROR)
            loss = error * self._target.deviation + abs(truth - self._target.value(outcome))
            self._target.score(truth, learn=True)
            return loss
        return self._learn(features, self._code(str(truth)), 1.0)

    def _learn(self, features: Sequence[FeatureValue], outcome: float, largest_error: float) -> float:
        """Return the error of the expert that is best so far, once all have learnt."""
        row = self._encoder.encode(features, learn=True)
        fading = self._fading
        best = fading.index(min(fading))
        errors = [expert.test_then_train(row, outcome) for expert in self._experts]
        for i, error in enumerate(errors):
            fading[i] += (1.0 - FADING) * ((error if error < largest_error else largest_error) - fading[i])
        self._encoder.learn_outcome(row.categories, outcome)
        return errors[best]

    def _code(self, truth: str) -> int | bool:
        if self.task == "binary":
            if truth == self._positive:
                return True
            self._negative = truth
            return False
        code = self._codes.get(truth)
        if code is None:
            if len(self._codes) == CLASSES:
                return CLASSES
            code = self._codes[truth] = len(self._codes)
        return code
