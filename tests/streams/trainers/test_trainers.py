"""What every trainer keeps to, and what is particular to some."""

import json
import math
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from schemas.spec import MonitorSpec
from streams.archive_schema import FEATURE
from streams.dataset import form_dataset, read_rows
from streams.errors import UserError
from streams.trainer import FittedModel, ModelOutput
from streams.trainers.choose import load_model, trainer_of
from streams.trainers.given_up import GivenUp

from ..archived import MONITOR, ROWS, Archive, archived, trigger_for
from ..world import T0

END = T0 + ROWS * 60_000_000
SMALL = {"type": "sklearn", "parameters": {"max_iter": 15}}
SCRIPT = """
import json, os, sys
import pyarrow.parquet as pq
rows = pq.read_table(os.path.join(sys.argv[1], "train.parquet"))
print("training on", len(rows), "rows", file=sys.stderr)
assert os.environ["STREAMGAUGE_DATASET"] == sys.argv[1] and os.environ["STREAMGAUGE_MODEL"] == sys.argv[2]
xs = [x for x, label in zip(rows["feature.x"].to_pylist(), rows["label"].to_pylist()) if x is not None and label == "1"]
json.dump(sorted(xs)[len(xs) // 20], open(os.path.join(sys.argv[2], "edge.json"), "w"))
"""
SCORING = """
import json, os
def load(directory):
    edge = json.load(open(os.path.join(directory, "edge.json")))
    return lambda rows: [0.9 if isinstance(row["x"], float) and row["x"] > edge else 0.1 for row in rows]
"""


def monitor(trainer: dict[str, Any], model: str = "m", **changed: Any) -> MonitorSpec:
    found = MONITOR.model_dump(mode="json")
    found["models"][model]["retraining"]["trainer"] = trainer
    found["models"][model] |= changed
    return MonitorSpec.model_validate(found)


@pytest.fixture(scope="module")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("datasets")
    for model, settings in MONITOR.models.items():
        form_dataset(MONITOR, trigger_for(T0, END, model), Archive(archived(settings)), base / model)
    return base


@pytest.fixture
def command(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "fit.py").write_text(SCRIPT)
    (tmp_path / "scoring.py").write_text(SCORING)
    command = [sys.executable, "fit.py", "{dataset}", "{model}"]
    return {"type": "command", "command": command, "predict": "scoring:load"}


def features(spec: MonitorSpec, model: str, rows: pa.Table) -> list[list[Any]]:
    columns = [rows[FEATURE + name].to_pylist() for name in spec.models[model].features]
    return [list(row) for row in zip(*columns, strict=True)]


def loss(spec: MonitorSpec, model: str, fitted: FittedModel, rows: pa.Table) -> float:
    outputs = fitted.outputs(features(spec, model, rows))
    if spec.models[model].task == "regression":
        pairs = zip(outputs, rows["value"].to_pylist(), strict=True)
        return sum(abs((output.value or 0.0) - value) for output, value in pairs) / len(rows)
    truths = rows["label"].to_pylist()
    return sum(output.label != truth for output, truth in zip(outputs, truths, strict=True)) / len(rows)


def trained(spec: MonitorSpec, model: str, dataset: Path, base: Path, name: str = "model", **more: Any) -> Path:
    directory = base / name
    directory.mkdir()
    trainer_of(spec, model, base, **more).train(dataset, directory)
    return directory


TRAINERS = [
    ("river", {"type": "river"}),
    ("default", {"type": "sklearn", "parameters": {"max_iter": 30}}),
    (
        "linear",
        {"type": "sklearn", "estimator": "sklearn.linear_model.SGDClassifier", "parameters": {"loss": "log_loss"}},
    ),
    ("svm", {"type": "sklearn", "estimator": "sklearn.svm.LinearSVC"}),
    (
        "forest",
        {"type": "sklearn", "estimator": "sklearn.ensemble.RandomForestClassifier", "parameters": {"n_estimators": 20}},
    ),
    ("knn", {"type": "sklearn", "estimator": "sklearn.neighbors.KNeighborsClassifier"}),
]
REGRESSORS = [
    ("river", {"type": "river"}),
    ("default", {"type": "sklearn", "parameters": {"max_iter": 30}}),
    ("ridge", {"type": "sklearn", "estimator": "sklearn.linear_model.Ridge"}),
]
CASES = [pytest.param(model, each, id=f"{model}-{name}") for model in ("m", "multi") for name, each in TRAINERS]
CASES += [pytest.param("r", each, id=f"r-{name}") for name, each in REGRESSORS]


