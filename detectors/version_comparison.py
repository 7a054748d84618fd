"""`VersionComparison`: is the new version worse than the old one? One may look after every cohort. Pure.

Two questions, two wealths. *Worse* stakes a part of the budget of false alarms, for whoever rolls back for no reason
has raised one; it is staked in parts, one at the start of each stage, and each part goes on while the two versions
are compared. *Not worse* is
asked anew in each stage, at a level of its own: a stage is passed on what that stage has shown.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from detectors.budget import Stake
from detectors.e_detector import LARGEST
from detectors.state import register
from detectors.version_bets import STRENGTHS, growth_beyond, growth_of_pairs, growth_of_two
from detectors.version_losses import VersionLosses, paired

Floats = npt.NDArray[np.float64]

LEVEL = 0.05  # of passing a stage for a version that is worse by more than the margin
GUESSED_FROM = 100.0  # rows that the first guess of the mean loss is worth

How = Literal["pairs", "same_panes", "before"]
"""Losses of the same rows; of different rows in the same panes; of the old version before."""


@dataclass(frozen=True)
class RolloutStake:
    """What comparisons of versions stake of the budget of alarms, for all that count it."""

    share: float

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes."""
        return (("alarm", self.share),) if self.share else ()


@register
@dataclass(frozen=True)
class Bound:
    """What the new version is held against where the old one no longer predicts."""

    mean: float
    """Mean loss of the old version before, in the unit of the loss."""
    rows: int
    upper: float
    """Upper bound of it (95 %), in the unit of the loss."""
    dispersion: float


@register
@dataclass
class Total:
    """Labelled rows of one version and the sum of their losses, in the unit of the loss."""

    rows: int = 0
    loss: float = 0.0

    @property
    def mean(self) -> float | None:
        """Mean loss."""
        return self.loss / self.rows if self.rows else None


@register
class VersionComparison:
    """A sequential comparison of a new version with an old one.

    Parameters
    ----------
    margin
        The new version is worse where its mean loss is higher by more than this, in the unit of the loss.
    mean, variance
        A first guess of the old version's mean loss over its scale, and of the variance of one; a bad one costs time.

    Notes
    -----
    While the new version is not worse, the expected wealth is at most what was staked, so it reaches 1 with a
    probability of at most that, at whatever time one stops (Ville's inequality). Both wealths are mixtures over a grid
    of bets. What both versions share in a pane is no evidence: see `detectors.version_bets`.
    """

    def __init__(self, margin: float, mean: float, variance: float) -> None:
        self.margin = margin
        self._worse = np.zeros(STRENGTHS)
        self._not_worse = np.full(STRENGTHS, 1 / STRENGTHS)
        self._guess = (GUESSED_FROM, GUESSED_FROM * mean, GUESSED_FROM * (variance + mean * mean))
        """Rows, and sums of their losses and of the squares."""
        self.new, self.old = Total(), Total()
        """Of the present stage."""
        self.how: How | None = None
        """What the newest evidence rests on."""
        self.problem: str | None = None
        """Why the newest cohort said nothing."""

    def begin_stage(self, stake: float) -> None:
        """Stake so much more on its being worse, and ask anew whether it is not."""
        self._worse += stake / STRENGTHS
        self._not_worse = np.full(STRENGTHS, 1 / STRENGTHS)
        self.new, self.old, self.how, self.problem = Total(), Total(), None, None

    @property
    def evidence(self) -> float:
        """Wealth of the bets that the new version is worse; it is, at 1."""
        return float(self._worse.sum())

    @property
    def worse(self) -> bool:
        """Whether the new version has been shown to be worse by more than the margin."""
        return self.evidence >= 1

    @property
    def not_worse(self) -> bool:
        """Whether this stage has shown that the new version is not worse by more than the margin."""
        return float(self._not_worse.sum()) * LEVEL >= 1

    def compare(self, new: VersionLosses, old: VersionLosses, *, counts: bool) -> None:
        """Take the same cohort of both versions; without `counts`, one from before the present stage."""
        self.problem = _problem(new) or _problem(old)
        if self.problem is not None:
            return
        scale = max(new.scale, old.scale)
        margin = self.margin / scale
        differences, self.problem = paired(new, old, scale)
        if self.problem is not None:
            return
        ours, theirs = new.histogram(scale), old.histogram(scale)
        if differences is not None:
            growth, self.how = growth_of_pairs(differences, margin), "pairs"
        else:
            rows, total, squares = self._guess
            mean = total / rows
            growth = growth_of_two(ours, theirs, margin, mean, squares / rows - mean * mean)
            self.how = "same_panes"
        self._take(growth, new, old, counts=counts)
        rows, total, squares = self._guess
        for part in (ours, theirs):
            rows, total = rows + float(part.counts.sum()), total + float(part.sums.sum())
            squares += _squares(part.counts, part.sums)
        self._guess = rows, total, squares

    def hold(self, new: VersionLosses, bound: Bound) -> None:
        """Take a cohort of the new version alone, and hold it against what the old one lost before."""
        self.problem = _problem(new)
        if self.problem is not None:
            return
        limit = (bound.upper + self.margin) / new.scale
        self.how = "before"
        self._take(growth_beyond(new.histogram(new.scale), limit, bound.dispersion), new, None, counts=True)

    def count(self, new: VersionLosses) -> None:
        """Count the rows of a cohort of the new version that there is nothing to hold against."""
        self.new = Total(self.new.rows + new.labelled, self.new.loss + new.loss)

    def silent(self, reason: str) -> None:
        """Note that a cohort could not be compared, since one version is not in it."""
        self.problem = reason

    def _take(self, growth: Floats, new: VersionLosses, old: VersionLosses | None, *, counts: bool) -> None:
        factors = np.exp(np.clip(growth, -LARGEST, LARGEST))
        self._worse = np.minimum(self._worse * factors[0], 1e100)
        if not counts:
            return
        self._not_worse = np.minimum(self._not_worse * factors[1], 1e100)
        self.new = Total(self.new.rows + new.labelled, self.new.loss + new.loss)
        if old is not None:
            self.old = Total(self.old.rows + old.labelled, self.old.loss + old.loss)


def _problem(losses: VersionLosses) -> str | None:
    return None if losses.problem is None else f"version {losses.version}: {losses.problem}"


def _squares(counts: Floats, sums: Floats) -> float:
    """Return the sum of squares of losses in equal bins, as if each were the mean of its bin; exact for 0 and 1."""
    if len(counts) == 1:
        return float(sums[0])
    return float((sums * sums / np.maximum(counts, 1.0)).sum())
