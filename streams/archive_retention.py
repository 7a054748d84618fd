"""`Retention`: whole days of the archive are deleted, oldest first: those that are too old, and what is too much.

In event time, as it stands in the source partition that does it. A day that may still be written to, or whose rows a
label may still come for, stays, whatever the limits say.
"""

import logging
from collections import defaultdict
from collections.abc import Mapping
from datetime import date

from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.archive_files import ArchiveFiles
from streams.archive_names import DAY, KINDS, as_day, day_of, day_start

log = logging.getLogger(__name__)


class Retention:
    """Applies `archive.retention` and `archive.max_bytes`, once when a day of event time is over."""

    def __init__(self, spec: MonitorSpec, files: ArchiveFiles) -> None:
        assert spec.archive is not None
        self._spec = spec
        self._limits = spec.archive
        self._files = files
        self._applied: date | None = None

    def apply(self, complete: Mapping[str, Micros]) -> None:
        """Delete what is over the limits, if a day has passed; `complete`: event time of each model."""
        if self._limits.retention is None and self._limits.max_bytes is None:
            return
        today = day_of(min(complete.values()))
        if today == self._applied:
            return
        self._applied = today
        days = self._days()
        kept: dict[date, list[str]] = {}
        for day in sorted(days):
            if self._limits.retention is not None and self._over(day, complete, self._limits.retention):
                self._remove(day, days[day], "it is older than archive.retention")
            else:
                kept[day] = days[day]
        if self._limits.max_bytes is not None:
            self._shrink(kept, complete, self._limits.max_bytes)

    def _shrink(self, days: Mapping[date, list[str]], complete: Mapping[str, Micros], most: int) -> None:
        sizes = {day: sum(map(self._files.size, paths)) for day, paths in days.items()}
        total = sum(sizes.values())
        for day in sorted(days):
            if total <= most:
                return
            if not self._over(day, complete, 0):
                log.warning(
                    "archive: %d bytes, more than archive.max_bytes (%d), and the oldest day, %s, still waits for "
                    "labels: nothing more can be deleted",
                    total,
                    most,
                    day,
                )
                return
            self._remove(day, days[day], "the archive is larger than archive.max_bytes")
            total -= sizes[day]

    def _over(self, day: date, complete: Mapping[str, Micros], age: Micros) -> bool:
        """Say whether a day ended `age` ago for all models, and nothing of it is open."""
        end = day_start(day) + DAY
        return all(
            complete[name] >= end + max(age, model.pane + 2 * model.label_horizon + self._spec.feedback_lateness)
            for name, model in self._spec.models.items()
        )

    def _days(self) -> dict[date, list[str]]:
        """Return the directories of each day, of all models, also of those that are gone from the monitor file."""
        found: dict[date, list[str]] = defaultdict(list)
        for kind in KINDS:
            for model in self._files.directories(kind):
                for version in self._files.directories(f"{kind}/{model}"):
                    for name in self._files.directories(f"{kind}/{model}/{version}"):
                        if (day := as_day(name)) is not None:
                            found[day].append(f"{kind}/{model}/{version}/{name}")
        return found

    def _remove(self, day: date, paths: list[str], why: str) -> None:
        for path in paths:
            self._files.remove(path)
        log.info("archive: deleted %s: %s", day, why)
