"""`VersionComparison`: is the new version worse than the old one? One may look after every cohort. Pure.

Two questions, two wealths. *Worse* stakes a part of the budget of false alarms, for whoever rolls back for no reason
has raised one; it is staked in parts, at the start of each stage and as more of the budget is earned, and each part
goes on while the two versions are compared. *Not worse* is
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
ASSUMED_FROM = 4.0  # panes that the first guess of how much differences vary is worth
MOST_ASSUMED = 2.0  # most of what lets a loss vary from pane to pane moves both versions, and no difference of them

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
    dispersion
        φ of the old version's loss: by how much it varies more from pane to pane than that of independent rows would.

    Notes
    -----
    While the new version is not worse, the expected wealth is at most what was staked, so it reaches 1 with a
    probability of at most that, at whatever time one stops (Ville's inequality). Both wealths are mixtures over a grid
    of bets. What both versions share in a pane is no evidence: see `detectors.version_bets`. That holds for rows that
    are independent within a pane. Where they are not (customers with many rows, a version that is better on some days
    and worse on others), differences vary more from pane to pane than rows alone let them, and what a pane earns is
    tempered by how much more they have done so in the panes before it; a first guess of that is φ, at most 2.
    """

    def __init__(self, margin: float, mean: float, variance: float, dispersion: float = 1.0) -> None:
        self.margin = margin
        self._assumed = min(max(dispersion, 1.0), MOST_ASSUMED)
        self._varied = (0.0, 0.0, 0.0, 0.0)
        """Panes that were compared, and Σ w, Σ w d and Σ w d² over their differences d, where 1 / w is the variance
        that rows alone give d."""
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
        self.stake(stake)
        self._not_worse = np.full(STRENGTHS, 1 / STRENGTHS)
        self.new, self.old, self.how, self.problem = Total(), Total(), None, None

    def stake(self, stake: float) -> None:
        """Stake so much more on its being worse, from the next cohort on."""
        self._worse += stake / STRENGTHS

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
            n = len(differences)
            value, error = float(differences.mean()), (float((differences**2).sum()) + 1) / (n * n)
        else:
            rows, total, squares = self._guess
            mean = total / rows
            variance = squares / rows - mean * mean
            growth = growth_of_two(ours, theirs, margin, mean, variance)
            self.how = "same_panes"
            n1, n0 = float(ours.counts.sum()), float(theirs.counts.sum())
            value = float(ours.sums.sum()) / max(n1, 1.0) - float(theirs.sums.sum()) / max(n0, 1.0)
            error = max(variance, 1e-6) * (1 / max(n1, 1.0) + 1 / max(n0, 1.0))
        self._take(growth / self._dispersion, new, old, counts=counts)
        panes, weights, once, twice = self._varied
        self._varied = panes + 1, weights + 1 / error, once + value / error, twice + value * value / error
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

    @property
    def _dispersion(self) -> float:
        """By how much more differences have varied from pane to pane than rows alone let them; at least 1."""
        panes, weights, once, twice = self._varied
        beyond = max(0.0, twice - once * once / weights) if panes else 0.0
        return max(1.0, (ASSUMED_FROM * self._assumed + beyond) / (ASSUMED_FROM + max(panes - 1, 0)))

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
