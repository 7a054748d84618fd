"""send, watch and trigger on a real broker, as a person calls them."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from kafka.partitioner.default import murmur2
from typer.testing import CliRunner

from schemas.command import CommandAdapter
from schemas.examples import EXAMPLES
from schemas.kafka_spec import Topics
from schemas.watermark import Watermark
from streams.cli import app
from streams.cloudevents import headers

from .broker import Kafka, Process, until

ROWS = 500
runner = CliRunner()


def run(*arguments: object) -> tuple[int, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def monitor(broker: str, unique: str, tmp_path: Path) -> Path:
    """A monitor file with topics of its own, and tables of 500 predictions and 500 outcomes."""
    predictions = ["id,at,answer,income"]
    outcomes = ["id,truth"]
    for row in range(ROWS):
        predictions.append(f"p{row},2026-01-01T{row // 60:02}:{row % 60:02}:00Z,1,{row}")
        outcomes.append(f"p{row},{row % 2}")
    (tmp_path / "predictions.csv").write_text("\n".join(predictions) + "\n")
    (tmp_path / "outcomes.csv").write_text("\n".join(outcomes) + "\n")
    topics = {name: f"{unique}-{name}" for name in Topics.model_fields}
    path = tmp_path / "monitor.yaml"
    path.write_text(
        f"""
kafka:
  bootstrap: "{broker}"
  group: "{unique}"
  partitions: 3
  topics: {json.dumps(topics)}
models:
  loan:
    task: binary
    positive_label: "1"
    features: {{income: numeric}}
    pane: 1h
    label_horizon: 3d
    false_alarms: 1 per 90d
    reference: loan.profile.json
files:
  predictions: {{path: predictions.csv, columns: {{prediction_id: id, timestamp: at, label: answer}}}}
  feedback: {{path: outcomes.csv, columns: {{prediction_id: id, label: truth}}, delay: 2h}}
