"""`LossRegressor`: which error to expect of a prediction, learnt from those whose label has come.

Order matters (rows arrive sorted by the time their label became known); no I/O, no clock, no randomness.
"""

from collections.abc import Mapping, Sequence

from detectors.challenger import Challenger, LabelledRow
from detectors.state import register
from schemas.feature_spec import FeatureType
from schemas.prediction import FeatureValue

PREDICTION = "\x1f"  # the predicted number as one more feature; no declared one is called that
MEMORY = 2_000  # rows over which the mean residual is taken back


@register
class LossRegressor:
    """Direct loss estimation by the models of the challenger: the loss is what they learn, test-then-train.

    Parameters
    ----------
    features
        Type of each feature by name, in the order of the rows' values.
    largest_loss
        Losses are cut at this.

    Notes
    -----
    Losses are skewed, and the models take bounded steps, so that they learn too small a mean; the mean residual of the
    newest rows, each predicted before it was learnt, is added to what they predict.

    References
    ----------
    NannyML, "Direct loss estimation", documentation of version 0.13: a regressor of the loss on features and output.
    """

    def __init__(self, features: Mapping[str, FeatureType], largest_loss: float) -> None:
        self._largest = largest_loss
        self._models = Challenger("regression", {**features, PREDICTION: "numeric"}, largest_loss=largest_loss)
        self._residual = 0.0
        self.learnt = 0

    def learn(self, features: Sequence[FeatureValue], predicted: float | None, loss: float) -> None:
        """Take in the loss of a row (finite or not: it is cut)."""
        loss = min(loss, self._largest)
        row = (*features, predicted)
        self.learnt += 1
        residual = loss - float(self._models.predict(row))
        self._residual += (residual - self._residual) / min(self.learnt, MEMORY)
        self._models.test_then_train([LabelledRow(row, loss)])

    def predict(self, features: Sequence[FeatureValue], predicted: float | None) -> float:
        """Return the loss to expect of a row, between 0 and the largest."""
        loss = float(self._models.predict((*features, predicted))) + self._residual
        return min(max(loss, 0.0), self._largest)
