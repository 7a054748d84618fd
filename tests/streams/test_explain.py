"""`streamgauge explain`: each method on tables, its weakness in the output, and mistakes in one sentence."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.spec import MonitorSpec
from streams import explain as module
from streams.cli import app
from streams.errors import UserError
from streams.explain import explain
from streams.explained_rows import newest, reference

METHODS = ("top-bottom", "permutation", "ablation")


def table(path: Path, start: int, count: int, income: float, seed: int) -> None:
    """Write rows whose score goes by income, so much, and outcomes that mostly come true."""
    rng = random.Random(seed)
    lines = ["id,time,score,income,region,truth,known"]
    for i in range(count):
        value, region = rng.gauss(0, 1), rng.choice(["north", "south"])
        score = min(max(0.5 + 0.3 * income * value, 0.0), 1.0)
        truth = int(rng.random() < 0.1) ^ int(score >= 0.5)
        day = start + i * 28 // count
        lines.append(f"{seed}-{i},2026-01-{day:02d},{score},{value},{region},{truth},2026-01-{day + 1:02d}")
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    table(tmp_path / "reference.csv", 1, 800, 1.0, 0)
    table(tmp_path / "stream.csv", 1, 800, -1.0, 1)
    (tmp_path / "scoring.py").write_text(
        "def predict(rows):\n"
        "    return [0.5 - 0.3 * (row['income'] or 0.0) for row in rows]\n"
        "def labels(rows):\n"
        "    return [{'label': '1' if row['income'] < 0 else '0'} for row in rows]\n"
        "def short(rows):\n"
        "    return [0.5]\n"
        "def odd(rows):\n"
        "    return [object() for _ in rows]\n"
        "def broken(rows):\n"
        "    raise KeyError('income')\n"
        "number = 3\n"
    )
    path = tmp_path / "monitor.yaml"
    path.write_text(
        """
models:
  loan:
    task: binary
    positive_label: "1"
    features: {income: numeric, region: categorical}
    pane: 1d
    label_horizon: 7d
    false_alarms: 1 per 90d
    reference: loan.profile.json
  chat:
    task: text
    features: {length: numeric}
    pane: 1d
    label_horizon: 7d
    false_alarms: 1 per 90d
    reference: chat.profile.json
files:
  reference:
    - {path: reference.csv, model: loan, columns: {prediction_id: id, timestamp: time, score: score, outcome: truth}}
  predictions:
    - {path: stream.csv, model: loan, columns: {prediction_id: id, timestamp: time, score: score}}
  feedback:
    - {path: stream.csv, model: loan, columns: {prediction_id: id, timestamp: known, label: truth}}
