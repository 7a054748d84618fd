"""Partition invariance on the bundled stream: however the topics are cut, what is published is what replay writes."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.kafka_spec import Topics
from streams.build_reference import build_reference
from streams.files import load_spec
from streams.replay import replay
from streams.send import send
from streams.topics import create

from .broker import Kafka, Process, until
from .test_worker import Run, showing

CAR_LOAN = Path(__file__).parents[2] / "examples" / "car_loan"


def monitor_file(base: Path, bootstrap: str, prefix: str, partitions: int = 1, source: str = "") -> Path:
    """The example's own monitor file, on topics of its own; predictions and feedback may be those of `source`."""
    monitor = yaml.safe_load((CAR_LOAN / "monitor.yaml").read_text())
    topics = {role: f"{prefix}-{role}" for role in Topics.model_fields}
    topics |= {role: f"{source or prefix}-{role}" for role in ("predictions", "feedback")}
    monitor["kafka"] = {"bootstrap": bootstrap, "group": prefix, "partitions": partitions, "topics": topics}
    for table in monitor["files"].values():
        table["path"] = str(CAR_LOAN / table["path"])
    path = base / f"{prefix}.yaml"
    path.write_text(yaml.safe_dump(monitor))
    return path


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, broker: str) -> Path:
    path = tmp_path_factory.mktemp("car_loan")
    build_reference(load_spec(monitor_file(path, broker, "profile")), path)
    return path


@pytest.fixture(scope="module")
def replayed(base: Path, broker: str) -> dict[str, dict[str, Any]]:
    """Alerts and triggers of the replay, by id, provenance aside."""
    out = base / "out"
    replay(load_spec(monitor_file(base, broker, "replay")), base, out)
    return {role: by_id((out / f"{role}.jsonl").read_text().splitlines()) for role in ("alerts", "triggers")}


def by_id(lines: list[str]) -> dict[str, Any]:
    values = [json.loads(line) for line in lines]
    return {value["id"]: {name: part for name, part in value.items() if name != "provenance"} for value in values}


@pytest.fixture(scope="module", params=[1, 3, 8])
def sent(request: pytest.FixtureRequest, base: Path, broker: str) -> tuple[str, int]:
    """The stream on Kafka: prefix of its topics, and into how many partitions they are cut."""
    prefix = f"cut{request.param}-{uuid.uuid4().hex[:8]}"
    spec = load_spec(monitor_file(base, broker, prefix, request.param))
    create(spec, base)
    send(spec, base)
    return prefix, request.param


@pytest.mark.parametrize("workers", [1, 3])
def test_alerts_and_triggers_are_those_of_the_replay(
    kafka: Kafka,
    start: Callable[..., Process],
    base: Path,
    replayed: dict[str, dict[str, Any]],
    sent: tuple[str, int],
    unique: str,
    workers: int,
) -> None:
    source, partitions = sent
    run = Run(kafka, start, monitor_file(base, kafka.bootstrap, unique, partitions, source))
    processes = [run.worker(f"w{number}") for number in range(workers)]
    with showing(processes[0]):
        until(run.done, "the stream to be read", 240, pause=0.5)
        assert [process.stop() for process in processes] == [0] * workers
    outputs = run.outputs()
    assert len(replayed["triggers"]) == 1
    for role, wanted in replayed.items():
        assert outputs[role] == wanted, role
