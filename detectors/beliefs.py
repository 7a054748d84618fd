"""Beliefs: why retraining may be hopeless, as far as one can tell. They are told with each decision and decide nothing.

What keeps a hopeless model from retraining forever is the back-off; what a belief adds is that people hear why.
"""

from typing import NamedTuple

from detectors.comparison import hardly_better
from detectors.policies.cost_state import CostState
from detectors.policies.state import FAILED, PolicyState
from detectors.policies.yardstick import yardstick_of
from detectors.situation import Situation
from detectors.triggering import reference_mean
from detectors.wording import value_text
from schemas.decision import Belief

TWICE = 2  # one retraining without a gain is bad luck


class Believed(NamedTuple):
    """A belief, and what speaks for it."""

    belief: Belief
    reason: str | None


def believe(state: PolicyState, situation: Situation, own: CostState | None) -> Believed:
    """Return what is believed of a version, the gravest first.

    Parameters
    ----------
    own
        What the cost policy remembers of it, where there is one.
    """
    all_results = [asked.result for asked in state.triggers.values() if asked.result]
    in_row = 0
    for result in reversed(all_results):
        if result not in FAILED:
            break
        in_row += 1
    if in_row >= TWICE:
        names = ", ".join(all_results[-min(in_row, 5) :])
        return Believed(
            "retraining_fails",
            f"the newest {in_row} retrainings brought no new version ({names}): mend the retraining side",
        )
    h = state.back_off
    graded = [
        asked.result
        for asked in state.triggers.values()
        if not asked.planned and asked.result in ("helped", "no_difference", "worse")
    ]
    futile = bool(graded) and graded[-1] != "helped"
    birth = _birth(own, situation)
    if futile and hardly_better(situation) and (h >= TWICE or birth is not None):
        comparison = situation.comparison or {}
        return Believed(
            "irreducible_noise",
            f"neither {_retrainings(h)} nor the challenger (loss {comparison['challenger']:.4g} against "
            f"{comparison['champion']:.4g} on the same rows) does better: what is left looks like noise that the "
            f"features do not explain",
        )
    if futile and h >= TWICE:
        return Believed(
            "retraining_does_not_help",
            f"{_retrainings(h)} in a row brought no significant gain: look at the features and the training code",
        )
    if birth is not None:
        return Believed("bad_from_birth", birth)
    return Believed("none", None)


def _retrainings(h: int) -> str:
    return "the last retraining" if h <= 1 else f"the last {h} retrainings"


def _birth(own: CostState | None, situation: Situation) -> str | None:
    """Return why a version seems to have been bad from its first day, or None."""
    if own is None or not own.champion.burnt_in:
        return None
    rows, loss = own.births
    if rows == 0:
        return None
    layout = situation.by_file
    measure = yardstick_of(layout, own.champion.confidence)
    bounds = [bound for bound in (own.promised, measure.reference) if bound is not None]
    scale = measure.scale or 1.0
    if not bounds:
        return None
    expected = min(bounds)
    mean = loss / rows
    share = min(mean / scale, 1.0)
    # the mean less what chance gives it, as values in [0, scale] with this mean vary at most
    low = mean - 1.645 * scale * (measure.dispersion * share * (1 - share) / rows) ** 0.5
    if low <= expected:
        return None
    before = reference_mean(layout)
    against = "its held-out loss or its reference" if expected == own.promised else "the reference"
    reference = "" if before is None or measure.priced else f"; the reference has {value_text(measure.signal, before)}"
    return (
        f"its first {rows:,} labelled rows lost {value_text(measure.signal, mean)}, above the "
        f"{value_text(measure.signal, expected)} that {against} promised{reference}"
    )
