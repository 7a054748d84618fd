"""`Rebuild`: what a source partition without a store reads again, to be where its last owner was."""

from collections.abc import Mapping

from streams.progress import Progress
from streams.records import Role

REST_EVERY = 40_000
"""Records after which a rebuild lets go of what it no longer needs."""


class Rebuild:
    """How far a rebuild has come.

    Parameters
    ----------
    target
        What the last owner said last; None: there is nothing to rebuild.
    position
        By topic: the offset from which events bear on what is still open; None is the log's start.
    """

    def __init__(self, target: Progress | None = None, position: Mapping[Role, int | None] | None = None) -> None:
        self.target = target
        self.ranges: dict[Role, tuple[int | None, int]] = {}
        """By topic: offsets (first, end) to read again."""
        self._fed: dict[Role, int] = {}
        """By topic: records read so far."""
        for role, end in (target.position if target else {}).items():
            first = (position or {}).get(role)
            if end is not None and end > (first or 0):
                self.ranges[role] = (first, end)

    @property
    def unfed(self) -> list[Role]:
        """Topics of which nothing was read, though it should have been."""
        return [role for role in self.ranges if role not in self._fed]

    def begins_late(self, role: Role, offset: int) -> bool:
        """Say whether records from `offset` on are the first of what must be read again, and its beginning is gone."""
        return role in self.unfed and offset > (self.ranges[role][0] or 0)

    def rests(self, role: Role, records: int) -> bool:
        """Count records; say whether it is time to let go of what is no longer needed."""
        if not self.ranges:
            return False
        before = sum(self._fed.values())
        self._fed[role] = self._fed.get(role, 0) + records
        return before // REST_EVERY != (before + records) // REST_EVERY
