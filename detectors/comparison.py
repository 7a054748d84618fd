"""Whether the challenger is clearly better than the champion, by their losses on the same rows. Pure."""

import math

from detectors.reference import loss_name
from detectors.signals.signal import Grounds
from detectors.situation import Situation

CLEARLY = 2.5  # standard errors
FEWEST_ROWS = 200
MUCH = 0.2  # of the champion's loss


def clearly_better(situation: Situation) -> bool:
    """Whether the challenger's recent loss is below the champion's by more than chance would have it.

    Both losses are taken to vary as much as losses in [0, scale] with their means can, and not to go together, so that
    it errs on the side of the champion.
    """
    found = _gain(situation)
    return found is not None and found[0] > CLEARLY * found[1]


def hardly_better(situation: Situation) -> bool:
    """Whether it is shown that the challenger is not better by much: that it was not shown to be better says less."""
    found = _gain(situation)
    return found is not None and found[0] + found[1] <= MUCH * found[2]


def _gain(situation: Situation) -> tuple[float, float, float] | None:
    """Return by how much the challenger is better, the standard error of that, and the champion's loss."""
    comparison, scale = situation.comparison, situation.layout.loss_scale
    if comparison is None or scale is None or comparison["rows"] < FEWEST_ROWS:
        return None
    name, grounds = loss_name(None, 0), Grounds(situation.layout)
    phi = 1.0 if grounds.problem_of(name) else grounds.dispersion(name)
    means = [min(comparison[who], scale) for who in ("champion", "challenger")]
    variance: float = sum(max(0.0, mean * (scale - mean)) for mean in means)
    return means[0] - means[1], math.sqrt(phi * variance / comparison["rows"]), means[0]


def no_worse(situation: Situation) -> bool:
    """Whether the challenger has lost no more than the champion of late."""
    comparison = situation.comparison
    return (
        comparison is not None
        and comparison["rows"] >= FEWEST_ROWS
        and (comparison["challenger"] <= comparison["champion"])
    )
