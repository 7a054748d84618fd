"""A Faust app that runs lanes: assignment, draining, ticking and the end of the process. Knows nothing of the monitor.

None of Faust's tables, acks, transactions, web server or command line is used: what is left is the group, its
rebalances, and the supervision of agents.
"""

import asyncio
import logging
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import faust
from faust.types import TP

from schemas.kafka_spec import KafkaSpec
from streams import metrics
from streams.broker_watch import BrokerWatch
from streams.errors import Stopped, UserError
from streams.health import HealthServer
from streams.lane import Lane
from streams.security import aiokafka_settings, faust_broker, faust_credentials
from streams.transport import App, BytesSchema

log = logging.getLogger(__name__)

SESSION_TIMEOUT = 7.0
"""Seconds after which the group takes a silent worker for dead; brokers allow 6 or more. Heartbeats have a thread."""
TICK = 0.1
SAVE_SECONDS = 6.0
"""How long the last checkpoint may take."""
HOPE_SECONDS = 3.0
"""The same while no broker answers."""
LEAVE_SECONDS = 3.0
"""How long it may take to leave the group and close connections, after that. Docker grants ten seconds in all."""
NOT_SAVED = (
    "ended without a last checkpoint of level %s: it did not get through. Nothing is lost, some work is repeated"
)


class FaustWorker:
    """One app, its lanes, the health server and the watch over the broker."""

    def __init__(self, app: App, lanes: Sequence[Lane], health: HealthServer, watch: BrokerWatch) -> None:
        self.app = app
        self.lanes = lanes
        self.health = health
        self.watch = watch
        self._saving = False
        self._process: _Process | None = None
        self.reason: Exception | None = None
        """Why it cannot go on: the first error of a lane."""
        for lane in lanes:
            self._consume(lane)
        app.positions = self._positions
        app.drain = self._drain
        app.on_rebalance_complete.connect(self._assigned)
        app.task(self._tick)

    def run(self) -> int:
        """Run until stopped.

        Raises
        ------
        UserError
            When the port of the health server is taken.
        Stopped
            When it ended otherwise than by a signal.
        """
        self.health.bind()
        process = self._process = _Process(self)
        try:
            process.execute_from_commandline()
        except SystemExit as end:
            if end.code in (0, None) and self.reason is None:
                if unsaved := self.unsaved():
                    log.error(NOT_SAVED, unsaved)
                    return 1
                log.info("stopped; everything read is checkpointed")
                return 0
        finally:
            for lane in self.lanes:
                lane.close()
        reason = self.reason or process.crash_reason or self.app.crash_reason
        if isinstance(reason, Stopped | UserError):
            raise reason
        raise Stopped(
            f"the worker cannot go on: {type(reason).__name__}: {reason}. Its state is as of the last checkpoint"
        )

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """Let an error end the worker in order. Faust would tear down what is on its way, with a trace for each."""
        try:
            yield
        except Exception as error:
            if self.reason is not None or self._process is None:
                return  # what else breaks when one thing has
            self.reason = error
            if not isinstance(error, Stopped | UserError):
                log.error("the worker cannot go on", exc_info=error)
            self._process.end()

    async def _assigned(self, *_: Any, **__: Any) -> None:
        consumer = self.app.consumer
        generation = self.app.consumer_generation_id
        owned = {TP(*tp) for tp in consumer.assignment()}
        with self._ending():
            for lane in self.lanes:
                mine = frozenset(tp for tp in owned if tp.topic in lane.level.topics)
                await lane.assign(consumer, mine, generation)
            metrics.REBALANCES.inc()
            log.info("generation %d: %s", generation, _listed(owned))

    def _consume(self, lane: Lane) -> None:
        """Declare the agent that feeds a lane."""
        source = self.app.topic(*lane.level.topics, schema=BytesSchema(), acks=False)

        async def agent(stream: Any) -> None:
            with self._ending():
                await lane.run(self.app, stream.noack().events())

        self.app.agent(source, name=f"streams.worker.lane_{lane.level.name}", concurrency=1)(agent)

    def _positions(self) -> dict[TP, int]:
        return {tp: offset for lane in self.lanes for tp, offset in lane.guard.expected.items()}

    def unsaved(self) -> str:
        """Return the levels that have taken chunks since their last checkpoint, or may have; empty where none has."""
        return ", ".join(lane.level.name for lane in self.lanes if lane.unsaved)

    async def save(self) -> None:
        """Make a last checkpoint and take nothing more, for as long as there is hope of it. Afterwards nothing waits.

        A lane that is being loaded has nothing to save, and is not waited for: it may wait for a broker.
        """
        if self._saving:
            return
        self._saving = True
        drains = [
            asyncio.ensure_future(lane.drain(self.app.consumer))
            for lane in self.lanes
            if lane.ready and not lane.loading
        ]
        for seconds in (HOPE_SECONDS, SAVE_SECONDS - HOPE_SECONDS) if drains else ():
            _, pending = await asyncio.wait(drains, timeout=seconds)
            if not pending or self.watch.away:
                break
        for drain in drains:
            # One whose connection was closed meanwhile is cancelled, and is told of with what is not saved.
            if drain.done() and not drain.cancelled() and (error := drain.exception()):
                said = error if isinstance(error, Stopped) else f"{type(error).__name__}: {error}"
                log.error("the last checkpoint failed: %s", said)

    async def _drain(self) -> None:
        if not self._saving:
            with self._ending():
                await asyncio.gather(*(lane.drain(self.app.consumer) for lane in self.lanes))

    async def _tick(self) -> None:
        async def ticking(lane: Lane) -> None:
            with self._ending():
                while not self.app.should_stop:
                    await lane.tick(self.app.consumer)
                    await asyncio.sleep(TICK)

        # Each at its own pace: one that waits for the broker holds up no other.
        await asyncio.gather(*map(ticking, self.lanes))

    async def look_at_broker(self) -> None:
        """Watch over the broker, for ever."""
        async for away in self.watch.looks():
            for lane in self.lanes if away else ():
                lane.excuse()


