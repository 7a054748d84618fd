"""Sharing the budget of a pane: rules first, then the random draw, then the strategies evenly."""

import math
from typing import NamedTuple

from schemas.label_request_spec import LabelRequestSpec


class Shares(NamedTuple):
    """Of `per_pane` requests."""

    rules: int
    random: int
    strategies: int
    """All strategies but the random draw; one takes what another leaves."""


def shares_of(spec: LabelRequestSpec, matched: int, usable: int) -> Shares:
    """Return what rules, the random draw and the other strategies may ask for.

    Neither number may depend on hashes, or the random draw would have no probability that is known.

    Parameters
    ----------
    matched
        Rows of the pane that a rule is true of; if more than `per_pane`, any number above it.
    usable
        Strategies, beside random, that have something to go by.

    Examples
    --------
    A fifth of 20 requests goes to rules; of the 16 that are left, 0.3 are drawn at random, and two strategies share 11.

    >>> from schemas.label_request_spec import LabelRequestSpec
    >>> shares_of(LabelRequestSpec(strategies=["uncertainty", "rare"]), 4, 2)
    Shares(rules=4, random=5, strategies=11)

    With `random` among the strategies, it has its part of the rest, too.

    >>> shares_of(LabelRequestSpec(strategies=["random", "rare"]), 4, 1)
    Shares(rules=4, random=11, strategies=5)
    """
    ruled = min(matched, spec.per_pane)
    left = spec.per_pane - ruled
    if not spec.strategies:
        return Shares(ruled, 0, 0)
    drawn = _nearest(spec.random_share * left)
    if "random" in spec.strategies:
        drawn += _nearest((left - drawn) / (usable + 1))
    return Shares(ruled, drawn, left - drawn)


def _nearest(number: float) -> int:
    return math.floor(number + 0.5)
