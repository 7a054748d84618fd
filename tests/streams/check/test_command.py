"""`streamgauge check`: from a model directory or a function, on a dataset, any table, or the monitor file's own."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from schemas.trigger import RetrainingTrigger
from streams.archive_schema import FEATURE
from streams.cli import app
from streams.dataset import HOLDOUT, MANIFEST, TRAIN
from streams.files import load_spec
from streams.trainers.choose import trainer_of

from .world import rows

MONITOR = """
models:
  loan:
    task: binary
    positive_label: "1"
    features: {income: {type: numeric, minimum: 0}, age: numeric, region: categorical, owner: boolean}
    segments: [region]
    pane: 1d
    label_horizon: 7d
    false_alarms: 1 per 90d
    reference: loan.profile.json
    retraining: {trainer: {type: sklearn, parameters: {max_iter: 30}}}
files:
  reference:
    path: held.csv
    columns: {prediction_id: id, timestamp: time, score: score, outcome: truth}
  predictions:
    - {path: held.csv, columns: {prediction_id: id, timestamp: time, score: score}}
  feedback:
    - {path: held.csv, columns: {prediction_id: id, label: truth}, delay: 1d}
"""
SCORING = """
import math
def new(rows):
    return [1 / (1 + math.exp(-min(max(((row['income'] if row['income'] is not None else 50.0) - 50) / 5, -50), 50)))
            for row in rows]
def old(rows):
    return [{'label': '1' if (row['age'] or 0.0) > 40 else '0'} for row in rows]
def crashes(rows):
    return [min(row['income'] / 100, 1.0) for row in rows]
