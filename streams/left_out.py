"""`LeftOut`: says in the log when events were refused or came too late. Once a minute at most."""

import logging
from collections import Counter
from collections.abc import Mapping

from streams.records import Role

log = logging.getLogger(__name__)

LOG_SECONDS = 60.0
WORDS = {
    "dead_lettered": "refused (see the dead letters)",
    "late": "late (older than lateness allows) and left out",
}


class LeftOut:
    """What was said of the topics of level 1.

    Parameters
    ----------
    roles
        By topic.
    """

    def __init__(self, roles: Mapping[str, Role]) -> None:
        self._roles = roles
        self._said: dict[tuple[int, str], dict[str, int]] = {}
        self._said_at: float | None = None

    def tell(self, partitions: Mapping[int, Mapping[Role, Mapping[str, int]]], now: float) -> None:
        """Say by how much the accounting of partitions has grown since the last time; `now` in seconds.

        Of a partition that is new here, what was counted before is known to whoever had it.
        """
        if self._said_at is not None and now - self._said_at < LOG_SECONDS:
            return
        before, self._said, self._said_at = self._said, {}, now
        for topic, role in self._roles.items():
            more: Counter[str] = Counter()
            for partition, counts in partitions.items():
                found = {name: counts.get(role, {}).get(name, 0) for name in WORDS}
                known = before.get((partition, topic), found)
                more.update({name: found[name] - known[name] for name in WORDS})
                self._said[partition, topic] = found
            for name, count in more.items():
                if count > 0:
                    log.warning("%s: %d more events were %s", topic, count, WORDS[name])
