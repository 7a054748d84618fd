"""Making a counterexample smaller: as few features as can be differ from a row that is in order. Pure."""

from collections.abc import Callable, Sequence

from schemas.prediction import FeatureValue

Values = list[FeatureValue]


def smaller(odd: Sequence[FeatureValue], whole: Sequence[FeatureValue], fails: Callable[[Values], bool]) -> Values:
    """Return `odd` with each value put back to that of `whole` where it still fails without it.

    `fails` is asked at most once for each feature, so the result is small, not the smallest.

    Examples
    --------
    >>> smaller([1, None, 3], [0, 0, 0], lambda row: row[1] is None)
    [0, None, 0]
    """
    found = list(odd)
    for place, value in enumerate(whole):
        if found[place] == value and type(found[place]) is type(value):
            continue
        tried = [*found[:place], value, *found[place + 1 :]]
        if fails(tried):
            found = tried
    return found


def differing(odd: Sequence[FeatureValue], whole: Sequence[FeatureValue]) -> list[int]:
    """Return the places at which two rows differ; 1 and True do."""
    return [
        place
        for place, (one, other) in enumerate(zip(odd, whole, strict=True))
        if one != other or type(one) is not type(other)
    ]
