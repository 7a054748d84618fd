"""`RetrainWorker`: consumes triggers from Kafka and carries out each once.

Workers of one group share the partitions of the triggers topic; the owner of a trigger's partition works on it. The
truth about what was done is the commands topic: it is read before a trigger is begun, and one that has its final report
is passed over. An offset is committed only after that report. So a worker that was killed costs a repetition of what it
was at, which gives the same version and reports with the same ids.

A training runs in a thread, so that this one keeps its place in the group. Where a rebalance takes the partition away,
the training is given up: it is the new owner's.
"""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import time
from types import FrameType
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor
from pydantic import ValidationError

from schemas.event_time import Micros, rfc3339, to_micros
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.client import consumer, group_consumer, partitions, producer, reaching
from streams.cloudevents import headers, unwrap
from streams.dataset_archive import require_archive
from streams.errors import UserError
from streams.logs import log_to_stderr
from streams.retrain import Retraining
from streams.retrain_answers import Answers
from streams.retrain_reports import Report, encoded
from streams.retrain_work import RetrainWork
from streams.trainers.choose import require_trainers
from streams.trainers.given_up import GivenUp

log = logging.getLogger(__name__)

POLL_MS = 300
DELIVERY = 150.0  # seconds until the broker has acknowledged a report; the producer itself gives up after 120
GRACE = 15.0  # seconds that a step may take to leave off
SESSION_MS = 10_000  # until the group knows that a worker was killed
PAUSE = 5.0  # seconds before a trigger is begun again whose report could not be sent
MILLISECOND = 1_000
LONGEST_ID = 512  # as commands have it


class RetrainWorker:
    """A member of the group `<kafka.group>-retrain`.

    Parameters
    ----------
    base
        Directory of the monitor file.
    since
        Triggers decided before this are passed over; None: none are.
    """

    def __init__(self, spec: MonitorSpec, base: Path, work: RetrainWork, since: Micros | None = None) -> None:
        self._spec, self._base, self._work, self._since = spec, base, work, since
        self._stopped = threading.Event()
        self._current: _Current | None = None

    def stop(self) -> None:
        """Ask it to end."""
        self._stopped.set()

    def run(self) -> None:
        """Work until `stop`.

        Raises
        ------
        UserError
            When the broker cannot be reached.
        """
        kafka, topics = self._spec.kafka, self._spec.kafka.topics
        with reaching(kafka):
            settings = {
                "session_timeout_ms": SESSION_MS,
                "partition_assignment_strategy": [StickyPartitionAssignor],
            }
            with (
                consumer(kafka, self._base) as reading,
                producer(kafka, self._base) as writing,
                group_consumer(kafka, self._base, f"{kafka.group}-retrain", **settings) as client,
            ):
                answers = Answers(reading, topics.commands)
                log.info("waiting for triggers on %s as one of %s-retrain", topics.triggers, kafka.group)
                client.subscribe([topics.triggers], listener=_Listener(self._assigned))
                while not self._stopped.is_set():
                    self._turn(client, answers, writing)
                self._leave()

    def _turn(self, client: KafkaConsumer, answers: Answers, writing: KafkaProducer) -> None:
        """Poll once: for the next trigger, or to stay in the group while one is worked on."""
        if self._current is None:
            client.resume(*client.paused())
        else:
            client.pause(*client.assignment())
        batches = client.poll(timeout_ms=POLL_MS, max_records=1)
        if self._current is None:
            for part, records in batches.items():
                self._current = self._begin(client, part, records[0], answers, writing)
            return
        for part, records in batches.items():  # a rebalance has taken the pause away
            client.seek(part, records[0].offset)
        if self._current.part in client.assignment() and not self._current.thread.is_alive():
            self._settle(client, self._current)
            self._current = None
        elif not self._current.thread.is_alive() and self._current.stop.is_set():
            log.info("trigger %s: given up", self._current.trigger.id)
            self._current = None

    def _begin(
        self, client: KafkaConsumer, part: TopicPartition, record: Any, answers: Answers, writing: KafkaProducer
    ) -> "_Current | None":
        trigger = self._trigger(part, record)
        if trigger is not None and trigger.id in answers.triggers():
            log.info("trigger %s: has its final report", trigger.id)
            trigger = None
        if trigger is None:
            _commit(client, part, record.offset + 1)
            return None
        current = _Current(part, record, trigger)
        retraining = Retraining(
            self._spec,
            self._base,
            self._work,
            lambda report: _send(writing, self._spec.kafka.topics.commands, report),
            current.event_time,
            current.stop.is_set,
        )
        current.start(retraining)
        return current

    def _trigger(self, part: TopicPartition, record: Any) -> RetrainingTrigger | None:
        """Return the trigger of a record, if it is one that we are to carry out."""
        try:
            trigger = RetrainingTrigger.model_validate_json(unwrap(record.value or b"", tuple(record.headers)))
        except (ValidationError, ValueError) as error:
            log.warning("%s[%d] offset %d: no trigger: %s", part.topic, part.partition, record.offset, error)
            return None
        if not 0 < len(trigger.id) <= LONGEST_ID:
            log.warning("%s[%d] offset %d: a trigger without a usable id", part.topic, part.partition, record.offset)
            return None
        if trigger.model not in self._spec.models:
            log.info("trigger %s: of model %s, which the monitor file has not", trigger.id, trigger.model)
            return None
        if self._since is not None and to_micros(trigger.time) < self._since:
            log.info("trigger %s: decided at %s, before --since", trigger.id, rfc3339(to_micros(trigger.time)))
            return None
        return trigger

    def _settle(self, client: KafkaConsumer, current: "_Current") -> None:
        """Commit what was reported; else read the trigger again."""
        after = current.record.offset + (1 if current.error is None else 0)
        if current.error is None:
            _commit(client, current.part, after)
        elif not isinstance(current.error, GivenUp):
            log.error("trigger %s: could not be reported, again in a while: %s", current.trigger.id, current.error)
            self._stopped.wait(PAUSE)
        client.seek(current.part, after)

    def _assigned(self, parts: set[TopicPartition]) -> None:
        """Take note of a rebalance that is over."""
        log.info("owns partitions %s", sorted(part.partition for part in parts))
        current = self._current
        if current is not None and current.part not in parts:
            log.info("trigger %s: its partition is another worker's now", current.trigger.id)
            current.stop.set()

    def _leave(self) -> None:
        """Leave off what is being done; it will be done again."""
        current = self._current
        if current is None:
            return
        current.stop.set()
        current.thread.join(GRACE)
        log.info("trigger %s: left off, and begun again by the next worker", current.trigger.id)
        if current.thread.is_alive():  # in the middle of a fit, which cannot be told to stop
            logging.shutdown()
            os._exit(0)


