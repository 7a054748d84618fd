"""What may be wrong with the probabilities of a multiclass answer, beyond the contract: names of classes, and the sum.

The contract alone says that each lies between 0 and 1. Readers of whole columns ask `doubtful` of their sums, and leave
what is so to `sum_problem`, which decides.
"""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from schemas.spec import ModelSpec

ROUNDED = 0.005  # of one probability: producers round to two digits, and 0.33 three times is no mistake
LEAST = 1e-3  # of the sum: two classes of 32-bit floats are no farther off
_MARGIN = 1e-9  # sums that are taken in another order are no farther apart


def foreign_class(shares: Mapping[str, float], label: str | None, spec: ModelSpec, known: frozenset[str]) -> str | None:
    """Return a name among those of the probabilities of an answer that is no class, or None.

    Parameters
    ----------
    label
        The answer; None where it is the likeliest class.
    known
        The declared classes, else those of the reference, else none. A reference may lack a class that is rare, so that
        any name may stand beside those of a reference: only the answer has to be one of them, as a label has.
    """
    names = list(shares)
    if spec.classes is None:
        names = [likeliest(shares)] if shares and label is None else []
    return next((name for name in names if known and name not in known), None)


def sum_problem(shares: Mapping[str, float], spec: ModelSpec) -> str | None:
    """Return why probabilities are refused by their sum, or None.

    Not all classes need to be there: a producer may send the likeliest few, whose sum is below 1.
    """
    total, slack = math.fsum(shares.values()), _slack(len(shares))
    if total > 1 + slack:
        return f"the probabilities of {len(shares)} classes sum to {total:.6g}, which is more than 1"
    if shares and spec.classes is not None and len(shares) == len(spec.classes) and total < 1 - slack:
        return f"the probabilities of all {len(shares)} classes sum to {total:.6g}, which is less than 1"
    return None


def likeliest(shares: Mapping[str, float]) -> str:
    """Return the class with the largest probability, the first by name of several."""
    return max(sorted(shares), key=shares.__getitem__)


def doubtful(sums: npt.NDArray[np.float64], size: int, spec: ModelSpec) -> npt.NDArray[np.bool_]:
    """Return which sums of the probabilities of `size` classes `sum_problem` has to look at, shape as `sums`."""
    slack = _slack(size) - _MARGIN
    odd: npt.NDArray[np.bool_] = sums > 1 + slack
    if spec.classes is not None and size == len(spec.classes):
        odd |= sums < 1 - slack
    return odd


def _slack(size: int) -> float:
    return max(LEAST, ROUNDED * size)