"""
TRIGGER: dict[str, Any] = {
    "id": "8f3a8f3a",
    "model": "loan",
    "version": "1",
    "policy": "ad_hoc",
    "time": "2026-01-01T00:00:00Z",
    "since": "2026-01-01T00:00:00Z",
    "reason": "because",
    "how": "full",
    "train_on": {
        "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
        "labelled_rows": 1,
        "slices": [{"segment": "owner=true", "reason": "r", "rows": 1}],
    },
}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "monitor.yaml").write_text(MONITOR)
    (tmp_path / "scoring_of_loans.py").write_text(SCORING)
    spec = load_spec(tmp_path / "monitor.yaml")
    table = rows(spec, 500)
    plain = {
        "id": table.column("prediction_id"),
        "time": pa.array([f"2026-01-{1 + i * 27 // 500:02d}" for i in range(500)]),
        "score": table.column("output_score"),
        "truth": table.column("label"),
    }
    plain |= {name: table.column(FEATURE + name) for name in ("income", "age", "region", "owner")}
    pyarrow.csv.write_csv(pa.table(plain), tmp_path / "held.csv")
    pq.write_table(table, tmp_path / "archived.parquet")
    dataset = tmp_path / "dataset"
    dataset.mkdir()
    pq.write_table(table, dataset / HOLDOUT)
    pq.write_table(rows(spec, 600, 9), dataset / TRAIN)
    trigger = RetrainingTrigger.model_validate(TRIGGER)
    (dataset / MANIFEST).write_text(json.dumps({"format": 1, "trigger": trigger.model_dump(mode="json")}))
    (tmp_path / "triggers.jsonl").write_text(trigger.model_copy(update={"id": "77777777"}).model_dump_json() + "\n")
    return tmp_path


def run(place: Path, *arguments: object) -> tuple[int, str, str]:
    given = ["check", str(place / "monitor.yaml"), "loan", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(app, given, env={"COLUMNS": "120", "NO_COLOR": "1"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def in_json(place: Path, *arguments: object) -> tuple[int, dict[str, Any]]:
    code, out, err = run(place, *arguments, "--json")
    assert code in (0, 1), err
    return code, json.loads(out)


def test_a_function_passes_on_the_newest_rows_of_the_monitor_files_tables(place: Path) -> None:
    code, out, err = run(place, "--candidate", "scoring_of_loans:new", "--out", place / "out")
    assert code == 0, out + err
    assert out.startswith("The candidate passed: loan, scoring_of_loans:new")
    assert (place / "out" / "report.html").exists()
    assert json.loads((place / "out" / "check.json").read_text())["verdict"] == "passed"


def test_a_function_that_breaks_on_missing_values_fails_with_exit_code_1(place: Path) -> None:
    code, out, _ = run(place, "--candidate", "scoring_of_loans:crashes", "--holdout", place / "held.csv")
    assert code == 1
    assert "TypeError" in out
    assert "income=missing" in out


def test_any_table_gives_the_same_rows_as_the_archive(place: Path) -> None:
    _, from_csv = in_json(place, "--candidate", "scoring_of_loans:new", "--holdout", place / "held.csv")
    _, from_parquet = in_json(place, "--candidate", "scoring_of_loans:new", "--holdout", place / "archived.parquet")
    for name in ("candidate_loss", "champion_loss", "difference"):
        numbers = [each["results"][0]["numbers"][name] for each in (from_csv, from_parquet)]
        assert numbers[0] == pytest.approx(numbers[1])
    assert from_csv["rows"]["held_out_labelled"] == 500


def test_a_champion_that_is_named_is_called(place: Path) -> None:
    code, found = in_json(
        place,
        "--candidate",
        "scoring_of_loans:new",
        "--champion",
        "scoring_of_loans:old",
        "--holdout",
        place / "held.csv",
    )
    assert code == 0
    assert found["champion"] == "scoring_of_loans:old"


def test_a_candidate_no_better_than_the_champion_is_not_settled_with_exit_code_1(place: Path) -> None:
    (place / "half.csv").write_text("\n".join((place / "held.csv").read_text().splitlines()[:61]) + "\n")
    code, found = in_json(
        place,
        "--candidate",
        "scoring_of_loans:old",
        "--champion",
        "scoring_of_loans:new",
        "--holdout",
        place / "half.csv",
    )
    assert code == 1
    assert found["verdict"] in ("unknown", "failed")


def test_a_model_directory_on_a_dataset_has_its_training_set_its_trainer_and_its_triggers_slices(place: Path) -> None:
    spec = load_spec(place / "monitor.yaml")
    model = place / "models" / "2"
    model.mkdir(parents=True)
    with threadpool_limits(1):  # many threads on busy cores take minutes
        trainer_of(spec, "loan", place).train(place / "dataset", model)
    suite = place / "suites" / "loan.parquet"
    arguments = ("--candidate", model, "--dataset", place / "dataset", "--suite", suite)
    code, found = in_json(place, *arguments)
    assert code == 0, found["reasons"]
    assert found["candidate"] == "2"
    assert found["trigger"] == "8f3a8f3a"
    by_name = {result["name"]: result for result in found["results"]}
    assert by_name["memorization"]["verdict"] in ("passed", "unknown")
    assert by_name["training_set"]["verdict"] == "passed"
    assert "owner=true" in [row[0] for row in by_name["slices"]["table"]["rows"]]
    assert suite.exists()
    assert in_json(place, *arguments)[1] == found


def test_a_trigger_is_found_in_a_file_of_replay(place: Path) -> None:
    arguments = ("--candidate", "scoring_of_loans:new", "--trigger", "777777", "--from", place / "triggers.jsonl")
    _, found = in_json(place, *arguments)
    assert found["trigger"] == "77777777"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--candidate", "nothing"], "neither a model directory nor module:function"),
        (["--candidate", "scoring_of_loans:nix"], "has no function 'nix'"),
        (["--candidate", "no_such_module:f"], "no module named 'no_such_module'"),
        (["--candidate", "scoring_of_loans:new", "--champion", "x:y:z"], "--champion"),
        (["--candidate", "scoring_of_loans:new", "--holdout", "no.csv"], "no such file"),
        (["--candidate", "scoring_of_loans:new", "--dataset", "."], "no dataset"),
        (["--candidate", "scoring_of_loans:new", "--dataset", ".", "--holdout", "x"], "not both"),
        (["--candidate", "scoring_of_loans:new", "--trigger", "abcdef", "--from", "nowhere"], "cannot be read"),
    ],
)
def test_what_is_not_there_is_one_sentence_and_exit_code_2(place: Path, arguments: list[str], said: str) -> None:
    code, _, err = run(place, *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_model_that_is_not_in_the_file_is_named(place: Path) -> None:
    result = CliRunner().invoke(app, ["check", str(place / "monitor.yaml"), "lone", "--candidate", "a:b"])
    assert result.exit_code == 2
    assert "did you mean" in result.stderr


def test_tables_without_features_or_outcome_say_what_is_missing(place: Path) -> None:
    table = pyarrow.csv.read_csv(place / "held.csv")
    for left_out, said in (
        (["income", "age", "region", "owner"], "no column of it is a feature"),
        (["truth"], "no column of it says what came true"),
    ):
        pyarrow.csv.write_csv(table.drop_columns(left_out), place / "less.csv")
        code, _, err = run(place, "--candidate", "scoring_of_loans:new", "--holdout", place / "less.csv")
        assert code == 2
        assert said in err


def test_a_table_without_predictions_times_and_ids_will_do_where_the_champion_can_be_called(place: Path) -> None:
    table = pyarrow.csv.read_csv(place / "held.csv").drop_columns(["id", "time", "score"])
    pyarrow.csv.write_csv(table, place / "less.csv")
    arguments = ("--candidate", "scoring_of_loans:new", "--holdout", place / "less.csv")
    assert in_json(place, *arguments)[1]["verdict"] == "unknown"
    code, found = in_json(place, *arguments, "--champion", "scoring_of_loans:old")
    assert code == 0, found["reasons"]


def test_cells_of_another_type_are_missing_not_an_error(place: Path) -> None:
    lines = (place / "held.csv").read_text().splitlines()
    names = [name.strip('"') for name in lines[0].split(",")]
    for i in range(1, 4):
        cells = lines[i].split(",")
        cells[names.index("income")], cells[names.index("owner")] = "much", "perhaps"
        lines[i] = ",".join(cells)
    (place / "odd.csv").write_text("\n".join(lines) + "\n")
    code, found = in_json(place, "--candidate", "scoring_of_loans:new", "--holdout", place / "odd.csv")
    assert code == 0, found["reasons"]
    assert found["rows"]["held_out"] == 500
