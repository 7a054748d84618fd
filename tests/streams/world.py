"""A small world for tests of both levels: a monitor file of two models, events, and ways to feed them."""

import json
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from detectors.build_profile import build_profile
from detectors.layouts import Layouts
from detectors.row import Label, row_of
from schemas.event_time import SECOND, Micros, rfc3339
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.messages import SummaryMessage, WatermarkMessage, decode_message
from streams.partition import SourcePartition
from streams.progress import read_progress
from streams.records import ALL_PARTITIONS, ROLES, Outgoing, Record, Role
from streams.store import Store

T0: Micros = 1_767_225_600 * SECOND  # 2026-01-01
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

Log = list[Record]
Logs = dict[Role, Log]

MODEL: dict[str, Any] = {
    "task": "binary",
    "positive_label": "1",
    "features": {"x": "numeric", "c": "categorical"},
    "segments": ["c"],
    "pane": "1h",
    "lateness": "10m",
    "label_horizon": "6h",
    "label_maturity": "3h",
    "false_alarms": "1 per 30d",
    "reference": "m.json",
    "challenger": False,
}
OTHER: dict[str, Any] = {
    **MODEL,
    "task": "regression",
    "positive_label": None,
    "lateness": "30m",
    "label_horizon": "4h",
    "label_maturity": "2h",
    "reference": "r.json",
}


def spec_of(limits: dict[str, Any] | None = None, **models: dict[str, Any]) -> MonitorSpec:
    """Return a monitor file; without `models`, of `m` (binary) and `r` (regression, other times)."""
    return MonitorSpec.model_validate(
        {"models": models or {"m": MODEL, "r": OTHER}, "limits": {"max_bad_share": 1.0, **(limits or {})}}
    )


def layouts_of(spec: MonitorSpec, rows: int = 400, seed: int = 1) -> Layouts:
    """Return what is counted, with references of `rows` random rows over the fifty panes before `T0`."""
    profiles = {}
    for name, model in spec.models.items():
        generator = random.Random(seed)
        start = T0 - 50 * model.pane
        labelled = []
        for number in range(rows):
            time = start + number * 50 * model.pane // rows
            event = prediction(f"ref-{number}", time, model=name, generator=generator, task=model.task)
            row = row_of(Prediction.model_validate(event), model)
            outcome = event["output"].get("value", 0.0) + generator.gauss(0, 1)
            wrong = generator.random() < 0.1
            label = ("0" if row.label == "1" else "1") if wrong else row.label
            numeric = model.task == "regression"
            labelled.append((row, Label(time, None if numeric else label, outcome if numeric else None)))
        profiles[name] = {None: build_profile(name, None, model, labelled)}
    return Layouts(dict(spec.models), profiles)


