"""`MonitorPartition`: level 2 of one partition of the summaries topic: records in, outputs and snapshots out.

The order round it is outputs durable, then snapshots durable, then the offsets committed. A snapshot holds a model's
closed state; what is open is read again from the offset of its oldest open summary. The fold is deterministic, so what
is done twice has the same ids and the same bytes.
"""

import logging
from collections.abc import Iterable
from typing import Any

import msgspec
from pydantic import ValidationError

from detectors.layouts import Layouts
from detectors.merge import MergeState, Panes, Watermark, make_room
from detectors.monitor import Output
from detectors.rollouts import RolloutsState
from detectors.state import StateError, decode, encode
from schemas.command import CommandAdapter
from schemas.event_time import EARLIEST, LATEST, to_micros
from schemas.spec import MonitorSpec
from streams import metrics
from streams.beginning import Beginning
from streams.event_clock import complete
from streams.messages import (
    CommandMessage,
    IncompleteMessage,
    SummaryMessage,
    WatermarkMessage,
    decode_message,
    summary_of,
)
from streams.monitored_model import MonitoredModel
from streams.outputs import outgoing_of
from streams.records import ROLES, Outgoing, Record

log = logging.getLogger(__name__)

OPEN_BYTES = 512 * 2**20
"""What open panes of all models may take: a source partition that holds everything up must not fill the memory."""
PANE_BYTES = 1_000  # besides its counts and its sample
ROW_BYTES = 72  # of a packed row, besides its bytes

STALE_AFTER = 10_000  # records after which the snapshot of a quiet model is renewed, so that reading on starts late


class _Snapshot(msgspec.Struct):
    """Value of the snapshots topic, by model."""

    offset: int
    """Records before it are in the state."""
    resume: int
    """Where to read on from, so that no open summary is missed."""
    merge: MergeState
    monitor: bytes
    watermarks: dict[int, tuple[int, WatermarkMessage]]
    """Of the partition as a whole, each with its offset, for a model whose first summary is yet to come."""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Snapshot).decode


