"""How much a loss rests on each feature: what permuting it costs, and what training without it costs."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from detectors.challenger import Challenger, LabelledRow
from detectors.losses import losses_of
from detectors.row import Label, Row
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec

REPEATS = 5
LARGEST = 1e100  # of a loss
TWO_SIDED = 1.96

Labelled = Sequence[tuple[Row, Label]]
Features = Sequence[Sequence[FeatureValue]]
Answer = str | float
Answers = Callable[[Features], Sequence[Answer]]
"""A model: the class or the value that it predicts for each row of features, in the order of the monitor file."""


class Importance(NamedTuple):
    """Rise of the mean loss without what a feature says, with a 95 % interval."""

    value: float
    low: float
    high: float


def mean_loss(spec: ModelSpec, rows: Labelled, answers: Sequence[Answer]) -> float:
    """Return the mean loss of answers over the rows whose label says; NaN where none does."""
    losses = _losses(spec, rows, answers)
    known = losses[~np.isnan(losses)]
    return float(known.mean()) if len(known) else float("nan")


def permuted(spec: ModelSpec, rows: Labelled, answers: Answers, seed: int = 0) -> dict[str, Importance]:
    """Return by how much the mean loss rises when the values of a feature are dealt anew among the rows.

    Parameters
    ----------
    rows
        At least two, with labels.
    answers
        The model that is looked at.

    Notes
    -----
    The interval is Student's over `REPEATS` deals: it says how much the deal matters, not how much the rows do.

    References
    ----------
    Fisher, Rudin and Dominici, "All models are wrong, but many are useful", Journal of Machine Learning Research 20,
    2019.
    """
    features = [list(row.features) for row, _ in rows]
    before = mean_loss(spec, rows, answers(features))
    rng = np.random.default_rng(seed)
    found = {}
    for place, name in enumerate(spec.features):
        rises = []
        for _ in range(REPEATS):
            dealt = rng.permutation(len(features)).tolist()
            changed = [
                [*row[:place], features[other][place], *row[place + 1 :]]
                for row, other in zip(features, dealt, strict=True)
            ]
            rises.append(mean_loss(spec, rows, answers(changed)) - before)
        found[name] = _interval(np.array(rises), float(stdtrit(REPEATS - 1, 0.975)))
    return found


def ablated(spec: ModelSpec, rows: Labelled) -> tuple[float, dict[str, Importance]]:
    """Return the loss of a challenger that learns from the rows in time order, and its rise without each feature.

    Each row is tested before it is learnt; losses count from the second half on. The interval is that of a mean of
    differences row by row.
    """
    whole = _test_then_train(spec, rows, list(spec.features))
    found = {}
    for name in spec.features:
        without = _test_then_train(spec, rows, [each for each in spec.features if each != name])
        found[name] = _interval(without - whole, TWO_SIDED)
    return float(whole.mean()) if len(whole) else float("nan"), found


class Surrogate:
    """A challenger fitted to what a model answered, to stand in for it where it cannot be called.

    Parameters
    ----------
    rows
        Rows with the model's answers, in time order.

    Attributes
    ----------
    fidelity : float
        Over the second half of the rows, each answered before it was learnt: the share of equal answers, or for a
        number 1 - Σ (answer - value)² / Σ (value - mean)².
    """

    def __init__(self, spec: ModelSpec, rows: Sequence[Row]) -> None:
        self._challenger = _challenger(spec, list(spec.features))
        self._regression = spec.task == "regression"
        said = [(row, row.value if self._regression else row.label) for row in rows]
        pairs: list[tuple[Answer, Answer]] = []
        for row, answer in said:
            if answer is not None:
                pairs.append((self._challenger.predict(row.features), answer))
                self._challenger.test_then_train([LabelledRow(row.features, answer)])
        self.fidelity = self._agreement(pairs[len(pairs) // 2 :])

    def __call__(self, features: Features) -> list[Answer]:
        """Return the answers for rows of features."""
        return [self._challenger.predict(row) for row in features]

    def _agreement(self, pairs: Sequence[tuple[Answer, Answer]]) -> float:
        if not pairs:
            return float("nan")
        if not self._regression:
            return sum(mine == said for mine, said in pairs) / len(pairs)
        mine, said = (np.array([float(each[side]) for each in pairs]) for side in (0, 1))
        spread = float(((said - said.mean()) ** 2).sum())
        return 1 - float(((mine - said) ** 2).sum()) / spread if spread > 0 else float("nan")


def _losses(spec: ModelSpec, rows: Labelled, answers: Sequence[Answer]) -> npt.NDArray[np.float64]:
    regression = spec.task == "regression"
    return losses_of(
        spec,
        [
            (
                Row(row.time, row.id, [], value=float(answer))
                if regression
                else Row(row.time, row.id, [], str(answer)),
                label,
            )
            for (row, label), answer in zip(rows, answers, strict=True)
        ],
    )


def _challenger(spec: ModelSpec, names: Sequence[str]) -> Challenger:
    features = {name: spec.features[name].type for name in names}
    return Challenger(spec.task, features, positive_label=spec.positive_label, largest_loss=LARGEST)


def _test_then_train(spec: ModelSpec, rows: Labelled, names: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return the losses of a challenger that sees some features, over the second half of the rows."""
    challenger = _challenger(spec, names)
    order = list(spec.features)
    places = [order.index(name) for name in names]
    losses = []
    for row, label in rows:
        truth = label.value if spec.task == "regression" else label.label
        if truth is not None:
            one = LabelledRow([row.features[place] for place in places], truth, 0.0)
            losses.append(challenger.test_then_train([one]).loss_sum)
    return np.array(losses[len(losses) // 2 :])


def _interval(values: npt.NDArray[np.float64], quantile: float) -> Importance:
    if not len(values):
        return Importance(*(float("nan"),) * 3)
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return Importance(mean, mean - quantile * error, mean + quantile * error)
