"""`streamgauge worker`: level 1 and level 2 on Faust and Kafka, in one process. Wiring only; no logic of the monitor.

Read on in `streams.lane`: it says in which order state, output and commits are written. `streams.faust_worker` is what
is left of Faust, `streams.transport` how chunks come in.
"""

import fcntl
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from faust.types import TP
from kafka.errors import KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError

from schemas.event_time import SECOND
from schemas.spec import MonitorSpec
from streams.beginning import find_beginning
from streams.broker_watch import BrokerWatch, wait_for_broker
from streams.collector import spare_the_collector
from streams.command_level import CommandLevel
from streams.compacted import read_partitions
from streams.errors import UserError
from streams.faust_worker import FaustWorker, new_app
from streams.files import load_layouts
from streams.health import HealthServer
from streams.lane import Lane
from streams.log_reader import log_bounds, read_ranges
from streams.logs import log_to_stderr
from streams.monitor_level import MonitorLevel
from streams.monitoring import MonitorPartition
from streams.open_archive import open_archive
from streams.partition import SourcePartition
from streams.publisher import Publisher
from streams.security import aiokafka_settings
from streams.source_level import SourceLevel
from streams.store import Store
from streams.topics import partition_counts, require

UNANSWERED = KafkaConnectionError, KafkaTimeoutError, NodeNotReadyError, RequestTimedOutError


def run(
    spec: MonitorSpec,
    base: Path,
    data_dir: Path,
    *,
    http_host: str,
    http_port: int,
    log_level: str,
    instance_id: str | None = None,
) -> int:
    """Run a worker until SIGTERM or SIGINT; return 0. Where no broker answers, one is waited for.

    Parameters
    ----------
    base
        Directory of the monitor file: relative paths in it start here.
    data_dir
        Local stores; one directory for each worker.
    instance_id
        Names this worker in the group for good (static membership): a restart within the session timeout moves no
        partitions. Two workers must not share one.

    Raises
    ------
    UserError
        When the topics do not fit the monitor file, or a file is missing.
    Stopped
        When the worker could not go on; the message says why.
    """
    log_to_stderr(log_level)
    watch = BrokerWatch(aiokafka_settings(spec.kafka, base))
    health = HealthServer([], http_host, http_port, away=lambda: watch.away)
    counts = wait_for_broker(watch, health, partial(_found, spec, base))
    if counts is None:
        return 0
    spare_the_collector()
    with owned_directory(data_dir):
        return build(spec, base, data_dir, counts, health, watch, instance_id).run()


def _found(spec: MonitorSpec, base: Path) -> dict[str, int] | None:
    """Return how many partitions each topic has; None where no broker answers.

    Raises
    ------
    UserError
        When topics are not as they should be, or the broker refuses us.
    """
    try:
        require(spec, base)
        return partition_counts(spec, base)
    except UserError as error:
        if isinstance(error.__context__, UNANSWERED):
            return None
        raise


@contextmanager
def owned_directory(path: Path) -> Iterator[None]:
    """Keep `path` for this process; the lock goes when the process does, however it ends.

    Raises
    ------
    UserError
        When another worker has it, or it cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle = (path / "lock").open("a")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}: give --data-dir a directory that can be written") from None
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"{path}: in use by another worker: give each its own --data-dir") from None
        yield


def build(
    spec: MonitorSpec,
    base: Path,
    data_dir: Path,
    counts: Mapping[str, int],
    health: HealthServer,
    watch: BrokerWatch,
    instance_id: str | None,
) -> FaustWorker:
    """Return a worker, not yet started, whose three lanes are the monitor; `counts` is partitions by topic."""
    topics = spec.kafka.topics
    layouts = load_layouts(spec, base)
    app = new_app(spec.kafka, base, data_dir, instance_id)
    publisher = Publisher(lambda: app.producer, topics, counts.__getitem__)
    settings = aiokafka_settings(spec.kafka, base)
    open_archive(spec, base, 0, counts[topics.predictions])  # what cannot be written is told now, not when a pane ends
    read = partial(read_partitions, settings)
    begin = partial(find_beginning, topics, counts, read, partial(log_bounds, settings))

    def open_source(partition: int, progress: bytes | None) -> SourcePartition:
        path, partitions = data_dir / spec.kafka.group / f"{topics.predictions}-{partition}", counts[topics.predictions]
        archive = open_archive(spec, base, partition, partitions, at_work=True)
        return SourcePartition(partition, partitions, spec, layouts, Store(path), progress, archive)

    async def committed(partitions: Iterable[TP]) -> dict[TP, int | None]:
        return dict(await app.consumer.committed(partitions))

    idle_after = spec.limits.idle_after / SECOND
    lanes = [
        Lane(SourceLevel(topics, open_source, read, partial(read_ranges, settings), publisher, idle_after), idle_after),
        Lane(MonitorLevel(topics, lambda: MonitorPartition(spec, layouts), read, publisher, begin), idle_after),
        Lane(CommandLevel(topics, spec.models, committed, publisher), idle_after),
    ]
    health.observe(lanes)
    return FaustWorker(app, lanes, health, watch)
