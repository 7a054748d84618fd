"""The models a challenger is made of: linear models of several rates, and a tree that starts anew when it gets worse.

Outcomes are codes: False / True (binary), 0, 1, 2, … (multiclass), a standardised value (regression).
"""

from typing import Any, Protocol

from river import linear_model, optim, tree
from river.tree.nodes.branch import DTBranch
from river.tree.splitter import QOSplitter

from detectors.adwin import GuardedAdwin
from detectors.feature_encoder import Columns, Encoded
from detectors.running_scale import LARGEST_ERROR, LARGEST_SCORE
from detectors.state_classes import register
from schemas.spec import Task

RATES = (0.005, 0.5)  # one for a steady world, one for a world that moves; a third between them gains .0003
RATES_MULTICLASS = (0.2,)  # one: it costs as much as a logistic regression for each class
RATES_REGRESSION = (0.002, 0.02)
TREE_GRACE = 100  # rows between attempts to split a leaf
TREE_DELTA = 1e-4  # more eager than River's 1e-7: what a bad split costs, a new tree mends
TREE_DEPTH_REGRESSION = 6  # its leaves are larger: 20 means and variances for each feature
RADIUS = 0.5
TREE_DEPTH = 7  # at most 128 leaves; River's default depends on the interpreter's recursion limit
NEVER = 2**53  # River's estimate of a tree's size differs between interpreters; the depth bounds it already
LARGEST_GRADIENT = 1.0  # of the squared loss, in standard deviations: an outlier moves the weights no further


class Expert(Protocol):
    """One of a challenger's models."""

    def predict(self, row: Encoded) -> float:
        """Return the predicted outcome."""
        ...

    def test_then_train(self, row: Encoded, outcome: Any) -> float:
        """Predict, then learn; return the error: 0 or 1, or the absolute difference."""
        ...


def experts_for(task: Task) -> list[Expert]:
    """Return new experts; raises `ValueError` for a task that has no outcome to learn."""
    if task == "binary":
        return [*(LogisticExpert(rate) for rate in RATES), TreeExpert()]
    if task == "multiclass":
        return [*(SoftmaxExpert(rate) for rate in RATES_MULTICLASS), TreeExpert()]
    if task == "regression":
        return [*(LinearExpert(rate) for rate in RATES_REGRESSION), RegressionTreeExpert()]
    raise ValueError(f"a {task} task has no challenger: there is no outcome to predict")


@register
class LogisticExpert:
    """River's logistic regression with a constant rate."""

    def __init__(self, rate: float) -> None:
        self._model = linear_model.LogisticRegression(optimizer=optim.SGD(rate), intercept_lr=rate)

    def predict(self, row: Encoded) -> float:
        """Return whether the positive class is likelier."""
        return bool(self._model._raw_dot_one(row.linear) > 0.0)

    def test_then_train(self, row: Encoded, outcome: bool) -> float:
        """Predict, then learn."""
        error = float(self.predict(row) != outcome)
        self._model.learn_one(row.linear, outcome)
        return error


@register
class SoftmaxExpert:
    """River's softmax regression with a constant rate."""

    def __init__(self, rate: float) -> None:
        self._model = linear_model.SoftmaxRegression(optimizer=optim.SGD(rate))

    def predict(self, row: Encoded) -> float:
        """Return the code of the likeliest class."""
        return _likeliest(self._model.predict_proba_one(_with_intercept(row)))

    def test_then_train(self, row: Encoded, outcome: int) -> float:
        """Predict, then learn."""
        columns = _with_intercept(row)
        error = float(_likeliest(self._model.predict_proba_one(columns)) != outcome)
        self._model.learn_one(columns, outcome)
        return error


@register
class LinearExpert:
    """River's linear regression with a constant rate and bounded steps."""

    def __init__(self, rate: float) -> None:
        self._model = linear_model.LinearRegression(
            optimizer=optim.SGD(rate), intercept_lr=rate, clip_gradient=LARGEST_GRADIENT
        )

    def predict(self, row: Encoded) -> float:
        """Return the predicted value, standardised."""
        return _clip(self._model.predict_one(row.linear))

    def test_then_train(self, row: Encoded, outcome: float) -> float:
        """Predict, then learn."""
        error = abs(self.predict(row) - outcome)
        self._model.learn_one(row.linear, outcome)
        return error


