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
    response = [f"Dear customer {row}" for row in range(ROWS)]
    spec, model = drafted(tmp_path, table(tokens=numbers(), response=response, rating=shares()))
    assert model.task == "text"
    assert spec.files is not None
    assert spec.files.predictions[0].columns.text == "response"
    assert spec.files.reference[0].columns.rating == spec.files.feedback[0].columns.rating == "rating"


def test_answers_that_come_again_and_again_are_classes(tmp_path: Path) -> None:
    _, model = drafted(tmp_path, table(tokens=numbers(), answer=cycle("yes", "no")))
    assert (model.task, model.positive_label) == ("binary", "yes")


def test_columns_with_the_classes_for_values_are_no_features_and_said(tmp_path: Path) -> None:
    queues = ("tech", "sales", "billing")
    route, final = cycle(*queues), cycle(*queues, "tech")
    by_class = {f"prob_{name}": [1 / 3] * ROWS for name in queues}
    plain = {"region": cycle("north", "south"), "member": cycle("yes", "no"), "size": numbers()}
    _, model = drafted(tmp_path, table(route=route, final_queue=final, **by_class, **plain))
    assert list(model.features) == list(plain)
    text = (tmp_path / "monitor.yaml").read_text()
    for name in ("route", "final_queue"):
        assert f"# {name}: left out: its values are classes: perhaps it is what the model answered or what came" in text
    assert "name it with --label or --outcome" in text


def test_two_columns_with_the_same_values_are_no_features_where_no_answer_is_known(tmp_path: Path) -> None:
    queues = ("tech", "sales", "billing")
    rows = table(
        route=cycle(*queues), final_queue=cycle(*reversed(queues)), size=numbers(), a=cycle(0, 1), b=cycle(1, 0)
    )
    (tmp_path / "loans.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = draft(tmp_path / "loans.jsonl", tmp_path)
    assert "# route: left out: it has the values of final_queue: perhaps it is what the model answered or what" in text
    assert "  a: numeric" in text, "of 0 and 1 there are many"


def test_the_draft_asks_for_the_default_policy(tmp_path: Path) -> None:
    _, model = drafted(tmp_path, table(answer=cycle("approved", "declined"), size=numbers()))
    assert [policy.type for policy in model.retraining.policies] == ["cost"]


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
        (100_000, 90.0, "3h"),
        (34_000, 420.0, "2d"),  # 81 rows a day
        (500, 90.0, "1d"),  # 100 rows are out of reach; the widest pane of which there are 60
        (10_000, 1.0, "15m"),
        (40, 11.4, "12h"),  # 2h would have 60 panes, and most of them no row
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


def csv(path: Path, header: str, *rows: str) -> Path:
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_a_file_that_is_there_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "monitor.yaml").write_text("mine")
    with pytest.raises(UserError, match=r"p\.csv: no such file"):
        init(tmp_path / "p.csv", tmp_path / "monitor.yaml")  # what is wrong with the table is said first
    csv(tmp_path / "p.csv", "id,timestamp,x,score", "a,2026-01-01,5,0.5")
    with pytest.raises(UserError, match="is there already"):
        init(tmp_path / "p.csv", tmp_path / "monitor.yaml")
    assert (tmp_path / "monitor.yaml").read_text() == "mine"


def test_a_table_without_rows_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"p\.csv: has no rows$"):
        init(csv(tmp_path / "p.csv", "id,timestamp,score"), tmp_path / "monitor.yaml")
    assert not (tmp_path / "monitor.yaml").exists()


def test_what_cannot_be_told_is_left_to_be_changed_and_all_of_it_is_said_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    init(csv(tmp_path / "p.csv", "who,when,x", "a,monday,5", "a,tuesday,6"), tmp_path / "monitor.yaml")
    said = capsys.readouterr().out
    for option in ("--timestamp", "--id", "--label"):
        assert f"name it with {option} COLUMN" in said
    with pytest.raises(UserError) as raised:
        load_spec(tmp_path / "monitor.yaml")
    lines = str(raised.value).splitlines()
    assert all("still says CHANGE_ME" in line for line in lines)
    changed = {line.split(": ")[1] for line in lines}
    assert changed == {
        "models.p.task",
        *(f"files.{table}.columns.{part}" for table in ("reference", "predictions") for part in PARTS),
    }


PARTS = ("prediction_id", "timestamp", "label")


def test_a_table_of_nothing_but_what_it_needs_has_its_features_to_be_named(tmp_path: Path) -> None:
    init(csv(tmp_path / "p.csv", "id,timestamp,score", "a,2026-01-01,0.5"), tmp_path / "monitor.yaml")
    with pytest.raises(UserError, match=r"models\.p\.features\.CHANGE_ME: still says CHANGE_ME"):
        load_spec(tmp_path / "monitor.yaml")


def test_columns_whose_names_say_nothing_are_known_by_what_they_hold(tmp_path: Path) -> None:
    rows = [
        {"born": f"19{50 + number % 50}-01-01", "wann": row["timestamp"], "beleg": f"R-{number:04d}", **row}
        for number, row in enumerate(table(x=numbers(), score=shares(), prep_time=numbers(3)))
    ]
    for row in rows:
        del row["timestamp"], row["id"]
    spec, model = drafted(tmp_path, rows)
    assert spec.files is not None
    columns = spec.files.reference[0].columns
    assert (columns.timestamp, columns.prediction_id) == ("wann", "beleg")
    types = {name: feature.type for name, feature in model.features.items()}
    assert types == {"born": "datetime", "x": "numeric", "prep_time": "numeric"}


