"""Rollouts on a real broker: commands, the topic of who serves, and kill -9 of the worker in the middle of it all."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.kafka_spec import Topics
from schemas.serving import Serving
from streams.cli import app
from streams.files import load_spec
from streams.routing import newer
from streams.send_command import command_of, send_command

from ..streams.rollout_tables import moment, write_tables
from .broker import Kafka, Process, until

TRIED, DAYS = 12, 34
STREAMGAUGE = Path(sys.executable).with_name("streamgauge")
runner = CliRunner()


def run(*arguments: object) -> str:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 0, result.output
    return result.output


class Rollout:
    """A model on topics of its own; its stream comes in two parts, before and after the candidate."""

    def __init__(self, kafka: Kafka, unique: str, base: Path) -> None:
        self.kafka, self.base, self.processes = kafka, base, list[Process]()
        topics = {role: f"{unique}-{role}" for role in Topics.model_fields}
        block = (
            f'kafka: {{bootstrap: "{kafka.bootstrap}", group: "{unique}", partitions: 2, topics: {json.dumps(topics)}}}'
        )
        errors = {"1": 0.3, "2": 0.1}
        common: dict[str, Any] = {"tried": TRIED, "automatic": True}
        self.before = write_tables(base, {"1": 0.3}, days=TRIED, kafka=block, part="-before", **common)
        self.after = write_tables(base, errors, first=TRIED, days=DAYS, kafka=block, part="-after", **common)
        self.whole = write_tables(base, errors, days=DAYS, **common)
        self.spec = load_spec(self.before)
        run("reference", self.whole)
        run("topics", "create", self.before)
        run("topics", "check", self.before)

    def worker(self) -> Process:
        options = ["--data-dir", str(self.base / "data"), "--http-port", "0"]
        log = self.base / f"worker-{len(self.processes)}.log"
        self.processes.append(Process([str(STREAMGAUGE), "worker", str(self.before), *options], log))
        return self.processes[-1]

    def published(self, role: str) -> list[dict[str, Any]]:
        """Values in the order of the log, what came again after a crash included."""
        return [json.loads(record.value) for record in self.kafka.read(getattr(self.spec.kafka.topics, role))]  # type: ignore[attr-defined]

    def serving(self) -> dict[int, dict[str, Any]]:
        """Records by their number; one that came again is the same."""
        found: dict[int, dict[str, Any]] = {}
        for one in self.published("serving"):
            assert found.setdefault(one["number"], one) == one
        return found

    def newest(self) -> Serving | None:
        held: Serving | None = None
        for one in self.published("serving"):
            held = newer(held, Serving.model_validate(one))
        return held


@pytest.fixture
def rollout(kafka: Kafka, unique: str, tmp_path: Path) -> Iterator[Rollout]:
    made = Rollout(kafka, unique, tmp_path)
    yield made
    for process in made.processes:
        process.close()


def waiting(process: Process, condition: Callable[[], object], what: str) -> None:
    try:
        until(condition, what, 90, pause=0.3)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{process.standing()}\n{process.tail()}") from None


def test_from_a_trigger_to_full_through_kill_9_and_back_by_hand(rollout: Rollout) -> None:
    worker = rollout.worker()
    run("send", rollout.before, "--no-watermark")
    waiting(worker, lambda: rollout.published("triggers"), "the calendar's trigger")
    # the last pane that closes is due a day before the candidate: the events of its day have not all come, as one knows
    waiting(worker, lambda: len(cohorts(rollout)) >= TRIED - 3, "the cohorts before the candidate")
    trigger = rollout.published("triggers")[0]["id"]
    fields = {"trigger": trigger, "new_version": "2", "checks": "passed"}
    finished = command_of(rollout.spec, "retraining_finished", "loan", fields, id="c1", at=moment(TRIED - 0.5))
    send_command(rollout.spec, rollout.base, finished)
    waiting(worker, rollout.serving, "the shadow")
    worker.kill()

    worker = rollout.worker()
    send_command(rollout.spec, rollout.base, finished)  # sent twice, carried out once
    run("send", rollout.after)
    waiting(worker, lambda: len(rollout.serving()) >= 2, "the canary")
    worker.kill()

    worker = rollout.worker()
    waiting(worker, lambda: len(rollout.serving()) >= 3, "the whole traffic")
    waiting(worker, lambda: worker.metric("rollout_stage") in (0, 3), "metrics of the rollout")
    waiting(worker, lambda: any(one["status"] == "helped" for one in rollout.published("outcomes")), "the outcome")
    stages = [(one["version"], one["stage"], one["candidate"]) for _, one in sorted(rollout.serving().items())]
    assert stages == [("1", "shadow", "2"), ("1", "canary", "2"), ("2", "full", None)]
    assert {one["trigger"] for one in rollout.serving().values()} == {trigger}

    # on files, the same commands at the same place among the panes give the same records
    (rollout.base / "commands.jsonl").write_text(finished.model_dump_json() + "\n")
    run("replay", rollout.whole, "--out", rollout.base / "out", "--commands", rollout.base / "commands.jsonl")
    replayed = [json.loads(line) for line in (rollout.base / "out" / "serving.jsonl").read_text().splitlines()]
    assert replayed == [one for _, one in sorted(rollout.serving().items())]

    assert "loan: version 2 serves (before it 1)" in run("serving", rollout.before)
    run("promote", rollout.before, "loan", "9")
    waiting(worker, lambda: "version 9 of loan has never predicted" in worker.log.read_text(), "the refusal")
    run("roll-back", rollout.before, "loan", "--reason", "by hand")
    waiting(worker, lambda: (held := rollout.newest()) is not None and held.version == "1", "the roll-back")
    text = run("serving", rollout.before, "loan", "--json")
    assert (json.loads(text)["version"], json.loads(text)["reason"]) == ("1", "By hand.")
    assert worker.stop() == 0
    begins_afresh(rollout)


def begins_afresh(rollout: Rollout) -> None:
    """A monitor with no state reads all events and all commands again, and brings no version back into service."""
    told, reports = rollout.serving(), rollout.published("pane_reports")
    again = len({one["id"] for one in reports})
    text = rollout.before.read_text()
    for name in ("summaries", "progress", "snapshots"):
        text = text.replace(getattr(rollout.spec.kafka.topics, name), f"{rollout.spec.kafka.group}-{name}-2")
    text = text.replace(f'group: "{rollout.spec.kafka.group}"', f'group: "{rollout.spec.kafka.group}-2"')
    rollout.before.write_text(text)
    assert load_spec(rollout.before).kafka.group != rollout.spec.kafka.group
    run("topics", "create", rollout.before)
    worker = rollout.worker()
    waiting(
        worker, lambda: len(rollout.published("pane_reports")) >= len(reports) + again, "all events to be read again"
    )
    assert "version 1 of loan serves (number 4)" in worker.log.read_text()
    assert worker.metric("commands_total") >= 3
    assert rollout.serving() == told
    run("promote", rollout.before, "loan", "2")
    waiting(worker, lambda: max(rollout.serving()) > max(told), "the command that came now to be carried out")
    held = rollout.newest()
    assert held is not None
    assert (held.number, held.version, held.previous) == (max(told) + 1, "2", "1")
    assert worker.stop() == 0


def cohorts(rollout: Rollout) -> set[str]:
    return {one["id"] for one in rollout.published("pane_reports") if one["pane"]["family"] == "cohort"}
