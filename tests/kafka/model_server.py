"""What serves a model in the tests: it answers requests, follows the `serving` topic, and lets a candidate shadow it.

    python -m ... MONITOR WORK STATE HOLD LAST

Requests are a function of their day, so that one that is killed and started again sends what it had sent. A day is sent
whole, with the outcomes of the day before; which day comes next is kept in STATE. It waits before day HOLD until there
is a candidate, since labels and trainings take time where events do not.
"""

import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from schemas.serving import Serving
from schemas.spec import MonitorSpec
from streams.files import load_spec
from streams.routing import answers, newer, shadows
from streams.trainer import FittedModel
from streams.trainers.choose import load_model

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
A_DAY, CHANGE = 150, 12
MODEL = "credit"
PATIENCE = 120.0  # seconds for a candidate
A_DAY_TAKES = 0.3  # seconds, so that what the monitor says can be heard


def requests(day: int) -> Iterator[tuple[str, datetime, dict[str, Any], int]]:
    """Yield id, time, features and what will come true of the requests of a day."""
    rng = random.Random(day)
    for number in range(A_DAY):
        income, debt = rng.gauss(50, 10), rng.gauss(20, 5)
        truth = int(income > 50) if day < CHANGE else int(debt > 20)
        if rng.random() < 0.05:
            truth = 1 - truth
        at = BEGIN + timedelta(days=day + number / A_DAY)
        features = {"income": round(income, 3), "debt": round(debt, 3), "region": rng.choice(["north", "south"])}
        yield f"{day}-{number}", at, features, truth


def champion(features: dict[str, Any]) -> dict[str, Any]:
    label = int(features["income"] > 50)
    return {"label": str(label), "score": 0.9 if label else 0.1}


class Server:
    def __init__(self, spec: MonitorSpec, base: Path, work: Path) -> None:
        self.spec, self.base, self.work = spec, base, work
        self.serving: Serving | None = None
        self.models: dict[str, FittedModel] = {}
        topic = spec.kafka.topics.serving
        self.consumer = KafkaConsumer(bootstrap_servers=spec.kafka.bootstrap, group_id=None, enable_auto_commit=False)
        self.parts = [TopicPartition(topic, part) for part in self.consumer.partitions_for_topic(topic) or ()]
        self.consumer.assign(self.parts)
        self.consumer.seek_to_beginning()
        self.producer = KafkaProducer(bootstrap_servers=spec.kafka.bootstrap, acks="all", linger_ms=5)

    @property
    def alone(self) -> bool:
        """Whether nobody but the champion has ever served or been tried."""
        return self.serving is None or (self.serving.version == "1" and self.serving.candidate is None)

    def follow(self) -> None:
        """Take the newest record of the model."""
        ends = self.consumer.end_offsets(self.parts)
        while any(self.consumer.position(part) < end for part, end in ends.items()):
            for records in self.consumer.poll(timeout_ms=200).values():
                for record in records:
                    if record.key == MODEL.encode() and record.value:
                        self.serving = newer(self.serving, Serving.model_validate_json(record.value))

    def versions(self, identifier: str) -> list[str]:
        """Return who answers, and who predicts beside it."""
        if self.serving is None:
            return ["1"]
        beside = shadows(self.serving)
        return [answers(self.serving, identifier), *([beside] if beside else [])]

    def outputs(self, version: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        if version == "1":
            return [champion(features) for features in rows]
        if version not in self.models:
            self.models[version] = load_model(self.spec, MODEL, self.base, self.work / "models" / MODEL / version)
        names = list(self.spec.models[MODEL].features)
        told = self.models[version].outputs([[features[name] for name in names] for features in rows])
        return [{"label": each.label, "score": each.score} for each in told]

    def send(self, day: int) -> None:
        """Send a day's predictions, and the outcomes of the day before."""
        topics = self.spec.kafka.topics
        asked: dict[str, list[tuple[str, datetime, dict[str, Any]]]] = {}
        for identifier, at, features, _ in requests(day):
            for version in self.versions(identifier):
                asked.setdefault(version, []).append((identifier, at, features))
        events = []
        for version, rows in asked.items():
            outputs = self.outputs(version, [features for _, _, features in rows])
            for (identifier, at, features), output in zip(rows, outputs, strict=True):
                event = {
                    "prediction_id": identifier,
                    "model": MODEL,
                    "version": version,
                    "timestamp": at.isoformat(),
                    "features": features,
                    "output": output,
                }
                events.append((at, version, event))
        for _, _, event in sorted(events, key=lambda each: each[:2]):
            identifier = str(event["prediction_id"])
            self.producer.send(topics.predictions, key=identifier.encode(), value=json.dumps(event).encode())
        for identifier, at, _, truth in requests(day - 1) if day else ():
            known = {
                "prediction_id": identifier,
                "timestamp": (at + timedelta(days=1)).isoformat(),
                "label": str(truth),
            }
            self.producer.send(topics.feedback, key=identifier.encode(), value=json.dumps(known).encode())
        self.producer.flush(60)


def main() -> None:
    path, work, state, hold, last = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:6])
    server = Server(load_spec(path), path.parent, work)
    day = int(state.read_text()) if state.exists() else 0
    waited = monotonic()
    while day < last:
        server.follow()
        if day == hold and server.alone:
            if monotonic() - waited > PATIENCE:
                sys.exit("no candidate came")
            sleep(0.2)
            continue
        server.send(day)
        day += 1
        state.with_suffix(".new").write_text(str(day))
        state.with_suffix(".new").replace(state)
        stage = "none" if server.serving is None else server.serving.stage
        sys.stdout.write(f"day {day}: {stage}\n")
        sys.stdout.flush()
        sleep(A_DAY_TAKES if day < hold else 3 * A_DAY_TAKES)


if __name__ == "__main__":
    main()
