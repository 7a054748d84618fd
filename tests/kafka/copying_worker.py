"""A worker whose level 1 copies every record to the alerts topic, by id: what the transport promises, made visible.

Run as a script: bootstrap, group, data directory, instance, seconds each chunk takes, seconds until idle.
"""

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from schemas.kafka_spec import KafkaSpec, Topics
from streams.broker_watch import BrokerWatch
from streams.compacted import read_partitions
from streams.faust_worker import FaustWorker, new_app
from streams.health import HealthServer
from streams.lane import Lane
from streams.log_reader import read_ranges
from streams.logs import log_to_stderr
from streams.publisher import Publisher
from streams.records import ROLES, Outgoing, Record, Role
from streams.security import aiokafka_settings
from streams.source_level import SourceLevel

BOOM = b"boom"


def topics(prefix: str) -> Topics:
    return Topics(**{role: f"{prefix}-{role}" for role in Topics.model_fields})


class CopyingSource:
    """State is one JSON file for each partition, replaced as a whole; the outbox is in it."""

    def __init__(self, path: Path, partition: int, progress: bytes | None, pause: float) -> None:
        self.path = path / f"{partition}.json"
        self.partition = partition
        self.pause = pause
        if self.path.exists():
            state = json.loads(self.path.read_text())
        else:
            state = {"position": json.loads(progress) if progress else dict.fromkeys(ROLES), "outbox": []}
        self.position: dict[Role, int | None] = state["position"]
        self.waiting: list[list[str]] = state["outbox"]
        self.saving: list[list[str]] = []
        self.urgent = False
        self.versions = 1
        self.seen = dict.fromkeys(ROLES, 0)
        self.rebuild: dict[Role, tuple[int | None, int]] = {}

    def process(self, role: Role, records: Sequence[Record]) -> None:
        for record in records:
            if record.value == BOOM:
                raise ValueError("a record that breaks us")
            expected = self.position[role]
            assert expected is None or record.offset >= expected, f"{role}: {record.offset} after {expected}"
            self.position[role] = record.offset + 1
            self.waiting.append([role, str(record.offset), (record.value or b"").decode()])
            self.seen[role] += 1
        time.sleep(self.pause)

    def rebuilt(self) -> None: ...

    @property
    def times(self) -> dict[Role, int]:
        return {}

    def idle(self, role: Role, heard: Mapping[Role, int]) -> None:
        self.waiting.append([role, f"idle-{self.position[role]}", ""])
        self.urgent = True

    def lost(self, role: Role) -> None: ...

    def prepare(self) -> None:
        self.saved = json.dumps({"position": self.position, "outbox": self.waiting})
        self.saving, self.told = list(self.waiting), json.dumps(self.position).encode()
        self.urgent = False

    def write(self) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(self.saved)
        beside.replace(self.path)

    def outbox(self) -> list[Outgoing]:
        copies = [
            Outgoing(
                "alerts", value.encode(), value.encode(), [("ce_id", f"{role}-{self.partition}-{offset}".encode())]
            )
            for role, offset, value in self.saving
        ]
        key = str(self.partition).encode()
        return [*copies, Outgoing("progress", key, self.told, partition=self.partition)]

    def sent(self) -> None:
        del self.waiting[: len(self.saving)]

    def counts(self) -> dict[Role, dict[str, int]]:
        return {role: {"summarised": self.seen[role]} for role in ROLES}

    def close(self) -> None: ...


def main(bootstrap: str, group: str, directory: str, instance: str, pause: float, idle_after: float) -> int:
    log_to_stderr("info")
    data = Path(directory)
    data.mkdir(parents=True, exist_ok=True)
    spec = KafkaSpec(bootstrap=bootstrap, group=group, topics=topics(group))
    app = new_app(spec, Path(), data, instance or None)
    publisher = Publisher(lambda: app.producer, spec.topics, lambda _: 1)

    def open_source(partition: int, progress: bytes | None) -> CopyingSource:
        return CopyingSource(data, partition, progress, pause)

    settings = aiokafka_settings(spec, Path())
    read, read_again = partial(read_partitions, settings), partial(read_ranges, settings)
    lane = Lane(SourceLevel(spec.topics, open_source, read, read_again, publisher, idle_after), idle_after)
    watch = BrokerWatch(settings)
    return FaustWorker(app, [lane], HealthServer([lane], "127.0.0.1", 0, away=lambda: watch.away), watch).run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:5], *map(float, sys.argv[5:])))
