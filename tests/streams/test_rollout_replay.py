"""Rollouts on files: `replay --commands`, from a candidate that has passed its checks to what came of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from streams import replay as replaying
from streams.cli import app
from streams.output_files import FILES

from .rollout_tables import ROWS, moment, write_tables

TRIED = 12
runner = CliRunner()


def run(*arguments: object) -> tuple[int, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def trigger_of(out: Path) -> str:
    (trigger,) = lines(out / "triggers.jsonl")
    id_: str = trigger["id"]
    return id_


def replayed(monitor: Path, *commands: dict[str, Any], name: str = "out") -> Path:
    file, out = monitor.parent / f"{name}.commands.jsonl", monitor.parent / name
    file.write_text("".join(json.dumps(one) + "\n" for one in commands))
    code, text = run("replay", monitor, "--out", out, "--commands", file)
    assert code == 0, text
    return out


def begun(base: Path, error: float, *, automatic: bool = True, days: int = 60) -> tuple[Path, str]:
    """A monitor whose calendar has triggered once, and the trigger's id."""
    monitor = write_tables(base, {"1": 0.3, "2": error}, days=days, tried=TRIED, automatic=automatic)
    assert run("reference", monitor)[0] == 0
    return monitor, trigger_of(replayed(monitor, name="before"))


def finished(trigger: str, **fields: Any) -> dict[str, Any]:
    command = {"type": "retraining_finished", "id": "c1", "model": "loan", "timestamp": moment(TRIED)}
    return command | {"trigger": trigger, "new_version": "2", "checks": "passed"} | fields


def story(out: Path) -> list[tuple[str, str, str | None, float]]:
    return [(one["version"], one["stage"], one["candidate"], one["share"]) for one in lines(out / "serving.jsonl")]


def test_a_better_version_goes_from_shadow_to_full_and_its_trigger_has_helped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monitor, trigger = begun(tmp_path, 0.1)
    out = replayed(monitor, finished(trigger))
    assert story(out) == [
        ("1", "shadow", "2", 0.0),
        ("1", "canary", "2", 0.2),
        ("2", "full", None, 0.0),
    ]
    records = lines(out / "serving.jsonl")
    assert [one["number"] for one in records] == [1, 2, 3]
    assert {one["trigger"] for one in records} == {trigger}
    assert [one["previous"] for one in records] == [None, None, "1"]
    first, *_, last = lines(out / "outcomes.jsonl")
    assert first["id"] == last["id"]
    assert (first["status"], last["status"], last["new_version"]) == ("helped", "helped", "2")
    assert last["after"]["rows"] > first["after"]["rows"] >= 200
    assert last["without"]["version"] == "1"
    assert last["saved"] == pytest.approx(-last["difference"] * last["served_rows"])
    monkeypatch.setattr(replaying, "CHUNK", 777)
    again = replayed(monitor, finished(trigger), name="again")
    for name in FILES.values():
        assert (out / name).read_bytes() == (again / name).read_bytes(), name


def test_a_version_that_came_to_serve_is_judged_by_what_it_was_and_the_reports_say_so(tmp_path: Path) -> None:
    monitor, trigger = begun(tmp_path, 0.1)
    out = replayed(monitor, finished(trigger))
    (pane,) = [one for one in lines(out / "panes.jsonl") if one["reference_adopted"] is not None]
    told = pane["reference_adopted"]
    assert pane["version"] == "2"
    assert (told["start"], told["panes"], told["labelled"]) == (moment(TRIED), 30, 30 * ROWS)
    assert 0.08 < told["loss"] < 0.12
    later = [one for one in lines(out / "panes.jsonl") if one["version"] == "2" and one["time"] >= pane["time"]]
    rates = [each for one in later for each in one["readings"] if each["signal"] == "error_rate"]
    assert rates
    assert {each["reference"] for each in rates} == {told["loss"]}
    code, text = run("replay", monitor, "--out", out, "--commands", tmp_path / "out.commands.jsonl")
    assert code == 0, text
    said = "Version 2 is judged by what it was itself while it was tried"
    assert said in " ".join(text.split())
    assert said in (out / "report.html").read_text()