class _Current:
    """The trigger that is worked on, and the thread that does it."""

    def __init__(self, part: TopicPartition, record: Any, trigger: RetrainingTrigger) -> None:
        self.part, self.record, self.trigger = part, record, trigger
        self.stop = threading.Event()
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=lambda: None)

    def start(self, retraining: Retraining) -> None:
        """Begin."""

        def work() -> None:
            try:
                retraining.carry_out(self.trigger)
            except BaseException as error:  # somebody's code may call sys.exit: no report was sent then either
                self.error = error

        self.thread = threading.Thread(target=work, name="retraining", daemon=True)
        self.thread.start()

    def event_time(self, trigger: RetrainingTrigger) -> Micros:
        """Return the time of the decision and how long ago, by the clock, it was published.

        So a report of a trigger that came of replayed history lies in that history, and not at the end of time.
        """
        published = int(self.record.timestamp)
        passed = max(0, int(time() * MILLISECOND) - published) if published > 0 else 0
        return to_micros(trigger.time) + passed * MILLISECOND


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, assigned: Any) -> None:
        self._assigned = assigned

    def on_partitions_revoked(self, revoked: Any) -> None:
        """Wait for the new assignment: what was revoked mostly comes back."""

    def on_partitions_assigned(self, assigned: Any) -> None:
        """Tell the worker what it owns."""
        self._assigned(set(assigned))


def run(
    spec: MonitorSpec,
    base: Path,
    work: RetrainWork,
    *,
    since: Micros | None = None,
    log_level: str = "info",
    file: Path | None = None,
) -> None:
    """Work on Kafka until SIGTERM or Ctrl-C; `file` is the monitor file, for messages.

    Raises
    ------
    UserError
        When the archive, a trainer of the monitor file or a topic is missing, or the broker cannot be reached.
    """
    require_archive(spec)
    require_trainers(spec, base, file)
    _require_topics(spec, base)
    log_to_stderr(log_level)
    worker = RetrainWorker(spec, base, work, since)
    with stopped_by_signals(worker.stop):
        worker.run()


@contextmanager
def stopped_by_signals(stop: Any) -> Iterator[None]:
    """Call `stop` when the process is asked to end."""

    def asked(_number: int, _frame: FrameType | None) -> None:
        stop()

    before = {number: signal.signal(number, asked) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_topics(spec: MonitorSpec, base: Path) -> None:
    kafka, topics = spec.kafka, spec.kafka.topics
    with reaching(kafka):
        for topic, count in partitions(kafka, base, [topics.triggers, topics.commands]).items():
            if count is None:
                raise UserError(f"topic {topic} does not exist at {kafka.bootstrap}: streamgauge topics create MONITOR")


def _commit(client: KafkaConsumer, part: TopicPartition, offset: int) -> None:
    client.commit({part: OffsetAndMetadata(offset, "", -1)})


def _send(writing: KafkaProducer, topic: str, report: Report) -> None:
    moment = rfc3339(to_micros(report.timestamp))
    writing.send(
        topic,
        key=report.model.encode(),
        value=encoded(report),
        headers=list(headers("command", report.id, moment, report.model, source="streamgauge/retrain")),
    ).get(DELIVERY)
