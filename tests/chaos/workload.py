"""What is sent: two models, a drift in the middle, and all that producers do wrong short of being late.

An event's place in the stream is its *arrival*: its event time plus a delay below the lateness of its model, so that no
event is late however the topics are cut. Everything depends on the seed alone.
"""

import csv
import json
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import Any

import yaml

from schemas.event_time import SECOND, Micros, rfc3339
from schemas.kafka_spec import Topics
from schemas.spec import MonitorSpec
from streams.client import producer
from streams.records import ROLES, Role

MINUTE, HOUR = 60 * SECOND, 3_600 * SECOND
BEGIN: Micros = int(datetime(2025, 6, 1, tzinfo=UTC).timestamp()) * SECOND
LATENESS = {"credit": 20 * MINUTE, "price": 30 * MINUTE}
ON_TIME = 0.8
"""Share of the lateness that a delay uses at most."""
REFERENCE_ROWS = 3_000
SEQUENCE = "sequence"
"""Header with the place of an event in the plan."""
IN_FLIGHT = 500
DELIVERY = 180.0  # seconds that a record may take while brokers come and go


@dataclass(frozen=True, slots=True)
class Sent:
    """One record of a source topic."""

    role: Role
    key: bytes
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is sent, in order, and the watermark with which every partition ends."""

    events: list[Sent]
    end: Micros

    @property
    def watermark(self) -> bytes:
        return json.dumps({"type": "watermark", "timestamp": rfc3339(self.end)}).encode()


def write_monitor(base: Path, bootstrap: str, name: str, partitions: int) -> Path:
    """Write the monitor file of a run and return its path."""
    common = {
        "label_horizon": "12h",
        "label_maturity": "6h",
        "false_alarms": "1 per 30d",
        "retraining": {
            "policies": [{"type": "performance"}, {"type": "schedule", "cron": "0 */8 * * *"}],
            "cooldown": "6h",
            "minimum_labels": 50,
        },
        "sample": 200,
    }
    credit = {
        **common,
        "task": "binary",
        "positive_label": "1",
        "features": {"income": "numeric", "region": "categorical"},
        "segments": ["region"],
        "pane": "2h",
        "lateness": "20m",
        "reference": "credit.profile.json",
    }
    price = {
        **common,
        "task": "regression",
        "features": {"area": "numeric", "district": "categorical"},
        "pane": "3h",
        "lateness": "30m",
        "reference": "price.profile.json",
    }
    columns = {"prediction_id": "id", "timestamp": "time", "outcome": "outcome"}
    monitor = {
        "kafka": {
            "bootstrap": bootstrap,
            "group": name,
            "partitions": partitions,
            "replication": 3,
            "topics": {role: f"{name}-{role}" for role in Topics.model_fields},
        },
        "models": {"credit": credit, "price": price},
        "archive": {"url": f"{name}-archive"},
        "limits": {"idle_after": "10m"},  # an outage must not pass for silence: what comes after it would be late
        "files": {
            "reference": [
                {"path": "credit.csv", "model": "credit", "columns": {**columns, "label": "label", "score": "score"}},
                {"path": "price.csv", "model": "price", "columns": {**columns, "value": "value"}},
            ]
        },
    }
    path = base / f"{name}.yaml"
    path.write_text(yaml.safe_dump(monitor))
    return path


def write_reference(base: Path) -> None:
    """Write the tables of a time that was good."""
    generator = random.Random(5)
    for model in LATENESS:
        with (base / f"{model}.csv").open("w", newline="") as out:
            rows = [dict(_reference_row(model, number, generator)) for number in range(REFERENCE_ROWS)]
            writer = csv.DictWriter(out, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)


def _reference_row(model: str, number: int, generator: random.Random) -> Iterator[tuple[str, object]]:
    features, output, truth = _answer(model, generator, drifted=False)
    at = datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=150 * number / REFERENCE_ROWS)
    yield from (("id", f"reference-{number}"), ("time", at.isoformat()))
    yield from (*features.items(), *output.items(), ("outcome", next(iter(truth.values()))))


def _answer(
    model: str, generator: random.Random, drifted: bool
) -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
    """Return features, output, and what came true."""
    moved = 12.0 if drifted else 0.0
    if model == "price":
        area = generator.gauss(80 + moved, 15)
        value = round(3 * area + generator.gauss(0, 5), 2)
        truth = round(3 * area + generator.gauss(0, 40 if drifted else 10), 2)
        return {"area": round(area, 2), "district": generator.choice("abcd")}, {"value": value}, {"value": truth}
    income = generator.gauss(50 + moved, 10)
    label = int(income > 50)
    wrong = generator.random() < (0.5 if drifted else 0.1)
    features: dict[str, object] = {"income": round(income, 3), "region": generator.choice(["north", "south", "east"])}
    score = round(generator.uniform(0.6, 0.95) if label else generator.uniform(0.05, 0.4), 3)
    return features, {"label": str(label), "score": score}, {"label": str(1 - label if wrong else label)}


def plan(seed: int, predictions: int, hours: int = 120) -> Plan:
    """Return what a seed sends: `predictions` predictions over `hours` of event time, and all that goes with them."""
    generator = random.Random(seed)
    arriving: list[tuple[Micros, int, Sent]] = []

    def put(arrival: float, role: Role, key: str, event: dict[str, Any] | bytes | None) -> None:
        value = json.dumps(event).encode() if isinstance(event, dict) else event
        arriving.append((int(arrival), len(arriving), Sent(role, key.encode(), value)))

    change = BEGIN + hours * HOUR // 2
    for number in range(predictions):
        time = BEGIN + number * hours * HOUR // predictions + generator.randrange(SECOND)
        model = generator.choice(["credit", "credit", "price"])
        late = ON_TIME * LATENESS[model]
        version = "2" if time >= change and generator.random() < 0.3 else "1"
        features, output, truth = _answer(model, generator, time >= change and version == "1")
        id = f"{seed}-{number}"
        event = {"prediction_id": id, "model": model, "version": version, "timestamp": rfc3339(time)}
        event |= {"features": features, "output": output, "latency_ms": round(generator.expovariate(1 / 20), 1)}
        early_feedback = generator.random() < 0.15
        arrival = time + (late if early_feedback else generator.uniform(0, late) * generator.random())
        kind = generator.random()
        if kind < 0.02:  # self-contained feedback, and no prediction of its own
            known = time + generator.randrange(HOUR)
            more = {"prediction": event, **truth}
            put(known, "feedback", id, {"prediction_id": id, "timestamp": rfc3339(known), **more})
            continue
        put(arrival, "predictions", id, event)
        if kind < 0.07:  # sent again: the same, or another answer under the same id
            again = event if kind < 0.05 else {**event, "features": {**features, next(iter(features)): 1.0}}
            put(generator.uniform(arrival, time + late), "predictions", id, again)
        elif kind < 0.09:  # a shadow version answers the same question
            put(arrival, "predictions", id, {**event, "version": "shadow"})
        _feedback(generator, put, id, time, truth, early_feedback, starved=_starved(time, hours))
        if generator.random() < 0.04:
            _poison(generator, put, f"poison-{seed}-{number}", time, event)
    arriving.sort(key=lambda one: one[:2])
    return Plan([sent for _, _, sent in arriving], BEGIN + (hours + 72) * HOUR)


def _starved(time: Micros, hours: int) -> bool:
    """Say whether labels hardly come at this time: some cohorts are not covered, and labels are asked for."""
    return 0.2 < (time - BEGIN) / (hours * HOUR) < 0.3


def _feedback(
    generator: random.Random, put: Any, id: str, time: Micros, truth: dict[str, object], early: bool, starved: bool
) -> None:
    if generator.random() < (0.85 if starved else 0.1):
        return  # no label ever
    delay = 10 * SECOND if early else int(generator.expovariate(1 / (100 * MINUTE)))
    if generator.random() < 0.02:
        delay = 20 * HOUR  # beyond the horizon
    if generator.random() < 0.03:
        id = f"nobody-{id}"
    known = time + delay
    late = ON_TIME * min(LATENESS.values())
    arrival = known + (0 if early else generator.uniform(0, late))
    event = {"prediction_id": id, "timestamp": rfc3339(known), **truth}
    put(arrival, "feedback", id, event)
    kind = generator.random()
    if kind < 0.04:
        put(generator.uniform(arrival, known + late), "feedback", id, event)
    elif kind < 0.08:  # somebody says otherwise
        again = known + generator.randrange(3 * HOUR)
        other: dict[str, object] = {"label": "0"} if "label" in truth else {"value": 1.0}
        source = generator.choice(["outcome", "annotator"])
        put(again, "feedback", id, {**event, **other, "timestamp": rfc3339(again), "source": source})


def _poison(generator: random.Random, put: Any, key: str, time: Micros, event: dict[str, Any]) -> None:
    """Put an event that nobody can use."""
    role = generator.choice(ROLES)
    put(
        time,
        role,
        key,
        generator.choice(
            [
                b'{"prediction_id": "broken',
                b"\xff\xfe\x00",
                None,
                b"[]",
                {**event, "prediction_id": key, "timestamp": "yesterday"},
                {**event, "prediction_id": key, "output": {}, "label": ""},
                {**event, "prediction_id": key, "model": "nobody-knows", "label": "1"},
                {"type": "watermark", "timestamp": "2025-13-01T00:00:00Z"},
            ]
        ),
    )


class Sender(Thread):
    """Sends a plan over `seconds`, then a watermark to every partition of both topics. Bounded in what is in flight."""

    def __init__(self, plan: Plan, spec: MonitorSpec, base: Path, seconds: float) -> None:
        super().__init__(name="sender", daemon=True)
        self.plan = plan
        self.sent = 0
        self.error: BaseException | None = None
        self._spec = spec
        self._base = base
        self._seconds = seconds
        self._given_up = Flag()

    def run(self) -> None:
        try:
            self._send()
        except BaseException as error:
            self.error = error

    def hurry(self) -> None:
        """Send the rest as fast as it goes."""
        self._seconds = 0.0

    def stop(self) -> None:
        """Give up."""
        self._given_up.set()

    def _send(self) -> None:
        topics: dict[Role, str] = {role: getattr(self._spec.kafka.topics, role) for role in ROLES}
        pending: deque[Any] = deque()
        begin, total = monotonic(), len(self.plan.events)
        with producer(self._spec.kafka, self._base) as client:
            for number, one in enumerate(self.plan.events):
                if self._given_up.wait(max(0.0, begin + self._seconds * number / total - monotonic())):
                    return
                header = (SEQUENCE, str(number).encode())
                pending.append(client.send(topics[one.role], key=one.key, value=one.value, headers=[header]))
                while len(pending) > IN_FLIGHT:
                    pending.popleft().get(DELIVERY)
                self.sent += 1
            while pending:
                pending.popleft().get(DELIVERY)
            for role in ROLES:
                for partition in range(self._spec.kafka.partitions):
                    pending.append(client.send(topics[role], value=self.plan.watermark, partition=partition))
            while pending:
                pending.popleft().get(DELIVERY)
