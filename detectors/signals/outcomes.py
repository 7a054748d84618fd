"""What users say, by when they said it: ratings, complaints, acceptance, corrections and overrides.

Each is an e-detector on the share of what is worse; they share `weights.outcomes` evenly, as far as the reference knows
of them.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from detectors.bet import Bet
from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.budget import Stake, even_share
from detectors.indicators import Indicators
from detectors.layout import Counts, Layout
from detectors.outcomes import OUTCOMES, RATED, SAID, refusals
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


class _Words(NamedTuple):
    what: str
    """What moved, if it did."""
    none: str
    """What the reference has none of."""
    way: str
    """How a reference gets them."""


_RATING, _CORRECTION = "name a column for rating in files.reference", "name a column for correction in files.reference"
_WORDS = {
    "rating": _Words("mean rating", "ratings", _RATING),
    "complaint_rate": _Words("share of ratings that are complaints", "ratings", _RATING),
    "acceptance_rate": _Words("share of users' feedback that accepts the answer", "ratings", _RATING),
    "correction_rate": _Words("share of labels that are corrections", "corrections", _CORRECTION),
    "override_rate": _Words("share of users' labels that differ from the prediction", "corrections", _CORRECTION),
}
_EVERY = {
    "complaint_rate": "every rating of the reference is a complaint: no rise could be told",
    "acceptance_rate": "no feedback of the reference accepts the answer: no fall could be told",
    "correction_rate": "every label of the reference is a correction: no rise could be told",
    "override_rate": "every correction of the reference differs from the prediction: use correction_rate",
}
"""Why nothing is told of what is always so in the reference: no further rows would help."""
FALLS = ("rating", "acceptance_rate")
"""Signals that are worse when they fall."""


@register
class Outcome:
    """One of `OUTCOMES`."""

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, layout: Layout, name: str, weight: float) -> None:
        self.name = name
        self.weight = weight
        self._ways = _ways(layout)
        grounds = Grounds(layout)
        self._problem = grounds.problem
        self._reference: float | None = None
        self._bet: Bet | None = None
        reference = self._worse(layout, vector(layout, "label"))
        if self._problem is None and not _known(layout, name):
            self._problem = f"the reference has no {_WORDS[name].none}: {_WORDS[name].way}"
        if reference.n:
            self._reference = self._unit(float(reference.totals[0]) / reference.n)
        self._problem = self._problem or grounds.problem_of(name)
        if self._problem is None and weight == 0:
            self._problem = "weights.outcomes is 0: nothing is staked on it"
        if self._problem is None:
            total, phi = float(reference.totals[0]), grounds.dispersion(name)
            if name == "rating":  # of values in [0, 1] the sum is no less than the sum of squares
                bound = upper_bound_of_mean(total, total, reference.n, dispersion=phi)
            else:
                bound = float(upper_bound(total, reference.n, dispersion=phi))
            baseline = np.array([bound + minimum_effect(layout, name)])
            self._bet = Bet(baseline, weight, layout.spec.false_alarms.length, np.array([phi]))
            if not self._bet.detector.staked:
                self._problem = _EVERY.get(name, HOPELESS) if total >= reference.n else HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("alarm", self.weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the rate where there is feedback of its kind, or the reference had some."""
        totals, n = self._worse(pane.layout, pane.counts)
        if self._silent(pane.layout, pane.counts, n):
            return
        value = self._unit(float(totals[0]) / n) if n else None
        reading = Reading(
            signal=self.name, tier="outcomes", value=value, n=int(n), status="unknown", reference=self._reference
        )
        none = f"no {_WORDS[self.name].none} became known"
        problem = pane.judging_problem or self._problem or (None if n else none)
        if problem is not None or self._bet is None:
            yield Finding(reading.model_copy(update={"reason": problem}))
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        effect = None if value is None or self._reference is None else value - self._reference
        baseline = self._unit(verdict.baseline)
        reading = reading.model_copy(update={"detector": "e_detector", "baseline": baseline, "effect": effect})
        yield judged(
            reading,
            verdict,
            _WORDS[self.name].what,
            minimum_effect=minimum_effect(pane.layout, self.name),
            weight=self.weight,
            unit=self._unit,
        )

    def _silent(self, layout: Layout, counts: Counts, n: float) -> bool:
        """Return whether there is nothing to say of it: neither the reference nor the pane has any."""
        if self._bet is not None or _known(layout, self.name):
            return False
        return n == 0 or (self.name == "correction_rate" and not OUTCOMES[self.name](layout, counts).totals[0])

    def _worse(self, layout: Layout, counts: Counts) -> Indicators:
        if self.name == "acceptance_rate":
            return refusals(layout, counts, self._ways)
        return OUTCOMES[self.name](layout, counts)

    def _unit(self, worse: float) -> float:
        return 1 - worse if self.name in FALLS else worse


def outcomes(layout: Layout) -> list[Outcome]:
    """Return the signals of what users say; those that the reference has feedback for share the weight evenly."""
    staked = [name for name in OUTCOMES if _known(layout, name)]
    share = even_share(layout.spec.weights.outcomes, len(staked))
    return [Outcome(layout, name, share if name in staked else 0.0) for name in OUTCOMES]


def minimum_effect(layout: Layout, name: str) -> float:
    """Return the declared minimum effect of a signal of `OUTCOMES`."""
    effect = layout.spec.minimum_effect
    return effect.rating if name == "rating" else effect.outcomes


def _known(layout: Layout, name: str) -> bool:
    """Return whether the reference has feedback that a signal could be judged by.

    Labels without a correction among them say nothing of how often there is one: most references have no such column.
    Where nobody rates, acceptance is what is not overridden, and the override rate says so.
    """
    counts = vector(layout, "label")
    if name == "correction_rate":
        return bool(OUTCOMES[name](layout, counts).totals[0])
    if name == "acceptance_rate":
        return refusals(layout, counts, [RATED]).n > 0
    return OUTCOMES[name](layout, counts).n > 0


def _ways(layout: Layout) -> Sequence[int]:
    """Return by which of the ways to accept an answer that the reference knows acceptance is told; else by all."""
    counts = vector(layout, "label")
    return [way for way in (RATED, SAID) if refusals(layout, counts, [way]).n > 0] or [RATED, SAID]
