"""The retraining worker as people run it: triggers from a topic, each once, whatever is killed."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from schemas.trigger import RetrainingTrigger
from streams.dataset_trigger import triggers_in
from streams.files import load_spec
from streams.retrain_reports import encoded, finished
from streams.topics import create

from ..streams.replayed import replayed, write_monitor
from .broker import Kafka, Process, until

Start = Callable[..., Process]
STREAMGAUGE = Path(sys.executable).with_name("streamgauge")

TRAINER = """
import os, sys, time
base, dataset, model = (os.environ["STREAMGAUGE_" + name] for name in ("BASE", "DATASET", "MODEL"))
with open(os.path.join(base, "began"), "a") as file:
    file.write(f"{os.getpid()}\\n")
while not os.path.exists(os.path.join(base, "go")):
    time.sleep(0.05)
if os.path.exists(os.path.join(base, "fail")):
    os.remove(os.path.join(base, "fail"))
    sys.exit("there is no GPU")
with open(os.path.join(dataset, "train.parquet"), "rb") as rows, open(os.path.join(model, "copy"), "wb") as copy:
    copy.write(rows.read())
"""


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RetrainingTrigger]:
    """A directory with an archive, made by a replay of a model that gets worse, and the last trigger that it raised."""
    base = tmp_path_factory.mktemp("history")
    replayed(base)
    return base, triggers_in(base / "out")[-1].model_copy(update={"how": "full"})


class World:
    """Topics of one test, and a directory with the archive."""

    def __init__(self, base: Path, kafka: Kafka, start: Start, unique: str, trainer: dict[str, Any]) -> None:
        (base / "fit.py").write_text(TRAINER)
        self.base, self.kafka, self.start = base, kafka, start
        self.path = write_monitor(base, kafka.bootstrap, unique, trainer)
        self.topics = load_spec(self.path).kafka.topics
        create(load_spec(self.path), base)

    def worker(self, name: str = "a", work: str = "work") -> Process:
        command = [str(STREAMGAUGE), "retrain", str(self.path), "--work", str(self.base / work)]
        return self.start(command, name)

    def publish(self, *triggers: RetrainingTrigger) -> None:
        with self.kafka.producer() as producer:
            for number, trigger in enumerate(triggers):
                producer.send(self.topics.triggers, trigger.model_dump_json().encode(), partition=number % 2)

    def commands(self, type_: str) -> list[dict[str, Any]]:
        """Return the reports of a type, record by record."""
        values = [json.loads(record.value) for record in self.kafka.read(self.topics.commands)]  # type: ignore[attr-defined]
        return [value for value in values if value["type"] == f"retraining_{type_}"]

    def began(self) -> list[int]:
        """Return the processes of the trainer, in the order in which they began."""
        path = self.base / "began"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


@pytest.fixture
def world(
    history: tuple[Path, RetrainingTrigger], kafka: Kafka, start: Start, unique: str, tmp_path: Path
) -> Callable[..., World]:
    def make(trainer: dict[str, Any] | None = None) -> World:
        base = tmp_path / "base"
        shutil.copytree(history[0], base)
        slow = {"type": "command", "command": [sys.executable, "fit.py"]}
        return World(base, kafka, start, unique, trainer or slow)

    return make


def named(trigger: RetrainingTrigger, number: int) -> RetrainingTrigger:
    return trigger.model_copy(update={"id": f"{number:032x}"})


def gone(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_trigger_becomes_a_checked_candidate(world: Callable[..., World], history: tuple[Path, RetrainingTrigger]):
    here, trigger = world({"type": "river"}), history[1]
    here.publish(trigger)
    worker = here.worker()
    (report,) = until(lambda: here.commands("finished"), "the report", 90)
    assert report["trigger"] == trigger.id
    assert report["new_version"] == trigger.id[:8]
    assert report["held_out_rows"] > 50
    assert report["held_out_loss"] < 0.5  # the champion's is 0.6
    assert report["checks"] in ("passed", "failed", "unknown")
    assert report["timestamp"] >= trigger.time.isoformat().replace("+00:00", "Z")
    assert (here.base / "work" / "models" / "credit" / trigger.id[:8] / "challenger.state").exists()
    assert worker.stop(20) == 0
    assert "Traceback" not in worker.log.read_text()


def test_kill_9_in_the_middle_of_a_training_and_it_is_carried_out_once(
    world: Callable[..., World], history: tuple[Path, RetrainingTrigger]
):
    here, trigger = world(), history[1]
    here.publish(trigger)
    first = here.worker("first")
    until(lambda: len(here.began()) == 1, "the training to begin", 60)
    first.kill()
    until(lambda: gone(here.began()[0]), "the trainer of a killed worker to end")
    assert here.commands("finished") == []
    second = here.worker("second")
    until(lambda: len(here.began()) == 2, "the training to begin again", 60)
    (here.base / "go").touch()
    until(lambda: here.commands("finished"), "the report", 60)
    until(lambda: sum(here.kafka.committed(f"{load_spec(here.path).kafka.group}-retrain").values()) == 1, "the commit")
    assert second.stop(20) == 0
    third = here.worker("third")
    until(lambda: "owns partitions [0, 1]" in third.log.read_text(), "the third worker to own all partitions", 60)
    assert third.stop(20) == 0
    assert len(here.commands("finished")) == 1
    assert len({report["id"] for report in here.commands("started")}) == 1
    assert here.commands("failed") == []
    (here.base / "out" / "triggers.jsonl").write_text(trigger.model_dump_json() + "\n")
    undisturbed = here.start(
        [str(STREAMGAUGE), "retrain", str(here.path), "--from", str(here.base / "out"), "--trigger", trigger.id],
        "files",
    )
    assert undisturbed.ended(60) == 0, undisturbed.tail()
    models = [
        json.loads((where / "models" / "credit" / trigger.id[:8] / "manifest.json").read_text())["files"]["copy"]
        for where in (here.base / "work", here.base / "out" / "retrain")
    ]
    assert models[0] == models[1]


def test_two_workers_share_triggers_and_a_failure_is_reported_and_not_the_end(
    world: Callable[..., World], history: tuple[Path, RetrainingTrigger]
):
    here = world()
    triggers = [named(history[1], number) for number in range(4)]
    (here.base / "fail").touch()
    workers = [here.worker(name, f"work-{name}") for name in ("a", "b")]
    for worker in workers:
        until(
            lambda log=worker.log: log.read_text().rstrip().endswith(("partitions [0]", "partitions [1]")), "a half", 60
        )
    here.publish(*triggers)
    until(lambda: len(here.began()) == 2, "both workers to train", 60)
    (here.base / "go").touch()
    until(lambda: len(here.commands("finished")) + len(here.commands("failed")) == 4, "four reports", 90)
    assert [worker.stop(20) for worker in workers] == [0, 0]
    (failure,) = here.commands("failed")
    assert "there is no GPU" in failure["reason"]
    done = [report["trigger"] for report in (*here.commands("finished"), failure)]
    assert sorted(done) == sorted(trigger.id for trigger in triggers)
    assert sorted(report["trigger"] for report in here.commands("started")) == sorted(done)


def test_what_has_its_answer_or_is_no_trigger_is_passed_over_and_sigterm_leaves_off(
    world: Callable[..., World], history: tuple[Path, RetrainingTrigger]
):
    here, (before, now) = world(), (named(history[1], number) for number in (1, 2))
    answer = finished(
        before, 0, "elsewhere", new_version="9", held_out_loss=None, held_out_rows=0, checks="not_run", model_uri="x"
    )
    with here.kafka.producer() as producer:
        producer.send(here.topics.commands, encoded(answer))
        producer.send(here.topics.triggers, b"{no trigger", partition=0)
        for trigger in (before, now):
            producer.send(here.topics.triggers, trigger.model_dump_json().encode(), partition=0)
    worker = here.worker()
    until(lambda: len(here.began()) == 1, "the training to begin", 60)
    assert worker.stop(30) == 0
    assert gone(here.began()[0])
    log = worker.log.read_text()
    assert "no trigger" in log
    assert f"trigger {before.id}: has its final report" in log
    assert [report["trigger"] for report in here.commands("started")] == [now.id]
    assert len(here.commands("finished")) == 1
    assert json.loads((here.base / "work" / "triggers" / now.id / "attempts").read_text()) == 0
