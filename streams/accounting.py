"""`Accounting`: every event that was read stands in exactly one bin, or waits for its prediction."""

from typing import Literal, get_args

from streams.records import ROLES, Role

Bin = Literal["summarised", "dead_lettered", "duplicate", "late", "expired", "orphaned", "control"]
"""Summarised: counted in panes. Expired: feedback after the horizon. Orphaned: feedback without a prediction. Control:
a watermark event."""

Detail = Literal["corrected", "conflicting"]
"""Feedback in the bin `duplicate` that says something else than the label before it: a correction by somebody who may
correct (an annotator, or the field `correction`), or a conflict."""

BINS: tuple[Bin, ...] = get_args(Bin)
DETAILS: tuple[Detail, ...] = get_args(Detail)


class Accounting:
    """Cumulative counts of one source partition, by topic."""

    def __init__(self, counts: dict[Role, dict[str, int]] | None = None) -> None:
        self.counts: dict[Role, dict[str, int]] = {}
        self.replace(counts or {})

    def replace(self, counts: dict[Role, dict[str, int]]) -> None:
        """Go on from other counts."""
        empty = dict.fromkeys(("read", *BINS, "waiting", *DETAILS), 0)
        self.counts = {role: empty | counts.get(role, {}) for role in ROLES}

    def read(self, role: Role) -> None:
        """Count an event that was read; it waits until it stands in a bin."""
        self.counts[role]["read"] += 1
        self.counts[role]["waiting"] += 1

    def settle(self, role: Role, bin_: Bin) -> None:
        """Put an event that was read in its bin."""
        self.counts[role][bin_] += 1
        self.counts[role]["waiting"] -= 1

    def note(self, detail: Detail) -> None:
        """Count what kind of duplicate a feedback event was."""
        self.counts["feedback"][detail] += 1


def adds_up(counts: dict[str, int]) -> bool:
    """Say whether the bins of a topic account for every event that was read."""
    return counts["read"] == sum(counts[name] for name in BINS) + counts["waiting"]
