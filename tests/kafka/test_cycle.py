"""The whole cycle on Apache Kafka: trigger → dataset → candidate → checks → shadow → canary → promotion.

Each process is killed with kill -9 in the middle of what it does, and every idempotency key is handled once.
"""

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.event_time import EARLIEST, LATEST
from schemas.kafka_spec import Topics
from schemas.spec import MonitorSpec
from streams.archive import Archive
from streams.build_reference import build_reference
from streams.files import load_spec
from streams.topics import create

from .broker import Kafka, Process, until
from .model_server import BEGIN, MODEL, champion, requests

Start = Callable[..., Process]
STREAMGAUGE = Path(sys.executable).with_name("streamgauge")
SERVER = [sys.executable, "-m", "tests.kafka.model_server"]
ROOT = Path(__file__).parents[2]
HOLD, LAST = (
    22,
    60,
)  # days: there is a trigger well before the first, and a new version has served well before the second
PATIENCE = 150.0  # seconds


def write_monitor(base: Path, bootstrap: str, prefix: str) -> Path:
    """Write the reference and the monitor file, and build the profile."""
    with (base / "reference.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "time", "income", "debt", "region", "label", "score", "outcome"])
        for day in range(-40, 0):
            for identifier, at, features, truth in requests(day):
                said = champion(features)
                writer.writerow([identifier, at.isoformat(), *features.values(), said["label"], said["score"], truth])
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score", "outcome": "outcome"}
    monitor = {
        "kafka": {
            "bootstrap": bootstrap,
            "group": prefix,
            "partitions": 2,
            "topics": {role: f"{prefix}-{role}" for role in Topics.model_fields},
        },
        "models": {
            MODEL: {
                "task": "binary",
                "positive_label": "1",
                "features": {"income": "numeric", "debt": "numeric", "region": "categorical"},
                "segments": ["region"],
                "pane": "1d",
                "lateness": "1h",
                "label_horizon": "4d",
                "label_maturity": "1d 12h",
                "false_alarms": "1 per 90d",
                "reference": "credit.profile.json",
                "costs": {"loss": 1, "retraining": 120},
                "retraining": {
                    "policies": [{"type": "cost", "refit": None}],  # one retraining is enough to kill processes in
                    "trainer": {"type": "sklearn", "estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
                    "rollout": {"automatic": True, "canary": [0.5], "stage_labels": 150, "guard_labels": 600},
                },
            }
        },
        "archive": {"url": "archive"},
        "files": {"reference": {"path": "reference.csv", "columns": columns}},
    }
    path = base / "monitor.yaml"
    path.write_text(yaml.safe_dump(monitor))
    build_reference(load_spec(path), base)
    return path


class Cycle:
    """The processes of the cycle, and what they have published."""

    def __init__(self, kafka: Kafka, start: Start, path: Path) -> None:
        self.kafka, self._start, self.path = kafka, start, path
        self.spec: MonitorSpec = load_spec(path)
        self.work = path.parent / "work"
        create(self.spec, path.parent)

    def worker(self) -> Process:
        options = ["--data-dir", str(self.path.parent / "data"), "--http-host", "127.0.0.1", "--http-port", "0"]
        return self._start([str(STREAMGAUGE), "worker", str(self.path), *options], "worker")

    def retrainer(self) -> Process:
        return self._start([str(STREAMGAUGE), "retrain", str(self.path), "--work", str(self.work)], "retrain")

    def server(self) -> Process:
        state = self.path.parent / "day"
        arguments = [str(self.path), str(self.work), str(state), str(HOLD), str(LAST)]
        return self._start([*SERVER, *arguments], "server", PYTHONPATH=str(ROOT))

    def published(self, role: str) -> list[dict[str, Any]]:
        """Return what stands on a topic, in order, repetitions and all."""
        return [json.loads(record.value) for record in self.kafka.read(getattr(self.spec.kafka.topics, role))]  # type: ignore[attr-defined]

    def commands(self, type_: str) -> list[dict[str, Any]]:
        return [command for command in self.published("commands") if command["type"] == type_]

    def stages(self) -> list[tuple[str, str, str | None]]:
        """Return stage, version and candidate of each change, each once, in order."""
        found = {record["id"]: record for record in sorted(self.published("serving"), key=lambda each: each["number"])}
        return [(each["stage"], each["version"], each["candidate"]) for each in found.values()]


@pytest.fixture
def cycle(tmp_path: Path, broker: str, kafka: Kafka, start: Start, unique: str) -> Cycle:
    return Cycle(kafka, start, write_monitor(tmp_path, broker, unique))


def test_the_cycle_closes_though_each_process_is_killed_in_the_middle(cycle: Cycle) -> None:
    worker, retrainer, server = cycle.worker(), cycle.retrainer(), cycle.server()
    try:
        until(lambda: len(cycle.published("pane_reports")) > 10, "panes to be judged", PATIENCE)
        worker.kill()
        worker = cycle.worker()
        until(lambda: cycle.commands("retraining_started"), "a retraining to begin", PATIENCE)
        retrainer.kill()
        retrainer = cycle.retrainer()
        (finished,) = until(lambda: cycle.commands("retraining_finished"), "a candidate", PATIENCE)
        version = finished["new_version"]
        assert finished["checks"] == "passed", finished
        until(lambda: ("shadow", "1", version) in cycle.stages(), "a shadow", PATIENCE)
        server.kill()
        server = cycle.server()
        worker.kill()  # in the middle of the rollout
        worker = cycle.worker()
        until(lambda: ("full", version, None) in cycle.stages(), "the candidate to serve", PATIENCE)
        assert server.ended(PATIENCE) == 0
        outcomes = until(lambda: [o for o in cycle.published("outcomes") if o["status"] == "helped"], "help", PATIENCE)
    except AssertionError as error:
        named = (("worker", worker), ("retrain", retrainer), ("server", server))
        logs = "\n".join(f"{name}:\n{process.tail()}" for name, process in named)
        raise AssertionError(f"{error}\n{logs}") from error
    assert cycle.stages()[-3:] == [("shadow", "1", version), ("canary", "1", version), ("full", version, None)]
    triggers = {trigger["id"]: trigger for trigger in cycle.published("triggers")}
    assert list(triggers) == [finished["trigger"]]
    assert triggers[finished["trigger"]]["policy"] == "cost"
    assert {outcome["trigger"] for outcome in outcomes} == set(triggers)
    assert outcomes[-1]["new_version"] == version
    for type_ in ("retraining_started", "retraining_finished"):
        found = cycle.commands(type_)
        assert len({command["id"] for command in found}) == 1
        assert all(command == found[0] for command in found), "a report that is sent again says the same"
    assert not cycle.commands("retraining_failed")
    assert retrainer.stop() == 0
    assert worker.stop() == 0
    assert_archived_once(cycle)


def assert_archived_once(cycle: Cycle) -> None:
    """Every prediction that the topic holds, once, up to the newest cohort that was over."""
    assert cycle.spec.archive is not None
    sent = Counter(
        (event["prediction_id"], event["version"])
        for event in {(e["prediction_id"], e["version"]): e for e in cycle.published("predictions")}.values()
    )
    rows = Archive(cycle.spec.archive, cycle.path.parent).rows(MODEL, cycle.spec.models[MODEL], EARLIEST, LATEST)
    archived = Counter(zip(rows["prediction_id"].to_pylist(), rows["version"].to_pylist(), strict=True))
    assert not archived - sent
    missing = {day_of(identifier) for identifier, _ in sent - archived}
    newest = max(day_of(identifier) for identifier, _ in archived)
    assert missing.isdisjoint(range(newest + 1)), f"of days {sorted(missing)}, and {newest} is there"
    assert newest >= LAST - 5, f"{BEGIN} and {newest} days"


def day_of(identifier: str) -> int:
    return int(identifier.rsplit("-", 1)[0])