def test_a_worse_version_is_rolled_back_and_people_are_told_once(tmp_path: Path) -> None:
    monitor, trigger = begun(tmp_path, 0.5)
    out = replayed(monitor, finished(trigger))
    assert story(out) == [("1", "shadow", "2", 0.0), ("1", "full", None, 0.0)]
    (alert,) = [one for one in lines(out / "alerts.jsonl") if one["signal"] == "version_difference"]
    assert (alert["severity"], alert["version"]) == ("notice", "2")
    assert "it was rolled back, and version 1 serves" in alert["summary"]
    (outcome,) = lines(out / "outcomes.jsonl")
    assert (outcome["status"], outcome["trigger"]) == ("refused", trigger)
    assert outcome["after"]["loss"] > outcome["without"]["loss"]
    assert outcome["saved"] is None  # in shadow it answered nobody


def test_without_automatic_people_are_told_the_answer_and_promote(tmp_path: Path) -> None:
    monitor, trigger = begun(tmp_path, 0.1, automatic=False)
    promoted = {"type": "promote", "id": "c3", "model": "loan", "timestamp": moment(40), "version": "2"}
    shadowed = {"type": "shadow", "id": "c2", "model": "loan", "timestamp": moment(TRIED), "version": "2"}
    out = replayed(monitor, finished(trigger), shadowed, promoted)
    assert story(out) == [("1", "shadow", "2", 0.0), ("1", "shadow", "2", 0.0), ("2", "full", None, 0.0)]
    told = lines(out / "serving.jsonl")[1]
    assert "version 2 is not worse than version 1" in told["reason"].lower()
    assert lines(out / "serving.jsonl")[2]["trigger"] == trigger  # known from the training


def test_what_makes_no_sense_is_refused_with_the_reason(tmp_path: Path) -> None:
    monitor, _ = begun(tmp_path, 0.1, days=20)
    common = {"model": "loan", "timestamp": moment(15)}
    out = replayed(
        monitor,
        {"type": "promote", "id": "a", "version": "9"} | common,
        {"type": "roll_back", "id": "b"} | common,
        {"type": "shadow", "id": "c", "version": "1"} | common,
    )
    assert lines(out / "serving.jsonl") == []
    found = json.loads((out / "accounting.json").read_text())["commands"]
    assert found["given"] == 3
    assert found["refused"]["loan"].keys() == {"a", "b", "c"}
    assert "version 9 of loan has never predicted" in found["refused"]["loan"]["a"]
    assert "known are 1, 2" in found["refused"]["loan"]["a"]


def test_a_command_comes_before_the_first_pane_that_is_due_after_it(tmp_path: Path) -> None:
    monitor, _ = begun(tmp_path, 0.1, days=20, automatic=False)
    out = replayed(
        monitor,
        {"type": "shadow", "id": "a", "model": "loan", "timestamp": moment(15), "version": "2"},
        {"type": "roll_back", "id": "b", "model": "loan", "timestamp": moment(400)},
    )
    first, *_, last = lines(out / "serving.jsonl")
    assert first["time"] == moment(15)  # the panes due at day 15 have closed, and none that is due later
    assert last["time"] == moment(20)  # never after what the monitor has seen
    compared = [
        report["time"]
        for report in lines(out / "panes.jsonl")
        if any(reading["signal"] == "version_difference" for reading in report["readings"])
    ]
    assert compared[0] == moment(16)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "x.jsonl:1: not a command"),
        ('{"type": "promote", "id": "a", "model": "loan", "timestamp": "2026-01-01T00:00:00Z"}', "version"),
        (
            '{"type": "roll_back", "id": "a", "model": "laon", "timestamp": "2026-01-01T00:00:00Z"}',
            "x.jsonl:1: no model 'laon' in the monitor file (did you mean 'loan'?); it has loan",
        ),
        (
            '{"type": "roll_back", "id": "a", "model": "loan", "timestamp": "0999-01-02T00:00:00Z"}',
            "x.jsonl:1: timestamp 0999-01-02 00:00:00+00:00 is out of range",
        ),
    ],
)
def test_a_file_of_commands_that_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    monitor = write_tables(tmp_path, {"1": 0.3}, days=2, tried=0, automatic=False)
    assert run("reference", monitor)[0] == 0
    (tmp_path / "x.jsonl").write_text(text)
    code, told = run("replay", monitor, "--out", tmp_path / "out", "--commands", tmp_path / "x.jsonl")
    assert code == 2
    assert message in " ".join(told.split())