def test_numbers_that_count_up_are_an_id_and_epochs_are_times(tmp_path: Path) -> None:
    rows = [
        {"a": 1_767_225_600 + 60 * number, "b": number, "x": row["x"], "score": row["score"]}
        for number, row in enumerate(table(x=numbers(), score=shares()))
    ]
    spec, _ = drafted(tmp_path, rows)
    assert spec.files is not None
    columns = spec.files.reference[0].columns
    assert (columns.timestamp, columns.prediction_id) == ("a", "b")


def test_what_users_say_is_no_feature(tmp_path: Path) -> None:
    rows = table(
        size=numbers(),
        predicted=cycle("a", "b", "c"),
        true_class=cycle("b", "b", "c"),
        rating=cycle(0.25, None, 1.0),
        correction=cycle("b", None, None),
    )
    spec, model = drafted(tmp_path, rows)
    assert (list(model.features), model.segments) == (["size"], [])
    assert spec.files is not None
    reference, feedback = spec.files.reference[0].columns, spec.files.feedback[0].columns
    assert (reference.outcome, reference.rating, reference.correction) == ("true_class", "rating", "correction")
    assert (feedback.label, feedback.rating, feedback.correction) == ("true_class", "rating", "correction")


def test_what_users_say_is_feedback_without_any_outcome_too(tmp_path: Path) -> None:
    spec, _ = drafted(tmp_path, table(size=numbers(), predicted=cycle("a", "b", "c"), rating=shares()))
    assert spec.files is not None
    feedback = spec.files.feedback[0].columns
    assert (feedback.label, feedback.rating, spec.files.reference[0].columns.rating) == (None, "rating", "rating")
    assert "no column looks like the outcome" in (tmp_path / "monitor.yaml").read_text()


def test_stars_are_neither_a_feature_nor_a_rating_and_it_says_so(tmp_path: Path) -> None:
    rows = table(size=numbers(), predicted=cycle("a", "b", "c"), true_class=cycle("a", "b"), rating=cycle(1, 5, 3))
    spec, model = drafted(tmp_path, rows)
    assert list(model.features) == ["size"]
    assert spec.files is not None
    assert spec.files.reference[0].columns.rating is None
    assert "# rating: left out: looks like users' ratings, which are 0 to 1" in (tmp_path / "monitor.yaml").read_text()


def test_a_feature_that_is_called_a_correction_stays_one(tmp_path: Path) -> None:
    rows = table(predicted=cycle("a", "b"), true_class=cycle("a", "b"), correction=numbers(), credit_rating=shares())
    assert list(drafted(tmp_path, rows)[1].features) == ["correction", "credit_rating"]


def test_what_somebody_says_goes_before_any_guess(tmp_path: Path) -> None:
    path = csv(
        tmp_path / "p.csv",
        "id,other,timestamp,settled,x,y_pred,was,y",
        "1,k1,2026-01-01,2026-02-01,5,a,b,a",
        "2,k2,2026-01-02,2026-02-01,6,b,a,b",
    )
    given = {"timestamp": "settled", "id": "other", "label": "was", "outcome": "y_pred"}
    init(path, tmp_path / "monitor.yaml", given)
    files = load_spec(tmp_path / "monitor.yaml").files
    assert files is not None
    columns = files.reference[0].columns
    assert [columns.timestamp, columns.prediction_id, columns.label, columns.outcome] == list(given.values())


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (
            {"timestamp": "tim"},
            r"--timestamp: .*p\.csv has no column 'tim' \(did you mean 'time'\?\); they are time, id, x",
        ),
        ({"timestamp": "x", "id": "nope"}, r"--id: .*has no column 'nope'(.|\n)*--timestamp: column 'x' holds 'five'"),
    ],
)
def test_a_column_that_was_given_has_to_be_there_and_fit(tmp_path: Path, given: dict[str, str], expected: str) -> None:
    with pytest.raises(UserError, match=expected):
        init(csv(tmp_path / "p.csv", "time,id,x", "2026-01-01,a,five"), tmp_path / "monitor.yaml", given)


@pytest.mark.parametrize(
    ("version", "latency"), [("ver", "ms"), ("modelVersion", "model_latency_ms"), ("version", "duration_ms")]
)
def test_versions_and_latencies_have_many_names(tmp_path: Path, version: str, latency: str) -> None:
    rows = table(x=numbers(), score=shares(), **{version: cycle("1", "2"), latency: numbers(5)})
    spec, model = drafted(tmp_path, rows)
    assert spec.files is not None
    columns = spec.files.predictions[0].columns
    assert (columns.version, columns.latency_ms) == (version, latency)
    assert list(model.features) == ["x"]


def test_no_class_is_there_twice_however_columns_write_it(tmp_path: Path) -> None:
    share = [1 / 3] * ROWS
    rows = table(
        size=numbers(),
        proba_low_risk=share,
        proba_high=share,
        proba_no=share,
        prediction=cycle("Low risk", "High", "No"),
        outcome=cycle("low risk", "High", "No"),
    )
    spec, model = drafted(tmp_path, rows)
    assert model.classes == ["High", "Low risk", "No"]
    assert spec.files is not None
    assert set(spec.files.reference[0].columns.probabilities or {}) == {"High", "Low risk", "No"}


@pytest.mark.parametrize("rows", [1, 2, 5, 40, 150])
def test_no_pane_is_said_to_have_no_rows(tmp_path: Path, rows: int) -> None:
    text = draft(
        csv(
            tmp_path / "p.csv",
            "id,timestamp,x,score",
            *(f"{row},2026-{1 + row % 12:02d}-{1 + row % 28:02d},5,0.5" for row in range(rows)),
        ),
        tmp_path,
    )
    assert " 0 rows" not in text
