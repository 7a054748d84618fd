"""`Accounting`: every event that was read stands in exactly one bin, or waits for its prediction."""

from typing import Literal, get_args

from streams.records import ROLES, Role

Bin = Literal["summarised", "dead_lettered", "duplicate", "late", "expired", "orphaned", "evicted", "control"]
"""Summarised: counted in panes. Expired: feedback after the horizon. Orphaned: feedback without a prediction.
Evicted: there was no room for it. Control: a watermark event."""

Detail = Literal["corrected", "conflicting", "forgotten", "unarchived"]
"""Forgotten: predictions that were evicted while their label could still come. Unarchived: rows that were evicted
before their cohort went into the archive, and are missing there. The others are feedback in the bin
`duplicate` that says something else than the label before it: a correction by somebody who may correct (an annotator,
or the field `correction`), or a conflict."""

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

    def read(self, role: Role, count: int) -> None:
        """Count events that were read; they wait until they stand in a bin."""
        self.counts[role]["read"] += count
        self.counts[role]["waiting"] += count

    def settle(self, role: Role, bin_: Bin, count: int) -> None:
        """Put events that were read in their bin."""
        self.counts[role][bin_] += count
        self.counts[role]["waiting"] -= count

    def note(self, role: Role, detail: Detail, count: int) -> None:
        """Count something more about events that stand in a bin."""
        self.counts[role][detail] += count


def adds_up(counts: dict[str, int]) -> bool:
    """Say whether the bins of a topic account for every event that was read."""
    return counts["read"] == sum(counts[name] for name in BINS) + counts["waiting"]