@pytest.mark.parametrize(("model", "trainer"), CASES)
def test_what_is_trained_is_learnt_is_read_back_and_is_the_same_bytes_again(
    model: str, trainer: dict[str, Any], datasets: Path, tmp_path: Path
):
    spec = monitor(trainer, model)
    first, second = (trained(spec, model, datasets / model, tmp_path, name) for name in ("first", "second"))
    assert {path.name: path.read_bytes() for path in first.iterdir()} == {
        path.name: path.read_bytes() for path in second.iterdir()
    }
    holdout = read_rows(datasets / model, "holdout.parquet")
    fitted = load_model(spec, model, tmp_path, first)
    naive = {"m": 0.5, "multi": 0.6, "r": 10.0}[model]
    assert loss(spec, model, fitted, holdout) < 0.5 * naive
    in_memory = trainer_of(spec, model, tmp_path).fit(read_rows(datasets / model, "train.parquet"))
    rows = features(spec, model, holdout)
    assert fitted.outputs(rows) == in_memory.outputs(rows)


@pytest.mark.parametrize(("model", "trainer"), CASES)
def test_any_value_of_a_feature_is_answered(model: str, trainer: dict[str, Any], datasets: Path, tmp_path: Path):
    spec = monitor(trainer, model)
    fitted = trainer_of(spec, model, tmp_path).fit(read_rows(datasets / model, "train.parquet").slice(0, 300))
    odd = [
        None,
        math.nan,
        math.inf,
        -math.inf,
        1e308,
        -1e308,
        10**400,
        True,
        "",
        "unseen",
        "1e999",
        "2026-01-01",
        "é" * 999,
    ]
    rows = [[value] * 5 for value in odd] + [
        [None] * place + [value] * (5 - place) for value in odd for place in range(5)
    ]
    for output in fitted.outputs(rows):
        numbers = [each for each in (output.score, output.value) if each is not None]
        assert all(math.isfinite(number) for number in numbers)
        assert output.label is not None or output.value is not None
        assert output.score is None or 0 <= output.score <= 1
    assert fitted.outputs([]) == []


def test_a_score_below_the_threshold_is_the_other_class(datasets: Path, tmp_path: Path):
    spec = monitor(SMALL, threshold=0.7)
    holdout = read_rows(datasets / "m", "holdout.parquet")
    outputs = (
        trainer_of(spec, "m", tmp_path)
        .fit(read_rows(datasets / "m", "train.parquet"))
        .outputs(features(spec, "m", holdout))
    )
    assert {(output.label, (output.score or 0) >= 0.7) for output in outputs} == {("1", True), ("0", False)}


def test_weights_of_rows_count(datasets: Path, tmp_path: Path):
    rows = read_rows(datasets / "r", "train.parquet")
    place = rows.schema.get_field_index("weight")
    heavy = rows.set_column(
        place, rows.schema.field(place), pa.array([1e6 if v > 20 else 1.0 for v in rows["value"].to_pylist()])
    )
    spec = monitor({"type": "sklearn", "estimator": "sklearn.linear_model.Ridge"}, "r")
    means = []
    for each in (rows, heavy):
        outputs = trainer_of(spec, "r", tmp_path).fit(each).outputs(features(spec, "r", rows))
        means.append(sum(output.value or 0.0 for output in outputs) / len(outputs))
    assert means[1] > means[0] + 5


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        ({"estimator": "HistGradientBoostingClassifier"}, "is not module.Class"),
        ({"estimator": "sklearn.ensmble.X"}, "no module 'sklearn.ensmble'"),
        ({"estimator": "sklearn.ensemble.RandomForestClasifier"}, "did you mean 'RandomForestClassifier'"),
        ({"estimator": "sklearn.preprocessing.StandardScaler"}, "it has no predict"),
        ({"estimator": "sklearn.ensemble.RandomForestRegressor"}, "is not a classifier, and the task is binary"),
        ({"parameters": {"max_itre": 5}}, "did you mean 'max_iter'"),
        ({"parameters": {"max_iter": -5}}, "max_iter"),
        ({"estimator": "sklearn.ensemble.VotingClassifier"}, "cannot be made"),
    ],
)
def test_a_mistake_about_the_estimator_is_said(trainer: dict[str, Any], says: str, datasets: Path, tmp_path: Path):
    spec = monitor({"type": "sklearn", **trainer})
    with pytest.raises(UserError, match=says) as error:
        trained(spec, "m", datasets / "m", tmp_path)
    assert "models.m.retraining.trainer" in str(error.value)


@pytest.mark.parametrize("kind", ["river", "sklearn"])
def test_what_has_nothing_to_learn_is_said(kind: str, datasets: Path, tmp_path: Path):
    with pytest.raises(UserError, match="a text model"):
        trained(monitor({"type": kind}, "t"), "t", datasets / "t", tmp_path)
    rows = read_rows(datasets / "m", "train.parquet")
    one_class = rows.filter(pa.array([label == "0" for label in rows["label"].to_pylist()]))
    with pytest.raises(UserError, match="nothing to tell apart"):
        trainer_of(monitor({"type": kind}), "m", tmp_path).fit(one_class)
    with pytest.raises(UserError, match="no row with a label"):
        trainer_of(monitor({"type": kind}), "m", tmp_path).fit(rows.slice(0, 0))


