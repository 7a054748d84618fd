"""Repeated outputs: the share of the most frequent class, text or predicted number."""

from collections.abc import Iterable

import numpy as np

from detectors.bet import Bet
from detectors.bounds import CONFIDENCE, upper_bound
from detectors.budget import Stake
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.proxy_indicators import REPEATED, outputs
from detectors.reference import vector
from detectors.signals.judged import judged
from detectors.signals.signal import HOPELESS, Finding, Grounds
from detectors.state import register
from schemas.reading import Family, Reading


@register
class Repeated:
    """Share of the most frequent output, and an e-detector on each output becoming more frequent than any ever was.

    Texts and numbers are told apart by a hashed bucket, so that a share is an upper bound of that of any output in it:
    others that fall into the same bucket count as it. The reference is counted alike, so a rise is none of hashing's.

    The largest share of a pane is above the largest expected one, the more so the smaller the pane. So the bets are on
    each output by itself, all against one baseline: the upper bound of the reference's most frequent output, with the
    minimum effect.
    """

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout, weight: float) -> None:
        self._weight = weight
        self._reference: float | None = None
        self._bet: Bet | None = None
        grounds = Grounds(layout)
        self._problem = grounds.problem_of(REPEATED)
        totals, n = outputs(layout, vector(layout, "traffic"))
        if n:
            self._reference = float(totals.max() / n)
        elif self._problem is None:
            self._problem = "the reference has no rows"
        if self._problem is None and weight == 0:
            self._problem = "its weight is 0: nothing is staked on it"
        if self._problem is None:
            phi, bets = grounds.dispersion(REPEATED), len(totals)
            bound = float(upper_bound(totals.max(), n, 1 - (1 - CONFIDENCE) / bets, phi))
            baselines = np.full(bets, bound + layout.spec.minimum_effect.proxies)
            self._bet = Bet(baselines, weight, layout.spec.notice_budget.length, np.full(bets, phi))
            if not self._bet.detector.staked:
                self._problem = HOPELESS

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes of which budget."""
        return () if self._bet is None else (("notice", self._weight),)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of the pane's most frequent output."""
        totals, n = outputs(pane.layout, pane.counts)
        share = float(totals.max() / n) if n else None
        problem = pane.judging_problem or self._problem or (None if n else "no rows")
        reading = Reading(
            signal="repeated_outputs",
            tier="proxies",
            value=share,
            n=int(n),
            status="unknown",
            reason=problem,
            reference=self._reference,
        )
        if problem is not None or self._bet is None:
            yield Finding(reading)
            return
        verdict = self._bet.counts(totals, n, pane.start, pane.end)
        effect = None if share is None or self._reference is None else share - self._reference
        reading = reading.model_copy(
            update={"detector": "e_detector", "baseline": verdict.baseline, "effect": effect, "status": "ok"}
        )
        yield judged(
            reading,
            verdict,
            f"share of {_what(pane.layout, verdict.judgement.bet)}",
            minimum_effect=pane.layout.spec.minimum_effect.proxies,
            weight=self._weight,
            severity="notice",
        )


def _what(layout: Layout, bet: int) -> str:
    """Return in words which output it is: a bucket has no name, and hides which of its outputs it is."""
    if layout.spec.task == "binary":
        return f"predictions of {layout.spec.positive_label if bet == 1 else f'not {layout.spec.positive_label}'}"
    if layout.spec.task == "multiclass":
        names = layout.classes
        return f"predictions of {names[bet] if bet < len(names) else 'classes the reference does not have'}"
    return "one and the same text" if layout.spec.task == "text" else "one and the same number"
