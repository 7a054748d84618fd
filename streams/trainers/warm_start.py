"""Goes on training an estimator that was trained before, where its kind can do that."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from streams.trainers.estimator import takes_weights
from streams.trainers.table_encoder import TableEncoder

MOST = 5  # times in a row: each adds trees, and keeps the encoder of the first
GROWING = ("n_estimators", "max_iter")
"""What has to grow for an ensemble to go on. An iterative solver's `max_iter` starts anew by itself."""


class Warm(NamedTuple):
    """A fitted estimator, its encoder, and how often in a row it was begun from another."""

    estimator: Any
    encoder: TableEncoder
    warm_starts: int


def warm_started(
    before: Any,
    fresh: Any,
    numbers: npt.NDArray[np.float64],
    truths: npt.NDArray[Any],
    weights: npt.NDArray[np.float64],
    times: int,
) -> Any | str:
    """Return `before`, trained on with some rows; or why that cannot be done.

    Parameters
    ----------
    fresh
        A new estimator as the monitor file asks for it: the class has to be the same.
    times
        How often in a row it has been begun from another.
    """
    if type(before) is not type(fresh):
        return f"the champion is a {type(before).__name__}, and a {type(fresh).__name__} is asked for"
    if times >= MOST:
        return f"the champion was begun from another {times} times in a row"
    classes = getattr(before, "classes_", None)
    if classes is not None and not set(np.unique(truths).tolist()) <= set(classes.tolist()):
        return "there are classes that the champion does not know"
    if hasattr(before, "partial_fit"):
        keywords = {"sample_weight": weights} if takes_weights(before.partial_fit) else {}
        before.partial_fit(numbers, truths, **keywords)
        return before
    parameters = before.get_params(deep=False)
    if "warm_start" not in parameters:
        return f"{type(before).__name__} can neither go on from itself (warm_start) nor learn in parts (partial_fit)"
    if classes is not None and len(np.unique(truths)) < len(classes):
        return "not all classes that the champion knows are among the rows"  # it would forget those
    asked = fresh.get_params(deep=False)
    trees = hasattr(before, "estimators_") or hasattr(before, "_predictors")
    grown = {name: parameters[name] + asked[name] for name in GROWING if trees and isinstance(asked.get(name), int)}
    before.set_params(warm_start=True, **grown)
    before.fit(numbers, truths, **({"sample_weight": weights} if takes_weights(before.fit) else {}))
    before.set_params(warm_start=False)
    return before
