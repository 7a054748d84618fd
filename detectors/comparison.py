"""Whether the challenger is clearly better than the champion, by their losses on the same rows. Pure."""

import math

from detectors.reference import loss_name
from detectors.signals.signal import Grounds
from detectors.situation import Situation

CLEARLY = 2.5  # standard errors
FEWEST_ROWS = 200


def clearly_better(situation: Situation) -> bool:
    """Whether the challenger's recent loss is below the champion's by more than chance would have it.

    Both losses are taken to vary as much as losses in [0, scale] with their means can, and not to go together, so that
    it errs on the side of the champion.
    """
    comparison, scale = situation.comparison, situation.layout.loss_scale
    if comparison is None or scale is None or comparison["rows"] < FEWEST_ROWS:
        return False
    name, grounds = loss_name(None, 0), Grounds(situation.layout)
    phi = 1.0 if grounds.problem_of(name) else grounds.dispersion(name)
    means = [min(comparison[who], scale) for who in ("champion", "challenger")]
    variance: float = sum(max(0.0, mean * (scale - mean)) for mean in means)
    return means[0] - means[1] > CLEARLY * math.sqrt(phi * variance / comparison["rows"])


def no_worse(situation: Situation) -> bool:
    """Whether the challenger has lost no more than the champion of late."""
    comparison = situation.comparison
    return (
        comparison is not None
        and comparison["rows"] >= FEWEST_ROWS
        and (comparison["challenger"] <= comparison["champion"])
    )