"""
    )
    return path


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(
        app, ["explain", *(str(argument) for argument in arguments)], env={"COLUMNS": "120", "NO_COLOR": "1"}
    )
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def in_json(*arguments: object) -> dict[str, Any]:
    code, out, err = run(*arguments, "--json")
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize("method", METHODS)
def test_each_method_prints_each_feature_of_both_sides_and_its_weakness(method: Any, monitor: Path) -> None:
    code, out, err = run(monitor, "loan", "--method", method)
    assert code == 0, err
    text = " ".join(out.split())
    assert module.WEAKNESS[method] in text
    assert f"{module.MEANING[method]}." in text
    lines = [line.split()[0] for line in out.splitlines() if line.strip()]
    assert {"income", "region"} <= set(lines)
    assert "reference: " in out
    assert "now: " in out


def test_top_bottom_sees_that_the_reason_has_turned(monitor: Path) -> None:
    found = in_json(monitor, "loan")
    income = next(each for each in found["features"] if each["feature"] == "income")
    assert income["reference"]["low"] > 0.9
    assert income["now"]["high"] < -0.9
    assert income["moved"] is True
    assert found["rows"] == {"reference": 800, "now": 800}
    region = next(each for each in found["features"] if each["feature"] == "region")
    assert region["moved"] is False


def test_permutation_calls_the_model_that_is_named(monitor: Path) -> None:
    for name in ("scoring:predict", "scoring:labels"):
        found = in_json(monitor, "loan", "--method", "permutation", "--predict", name)
        assert found["surrogate_fidelity"] is None
        assert found["loss"]["now"] == pytest.approx(0.1, abs=0.05)
        income, region = found["features"]
        assert income["feature"] == "income"
        assert income["now"]["low"] > 0.2
        assert (region["now"]["value"], region["now"]["low"]) == (0, 0)


def test_without_a_model_a_surrogate_is_explained_and_said_to_be_one(monitor: Path) -> None:
    found = in_json(monitor, "loan", "--method", "permutation")
    assert 0 < found["surrogate_fidelity"] <= 1
    assert any("surrogate" in each for each in found["weakness"])


def test_ablation_is_of_the_rows_and_not_of_the_model(monitor: Path) -> None:
    found = in_json(monitor, "loan", "--method", "ablation")
    assert found["features"][0]["feature"] == "income"
    assert found["features"][0]["now"]["low"] > 0.1


def test_the_same_tables_give_the_same_bytes(monitor: Path) -> None:
    for method in METHODS:
        assert run(monitor, "loan", "--method", method, "--json") == run(monitor, "loan", "--method", method, "--json")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["lone"], "did you mean 'loan'"),
        (["chat"], "models.chat: a text model"),
        (["loan", "--predict", "scoring:predict"], "--method permutation"),
        (["loan", "--method", "permutation", "--predict", "scoring"], "is not module:function"),
        (["loan", "--method", "permutation", "--predict", "no_such_module:f"], "no module named 'no_such_module'"),
        (["loan", "--method", "permutation", "--predict", "scoring:none"], "has no function 'none'"),
        (["loan", "--method", "permutation", "--predict", "scoring:number"], "has no function 'number'"),
        (["loan", "--method", "permutation", "--predict", "scoring:short"], "answered 1 times for 500 rows"),
        (["loan", "--method", "permutation", "--predict", "scoring:odd"], "no output of a binary model"),
        (["loan", "--method", "permutation", "--predict", "scoring:broken"], "it failed: KeyError"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(arguments: list[str], says: str, monitor: Path) -> None:
    code, out, err = run(monitor, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert "Traceback" not in err


def spec_of(**files: Any) -> MonitorSpec:
    model = {
        "task": "binary",
        "positive_label": "1",
        "features": {"income": "numeric"},
        "pane": "1d",
        "label_horizon": "7d",
        "false_alarms": "1 per 90d",
        "reference": "m.json",
    }
    return MonitorSpec.model_validate({"models": {"loan": model}, "files": files})


def test_without_labelled_rows_it_says_what_is_needed(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="fewer than 30 labelled rows of loan"):
        explain(spec_of(), tmp_path, "loan", "top-bottom")
    table(tmp_path / "few.csv", 1, 10, 1.0, 0)
    columns = {"prediction_id": "id", "timestamp": "time", "score": "score", "outcome": "truth"}
    few = spec_of(reference={"path": "few.csv", "columns": columns})
    assert len(reference(few, tmp_path, "loan", print)) == 10
    with pytest.raises(UserError, match="fewer than 30 labelled rows of loan"):
        explain(few, tmp_path, "loan", "ablation")


def test_top_bottom_needs_a_reference(tmp_path: Path) -> None:
    table(tmp_path / "stream.csv", 1, 100, 1.0, 0)
    files = {
        "predictions": {
            "path": "stream.csv",
            "columns": {"prediction_id": "id", "timestamp": "time", "score": "score"},
        },
        "feedback": {"path": "stream.csv", "columns": {"prediction_id": "id", "timestamp": "known", "label": "truth"}},
    }
    with pytest.raises(UserError, match="name a table"):
        explain(spec_of(**files), tmp_path, "loan", "top-bottom")


def test_rows_of_the_stream_are_joined_within_the_horizon_and_the_newest_version_counts(tmp_path: Path) -> None:
    (tmp_path / "predictions.csv").write_text(
        "id,time,said,income,version\n"
        "old,2026-01-01,1,1.0,1\n"
        "a,2026-01-20,1,2.0,1\n"
        "b,2026-01-21,0,3.0,2\n"
        "c,2026-01-22,1,4.0,2\n"
        "unlabelled,2026-01-23,1,5.0,2\n"
    )
    (tmp_path / "feedback.csv").write_text(
        "id,time,truth\nold,2026-01-25,1\na,2026-01-21,1\nc,2026-01-23,0\nb,2026-01-24,0\nnobody,2026-01-24,0\n"
    )
    spec = spec_of(
        predictions={
            "path": "predictions.csv",
            "columns": {"prediction_id": "id", "timestamp": "time", "label": "said", "version": "version"},
        },
        feedback={"path": "feedback.csv", "columns": {"prediction_id": "id", "timestamp": "time", "label": "truth"}},
    )
    version, rows = newest(spec, tmp_path, "loan")
    assert version == "2"
    assert [(row.id, row.features, label.label) for row, label in rows] == [("b", [3.0], "0"), ("c", [4.0], "0")]
