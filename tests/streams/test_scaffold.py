"""`streamgauge init`: what is guessed from a table, and that the result is a monitor file that works."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.event_time import Micros, format_duration, parse_duration
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import ModelSpec, MonitorSpec
from streams.errors import UserError
from streams.files import load_spec
from streams.scaffold import draft, init, pane_width, scalar
from streams.tables import Tables, reference

ROWS = 600


def table(**columns: Any) -> list[dict[str, Any]]:
    """Return rows of half an hour's distance, with an id, a time and these columns."""
    times = [f"2026-01-{1 + row // 48:02d} {row % 48 // 2:02d}:{row % 2 * 30:02d}:00" for row in range(ROWS)]
    cells = {"id": [f"r{row}" for row in range(ROWS)], "timestamp": times, **columns}
    return [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]


def drafted(tmp_path: Path, rows: list[dict[str, Any]], name: str = "loans.jsonl") -> tuple[MonitorSpec, ModelSpec]:
    """Return the monitor file that `init` writes, after every event of its tables has passed the contract."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    init(tmp_path / "data" / name, tmp_path / "monitor.yaml")
    spec = load_spec(tmp_path / "monitor.yaml")
    (model_name,) = spec.models
    for event in Tables(spec, tmp_path).stream():
        (Prediction if event.role == "predictions" else Feedback).model_validate_json(event.value)
    assert sum(1 for _ in reference(spec, tmp_path, model_name)) == len(rows)
    return spec, spec.models[model_name]


def cycle(*values: Any) -> list[Any]:
    return [values[row % len(values)] for row in range(ROWS)]


def numbers(seed: int = 1) -> list[float]:
    return [float(number) for number in np.random.default_rng(seed).normal(50, 10, ROWS)]


def shares(seed: int = 2) -> list[float]:
    return [float(number) for number in np.random.default_rng(seed).random(ROWS)]


def test_a_table_of_a_binary_classifier_is_recognised(tmp_path: Path) -> None:
    rows = table(
        income=numbers(),
        region=cycle("north", "south", "east"),
        member=cycle(True, False, None),
        note=[f"text number {row}" for row in range(ROWS)],
        customer_id=list(range(ROWS)),
        nothing=[None] * ROWS,
        y_pred=cycle(1, 0),
        y_pred_proba=shares(),
        repaid=cycle(1.0, 0.0, None),
    )
    spec, model = drafted(tmp_path, rows, "loans_reference.jsonl")
    assert list(spec.models) == ["loans"]
    assert (model.task, model.positive_label) == ("binary", "1")
    types = {name: feature.type for name, feature in model.features.items()}
    assert types == {"income": "numeric", "region": "categorical", "member": "boolean", "note": "text"}
    assert model.segments == ["region"]
    assert spec.files is not None
    columns = spec.files.reference[0].columns
    assert (columns.prediction_id, columns.timestamp) == ("id", "timestamp")
    assert (columns.label, columns.score, columns.outcome) == ("y_pred", "y_pred_proba", "repaid")
    text = (tmp_path / "monitor.yaml").read_text()
    assert "# customer_id: left out: looks like an id" in text
    assert "# nothing: left out: always empty" in text


def test_a_table_of_a_regression_is_recognised(tmp_path: Path) -> None:
    spec, model = drafted(tmp_path, table(distance=numbers(), predicted_minutes=numbers(3), actual_minutes=numbers(4)))
    assert model.task == "regression"
    assert model.positive_label is None
    assert spec.files is not None
    assert spec.files.reference[0].columns.value == "predicted_minutes"
    assert spec.files.feedback[0].columns.value == "actual_minutes"


def test_a_table_of_probabilities_by_class_is_multiclass(tmp_path: Path) -> None:
    share = [1 / 3] * ROWS
    rows = table(
        size=numbers(),
        prob_cat=share,
        prob_dog=share,
        prob_no=share,
        prediction=cycle("cat", "dog", "no"),
        label=cycle("cat", "dog", "no", "dog"),
        model_version=cycle("1", "2"),
        latency_ms=numbers(5),
    )
    spec, model = drafted(tmp_path, rows)
    assert (model.task, model.classes) == ("multiclass", ["cat", "dog", "no"])
    assert spec.files is not None
    columns = spec.files.reference[0].columns
    assert columns.probabilities == {"cat": "prob_cat", "dog": "prob_dog", "no": "prob_no"}
    assert (columns.label, columns.outcome) == ("prediction", "label")
    assert (columns.version, columns.latency_ms) == ("model_version", "latency_ms")
    assert list(model.features) == ["size"]


def test_without_an_outcome_the_feedback_is_left_for_its_reader_to_fill_in(tmp_path: Path) -> None:
    spec, model = drafted(tmp_path, table(size=numbers(), score=shares()))
    assert model.task == "binary"
    assert spec.files is not None
    assert spec.files.feedback == []
    assert "outcomes.csv" in (tmp_path / "monitor.yaml").read_text()


def test_generated_text_is_a_task_of_its_own(tmp_path: Path) -> None:
    spec, model = drafted(tmp_path, table(tokens=numbers(), response=[f"Dear customer {row}" for row in range(ROWS)]))
    assert model.task == "text"
    assert spec.files is not None
    assert spec.files.predictions[0].columns.text == "response"


def test_names_that_yaml_would_misread_are_quoted(tmp_path: Path) -> None:
    rows = table(**{"no": numbers(), "a: b": numbers(2), "größe #1": numbers(3), "7": numbers(4), "score": shares()})
    _, model = drafted(tmp_path, rows, "été 2026.jsonl")
    assert list(model.features) == ["no", "a: b", "größe #1", "7"]
    assert scalar("no") == '"no"'
    assert scalar("../data/p.csv") == "../data/p.csv"


@pytest.mark.parametrize(
    ("rows", "days", "width"),
    [
        (50_000, 302.0, "1d"),  # 165 rows a pane; 6h would have 41
        (1_000_000, 302.0, "1h"),
        (100_000_000, 302.0, "1m"),
        (100_000, 90.0, "6h"),
        (500, 90.0, "1d"),  # 100 rows are out of reach; the widest pane of which there are 60
        (10_000, 1.0, "15m"),
        (10_000, 0.01, "1m"),  # 60 panes are out of reach
    ],
)
def test_a_pane_is_the_narrowest_with_enough_rows_of_which_there_are_enough(rows: int, days: float, width: str) -> None:
    span: Micros = round(days * parse_duration("1d"))
    assert format_duration(pane_width(rows, span)) == width


def test_the_draft_says_when_the_reference_is_short(tmp_path: Path) -> None:
    rows = [
        {**row, "timestamp": 1_767_225_600 + number} for number, row in enumerate(table(score=shares(), x=numbers()))
    ]
    path = tmp_path / "p.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "panes are a short reference" in draft(path, tmp_path)


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        init(tmp_path / "p.csv", tmp_path / "monitor.yaml")
    assert (tmp_path / "monitor.yaml").read_text() == "mine"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("id,score\na,0.5\nb,0.5\n", "no column looks like the time of a prediction; call it timestamp"),
        ("timestamp,score\n2026-01-01,0.5\n", "no column looks like an id of its own for each row"),
        ("id,timestamp,x\na,2026-01-01,5\nb,2026-01-02,6\n", "no column looks like what the model answered"),
        ("id,timestamp,score\n", "no column looks like"),
    ],
)
def test_a_table_that_lacks_what_is_needed_is_told_so(tmp_path: Path, content: str, expected: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(UserError, match=expected):
        init(tmp_path / "p.csv", tmp_path / "monitor.yaml")
    assert not (tmp_path / "monitor.yaml").exists()
