"""The command `score`: which candidate is asked, what its answers are called, and from when on."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from streams.cli import app

from .rollout_tables import moment, write_tables

FIRST, SECOND = "aaaa1111" + "0" * 24, "aaaa2222" + "0" * 24
runner = CliRunner()


def run(*arguments: object) -> tuple[int, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "300"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten days of predictions; candidates of two triggers, that of the older one finished on day 2, the other on 6."""
    write_tables(tmp_path, {"1": 0.3}, days=10, tried=0, automatic=False)
    (tmp_path / "out").mkdir()
    lines = []
    for trigger, version, day in ((SECOND, "new", 6), (FIRST, "old", 2)):
        directory = tmp_path / "out" / "models" / version
        directory.mkdir(parents=True)
        (directory / "manifest.json").write_text(json.dumps({"model": "loan", "version": version}))
        command = {"type": "retraining_finished", "id": f"c-{version}", "model": "loan", "timestamp": moment(day)}
        lines.append(command | {"trigger": trigger, "new_version": version, "model_uri": directory.as_uri()})
    (tmp_path / "out" / "commands.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

    class Always:
        def __init__(self, version: str) -> None:
            self.score = {"old": 0.25, "new": 0.75}[version]

        def outputs(self, features: Any) -> list[Any]:
            from streams.trainer import ModelOutput

            return [ModelOutput(score=self.score) for _ in features]

    monkeypatch.setattr("streams.asked_model.load_model", lambda spec, model, base, directory: Always(directory.name))
    monkeypatch.setattr("streams.asked_model.trainer_of", lambda *_: None)
    return tmp_path


def answered(world: Path, *options: object) -> tuple[set[str], set[float], str]:
    """Return versions and scores in the table that was written, and the day on which it begins."""
    out = world / "shadow.parquet"
    code, text = run("score", world / "monitor.yaml", "loan", "--out", out, *options)
    assert code == 0, text
    table = pq.read_table(out)
    first = min(table["timestamp"].to_pylist())
    return set(table["version"].to_pylist()), set(table["predicted_score"].to_pylist()), first.isoformat()[:10]


def refused(world: Path, *options: object) -> str:
    code, text = run("score", world / "monitor.yaml", "loan", "--out", world / "shadow.parquet", *options)
    assert code == 2, text
    return text


OLD, NEW = ({"old"}, {0.25}, "2026-01-03"), ({"new"}, {0.75}, "2026-01-07")


def test_what_finished_last_is_taken_whatever_the_order_of_the_lines(world: Path) -> None:
    assert answered(world, "--from", world / "out") == NEW
    assert answered(world, "--from", world / "out" / "commands.jsonl") == NEW


def test_name_and_time_are_those_of_the_candidate_that_is_named(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ("--from", world / "out")
    old = world / "out" / "models" / "old"
    assert answered(world, *place, "--candidate", old) == OLD
    assert answered(world, *place, "--candidate", old.as_uri()) == OLD
    monkeypatch.chdir(world / "out")
    assert answered(world, "--from", ".", "--candidate", "models/../models/old") == OLD
    assert answered(world, *place, "--trigger", FIRST) == OLD
    assert answered(world, *place, "--trigger", FIRST[:8]) == OLD
    assert answered(world, *place, "--version", "old") == OLD


def test_what_is_given_goes_before_what_was_reported(world: Path) -> None:
    place = ("--from", world / "out", "--trigger", FIRST)
    assert answered(world, *place, "--version", "mine", "--since", moment(8)) == ({"mine"}, {0.25}, "2026-01-09")


def test_a_candidate_that_no_training_made_is_refused_with_what_to_give(world: Path) -> None:
    other = world / "elsewhere" / "new"
    other.mkdir(parents=True)
    text = refused(world, "--from", world / "out", "--candidate", other)
    assert "says that its model lies there" in text
    assert "Give --version and leave --from out, or leave --candidate out" in text
    assert "version old" in text
    # a copy of a version that the file knows by its name
    assert answered(world, "--from", world / "out", "--candidate", other, "--version", "new") == NEW


def test_the_version_of_a_model_directory_stands_in_its_manifest(world: Path) -> None:
    old = world / "out" / "models" / "old"
    assert answered(world, "--candidate", old) == ({"old"}, {0.25}, "2026-01-01")
    (old / "manifest.json").unlink()
    assert "has no manifest.json that says its version; give --version" in refused(world, "--candidate", old)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--since", "2026-01-05"), "--since: '2026-01-05' is not RFC 3339 with a time zone, such as 2026-01-05T00:00"),
        ((), "name the candidate: --candidate with a model directory or module:function, or give --from"),
        (("--trigger", FIRST), "--trigger goes with --from"),
        (("--from", "out", "--trigger", "aaa"), "too short for the beginning of an id: 6 characters or more"),
        (("--from", "out", "--trigger", "bbbbbb"), "no training of it has finished"),
        (("--from", "out", "--trigger", FIRST, "--candidate", "x:y"), "both say which candidate; give one of them"),
    ],
)
def test_mistakes_are_told(
    world: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(world)
    assert message in refused(world, *options)


def test_a_beginning_that_several_have_is_refused(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = world / "out" / "commands.jsonl"
    file.write_text(file.read_text().replace(SECOND, FIRST[:7] + "f" * 25))
    assert "several begin so" in refused(world, "--from", world / "out", "--trigger", FIRST[:6])
