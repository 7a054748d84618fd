"""The worker as people run it: the command line, real topics, both levels."""

import csv
import json
import random
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from kafka import TopicPartition

from schemas.kafka_spec import Topics
from schemas.spec import MonitorSpec
from streams.archive import Archive
from streams.build_reference import build_reference
from streams.errors import UserError
from streams.files import load_spec
from streams.messages import WatermarkMessage, decode_message
from streams.records import Record
from streams.replay import replay
from streams.send import send
from streams.send_command import command_of, send_command
from streams.topics import create
from streams.worker import owned_directory

from .broker import Broker, Kafka, Process, until

Start = Callable[..., Process]
STREAMGAUGE = Path(sys.executable).with_name("streamgauge")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, A_DAY, CHANGE = 40, 60, 20
OUTPUTS = ("alerts", "triggers", "decisions", "pane_reports", "label_requests", "schema_changes")


def write_tables(base: Path) -> None:
    """A model that is right nine times in ten, and from day `CHANGE` on no better than a coin."""
    rng = random.Random(7)

    def rows(start: datetime, days: int, change: int) -> Iterator[dict[str, object]]:
        for number in range(days * A_DAY):
            at = start + timedelta(days=number / A_DAY)
            income, region = rng.gauss(50, 10), rng.choice(["north", "south"])
            label = int(income > 50)
            right = rng.random() < (0.5 if number >= change * A_DAY else 0.9)
            yield {
                "id": f"{start:%Y}-{number}",
                "time": at.isoformat(),
                "income": round(income, 3),
                "region": region,
                "label": label,
                "score": 0.9 if label else 0.1,
                "outcome": label if right else 1 - label,
            }

    for name, start, days, change in (("reference", BEGIN.replace(year=2025), 40, 99), ("stream", BEGIN, DAYS, CHANGE)):
        with (base / f"{name}.csv").open("w", newline="") as out:
            writer = csv.DictWriter(out, ["id", "time", "income", "region", "label", "score", "outcome"])
            writer.writeheader()
            writer.writerows(rows(start, days, change))


def write_monitor(base: Path, bootstrap: str, prefix: str, partitions: int = 3) -> Path:
    """Return the monitor file of one run; the tables and the profile are shared by all of them."""
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
    monitor = {
        "kafka": {
            "bootstrap": bootstrap,
            "group": prefix,
            "partitions": partitions,
            "topics": {role: f"{prefix}-{role}" for role in Topics.model_fields},
        },
        "models": {
            "credit": {
                "task": "binary",
                "positive_label": "1",
                "features": {"income": "numeric", "region": "categorical"},
                "segments": ["region"],
                "pane": "1d",
                "lateness": "1h",
                "label_horizon": "5d",
                "label_maturity": "3d",
                "false_alarms": "1 per 90d",
                "reference": "credit.profile.json",
                "retraining": {"policies": [{"type": "performance"}], "cooldown": "14d", "minimum_labels": 10},
            }
        },
        "limits": {"idle_after": "1m"},
        "archive": {"url": f"{prefix}-archive"},
        "files": {
            "reference": [{"path": "reference.csv", "columns": {**columns, "outcome": "outcome"}}],
            "predictions": [{"path": "stream.csv", "columns": columns}],
            "feedback": [{"path": "stream.csv", "columns": {"prediction_id": "id", "label": "outcome"}, "delay": "2d"}],
        },
    }
    path = base / f"{prefix}.yaml"
    path.write_text(yaml.safe_dump(monitor))
    return path