@pytest.mark.parametrize(
    ("estimator", "begun"),
    [
        ("sklearn.ensemble.HistGradientBoostingClassifier", True),
        ("sklearn.ensemble.RandomForestClassifier", True),
        ("sklearn.linear_model.SGDClassifier", True),
        ("sklearn.linear_model.LogisticRegression", True),
        ("sklearn.naive_bayes.GaussianNB", True),
        ("sklearn.neighbors.KNeighborsClassifier", False),
    ],
)
def test_a_warm_start_goes_on_from_the_champion_where_that_can_be_done(
    estimator: str, begun: bool, datasets: Path, tmp_path: Path
):
    spec = monitor({"type": "sklearn", "estimator": estimator})
    champion = trained(spec, "m", datasets / "m", tmp_path, "champion")
    late = trigger_for(T0 + 1_600 * 60_000_000, END)
    form_dataset(MONITOR, late, Archive(archived(MONITOR.models["m"])), tmp_path / "late")
    model = trained(spec, "m", tmp_path / "late", tmp_path, "warm", how="warm_start", champion=champion)
    meta = json.loads((model / "meta.json").read_text())
    assert (meta["warm_starts"], "begun from the champion" in meta["notes"]) == (int(begun), begun)
    if not begun:
        assert any("a full training: KNeighborsClassifier can neither" in note for note in meta["notes"])
    holdout = read_rows(datasets / "m", "holdout.parquet")
    assert loss(spec, "m", load_model(spec, "m", tmp_path, model), holdout) < 0.25


def test_a_challenger_goes_on_with_rows_that_it_has_not_seen(datasets: Path, tmp_path: Path):
    spec = monitor({"type": "river"})
    champion = trained(spec, "m", datasets / "m", tmp_path, "champion")
    again = trained(spec, "m", datasets / "m", tmp_path, "again", how="warm_start", champion=champion)
    assert json.loads((again / "meta.json").read_text())["rows"] == 0
    assert (again / "challenger.state").read_bytes() == (champion / "challenger.state").read_bytes()


def test_promote_challenger_is_the_river_trainer_whatever_the_file_names(datasets: Path, tmp_path: Path):
    spec = monitor(SMALL)
    model = trained(spec, "m", datasets / "m", tmp_path, how="promote_challenger")
    assert (model / "challenger.state").exists()
    assert load_model(spec, "m", tmp_path, model).outputs([[9.0, "a", True, "", ""]]) == [ModelOutput(label="1")]


def test_a_trainer_says_whether_it_learns_row_by_row(tmp_path: Path):
    command = {"type": "command", "command": ["python", "fit.py", "{dataset}", "{model}"]}
    for trainer, incremental in (({"type": "river"}, True), (SMALL, False), (command, False)):
        assert trainer_of(monitor(trainer), "m", tmp_path).incremental == incremental
        assert trainer_of(monitor(trainer), "m", tmp_path, how="promote_challenger").incremental


def test_a_champion_that_cannot_be_begun_from_is_a_full_training_with_a_note(datasets: Path, tmp_path: Path):
    river = trained(monitor({"type": "river"}), "m", datasets / "m", tmp_path, "river")
    model = trained(monitor(SMALL), "m", datasets / "m", tmp_path, "model", how="warm_start", champion=river)
    assert any(note.startswith("a full training") for note in json.loads((model / "meta.json").read_text())["notes"])


def test_a_model_of_other_features_or_another_task_is_not_asked(datasets: Path, tmp_path: Path):
    model = trained(monitor(SMALL), "m", datasets / "m", tmp_path)
    changed = monitor(SMALL, features={"x": "categorical", "c": "categorical"}, segments=[])
    with pytest.raises(UserError, match="'x' was numeric and is categorical now"):
        load_model(changed, "m", tmp_path, model)
    with pytest.raises(UserError, match="a binary model, and the task is regression"):
        load_model(MONITOR, "r", tmp_path, model)
    with pytest.raises(UserError, match="no model directory"):
        load_model(MONITOR, "m", tmp_path, tmp_path)


def test_a_damaged_or_hostile_model_file_is_refused(datasets: Path, tmp_path: Path):
    spec = monitor(SMALL)
    model = trained(spec, "m", datasets / "m", tmp_path)
    (model / "model.skops").write_bytes(b"PK" + b"\0" * 50)
    with pytest.raises(UserError, match="not a model that can be read"):
        load_model(spec, "m", tmp_path, model)
    river = trained(monitor({"type": "river"}), "m", datasets / "m", tmp_path, "river")
    (river / "challenger.state").write_bytes((river / "challenger.state").read_bytes()[:-1])
    with pytest.raises(UserError, match="damaged"):
        load_model(spec, "m", tmp_path, river)


