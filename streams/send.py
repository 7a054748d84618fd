"""`streamgauge send`: tables to Kafka, in event time order, with a watermark at the end.

Order within a partition is the order of the tables: the producer is idempotent, so that a retry neither reorders nor
repeats. The Kafka timestamp is the time of sending; event time stands in the event.
"""

import re
import sys
from collections import Counter, deque
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from schemas.event_time import Micros, Timestamp, rfc3339, to_micros
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.client import partitions, producer, reaching
from streams.errors import UserError
from streams.records import ROLES, Role
from streams.report_text import clean
from streams.tables import Tables
from streams.token_bucket import TokenBucket

IN_FLIGHT = 20_000  # kafka-python bounds no buffer of its own: at most this many records wait for their answer
DELIVERY = 120.0  # seconds that a record may take, retries included
SAY_EVERY = 5.0  # seconds
DRAW_EVERY = 0.1  # seconds

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


class _Sent(Protocol):
    def get(self, timeout: float | None = None) -> Any: ...


def parse_time(text: str, option: str) -> Micros:
    """Return the moment that `text` (RFC 3339), the value of an option, names.

    Raises
    ------
    UserError
        When it names none.
    """
    try:
        return to_micros(TypeAdapter(Timestamp).validate_python(text))
    except ValidationError:
        such = f"{text}T00:00:00Z" if _DATE.fullmatch(text) else "2026-01-31T12:00:00Z"
        raise UserError(f"{option}: {text!r} is not RFC 3339 with a time zone, such as {such}") from None


def send(
    spec: MonitorSpec, base: Path, *, rate: float | None = None, watermark: bool = True, end: Micros | None = None
) -> None:
    """Send the tables of `spec`, found relative to `base`, and say on stdout what was sent.

    Parameters
    ----------
    rate
        Most events a second.
    watermark
        Whether to end with a watermark event to every partition of both topics.
    end
        Its event time; the largest of all tables where it is None.

    Raises
    ------
    UserError
        When there is nothing to send, a topic is missing, the two do not fit, or the broker cannot be reached.
    """
    tables = Tables(spec, base)
    if tables.rows == 0:
        raise UserError("files: the tables hold no rows, so there is nothing to send")
    end = tables.end if end is None else end
    kafka = spec.kafka
    topics: dict[Role, str] = {"predictions": kafka.topics.predictions, "feedback": kafka.topics.feedback}
    bucket = TokenBucket(rate) if rate is not None else None
    sent: Counter[Role] = Counter()
    with reaching(kafka):
        counts = _same_partitions(spec, base)
        with producer(kafka, base) as client, _progress(tables.rows) as progress:
            pending: deque[_Sent] = deque()
            for event in tables.stream():
                if bucket is not None:
                    bucket.take()
                pending.append(client.send(topics[event.role], key=event.key, value=event.value))
                if len(pending) > IN_FLIGHT:
                    for _ in range(IN_FLIGHT // 2):
                        pending.popleft().get(DELIVERY)
                sent[event.role] += 1
                progress.advance()
            _settle(client, pending)
            if watermark:
                # After everything else has been acknowledged: it says that nothing is still to come.
                value = _watermark(end)
                for role in ROLES:
                    for partition in range(counts):
                        pending.append(client.send(topics[role], value=value, partition=partition))
                _settle(client, pending)
    for note in tables.notes:
        sys.stdout.write(f"{clean(note)}\n")
    _say(
        topics, sent, f"watermark {rfc3339(end)} to each partition ({counts}) of both" if watermark else "no watermark"
    )


def _same_partitions(spec: MonitorSpec, base: Path) -> int:
    """Return the number of partitions that both source topics have."""
    topics = spec.kafka.topics
    found = partitions(spec.kafka, base, [topics.predictions, topics.feedback])
    for name, count in found.items():
        if count is None:
            raise UserError(f"topic {name} does not exist at {spec.kafka.bootstrap}: streamgauge topics create MONITOR")
    predictions, feedback = found[topics.predictions], found[topics.feedback]
    if predictions != feedback or predictions is None:
        raise UserError(
            f"topic {topics.predictions} has {predictions} partitions and {topics.feedback} has {feedback}: "
            "the join needs the same number. Create one of them again"
        )
    return predictions


def _settle(client: Any, pending: "deque[_Sent]") -> None:
    """Wait until all is acknowledged; raise what went wrong."""
    client.flush(DELIVERY)
    while pending:
        pending.popleft().get(DELIVERY)


def _watermark(end: Micros) -> bytes:
    return Watermark.model_validate({"type": "watermark", "timestamp": rfc3339(end)}).model_dump_json().encode()


def _say(topics: dict[Role, str], sent: "Counter[Role]", watermark: str) -> None:
    lines = [f"{sent[role]:,} {role} to topic {topics[role]}" for role in ROLES]
    sys.stdout.write(f"sent {', '.join(lines)}; {watermark}\n")


class _Bar(Protocol):
    def advance(self) -> None: ...


class _Lines:
    """Says every few seconds how far it is, where nobody looks at a terminal."""

    def __init__(self, total: int) -> None:
        self._total, self._count, self._said = total, 0, monotonic()

    def advance(self) -> None:
        self._count += 1
        now = monotonic()
        if now - self._said >= SAY_EVERY:
            self._said = now
            sys.stderr.write(f"sent {self._count:,} of {self._total:,} events\n")
            sys.stderr.flush()


class _TerminalBar(AbstractContextManager["_TerminalBar"]):
    """Redrawn now and then, not at every event."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("sending"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task("send", total=total)
        self._count, self._drawn = 0, monotonic()

    def advance(self) -> None:
        self._count += 1
        now = monotonic()
        if now - self._drawn >= DRAW_EVERY:
            self._drawn = now
            self._bar.update(self._task, completed=self._count)

    def __enter__(self) -> "_TerminalBar":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()


def _progress(total: int) -> AbstractContextManager[_Bar]:
    return _TerminalBar(total) if sys.stderr.isatty() else nullcontext(_Lines(total))