def test_files_of_commands_are_one_story_by_time_whatever_their_order(tmp_path: Path) -> None:
    monitor, _ = begun(tmp_path, 0.1, days=20, automatic=False)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    for file, name, version, day in (
        (first, "promote", "2", 15),
        (first, "shadow", "2", 13),
        (second, "promote", "1", 16),
        (second, "roll-back", None, 14),
    ):
        given = ("loan",) if version is None else ("loan", version)
        assert run(name, monitor, *given, "--at", moment(day), "--out", file)[0] == 0
    stories = []
    for files in ((first, second), (second, first)):
        given = tuple(word for file in files for word in ("--commands", file))
        code, text = run("replay", monitor, "--out", tmp_path / "out", *given)
        assert code == 0, text
        stories.append(story(tmp_path / "out"))
        assert json.loads((tmp_path / "out" / "accounting.json").read_text())["commands"]["given"] == 4
    assert stories[0] == [
        ("1", "shadow", "2", 0),
        ("1", "full", None, 0),
        ("2", "full", None, 0),
        ("1", "full", None, 0),
    ]
    assert stories[0] == stories[1]


def test_commands_of_the_command_line_are_a_file_for_replay(tmp_path: Path) -> None:
    monitor, _ = begun(tmp_path, 0.1, days=20)
    file = tmp_path / "commands.jsonl"
    for name, *rest in (
        ("shadow", "loan", "2", "--at", moment(13)),
        ("promote", "loan", "2", "--share", "0.25", "--at", moment(14), "--id", "mine"),
        ("snooze", "loan", moment(18), "--at", moment(14)),
        ("acknowledge", "loan", "episode-1", "--data-is-right", "--at", moment(14)),
        ("roll-back", "loan", "--reason", "because", "--at", moment(15)),
    ):
        code, text = run(name, monitor, *rest, "--out", file)
        assert code == 0, text
        assert "appended to" in text
    assert [one["type"] for one in lines(file)] == ["shadow", "promote", "snooze", "acknowledge", "roll_back"]
    assert lines(file)[1]["id"] == "mine"
    assert lines(file)[3]["data_is_right"]
    code, text = run("replay", monitor, "--out", tmp_path / "out", "--commands", file)
    assert code == 0
    assert "no episode 'episode-1' is open" in " ".join(text.split())
    refused = json.loads((tmp_path / "out" / "accounting.json").read_text())["commands"]["refused"]["loan"]
    assert refused.keys() == {lines(file)[3]["id"]}
    assert story(tmp_path / "out") == [("1", "shadow", "2", 0), ("1", "canary", "2", 0.25), ("1", "full", None, 0)]
    code, text = run("serving", monitor, "--from", tmp_path / "out" / "serving.jsonl")
    assert code == 0
    assert text.splitlines()[0] == f"loan: version 1 serves, since {moment(15)}"
    assert "Because." in text
    assert run("serving", monitor, "--from", tmp_path / "out") == (0, text)
    code, text = run("serving", monitor, "loan", "--json", "--from", tmp_path / "out")
    assert json.loads(text)["number"] == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("promote", "laon", "2"), "no model 'laon' in the monitor file (did you mean 'loan'?); it has loan"),
        (("promote", "loan", "2", "--share", "0"), "--share: 0.0"),
        (("promote", "loan", "2", "--share", "1.5"), "--share: 1.5"),
        (("snooze", "loan", "soon"), "the moment"),
        (("snooze", "loan", moment(3), "--at", moment(3)), f"{moment(3)} is not after the time of the command"),
        (("snooze", "loan", moment(3), "--at", moment(2), "--signal", "eror_rate"), "(did you mean 'error_rate'?)"),
        (("roll-back", "loan", "--at", "noon"), "--at"),
        (("serving", "lawn"), "no model 'lawn'"),
        (("serving", "--from", "nowhere.jsonl"), "nowhere.jsonl: cannot be read"),
        (("send", "--also", "nowhere.parquet"), "--also nowhere.parquet: no such file"),
    ],
)
def test_mistakes_are_told_and_nothing_is_sent(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    monitor = write_tables(tmp_path, {"1": 0.3}, days=2, tried=0, automatic=False)
    name, *rest = arguments
    code, text = run(name, monitor, *rest)
    assert code == 2
    assert message in " ".join(text.split())