def test_a_command_trains_and_its_model_answers(command: dict[str, Any], datasets: Path, tmp_path: Path):
    spec = monitor(command)
    model = trained(spec, "m", datasets / "m", tmp_path)
    assert "training on" in (model / "training.log").read_text()
    fitted = load_model(spec, "m", tmp_path, model)
    assert fitted.outputs([[9.0, "a", True, "", ""], [-9.0, "a", True, "", ""]]) == [
        ModelOutput(score=0.9),
        ModelOutput(score=0.1),
    ]
    with pytest.raises(UserError, match="trains on directories"):
        trainer_of(spec, "m", tmp_path).fit(read_rows(datasets / "m", "train.parquet"))


def test_versions_of_a_command_may_have_different_code(command: dict[str, Any], datasets: Path, tmp_path: Path):
    (tmp_path / "scoring.py").unlink()
    answers = []
    for name, label in (("one", "0"), ("two", "1")):
        code = f"def load(directory):\n    return lambda rows: [{label!r} for _ in rows]\n"
        writing = f"import pathlib, sys\npathlib.Path(sys.argv[2], 'scoring.py').write_text({code!r})\n"
        (tmp_path / "fit.py").write_text(writing)
        model = trained(monitor(command), "m", datasets / "m", tmp_path, name)
        answers.append(load_model(monitor(command), "m", tmp_path, model).outputs([[1.0, "a", True, "", ""]])[0].label)
    assert answers == ["0", "1"]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("import sys; print('no GPU here'); sys.exit(3)", r"ended with exit code 3; it said last:\nno GPU here"),
        ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9; it said nothing"),
        ("print('hello')", "wrote nothing into the model directory"),
        ("raise ValueError('bad column')", r"ended with exit code 1; it said last:[\s\S]*ValueError: bad column"),
    ],
)
def test_a_command_that_fails_says_its_last_words(
    script: str, says: str, command: dict[str, Any], datasets: Path, tmp_path: Path
):
    (tmp_path / "fit.py").write_text(script)
    with pytest.raises(UserError, match=says):
        trained(monitor(command), "m", datasets / "m", tmp_path)


def test_a_program_that_is_not_there_is_said(datasets: Path, tmp_path: Path):
    spec = monitor({"type": "command", "command": ["no-such-trainer", "{dataset}"]})
    with pytest.raises(UserError, match="no-such-trainer: cannot be started"):
        trained(spec, "m", datasets / "m", tmp_path)


def test_a_command_is_ended_after_its_timeout_with_all_that_it_started(
    command: dict[str, Any], datasets: Path, tmp_path: Path
):
    (tmp_path / "fit.py").write_text(
        "import subprocess, sys, time, os\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(UserError, match=r"timeout: .* was ended after 1s500ms|timeout: .* was ended after 1s 500ms"):
        trained(monitor({**command, "timeout": "1500ms"}), "m", datasets / "m", tmp_path)
    child = int((tmp_path / "model" / "training.log").read_text().split()[0])
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text().split()[2]


def test_a_command_is_given_up_when_it_is_asked_to(command: dict[str, Any], datasets: Path, tmp_path: Path):
    (tmp_path / "fit.py").write_text("import time\ntime.sleep(600)\n")
    with pytest.raises(GivenUp):
        trained(monitor(command), "m", datasets / "m", tmp_path, stopping=lambda: True)


@pytest.mark.parametrize(
    ("scoring", "says"),
    [
        ("", "has no function 'load'"),
        ("def load(directory):\n    raise OSError('gone')", "OSError: gone"),
        ("def load(directory):\n    return 5", "has to return a function"),
        ("import nowhere", "no module named 'nowhere'"),
        ("def load(directory):\n    return lambda rows: [1.0]", "answered 1 times for 2 rows"),
        ("def load(directory):\n    return lambda rows: [None for _ in rows]", "None is no output of a binary model"),
        ("def load(directory):\n    return lambda rows: rows[5]", "IndexError"),
    ],
)
def test_a_model_that_cannot_be_asked_says_why(
    scoring: str, says: str, command: dict[str, Any], datasets: Path, tmp_path: Path
):
    spec = monitor(command)
    model = trained(spec, "m", datasets / "m", tmp_path)
    (tmp_path / "scoring.py").write_text(scoring)
    with pytest.raises(UserError, match=says):
        load_model(spec, "m", tmp_path, model).outputs([[1.0, "a", True, "", ""]] * 2)
