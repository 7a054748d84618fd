"""Commands: forwarded to the summaries topic, so that they stand in one order with the panes of their model."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from faust.types import TP
from pydantic import ValidationError

from schemas.command import CommandAdapter
from schemas.kafka_spec import Topics
from streams import metrics
from streams.cloudevents import unwrap
from streams.level import CHECKPOINT_RECORDS
from streams.messages import command_message
from streams.publisher import Publisher
from streams.records import Outgoing, RecordBatch

log = logging.getLogger(__name__)

Committed = Callable[[Iterable[TP]], Awaitable[dict[TP, int | None]]]


class CommandLevel:
    """Has no state but the group's committed offsets; a command that is forwarded twice is carried out once."""

    name = "commands"

    def __init__(self, topics: Topics, models: Iterable[str], committed: Committed, publisher: Publisher) -> None:
        self.topics = (topics.commands,)
        self._models = frozenset(models)
        self._committed = committed
        self._publisher = publisher
        self._outgoing: list[Outgoing] = []
        self._sending: list[Outgoing] = []

    async def open(self, owned: frozenset[TP], kept: frozenset[TP]) -> Mapping[TP, int | None]:  # noqa: ARG002
        """Read on from the committed offsets."""
        self._outgoing.clear()
        return await self._committed(owned)

    def process(self, tp: TP, records: RecordBatch) -> None:
        """Check commands against their contract; a command that nobody can carry out is logged and left."""
        for record in records:
            try:
                value = unwrap(record.value or b"", record.headers)
                model = CommandAdapter.validate_json(value).model
                if model not in self._models:
                    raise ValueError(f"model {model!r} is not in the monitor file; those are {', '.join(self._models)}")
            except (ValidationError, ValueError) as error:
                metrics.COMMANDS.labels("refused").inc()
                log.warning("%s[%d] offset %d: not a command we can carry out: %s", *tp, record.offset, error)
                continue
            metrics.COMMANDS.labels("forwarded").inc()
            self._outgoing.append(command_message(model, value, tp.partition, record.offset))

    def lost(self, tp: TP) -> None:
        """Do nothing: a command that is gone was never carried out, and its sender sees that."""

    def idle(self, tp: TP) -> None:
        """Do nothing: commands come when they come."""

    @property
    def checkpoint_records(self) -> int:
        """After how many records a checkpoint is worth it."""
        return CHECKPOINT_RECORDS

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for a command to be carried out."""
        return bool(self._outgoing)

    def prepare(self) -> None:
        """Gather what is forwarded."""
        self._sending, self._outgoing = self._outgoing, []

    async def flush(self) -> None:
        """Send what was gathered."""
        await self._publisher.send(self._sending)

    def publish_metrics(self) -> None:
        """Nothing but what is counted as it comes."""

    def close(self) -> None:
        """Forget what was not sent; it will be read again."""
        self._outgoing.clear()
