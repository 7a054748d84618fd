"""The command line: every help has an example, and a person's mistake is one message and exit code 2."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from schemas.publish import documents
from streams.cli import app
from streams.errors import StateDiffers, Stopped
from streams.send import _progress, parse_time
from streams.token_bucket import TokenBucket
from streams.watch import _Screen

COMMANDS = [
    [],
    ["replay"],
    ["worker"],
    ["send"],
    ["watch"],
    ["trigger"],
    ["shadow"],
    ["promote"],
    ["roll-back"],
    ["serving"],
    ["snooze"],
    ["acknowledge"],
    ["explain"],
    ["features"],
    ["check"],
    ["score"],
    ["dataset"],
    ["retrain"],
    ["backtest"],
    ["reference"],
    ["init"],
    ["topics"],
    ["topics", "create"],
    ["topics", "check"],
    ["schema"],
    ["schema", "export"],
    ["schema", "check"],
]
runner = CliRunner()


def run(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    path = tmp_path / "monitor.yaml"
    path.write_text(
        """
kafka: {bootstrap: "127.0.0.1:1"}
models:
  loan:
    task: binary
    positive_label: "1"
    features: {income: numeric}
    pane: 1d
    label_horizon: 30d
    false_alarms: 1 per 90d
    reference: loan.profile.json
files:
  predictions: {path: none.csv, columns: {prediction_id: id, timestamp: at, label: answer}}
"""
    )
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_that_is_a_real_command(command: list[str]):
    code, out, _ = run(*command, "--help")
    assert code == 0
    _, _, examples = out.partition("Example")
    assert " ".join(["streamgauge", *command]).strip() in examples


def test_every_command_is_listed():
    def names(group: object, above: tuple[str, ...]) -> set[tuple[str, ...]]:
        found = {above}
        for name, command in getattr(group, "commands", {}).items():
            found |= names(command, (*above, name))
        return found

    import typer.main

    assert names(typer.main.get_command(app), ()) == {tuple(command) for command in COMMANDS}


def test_version():
    code, out, _ = run("--version")
    assert code == 0
    assert out.startswith("streamgauge 0.")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay", "none.yaml", "--out", "out"], "none.yaml"),
        (["worker", "none.yaml"], "none.yaml"),
        (["send", "none.yaml"], "none.yaml"),
        (["watch", "none.yaml"], "none.yaml"),
        (["trigger", "none.yaml", "m", "--reason", "r"], "none.yaml"),
        (["reference", "none.yaml"], "none.yaml"),
        (["explain", "none.yaml", "m"], "none.yaml"),
        (["explain", "none.yaml"], "MODEL"),
        (["dataset", "none.yaml", "abc", "--out", "out"], "none.yaml"),
        (["dataset", "none.yaml", "--out", "out"], "TRIGGER_ID"),
        (["retrain", "none.yaml"], "none.yaml"),
        (["retrain", "none.yaml", "--trigger", "abc"], "--from"),
        (["explain", "none.yaml", "m", "--method", "guess"], "top-bottom"),
        (["init", "none.csv"], "none.csv"),
        (["topics", "create", "none.yaml"], "none.yaml"),
        (["topics", "check", "none.yaml"], "none.yaml"),
        (["schema", "check", "none.json", "none.json"], "none.json"),
        (["schema", "check", "none.json"], "OLD NEW"),
        (["replay", "none.yaml"], "--out"),
        (["trigger", "none.yaml", "m"], "--reason"),
        (["send", "none.yaml", "--rate", "0"], "--rate"),
        (["send", "none.yaml", "--watermark", "now", "--no-watermark"], "one of them"),
        (["launch"], "launch"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments: list[str], says: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*arguments)
    assert code == 2, out + err
    assert says in err
    assert "Traceback" not in out + err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["trigger", "loam", "--reason", "r"], "did you mean 'loan'"),
        (["trigger", "loan", "--reason", "x" * 3_000], "--reason"),
        (["trigger", "loan", "--reason", "r"], "no broker answers at 127.0.0.1:1"),
        (["explain", "loam"], "did you mean 'loan'"),
        (["explain", "loan", "--predict", "scoring:predict"], "--method permutation"),
        (["explain", "loan", "--method", "permutation", "--predict", "scoring"], "module:function"),
        (["explain", "loan"], "none.csv"),
        (["dataset", "abc", "--out", "out", "--archive", "kept"], "no broker answers at 127.0.0.1:1"),
        (["dataset", "abc", "--out", "out", "--from", "nowhere"], "streamgauge replay"),
        (["retrain"], "archive"),
        (["retrain", "--archive", "kept"], "no broker answers at 127.0.0.1:1"),
        (["retrain", "--from", "nowhere"], "streamgauge replay"),
        (["retrain", "--since", "yesterday"], "--since: 'yesterday'"),
        (["watch"], "no broker answers at 127.0.0.1:1"),
        (["send"], "none.csv"),
        (["send", "--watermark", "yesterday"], "2026-01-31T12:00:00Z"),
    ],
)
def test_what_cannot_be_done_says_why(arguments: list[str], says: str, monitor: Path, monkeypatch):
    monkeypatch.setattr("streams.client.BOOTSTRAP_MS", 300)
    command, *rest = arguments
    code, out, err = run(command, monitor, *rest)
    assert (code, "Traceback" in out + err) == (2, False)
    assert says in err


@pytest.mark.parametrize(
    ("error", "expected"),
    [(Stopped("too many bad events"), 1), (StateDiffers("pane differs"), 2), (KeyboardInterrupt(), 130)],
)
def test_a_stop_on_purpose_is_1_and_ctrl_c_is_130(error: BaseException, expected: int, tmp_path: Path, monkeypatch):
    def export(_out: Path) -> None:
        raise error

    monkeypatch.setattr("streams.schema_files.export", export)
    code, out, err = run("schema", "export", "--out", tmp_path)
    assert code == expected
    assert err.strip() == str(error)
    assert "Traceback" not in out + err


def test_schema_export_writes_what_is_published(tmp_path: Path):
    code, out, _ = run("schema", "export", "--out", tmp_path / "a" / "b")
    assert code == 0
    assert {path.name: path.read_text() for path in (tmp_path / "a" / "b").iterdir()} == documents()
    assert str(len(documents())) in out


def test_schema_export_where_nothing_can_be_written(tmp_path: Path):
    (tmp_path / "file").write_text("")
    code, _, err = run("schema", "export", "--out", tmp_path / "file")
    assert code == 2
    assert "--out" in err


def test_schema_check_is_0_or_1_and_says_what_breaks(tmp_path: Path):
    versions = []
    for number, values in enumerate((["a", "b"], ["a"], ["a", "c"])):
        versions.append(tmp_path / f"v{number}.json")
        versions[-1].write_text(json.dumps({"properties": {"kind": {"enum": values}}}))
    code, out, _ = run("schema", "check", *versions)
    assert (code, "is BACKWARD compatible" in out) == (0, True)
    code, out, _ = run("schema", "check", *versions, "--mode", "backward_transitive")
    assert code == 1
    assert '$.kind: the old schema allows "b"' in out
    assert "v0.json" in out


def test_schema_check_of_what_is_no_schema(tmp_path: Path):
    for text in ("{", "[1]", '{"properties": []}'):
        path = tmp_path / "broken.json"
        path.write_text(text)
        code, _, err = run(
            "schema", "check", path, path if text != '{"properties": []}' else _any(tmp_path), "--mode", "FULL"
        )
        assert (code, "broken.json" in err) == (2, True), text


def _any(directory: Path) -> Path:
    path = directory / "any.json"
    path.write_text('{"type": "object"}')
    return path


def test_help_loads_no_libraries_of_the_work():
    code = """
