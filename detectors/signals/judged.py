"""From a bet's verdict to a finding: one way for all signals that an e-detector judges."""

from collections.abc import Callable
from typing import Literal

from detectors.bet import Verdict
from detectors.signals.signal import Finding, Firing
from schemas.reading import Reading


def judged(
    reading: Reading,
    verdict: Verdict,
    what: str,
    *,
    minimum_effect: float,
    weight: float,
    severity: Literal["alarm", "notice"] = "alarm",
    reference: float | None = None,
    unit: Callable[[float], float] = float,
) -> Finding:
    """Return the finding of a reading that a bet has judged.

    Parameters
    ----------
    reading
        All but its status and its evidence, which are the verdict's.
    what
        What moved, if it did.
    reference
        Of what moved, where that is another quantity than the reading's.
    unit
        From the bet's values in [0, 1] to the unit of the signal.
    """
    judgement = verdict.judgement
    status = "alarm" if judgement.fired else "ok"
    finished = reading.model_copy(update={"status": status, "evidence": judgement.evidence})
    firing = None
    if judgement.fired:
        firing = Firing(
            severity=severity,
            since=judgement.since,
            what=what,
            value=unit(verdict.mean),
            n=int(judgement.n),
            reference=reading.reference if reference is None else reference,
            baseline=unit(verdict.baseline),
            minimum_effect=minimum_effect,
            weight=weight,
            since_low=verdict.since_low,
            since_high=verdict.since_high,
        )
    return Finding(finished, firing, verdict.recovered)