"""
    )
    return path


def test_send_keeps_order_places_by_murmur2_and_ends_every_partition(monitor: Path, kafka: Kafka, unique: str):
    assert run("topics", "create", monitor)[0] == 0
    code, out = run("send", monitor)
    assert code == 0, out
    assert "500 predictions" in out
    assert "500 feedback" in out
    end = f"2026-01-01T{(ROWS - 1) // 60 + 2:02}:{(ROWS - 1) % 60:02}:00Z"
    assert end in out
    for role in ("predictions", "feedback"):
        records = kafka.read(f"{unique}-{role}")
        by_partition: dict[int, list[object]] = {0: [], 1: [], 2: []}
        for record in records:
            by_partition[record.partition].append(record)
        assert sum(map(len, by_partition.values())) == ROWS + 3
        for partition, part in by_partition.items():
            *events, last = part
            assert last.key is None
            assert Watermark.model_validate_json(last.value).timestamp.isoformat() == end.replace("Z", "+00:00")
            assert all((murmur2(event.key) & 0x7FFFFFFF) % 3 == partition for event in events)
            numbers = [int(event.key[1:]) for event in events]
            assert numbers == sorted(numbers)
            assert all(json.loads(event.value)["prediction_id"].encode() == event.key for event in events)


def test_send_without_a_watermark_and_at_a_rate(monitor: Path, kafka: Kafka, unique: str):
    assert run("topics", "create", monitor)[0] == 0
    start = time.monotonic()
    code, out = run("send", monitor, "--no-watermark", "--rate", "1000")
    assert code == 0, out
    assert time.monotonic() - start > 0.8
    assert "no watermark" in out
    assert all(record.key is not None for record in kafka.read(f"{unique}-predictions"))


def test_send_to_topics_that_do_not_fit(monitor: Path, kafka: Kafka, unique: str):
    code, out = run("send", monitor)
    assert code == 2
    assert f"topic {unique}-predictions does not exist" in out
    assert "topics create" in out
    kafka.create(f"{unique}-predictions", 3)
    kafka.create(f"{unique}-feedback", 2)
    code, out = run("send", monitor)
    assert code == 2
    assert f"{unique}-predictions has 3 partitions and {unique}-feedback has 2" in out


def test_a_progress_bar_is_for_a_terminal_alone(monitor: Path):
    assert run("topics", "create", monitor)[0] == 0
    command = [sys.executable, "-m", "streams.cli", "send", str(monitor), "--rate", "2000"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True)
    assert piped.stderr == ""
    leader, follower = pty.openpty()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=follower)
    os.close(follower)
    seen = b""
    while select.select([leader], [], [], 30)[0]:
        try:
            seen += os.read(leader, 4096)
        except OSError:  # how Linux says that the other end is closed
            break
    os.close(leader)
    assert process.wait(30) == 0
    assert process.stdout is not None
    process.stdout.close()
    assert b"sending" in seen


def test_trigger_is_a_command_that_can_be_repeated(monitor: Path, kafka: Kafka, unique: str):
    code, out = run("trigger", monitor, "loan", "--reason", "r")
    assert (code, "topics create" in out) == (2, True)
    assert run("topics", "create", monitor)[0] == 0
    code, out = run("trigger", monitor, "loan", "--reason", "new data", "--id", "once")
    assert code == 0, out
    assert "once" in out
    assert run("trigger", monitor, "loan", "--reason", "new data", "--id", "once")[0] == 0
    assert run("trigger", monitor, "loan", "--reason", "more", "--version", "2")[0] == 0
    first, second, third = kafka.read(f"{unique}-commands")
    commands = [CommandAdapter.validate_json(record.value) for record in (first, second, third)]
    assert [command.id for command in commands[:2]] == ["once", "once"]
    assert commands[2].id not in ("once", "")
    assert (commands[2].reason, commands[2].version) == ("more", "2")
    assert first.key == b"loan"
    assert dict(first.headers)["ce_type"] == b"io.streamgauge.command.v1"


def test_watch_shows_each_event_once_from_the_beginning(
    monitor: Path, kafka: Kafka, unique: str, start: Callable[..., Process]
):
    assert run("topics", "create", monitor)[0] == 0
    alert = json.dumps(EXAMPLES["alert"], ensure_ascii=False).encode()
    trigger = json.dumps(EXAMPLES["retraining_trigger"], ensure_ascii=False).encode()
    later = json.dumps({**EXAMPLES["alert"], "id": "later", "severity": "recovered"}).encode()

    def publish(role: str, kind: str, value: bytes) -> None:
        sent = list(headers(kind, "1", "2026-01-31T12:00:00Z", "loan"))
        with kafka.producer() as producer:
            producer.send(f"{unique}-{role}", key=b"loan", value=value, headers=sent).get(10)

    publish("alerts", "alert", alert)
    publish("alerts", "alert", b"not json")
    publish("alerts", "alert", alert)
    publish("triggers", "retraining_trigger", trigger)
    command = [sys.executable, "-m", "streams.cli", "watch", str(monitor)]
    as_json = start([*command, "--json", "--from-beginning"], name="json")
    people = start([*command, "--from-beginning"], name="people", COLUMNS="80")
    until(lambda: len(as_json.log.read_text().splitlines()) == 2, "an alert and a trigger")
    publish("alerts", "alert", later)
    lines = until(lambda: found if len(found := as_json.log.read_text().splitlines()) == 3 else None, "one more alert")
    ids = [json.loads(line)["id"] for line in lines]
    assert sorted(ids[:2]) == sorted([EXAMPLES["alert"]["id"], EXAMPLES["retraining_trigger"]["id"]])
    assert ids[2] == "later"
    until(lambda: "RECOVERED" in people.log.read_text(), "the recovery on the screen")
    assert people.log.read_text().count("ALARM") == 1
    for process in (as_json, people):
        process.process.send_signal(signal.SIGINT)
        assert process.process.wait(15) == 130
        assert "Traceback" not in process.log.read_text()
