"""Datasets out of the archive that a replay wrote, and the command line that asks for them."""

import json
import logging
import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from schemas.event_time import EARLIEST, LATEST
from schemas.trigger import RetrainingTrigger
from streams.cli import app
from streams.dataset import form_dataset
from streams.dataset_archive import ModelArchive
from streams.dataset_trigger import triggers_in
from streams.errors import UserError
from streams.files import load_spec

from .replayed import A_DAY, DAYS, replayed

runner = CliRunner()


@pytest.fixture(scope="module")
def monitor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return replayed(tmp_path_factory.mktemp("replayed"))


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """The command line logs to a stream that is closed after the test."""
    root = logging.getLogger()
    before = root.handlers[:]
    yield
    root.handlers[:] = before


def run(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def newest(monitor: Path) -> RetrainingTrigger:
    return triggers_in(monitor.parent / "out")[-1]


def test_the_rows_that_the_trigger_counted_are_in_the_archive_with_their_offsets(monitor: Path, tmp_path: Path):
    spec, trigger = load_spec(monitor), newest(monitor)
    manifest = form_dataset(spec, trigger, ModelArchive(spec, monitor.parent, "credit"), tmp_path / "d")
    assert manifest["window"]["rows"]["labelled"] == trigger.train_on.labelled_rows > 100
    assert manifest["not_had"] == []
    ranges = manifest["offsets"]["0"]
    assert ranges["trigger"] == ranges["archive"]
    assert manifest["archive"]
    for file in manifest["archive"]:
        assert (monitor.parent / "archive" / file["file"]).stat().st_size == file["bytes"]
    assert str(tmp_path) not in (tmp_path / "d" / "manifest.json").read_text()


def test_the_command_makes_the_same_bytes_again(monitor: Path, tmp_path: Path):
    id = newest(monitor).id
    for name, given, place in (("a", id, "out"), ("b", id[:8], "out/triggers.jsonl")):
        code, out, err = run("dataset", monitor, given, "--from", monitor.parent / place, "--out", tmp_path / name)
        assert code == 0, err
        assert "train.parquet" in out
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_pinned_and_must_have_rows_come_from_all_over_the_archive(monitor: Path, tmp_path: Path):
    spec, trigger = load_spec(monitor), newest(monitor)
    data = trigger.train_on.model_dump(mode="json")
    data |= {"pinned": ["stream-3"], "must_have": [{"where": "income > 55 and score > 0.5", "at_least": 300}]}
    wider = RetrainingTrigger.model_validate({**trigger.model_dump(mode="json"), "train_on": data})
    form_dataset(spec, wider, ModelArchive(spec, monitor.parent, "credit"), tmp_path / "d")
    train = pq.read_table(tmp_path / "d" / "train.parquet")
    assert "stream-3" in train["prediction_id"].to_pylist()
    before = sum(time < trigger.train_on.window.start for time in train["time"].to_pylist())
    assert before > 50


def test_all_of_time_is_asked_for_without_a_walk_through_it(monitor: Path):
    spec = load_spec(monitor)
    archive = ModelArchive(spec, monitor.parent, "credit")
    rows = sum(map(len, archive.batches(EARLIEST, LATEST, versions=None, labels_until=LATEST)))
    assert 0.8 * DAYS * A_DAY < rows <= DAYS * A_DAY
    assert list(archive.batches(EARLIEST, EARLIEST + 1, versions=None, labels_until=LATEST)) == []


def test_without_an_archive_it_is_said_what_to_do(monitor: Path, tmp_path: Path):
    spec = load_spec(monitor)
    with pytest.raises(UserError, match=r"has no archive.url"):
        ModelArchive(spec.model_copy(update={"archive": None}), monitor.parent, "credit")
    moved = tmp_path / "monitor.yaml"
    shutil.copy(monitor, moved)
    code, _, err = run("dataset", moved, newest(monitor).id, "--from", monitor.parent / "out", "--out", tmp_path / "d")
    assert code == 2
    assert "no archive is there" in err


def test_retrain_from_the_command_line_reports_and_ends_with_1_where_one_failed(monitor: Path, tmp_path: Path):
    base = tmp_path / "base"
    shutil.copytree(monitor.parent, base)
    (base / "out" / "triggers.jsonl").write_text(newest(monitor).model_dump_json() + "\n")
    code, out, err = run("retrain", base / monitor.name, "--from", base / "out")
    assert code == 0, out + err
    assert "retraining finished" in out
    shutil.rmtree(base / "archive")
    shutil.rmtree(base / "out" / "retrain")
    (base / "out" / "commands.jsonl").unlink()
    code, out, _ = run("retrain", base / monitor.name, "--from", base / "out")
    assert code == 1
    assert "retraining failed" in out
    report = json.loads((base / "out" / "commands.jsonl").read_text().splitlines()[-1])
    assert report["type"] == "retraining_failed"


def test_the_archive_of_a_replay_elsewhere_is_named_on_the_command_line(monitor: Path, tmp_path: Path):
    """As replay is: `--archive` goes before archive.url, for the dataset and for who trains on it."""
    base, elsewhere = tmp_path / "base", tmp_path / "elsewhere"
    shutil.copytree(monitor.parent, base)
    (base / "archive").rename(elsewhere)
    trigger = newest(monitor)
    (base / "out" / "triggers.jsonl").write_text(trigger.model_dump_json() + "\n")
    given = (base / monitor.name, trigger.id, "--from", base / "out")
    assert run("dataset", *given, "--out", tmp_path / "d")[0] == 2
    code, _, err = run("dataset", *given, "--out", tmp_path / "d", "--archive", elsewhere)
    assert code == 0, err
    assert run("dataset", monitor, *given[1:], "--out", tmp_path / "e")[0] == 0
    assert (tmp_path / "d" / "train.parquet").read_bytes() == (tmp_path / "e" / "train.parquet").read_bytes()
    code, out, err = run("retrain", base / monitor.name, "--from", base / "out", "--archive", elsewhere)
    assert code == 0, out + err
    assert "retraining finished" in out