def prediction(
    id: str,
    time: Micros,
    model: str = "m",
    version: str = "1",
    generator: random.Random | None = None,
    task: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a prediction; what it holds depends on its id alone, or on `generator`."""
    generator = generator or random.Random(id)
    output: dict[str, Any] = (
        {"value": round(generator.gauss(10, 3), 3)}
        if (task or ("regression" if model == "r" else "binary")) == "regression"
        else {"label": str(generator.randrange(2)), "score": round(generator.random(), 3)}
    )
    features = {"x": round(generator.gauss(0, 1), 3), "c": generator.choice("abc")}
    event = {"prediction_id": id, "model": model, "version": version, "timestamp": rfc3339(time)}
    return {**event, "features": features, "output": output, "latency_ms": 5.0, **more}


def feedback(id: str, time: Micros, **more: Any) -> dict[str, Any]:
    """Return feedback on a prediction; without more it is the outcome 1, as a class and as a number."""
    said = more if {"label", "value", "rating", "correction"} & more.keys() else {"label": "1", "value": 1.0, **more}
    return {"prediction_id": id, "timestamp": rfc3339(time), **said}


def watermark(time: Micros) -> dict[str, Any]:
    """Return a watermark event."""
    return {"type": "watermark", "timestamp": rfc3339(time)}


def log_of(events: Iterable[dict[str, Any] | bytes | None], start: int = 0, timestamp: int = -1) -> Log:
    """Return events as the records of one topic-partition."""
    return [
        Record(
            start + number,
            timestamp,
            str(event.get("prediction_id", "")).encode() if isinstance(event, dict) else b"k",
            json.dumps(event).encode() if isinstance(event, dict) else event,
        )
        for number, event in enumerate(events)
    ]


def open_source(
    spec: MonitorSpec,
    layouts: Layouts,
    path: Path,
    progress: bytes | None = None,
    partition: int = 0,
    partitions: int = 1,
) -> SourcePartition:
    """Return level 1 with a store that does not wait for the disk."""
    return SourcePartition(partition, partitions, spec, layouts, Store(path, durable=False), progress)


def read_on(source: SourcePartition, logs: Logs, role: Role, size: int) -> bool:
    """Feed the next `size` records of a topic; False if there were none."""
    start = source.position[role] or 0
    chunk = logs[role][start : start + size]
    source.process(role, chunk)
    return bool(chunk)


def steps(generator: random.Random, logs: Logs, largest: int = 20) -> Iterator[tuple[Role, int]]:
    """Yield chunks (topic, size) in random turns until both logs are read."""
    left = {role: len(logs[role]) for role in ROLES}
    while any(left.values()):
        role = generator.choice([role for role in ROLES if left[role]])
        size = min(left[role], generator.randint(1, largest))
        left[role] -= size
        yield role, size


def run(
    spec: MonitorSpec,
    layouts: Layouts,
    logs: Logs,
    path: Path,
    chunks: Iterable[tuple[Role, int]] | None = None,
    partition: int = 0,
    partitions: int = 1,
) -> "Told":
    """Read both logs to their ends without an accident; by default in one chunk each."""
    source = open_source(spec, layouts, path, None, partition, partitions)
    told = Told()
    for role, size in chunks if chunks is not None else [(role, len(logs[role])) for role in ROLES]:
        read_on(source, logs, role, size)
        told.take(source.checkpoint())
        source.sent()
    told.counts = source.counts()
    source.close()
    return told


Final = tuple[int, str, str, str, Micros]
"""Source partition, model, version, family, start."""


@dataclass
class Told:
    """What one or more source partitions sent, in order, as a reader by identity sees it."""

    sent: list[Outgoing] = field(default_factory=list)
    counts: dict[Role, dict[str, int]] = field(default_factory=dict)

    def take(self, outgoing: Iterable[Outgoing]) -> None:
        self.sent += outgoing

    def to(self, destination: str) -> list[Outgoing]:
        return [one for one in self.sent if one.destination == destination]

    def summaries(self) -> list[SummaryMessage]:
        return [one for one in self._messages() if isinstance(one, SummaryMessage)]

    def watermarks(self) -> list[WatermarkMessage]:
        return [one for one in self._messages() if isinstance(one, WatermarkMessage)]

    def finals(self) -> dict[Final, bytes]:
        """Return the last word on each pane: what level 2 keeps after replacing."""
        newest: dict[Final, SummaryMessage] = {}
        for message in self.summaries():
            key = (message.partition, message.model, message.version, message.family, message.start)
            if key not in newest or _through(newest[key]) <= _through(message):
                newest[key] = message
        return {
            key: msgspec.msgpack.encode(
                msgspec.structs.replace(one, through={}, offsets=dict(sorted(one.offsets.items())))
            )
            for key, one in newest.items()
        }

    def letters(self) -> dict[bytes, bytes | None]:
        """Return the dead letters by id."""
        return {dict(one.headers)["ce_id"]: one.value for one in self.to("dead_letters")}

    def progress(self) -> bytes | None:
        """Return the newest progress record."""
        records = self.to("progress")
        return records[-1].value if records else None

    def rebuild_from(self) -> Any:
        value = self.progress()
        return None if value is None else read_progress(value).rebuild_from

    def _messages(self) -> list[Any]:
        return [decode_message(Record(0, -1, one.key, one.value)) for one in self.to("summaries")]


def _through(message: SummaryMessage) -> tuple[int, ...]:
    return tuple(message.through.get(role, -1) for role in ROLES)


def summaries_log(sent: Iterable[Outgoing]) -> Log:
    """Return what was sent to the summaries topic as its one partition."""
    to = [one for one in sent if one.destination == "summaries"]
    assert all(one.partition in (None, ALL_PARTITIONS) for one in to)
    return [Record(offset, -1, one.key, one.value, one.headers) for offset, one in enumerate(to)]


def busy_logs(
    seed: int,
    hours: int = 48,
    per_hour: int = 8,
    end: bool = True,
    models: Sequence[str] = ("m", "r"),
    prefix: str = "p",
) -> Logs:
    """Return two logs in which everything happens: duplicates, late, bad, orphaned, expired, corrected and more."""
    generator = random.Random(seed)
    predictions: list[tuple[Micros, Any]] = []
    labels: list[tuple[Micros, Any]] = []
    for number in range(hours * per_hour):
        time = T0 + number * HOUR // per_hour + generator.randrange(MINUTE)
        id, model = f"{prefix}{number}", generator.choice(models)
        arrives = time + generator.randrange(8 * MINUTE)
        event = prediction(id, time, model, version=generator.choice("12"))
        predictions.append((arrives, event))
        what = generator.random()
        if what < 0.06:
            predictions.append((arrives + generator.randrange(20 * MINUTE), event))  # duplicate, or late
        elif what < 0.10:
            shadow = prediction(id, time + 1, model, version="shadow")
            predictions.append((arrives + generator.randrange(9 * MINUTE), shadow))
        elif what < 0.14:
            predictions.append((arrives, b"{" * generator.randint(1, 3)))
        elif what < 0.24:  # used again within the horizon of m, or just after it
            again = time + 5 * HOUR + generator.randrange(80 * MINUTE)
            predictions.append((again, prediction(id, again, model, version=event["version"])))
        delay = int(generator.expovariate(1 / (100 * MINUTE)))
        if generator.random() < 0.05:
            delay = 11 * HOUR + generator.randrange(2 * HOUR)  # expired, or so late that it is orphaned
        said: dict[str, Any] = {"label": str(generator.randrange(2)), "value": round(generator.gauss(10, 4), 2)}
        known = time + delay - generator.choice([0, 0, 0, 5 * MINUTE])  # feedback first, now and then
        kind = generator.random()
        if kind < 0.08:
            continue  # no label ever
        if kind < 0.12:
            id = f"nobody-{prefix}{number}"
        if kind > 0.94:
            inside = prediction(f"own-{prefix}{number}", time, model)
            labels.append((known, feedback(f"own-{prefix}{number}", known, prediction=inside, **said)))
            continue
        arrives = known + generator.randrange((120 if kind > 0.9 else 15) * MINUTE)  # some are late
        labels.append((arrives, feedback(id, known, **said)))
        if kind < 0.3:
            again = known + generator.randrange(5 * HOUR)
            source = generator.choice(["outcome", "annotator"])
            more = {**said, "label": str(generator.randrange(2)), "source": source}
            labels.append((again, feedback(id, again, **more)))
    logs: Logs = {}
    for role, events in (("predictions", predictions), ("feedback", labels)):
        arrived = [pair for pair in events if pair[0] < T0 + hours * HOUR]
        ordered = [event for _, event in sorted(arrived, key=lambda pair: pair[0])]
        logs[role] = log_of([*ordered, *([watermark(T0 + (hours + 100) * HOUR)] if end else [])])
    return logs
