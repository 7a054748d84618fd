"""What a new version is held against to say whether it helped: the old one beside it, after, or before. Pure."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from detectors.history import Cohort
from detectors.loss_difference import Difference, Losses, difference_in_panes, difference_of
from detectors.policies.yardstick import Yardstick
from schemas.event_time import Micros


class HeldAgainst(NamedTuple):
    """A new version beside the old one."""

    before: Losses
    """Of the old version, from the change to the trigger."""
    without: Losses | None
    """Of the old version after the trigger, where that is what counts."""
    after: Losses
    """Of the new version."""
    difference: Difference | None
    place: str
    """What the difference is of, in words."""
    side_by_side: bool
    """Both are of the same panes."""


def held_against(
    measure: Yardstick,
    after: Sequence[Cohort],
    cohorts: Sequence[Cohort],
    since: Micros,
    judged: Micros,
    decided: Micros,
    least: int,
) -> HeldAgainst:
    """Return how the new version compares.

    Where both versions have `least` labels in the same panes, those are compared: what moved the panes moved both.
    Else the old version is held to cohorts that the decision did not know, if they have so many: those that it rests
    on were chosen for being bad, and what comes after them is better by chance alone.

    Parameters
    ----------
    after, cohorts
        Labelled cohorts of the new version, and of the old one.
    since
        Start of the change that the trigger was about.
    judged
        Up to here cohorts had been judged when it was decided.
    decided
        When that was.
    """
    before = losses_of(measure, (c for c in cohorts if c.end > since and c.start < decided))
    ours, mine = losses_of(measure, after), {cohort.start: cohort for cohort in after}
    pairs = [(mine[theirs.start], theirs) for theirs in cohorts if theirs.start in mine]
    if pairs and min(sum(c.labelled for c in side) for side in zip(*pairs, strict=True)) >= least:
        told = [(losses_of(measure, [new]), losses_of(measure, [old])) for new, old in pairs]
        told = [(new, old) for new, old in told if new.n and old.n]
        without = losses_of(measure, (old for _, old in pairs))
        found = difference_in_panes(told) if told else None
        return HeldAgainst(before, without, ours, found, "in the same panes", side_by_side=True)
    unseen = [cohort for cohort in cohorts if cohort.end > judged]
    fair = sum(cohort.labelled for cohort in unseen) >= least
    other = losses_of(measure, unseen) if fair else before
    found = difference_of(ours, other, measure.dispersion) if ours.n and other.n else None
    place = "in what the decision did not know yet" if fair else "since the change and before the trigger"
    return HeldAgainst(before, other if fair else None, ours, found, place, side_by_side=False)


def losses_of(measure: Yardstick, cohorts: Iterable[Cohort]) -> Losses:
    """Return what cohorts lost, in the unit that is judged."""
    told = [measure.told(cohort) for cohort in cohorts]
    n, total = sum(each.n for each in told), sum(each.loss for each in told)
    scale = measure.scale or 1.0
    # where squares are not counted, no values in [0, scale] with this mean vary more
    squares = sum(scale * each.loss if each.squares is None else each.squares for each in told)
    return Losses(n, total, squares, scale)