@register
class TreeExpert:
    """River's Hoeffding tree, which starts anew when ADWIN says that its error rose.

    A Hoeffding adaptive tree watches each branch instead; it costs two to three times as much and errs more.

    References
    ----------
    Domingos and Hulten, "Mining high-speed data streams", KDD 2000.
    """

    def __init__(self) -> None:
        self._watch = GuardedAdwin()
        self._model = self._new()
        self.restarts = 0

    def _new(self) -> Any:
        return tree.HoeffdingTreeClassifier(
            grace_period=TREE_GRACE,
            delta=TREE_DELTA,
            max_depth=TREE_DEPTH,
            binary_split=True,
            memory_estimate_period=NEVER,
        )

    def predict(self, row: Encoded) -> float:
        """Return the code of the likeliest class; of several, the one that the leaf met first, as when it learns."""
        leaf = self._leaf(row)
        votes = {} if leaf is None else leaf.prediction(row.tree, tree=self._model)
        return max(votes, key=votes.__getitem__) if votes else 0

    def _leaf(self, row: Encoded) -> Any:
        root = self._model._root
        return root.traverse(row.tree, until_leaf=True) if isinstance(root, DTBranch) else root

    def test_then_train(self, row: Encoded, outcome: float) -> float:
        """Predict, then learn.

        A leaf predicts by naive Bayes or by majority, whichever was right more often, and tries both when it learns:
        whether the count of the chosen one goes up says whether it was right. To predict first would do the costliest
        part twice.
        """
        leaf = self._leaf(row)
        if leaf is None or not leaf.stats or not leaf.is_active():
            error = float(self.predict(row) != outcome)
            self._model.learn_one(row.tree, outcome)
        else:
            naive, majority = leaf._nb_correct_weight, leaf._mc_correct_weight
            self._model.learn_one(row.tree, outcome)
            right = leaf._nb_correct_weight > naive if naive >= majority else leaf._mc_correct_weight > majority
            error = float(not right)
        self._restart_if_worse(error)
        return error

    def _restart_if_worse(self, error: float) -> None:
        if self._watch.update(error) and self._watch.rose:
            self._model = self._new()
            self._watch = GuardedAdwin()
            self.restarts += 1


@register
class RegressionTreeExpert(TreeExpert):
    """The same for a value: leaves predict their mean, and split at multiples of half a deviation."""

    def _new(self) -> Any:
        return tree.HoeffdingTreeRegressor(
            grace_period=TREE_GRACE,
            delta=TREE_DELTA,
            max_depth=TREE_DEPTH_REGRESSION,
            leaf_prediction="mean",
            splitter=QOSplitter(radius=RADIUS),
            binary_split=True,
            memory_estimate_period=NEVER,
        )

    def predict(self, row: Encoded) -> float:
        """Return the mean of the leaf."""
        return _clip(self._model.predict_one(row.tree))

    def test_then_train(self, row: Encoded, outcome: float) -> float:
        """Predict, then learn."""
        error = abs(self.predict(row) - outcome)
        self._model.learn_one(row.tree, outcome)
        self._restart_if_worse(min(error, LARGEST_ERROR) / LARGEST_ERROR)
        return error


def _likeliest(probabilities: dict[Any, float]) -> float:
    """Return the likeliest class; of several, the lowest code, in whatever order River keeps them."""
    best, highest = 0, -1.0
    for code, probability in probabilities.items():
        if probability > highest or (probability == highest and code < best):
            best, highest = code, probability
    return best


def _with_intercept(row: Encoded) -> Columns:
    return {**row.linear, "": 1.0}


def _clip(score: float) -> float:
    return min(max(float(score), -LARGEST_SCORE), LARGEST_SCORE)
