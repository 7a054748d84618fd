"""Partition invariance on the bundled stream: however the topics are cut, what is published is what replay writes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from schemas.kafka_spec import Topics
from streams.build_reference import build_reference
from streams.files import load_spec
from streams.replay import replay

from .broker import Kafka, Process, until
from .test_worker import STREAMGAUGE, Run, showing

CAR_LOAN = Path(__file__).parents[2] / "examples" / "car_loan"
CUTS = ((1, 1), (3, 3), (8, 1))
"""Partitions and workers; `test_worker` has three workers on eight partitions."""


def monitor_file(base: Path, bootstrap: str, prefix: str, partitions: int = 1) -> Path:
    """The example's own monitor file, on topics of its own."""
    monitor = yaml.safe_load((CAR_LOAN / "monitor.yaml").read_text())
    topics = {role: f"{prefix}-{role}" for role in Topics.model_fields}
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


def replay_outputs(base: Path, broker: str) -> dict[str, dict[str, Any]]:
    """Return alerts and triggers of the replay, by id, provenance aside."""
    out = base / "out"
    replay(load_spec(monitor_file(base, broker, "replay")), base, out)
    return {role: by_id((out / f"{role}.jsonl").read_text().splitlines()) for role in ("alerts", "triggers")}


def by_id(lines: list[str]) -> dict[str, Any]:
    values = [json.loads(line) for line in lines]
    return {value["id"]: {name: part for name, part in value.items() if name != "provenance"} for value in values}


def test_alerts_and_triggers_are_those_of_the_replay(
    kafka: Kafka, start: Callable[..., Process], base: Path, unique: str
) -> None:
    """The streams are sent side by side, while the replay runs, and then read side by side."""
    runs = {cut: Run(kafka, start, monitor_file(base, kafka.bootstrap, f"{unique}{cut[0]}", cut[0])) for cut in CUTS}
    sending = [start([str(STREAMGAUGE), "send", str(run.path)], f"send-{run.path.stem}") for run in runs.values()]
    replayed = replay_outputs(base, kafka.bootstrap)
    for process in sending:
        assert process.ended(120) == 0, process.tail()
    working = {cut: [run.worker(f"w{number}") for number in range(cut[1])] for cut, run in runs.items()}
    for cut, run in runs.items():
        with showing(working[cut][0]):
            until(run.done, f"the stream to be read, cut into {cut[0]}", 240, pause=1.0)
            assert [process.stop() for process in working[cut]] == [0] * cut[1]
    assert replayed["triggers"], "something to compare"
    for cut, run in runs.items():
        outputs = run.outputs()
        for role, wanted in replayed.items():
            assert outputs[role] == wanted, (cut, role)