class Run:
    """One monitor on topics of its own."""

    def __init__(self, kafka: Kafka, start: Start, path: Path) -> None:
        self.kafka, self.start, self.path = kafka, start, path
        self.spec: MonitorSpec = load_spec(path)
        self.topics = self.spec.kafka.topics
        self._started = 0
        create(self.spec, path.parent)

    def worker(self, name: str = "a") -> Process:
        """Start a worker with the data directory `name`, and a log of its own."""
        self._started += 1
        data = self.path.parent / f"data-{self.path.stem}-{name}"
        options = ["--data-dir", str(data), "--http-host", "127.0.0.1", "--http-port", "0"]
        log = f"{self.path.stem}-{name}{self._started}"
        return self.start([str(STREAMGAUGE), "worker", str(self.path), *options], log)

    def done(self) -> bool:
        """Whether level 1 has sent all it will send, and level 2 has published all that follows."""
        return self._read_to_end(self.topics.predictions, self.topics.feedback) and self._read_to_end(
            self.topics.summaries
        )

    def processed(self) -> int:
        """How many records of the predictions topic are in the state of level 1."""
        return self._committed(self.kafka.ends(self.topics.predictions))

    def sleeping(self) -> set[int]:
        """Return the source partitions whose newest word to level 2 is that both topics are silent."""
        idle: dict[int, bool] = {}
        for one in self.kafka.read(self.topics.summaries):
            message = decode_message(Record(one.offset, -1, one.key, one.value))  # type: ignore[attr-defined]
            if isinstance(message, WatermarkMessage):
                idle[message.partition] = message.idle
        return {partition for partition, told in idle.items() if told}

    def send_slowly(self, rate: int) -> Process:
        return self.start([str(STREAMGAUGE), "send", str(self.path), "--rate", str(rate)], f"{self.path.stem}-send")

    def outputs(self) -> dict[str, dict[str, Any]]:
        """Everything published, by topic and id, without what depends on how the topics were cut."""
        return {role: self._published(getattr(self.topics, role)) for role in OUTPUTS}

    def _published(self, topic: str) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for record in self.kafka.read(topic):
            value = json.loads(record.value)  # type: ignore[attr-defined]
            value.pop("provenance", None)
            identifier = dict(record.headers)["ce_id"].decode()  # type: ignore[attr-defined]
            assert values.setdefault(identifier, value) == value, f"{topic}: two values for {identifier}"
        return values

    def _read_to_end(self, *topics: str) -> bool:
        ends = {part: end for topic in topics for part, end in self.kafka.ends(topic).items()}
        return sum(ends.values()) > 0 and self._committed(ends) == sum(ends.values())

    def _committed(self, ends: dict[TopicPartition, int]) -> int:
        committed = self.kafka.committed(self.spec.kafka.group)
        return sum(max(0, committed.get(part, 0)) for part in ends)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, broker: str) -> Path:
    """A directory with the tables and the reference profile."""
    path = tmp_path_factory.mktemp("monitor")
    write_tables(path)
    build_reference(load_spec(write_monitor(path, broker, "profile")), path)
    return path


@pytest.fixture
def new_run(kafka: Kafka, start: Start, base: Path, unique: str) -> Callable[..., Run]:
    def make(name: str, partitions: int = 3) -> Run:
        return Run(kafka, start, write_monitor(base, kafka.bootstrap, f"{unique}{name}", partitions))

    return make


def policies(outputs: dict[str, dict[str, Any]]) -> set[str]:
    return {one["policy"] for one in outputs["triggers"].values()}


def assert_metrics(run: Run, text: str, outputs: dict[str, dict[str, Any]]) -> None:
    """Every event is in one bin, and what was published was counted."""
    series = [(found[1], found[2], float(found[3])) for found in re.finditer(r"^(\w+)\{(.*)\} (\S+)$", text, re.M)]

    def total(name: str, label: str = "") -> float:
        return sum(value for one, labels, value in series if one == f"streamgauge_{name}" and label in labels)

    for topic in (run.topics.predictions, run.topics.feedback):
        assert total("events_read", topic) == DAYS * A_DAY + 1
        assert total("events", topic) + total("events_waiting", topic) == total("events_read", topic)
    assert total("alerts_total") == len(outputs["alerts"])
    assert total("triggers_total", 'policy="performance"') == len(outputs["triggers"])
    assert total("panes_closed_total") == len(outputs["pane_reports"])
    assert total("late_summaries") == 0