class MonitorPartition:
    """Level 2 of the models whose key falls on one partition of the summaries topic. Synchronous."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts) -> None:
        self._spec = spec
        self._layouts = layouts
        self._models: dict[str, MonitoredModel] = {}
        self._watermarks: dict[int, tuple[int, WatermarkMessage]] = {}
        self._beginning = Beginning()
        self._next = 0
        self._held = 0
        """Bytes of the open panes of all models."""

    @property
    def position(self) -> int | None:
        """Where to read the summaries topic on from; None: from the beginning of the log."""
        return min((model.resume for model in self._models.values()), default=None)

    @property
    def late(self) -> dict[str, int]:
        """Summaries that came for a closed pane, by model: a partition was taken for idle and was not."""
        return {name: model.panes.state.late for name, model in self._models.items()}

    @property
    def evicted(self) -> dict[str, int]:
        """Open panes that there was no room for, by model: they are not judged."""
        return {name: model.panes.state.evicted for name, model in self._models.items()}

    def begin(self, beginning: Beginning) -> None:
        """Take what a monitor before this one has left behind; before anything else."""
        self._beginning = beginning

    def restore(self, model: str, snapshot: bytes) -> None:
        """Take the newest snapshot of a model.

        Raises
        ------
        detectors.state.StateError
            When the snapshot is damaged or from another version.
        """
        if model not in self._spec.models:
            log.warning("snapshot of model %s, which is no longer in the monitor file, is left alone", model)
            return
        try:
            saved = _decode(snapshot)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise StateError(f"not a snapshot of this version: {error}") from None
        restored = MonitoredModel(model, self._spec, self._layouts)
        restored.state = decode(saved.monitor)
        restored.panes = Panes(restored.spec, self._layouts, saved.merge)
        restored.offset = restored.saved = saved.offset
        self._models[model] = restored
        if saved.offset >= self._next:
            self._watermarks, self._next = dict(saved.watermarks), saved.offset

    def process(self, records: list[Record]) -> list[Outgoing]:
        """Take records in log order; return what is to be published, in order."""
        outputs: list[Output] = []
        for record in records:
            try:
                message = decode_message(record)
            except (msgspec.DecodeError, msgspec.ValidationError) as error:
                log.error("summaries topic, offset %d: not a message of ours, left out: %s", record.offset, error)
                continue
            if isinstance(message, SummaryMessage):
                self._summary(message, record.offset, len(record.value or b""))
            elif isinstance(message, IncompleteMessage):
                self._incomplete(message, record.offset)
            elif isinstance(message, WatermarkMessage):
                outputs += self._watermark(message, record.offset)
            else:
                outputs += self._command(message, record.offset)
            self._next = max(self._next, record.offset + 1)
        return [outgoing_of(output) for output in outputs]

    def schedule(self, commands: Iterable[Any]) -> None:
        """Take commands, in order of their times, that are carried out as event time comes to them (replay)."""
        for command in commands:
            model = self._model(command.model, 0)
            if model is not None:
                model.scheduled.append(command)

    def finish(self) -> list[Outgoing]:
        """Carry out the scheduled commands that are left: nothing is due after them."""
        outputs: list[Output] = []
        for model in self._models.values():
            while model.scheduled:
                outputs += model.command(model.scheduled.popleft())
        return [outgoing_of(output) for output in outputs]

    @property
    def refused(self) -> dict[str, dict[str, str]]:
        """Why commands were not carried out, by model and id of the command: the newest ones."""
        return {name: dict(model.state.rollouts.refused) for name, model in self._models.items()}

    @property
    def rollouts(self) -> dict[str, RolloutsState]:
        """How far rollouts are, by model."""
        return {name: model.state.rollouts for name, model in self._models.items()}

    def snapshots(self) -> list[Outgoing]:
        """Return the state of each model that changed since the last call."""
        snapshots = []
        for name, model in self._models.items():
            if model.changed or self._next - model.saved > STALE_AFTER:
                model.changed = False
                model.saved = model.offset
                value = _Snapshot(model.offset, model.resume, model.panes.state, encode(model.state), self._watermarks)
                snapshots.append(Outgoing("snapshots", name.encode(), _encode(value)))
        return snapshots

    def _model(self, name: str, offset: int) -> MonitoredModel | None:
        if name not in self._spec.models:
            return None
        if name not in self._models:
            model = self._models[name] = MonitoredModel(name, self._spec, self._layouts)
            model.changed = True  # its first snapshot says from where to read on, before anything is committed
            served = self._beginning.served(name)
            if served is not None:
                model.go_on_from(served)
            for told, message in self._watermarks.values():
                if told < offset:  # while reading again, others' snapshots may know of later ones
                    self._advance(model, message)
        return self._models[name]

    def _summary(self, message: SummaryMessage, offset: int, size: int) -> None:
        model = self._model(message.model, offset)
        if model is None:
            log.warning("summary of model %s, which is not in the monitor file, is left out", message.model)
            return
        through = tuple(message.through.get(role, -1) for role in ROLES)
        takes = PANE_BYTES + len(message.counts) + len(message.chosen)
        if message.sample:
            takes += size + ROW_BYTES * len(message.sample)  # packed rows lie in the message, which stays for them
        before = model.panes.size
        fresh = offset >= model.offset
        model.panes.add(message.partition, through, summary_of(message), offset, fresh, takes)
        model.offset = max(model.offset, offset + 1)
        self._held += model.panes.size - before
        if self._held > OPEN_BYTES:
            self._make_room()

    def _make_room(self) -> None:
        tables = {name: model.panes for name, model in self._models.items()}
        for name in make_room(tables, OPEN_BYTES):
            self._models[name].changed = True
            log.warning("open panes of model %s take too much memory: the oldest are dropped, and unknown", name)
        self._held = sum(table.size for table in tables.values())

    def _incomplete(self, message: IncompleteMessage, offset: int) -> None:
        model = self._model(message.model, offset)
        if model is not None and offset >= model.offset:
            model.offset = offset + 1
            for family, missing in message.families.items():
                model.panes.lose(message.partition, family, missing)

    def _watermark(self, message: WatermarkMessage, offset: int) -> list[Output]:
        self._watermarks[message.partition] = (offset, message)
        outputs: list[Output] = []
        for model in self._models.values():
            if offset >= model.offset:
                model.offset = offset + 1
                self._advance(model, message)
                before = model.panes.size
                outputs += model.close()
                self._held += model.panes.size - before
        return outputs

    def _advance(self, model: MonitoredModel, message: WatermarkMessage) -> None:
        mark = complete(message.times, model.spec, self._spec)
        model.panes.advance(message.partition, message.partitions, Watermark(mark, message.idle))

    def _command(self, message: CommandMessage, offset: int) -> list[Output]:
        try:
            command = CommandAdapter.validate_json(message.value)
        except ValidationError as error:
            log.error("summaries topic, offset %d: not a command, left out: %s", offset, error)
            return []
        if not EARLIEST <= to_micros(command.timestamp) < LATEST:
            log.error("summaries topic, offset %d: a command of %s is left out", offset, command.timestamp)
            return []
        model = self._model(command.model, offset)
        if model is None or offset < model.offset:
            return []
        model.offset = offset + 1
        if self._beginning.is_past(message.partition, message.offset):
            metrics.COMMANDS.labels("passed_over").inc()
            log.info("command %s (%s): passed over, it is from before this monitor began", command.id, command.type)
            return []
        return model.command(command)