import sys
from streams.cli import main
sys.argv = ["streamgauge", "--help"]
try:
    main()
finally:
    print(sorted({"kafka", "faust", "pyarrow", "river", "numpy"} & set(sys.modules)))
"""
    said = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE, text=True).stdout
    assert "replay" in said
    assert said.splitlines()[-1] == "[]"


def test_a_closed_pipe_is_quiet(tmp_path: Path):
    """As `streamgauge ... | head -1` closes it."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "streams.cli", "schema", "export", "--out", str(tmp_path)]
    process = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in process.stderr


def test_the_token_bucket_holds_the_rate():
    now = [0.0]
    bucket = TokenBucket(50, clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    for _ in range(501):
        bucket.take()
    assert now[0] == pytest.approx(10)
    now[0] += 3_600  # a pause is not made up for by a burst
    start = now[0]
    for _ in range(100):
        bucket.take()
    assert now[0] - start > 1.8


def test_a_time_is_rfc_3339():
    assert parse_time("1970-01-01T00:00:01Z", "--since") == 1_000_000


def test_watch_fits_on_a_narrow_terminal(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "80")
    screen = _Screen()
    screen("alert", EXAMPLES["alert"], b"")
    screen("trigger", EXAMPLES["retraining_trigger"], b"")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2026-02-19 00:00  ALARM      car_loan 3"
    assert all(len(line) <= 80 for line in lines)
    text = " ".join(line.strip() for line in lines)
    for part in (EXAMPLES["alert"]["summary"], EXAMPLES["alert"]["action"], EXAMPLES["retraining_trigger"]["reason"]):
        assert part in text
    assert "Train on 2026-02-10 00:00 to 2026-02-12 00:00, 1200 labelled rows" in text


def test_watch_names_what_moved_along(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "200")
    along = [{"what": f"share of x{number}"} for number in range(6)]
    _Screen()("alert", {**EXAMPLES["alert"], "along": along}, b"")
    text = capsys.readouterr().out
    assert "With it: share of x0, share of x1, share of x2, share of x3 and 2 more" in text


def test_watch_says_where_since_when_and_what_to_acknowledge(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "80")
    alert, screen = EXAMPLES["alert"], _Screen()
    screen("alert", alert, b"")
    assert capsys.readouterr().out.rstrip().endswith("\n  Episode 71d0c1a44ce9, since 2026-02-10 00:00")
    between = {"since_low": "2026-02-09T00:00:00Z", "since_high": "2026-02-11T06:30:00Z"}
    where = {"conditions": ["region = north", "car_value ≤ 2,000"], "rows": 200, "of": 1_000, "share": 0.81}
    screen("alert", {**alert, **between, "slice": where, "segment": "region"}, b"")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert all(len(line) <= 80 for line in lines)
    assert "  Where: region = north and car_value ≤ 2,000, 200 of 1000 rows with 81% of the" in lines
    assert "since 2026-02-10 00:00 (2026-02-09 00:00 to 2026-02-11 06:30)" in " ".join(map(str.strip, lines))
    screen("alert", {**alert, "slice": {**where, "conditions": []}, "segment": "region = north"}, b"")
    assert "  Where: region = north." in [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_watch_says_what_waiting_costs(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "200")
    trigger = EXAMPLES["retraining_trigger"]
    waiting = {"excess_loss_per_day": 48.2, "cost_per_day": 5974.4, "predictions_per_day": 1150.0}
    _Screen()("trigger", {**trigger, "waiting": waiting}, b"")
    assert "Waiting costs 5,974 a day, 48.2 more loss a day than in the reference." in capsys.readouterr().out
    _Screen()("trigger", {**trigger, "waiting": None}, b"")
    assert "Waiting" not in capsys.readouterr().out


def test_watch_shows_what_to_do_at_once(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "400")
    advice = EXAMPLES["advice"]
    _Screen()("advice", advice, b"")
    head, line = capsys.readouterr().out.splitlines()
    assert "ADVICE" in head
    assert line.strip() == advice["reason"]


def test_watch_shows_a_schema_change_with_whom_it_breaks(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "400")
    change = EXAMPLES["schema_change"]
    _Screen()("schema", change, b"")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "2026-02-11 00:00  SCHEMA     car_loan 3"
    assert lines[1].strip() == change["summary"]
    assert lines[2].strip() == f"Compatibility: FORWARD ({change['breaks'][0]})."
    assert lines[3].strip() == change["action"]


def test_watch_shows_no_fractions_of_seconds_and_no_control_characters(capsys, monkeypatch):
    from schemas.examples import EXAMPLES

    monkeypatch.setenv("COLUMNS", "200")
    summary = "Error rate rose since 2026-02-10T13:30:00.848000Z\x1b[2J."
    change = {"time": "2026-02-19T12:30:07.123456Z", "summary": summary, "model": "m\x1b[2J"}
    _Screen()("alert", {**EXAMPLES["alert"], **change}, b"")
    text = capsys.readouterr().out
    assert text.startswith("2026-02-19 12:30:07  ALARM")
    assert "since 2026-02-10T13:30:00Z" in text
    assert "\x1b" not in text


def test_what_is_in_a_file_does_not_drive_the_terminal(tmp_path: Path):
    path = tmp_path / "p.csv"
    path.write_text("\x1b[2Jid,x\x9b31m\nnope,5\n")
    code, _, err = run("init", path, "--out", tmp_path / "m.yaml", "--id", "id")
    assert code == 2
    assert "has no column 'id'" in err
    assert not [each for each in err if (ord(each) < 32 and each != "\n") or each == "\x9b"]


def test_the_help_of_schema_check_says_why_a_new_optional_property_may_break_readers():
    code, out, _ = run("schema", "check", "--help")
    assert code == 0
    text = " ".join(out.replace("│", " ").split())
    assert "Adding an optional property to an open object is not BACKWARD compatible" in text
    assert "additionalProperties" in text


def test_send_says_how_far_it_is_where_there_is_no_terminal(capsys, monkeypatch):
    monkeypatch.setattr("streams.send.SAY_EVERY", 0.0)
    with _progress(1_500) as progress:
        progress.advance()
        progress.advance()
    captured = capsys.readouterr()
    assert captured.err == "sent 1 of 1,500 events\nsent 2 of 1,500 events\n"
    assert captured.out == ""
    monkeypatch.setattr("streams.send.SAY_EVERY", 5.0)
    with _progress(2) as progress:
        progress.advance()
    assert capsys.readouterr().err == ""