@contextmanager
def showing(process: Process) -> Iterator[None]:
    """Add the worker's log, and where it says it stands, to a failure."""
    try:
        yield
    except AssertionError as error:
        error.add_note(process.tail(60))
        error.add_note(process.standing())
        raise


@pytest.fixture(scope="module")
def wanted(kafka: Kafka, base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What one undisturbed worker publishes, the topics cut into one partition; and that it carries out a command."""
    logs = tmp_path_factory.mktemp("calm")
    started: list[Process] = []

    def begin(command: list[str], name: str) -> Process:
        started.append(Process(command, logs / f"{name}.log"))
        return started[-1]

    run = Run(kafka, begin, write_monitor(base, kafka.bootstrap, f"calm{uuid.uuid4().hex[:8]}", 1))
    send(run.spec, base)
    process = run.worker()
    try:
        with showing(process):
            until(run.done, "the undisturbed run to end", 120, pause=0.5)
            outputs = run.outputs()
            assert_metrics(run, process.get("metrics")[1], outputs)
            send_command(run.spec, base, command_of(run.spec, "trigger", "credit", {"reason": "so"}, id="command-1"))
            until(lambda: "ad_hoc" in policies(run.outputs()), "a trigger on command", 10)
            assert process.stop() == 0
    finally:
        process.close()
    assert any(alert["severity"] == "alarm" and alert["signal"] == "error_rate" for alert in outputs["alerts"].values())
    assert policies(outputs) == {"performance"}
    assert len(outputs["pane_reports"]) > 2 * DAYS
    return outputs


def assert_same(found: dict[str, dict[str, Any]], wanted: dict[str, dict[str, Any]]) -> None:
    for role in OUTPUTS:
        assert found[role].keys() == wanted[role].keys(), role
        assert found[role] == wanted[role], role


def assert_archived(run: Run) -> None:
    """The archive of a run holds what a replay archives: every row of every cohort that is over, once."""
    base = run.path.parent
    place = run.spec.archive
    assert place is not None
    replayed = place.model_copy(update={"url": f"{run.path.stem}-replayed"})
    replay(run.spec.model_copy(update={"archive": replayed}), base, base / f"{run.path.stem}-out")
    found, wanted = (
        Archive(one, base)
        .rows("credit", run.spec.models["credit"], 0, 2**60)
        .drop_columns(["partition", "prediction_offset"])
        for one in (place, replayed)
    )
    assert len(wanted) > (DAYS - 6) * A_DAY
    assert found == wanted


def test_kill_9_and_cuts_change_nothing_that_is_published(
    new_run: Callable[..., Run], wanted: dict[str, dict[str, Any]]
) -> None:
    """Three partitions, killed three times in mid-stream, the last time with a new data directory."""
    run = new_run("rough", 3)
    sending = run.send_slowly(300)
    for count, name in ((100, "a"), (500, "a"), (1_100, "b")):
        process = run.worker(name)
        with showing(process):
            until(lambda count=count: run.processed() >= count, f"{count} predictions to be processed", 60, 0.02)
        process.kill()
    process = run.worker("b")
    assert sending.ended() == 0, sending.tail()
    with showing(process):
        until(lambda: process.get("readyz")[0] == 200, "the last worker to be ready", 60)
        until(run.done, "the run that was killed to end", 120, pause=0.5)
        assert process.stop() == 0
    assert_same(run.outputs(), wanted)
    assert_archived(run)


def test_three_workers_on_eight_partitions_publish_the_same(
    new_run: Callable[..., Run], wanted: dict[str, dict[str, Any]]
) -> None:
    """They come while events do, and one of them is killed."""
    run = new_run("many", 8)
    sending = run.send_slowly(600)
    workers = [run.worker("a")]
    until(lambda: run.processed() > 0, "the first worker to have begun")
    workers += [run.worker("b"), run.worker("c")]
    with showing(workers[2]):
        until(lambda: re.search(r"generation .*predictions\[", workers[2].tail()), "the third to own partitions", 60)
    workers[1].kill()
    assert sending.ended() == 0, sending.tail()
    with showing(workers[0]), showing(workers[2]):
        until(run.done, "the others to end", 120, pause=0.5)
        assert [workers[0].stop(), workers[2].stop()] == [0, 0]
    assert_same(run.outputs(), wanted)


def test_a_backlog_after_a_silence_of_both_topics_is_late_in_neither(new_run: Callable[..., Run]) -> None:
    """Whichever topic is read first must not pull the other one along past what is on its way in it."""
    run = new_run("burst", 2)
    part = run.path.with_name("part.csv")
    with (run.path.parent / "stream.csv").open() as table:
        header, *lines = table

    def send_days(first: int, end: int) -> None:
        part.write_text(header + "".join(lines[first * A_DAY : end * A_DAY]))
        send(spec, part.parent, watermark=False)

    text = yaml.safe_load(run.path.read_text())
    text["limits"]["idle_after"] = "2s"
    for source in (*text["files"]["predictions"], *text["files"]["feedback"]):
        source["path"] = part.name
    run.path.write_text(yaml.safe_dump(text))
    spec = load_spec(run.path)
    process = run.worker()
    with showing(process):
        send_days(0, 8)
        until(lambda: run.sleeping() == {0, 1}, "both partitions to be silent", 60)
        assert process.stop() == 0
    send_days(11, 40)  # the last feedback before was of day 9
    process = run.worker()
    with showing(process):
        until(lambda: process.metric("events_read") == 2 * 37 * A_DAY, "all to be read", 60)
        counts = re.findall(r"^streamgauge_events\{(.*)\} (\S+)$", process.get("metrics")[1], re.M)
        assert process.stop() == 0
    assert {float(count) for labels, count in counts if 'bin="late"' in labels} == {0.0}


def test_a_worker_without_topics_says_how_to_make_them(new_run: Callable[..., Run], start: Start) -> None:
    run = new_run("none")
    text = yaml.safe_load(run.path.read_text())
    text["kafka"]["topics"]["alerts"] = "not-there"
    run.path.write_text(yaml.safe_dump(text))
    process = run.worker()
    assert process.ended() == 2
    assert "topic not-there does not exist; make it with: streamgauge topics create" in process.tail()
    assert "Traceback" not in process.tail()


def test_a_partition_without_its_store_is_built_again_from_the_progress_record(new_run: Callable[..., Run]) -> None:
    run = new_run("lost")
    send(run.spec, run.path.parent)
    first = run.worker("a")
    with showing(first):
        until(lambda: run.processed() > 0, "some events to be processed", 60)
        assert first.stop() == 0
    second = run.worker("b")
    with showing(second):
        again = "reading again, for want of a local store"
        until(lambda: again in second.log.read_text(), "the new owner to rebuild its partitions", 60)
        until(lambda: "generation" in second.tail(), "the new owner to be assigned", 60)
        until(run.done, "the new owner to end", 120, pause=0.5)


def test_a_worker_started_while_no_broker_answers_waits_for_one(stoppable: Broker, new_run: Callable[..., Run]) -> None:
    run = new_run("early", 1)
    with stoppable.away():
        workers = [run.worker("a"), run.worker("b")]
        for process in workers:
            until(lambda log=process.log: "no broker answers at" in log.read_text(), "the worker to say so", 60)
            assert process.get("livez") == (200, "ok, waiting for a broker: none answers\n")
            assert process.get("readyz") == (503, "not ready: no broker answers\n")
        assert workers[0].stop() == 0
    with showing(workers[1]):
        until(lambda: "generation 1: " in workers[1].log.read_text(), "partitions to be assigned", 60)
        assert workers[1].stop() == 0


def test_a_data_directory_has_one_worker(tmp_path: Path) -> None:
    with owned_directory(tmp_path / "data"), pytest.raises(UserError, match="in use by another worker"):
        owned_directory(tmp_path / "data").__enter__()