class _Process(faust.Worker):  # type: ignore[misc]
    """Faust's worker process without its terminal manners, and with an end to its shutdown.

    A stop has two parts: a last checkpoint, which is worth some waiting, and the leave that we take of group and
    brokers, which is not: where they are dead Faust would wait for them for minutes.
    """

    def __init__(self, worker: FaustWorker) -> None:
        super().__init__(worker.app, quiet=True, redirect_stdouts=False, override_logging=False)
        self.spinner = None
        self.worker = worker
        self._asked = False
        # A crash is told by the command line, with its reason.
        logging.getLogger("faust.worker").addFilter(lambda record: record.levelno < logging.CRITICAL)

    async def on_first_start(self) -> None:
        """Serve `/readyz` before there is anything to be ready."""
        await super().on_first_start()
        await self.worker.health.start()
        self.add_future(self.worker.look_at_broker())

    async def stop(self) -> None:
        """Save, then stop; on a signal, by force where that takes too long."""
        await self.worker.save()
        if self._asked:
            self._after(LEAVE_SECONDS, "taking leave of the group and the brokers")
        await super().stop()

    async def on_shutdown(self) -> None:
        """Stop serving."""
        await self.worker.health.stop()

    async def _sentinel_task(self) -> None:
        """Close the event loop at once: Faust would sleep for a second first."""

    def _setproctitle(self, info: str, *, ident: str = "") -> None:
        """Leave the title alone: people look for the command they typed."""

    def end(self) -> None:
        """Stop in order, as on a signal; the worker's `reason` says why."""
        self._on_sigterm()

    def _on_sigterm(self) -> None:
        if not self._asked:
            self._asked = True
            # Of its own, for an event loop that is held up; the deadlines in it come sooner.
            self._after(SAVE_SECONDS + LEAVE_SECONDS, "stopping")
        super()._on_sigterm()

    def _on_sigint(self) -> None:
        self._on_sigterm()

    def _after(self, seconds: float, what: str) -> None:
        """End the process in so many seconds, if it still runs. The state survives `kill -9`, so it survives this."""

        def end() -> NoReturn:
            unsaved = self.worker.unsaved()
            log.warning("%s took more than %.0fs: given up", what, seconds)
            reason = self.worker.reason
            if reason is not None:
                log.error("%s", reason)
            elif unsaved:
                log.error(NOT_SAVED, unsaved)
            else:
                log.info("stopped; everything read is checkpointed")
            sys.stderr.flush()
            os._exit(getattr(reason, "exit_code", 1) if reason is not None or unsaved else 0)

        timer = threading.Timer(seconds, end)
        timer.daemon = True
        timer.start()


def new_app(kafka: KafkaSpec, base: Path, data_dir: Path, instance_id: str | None) -> App:
    """Return the app: all of Faust's settings, with the reason where it is not obvious."""
    app = App(
        kafka.group,
        broker=faust_broker(kafka),
        broker_credentials=faust_credentials(kafka, base),
        broker_session_timeout=SESSION_TIMEOUT,
        broker_heartbeat_interval=SESSION_TIMEOUT / 4,
        consumer_auto_offset_reset="earliest",  # never used for our own reads: positions are always set
        consumer_group_instance_id=instance_id,
        consumer_max_fetch_size=512 * 1024,  # of each partition: level 2 waits while a fetch is handed to level 1
        stream_buffer_maxsize=2,  # chunks
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        producer_compression_type=None,  # little is sent, and packing it took 4 % of the time
        producer_linger=0.005,
        producer_max_batch_size=256 * 1024,
        producer_max_request_size=64 * 1024 * 1024,  # the topics' own limits hold; `topics check` compares them
        producer_request_timeout=300.0,  # how long a send is tried; less than framing.FORGET_AFTER
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=1,  # 0 would drop Faust's assignor, which keeps both source topics together
        agent_supervisor="mode.CrashingSupervisor",
        store="memory://",
        datadir=str(data_dir / "faust"),
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )
    app.client_settings = aiokafka_settings(kafka, base)
    return app


def _listed(owned: Iterable[TP]) -> str:
    by_topic: dict[str, list[int]] = {}
    for tp in sorted(owned):
        by_topic.setdefault(tp.topic, []).append(tp.partition)
    return ", ".join(f"{topic}{partitions}" for topic, partitions in by_topic.items()) or "no partitions"
