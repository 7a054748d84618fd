"""`score`: a candidate's answers as a table that is played as predictions of another version."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.score import score
from streams.scored_tables import with_scored
from streams.tables import Tables
from streams.trainer import Features, ModelOutput

OUTPUT = {"binary": "score", "multiclass": "label", "regression": "value"}


class Answering:
    """A model that is a function of one row."""

    def __init__(self, answer: Callable[[list[Any]], ModelOutput]) -> None:
        self.answer = answer

    def outputs(self, features: Features) -> list[ModelOutput]:
        return [self.answer(list(row)) for row in features]


def monitor(base: Path, task: str, rows: list[dict[str, Any]]) -> MonitorSpec:
    (base / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    model: dict[str, Any] = {
        "task": task,
        "features": {"amount": "numeric", "region": "categorical", "known": "boolean"},
        "pane": "1h",
        "label_horizon": "1d",
        "false_alarms": "1 per 90d",
        "reference": "profile.json",
    }
    if task == "binary":
        model["positive_label"] = "yes"
    columns = {"prediction_id": "id", "timestamp": "at", OUTPUT[task]: "said", "version": "version"}
    return MonitorSpec.model_validate(
        {"models": {"m": model}, "files": {"predictions": {"path": "rows.jsonl", "columns": columns}}}
    )


def row(number: int, said: Any, *, version: str = "1", **features: Any) -> dict[str, Any]:
    at = f"2026-01-01T{number:02}:00:00Z"
    return {
        "id": f"p{number}",
        "at": at,
        "said": said,
        "version": version,
        "amount": 1.5,
        "region": "a",
        "known": False,
        **features,
    }


@pytest.mark.parametrize(
    ("task", "said", "answer", "told"),
    [
        ("binary", 0.2, ModelOutput(score=0.75), {"score": 0.75}),
        (
            "multiclass",
            "a",
            ModelOutput(probabilities={"a": 0.25, "b": 0.75}),
            {"probabilities": {"a": 0.25, "b": 0.75}},
        ),
        ("regression", 3.0, ModelOutput(value=-2.5), {"value": -2.5}),
    ],
)
def test_what_is_scored_is_played_as_another_version(
    tmp_path: Path, task: str, said: Any, answer: ModelOutput, told: dict[str, Any]
) -> None:
    spec = monitor(tmp_path, task, [row(number, said) for number in range(3)])
    out = tmp_path / "deep" / "shadow.parquet"
    assert score(spec, tmp_path, "m", Answering(lambda _: answer), "2", out, since=None) == 3
    events = [json.loads(event.value) for event in Tables(with_scored(spec, tmp_path, [out]), tmp_path).stream()]
    assert [event["version"] for event in events] == ["1", "2"] * 3
    assert [event["prediction_id"] for event in events] == ["p0", "p0", "p1", "p1", "p2", "p2"]
    for event in events[1::2]:
        assert told.items() <= event["output"].items()
        assert event["features"] == {"amount": 1.5, "region": "a", "known": False}


def test_a_candidate_sees_features_in_the_order_of_the_monitor_file_and_odd_values_go_missing(tmp_path: Path) -> None:
    spec = monitor(tmp_path, "regression", [row(0, 1.0, amount="much", region=7, known=True), row(1, 1.0, known=None)])
    seen: list[list[Any]] = []

    def answer(features: list[Any]) -> ModelOutput:
        seen.append(features)
        return ModelOutput(value=0.0)

    score(spec, tmp_path, "m", Answering(answer), "2", tmp_path / "s.parquet", since=None)
    assert seen[0][1:] == ["7", True] or seen[0][1:] == [7, True]
    assert seen[1] == [1.5, "a", None]
    written = pq.read_table(tmp_path / "s.parquet").to_pylist()
    assert (written[0]["amount"], written[0]["region"], written[0]["known"]) == (None, "7", True)


def test_only_what_came_since_is_scored_and_a_row_of_two_versions_once(tmp_path: Path) -> None:
    rows = [row(0, 0.1), row(1, 0.1), row(1, 0.9, version="shadow"), row(2, 0.1)]
    spec = monitor(tmp_path, "binary", rows)
    since = Tables(spec, tmp_path).start + 1
    count = score(spec, tmp_path, "m", Answering(lambda _: ModelOutput(score=1.0)), "2", tmp_path / "s", since=since)
    assert count == 2
    assert pq.read_table(tmp_path / "s").column("prediction_id").to_pylist() == ["p1", "p2"]


def test_a_version_that_predicts_already_is_refused(tmp_path: Path) -> None:
    spec = monitor(tmp_path, "binary", [row(0, 0.1)])
    with pytest.raises(UserError, match="--version 1: the tables have predictions of it already"):
        score(spec, tmp_path, "m", Answering(lambda _: ModelOutput(score=1.0)), "1", tmp_path / "s", since=None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda _: ModelOutput(score=float("nan")), "prediction p0: the candidate's answer is none: the score nan"),
        (lambda features: features[99], "the candidate failed: IndexError"),
    ],
)
def test_a_candidate_that_cannot_answer_is_named(
    tmp_path: Path, answer: Callable[[list[Any]], ModelOutput], words: str
) -> None:
    spec = monitor(tmp_path, "binary", [row(0, 0.1)])
    with pytest.raises(UserError, match=words):
        score(spec, tmp_path, "m", Answering(answer), "2", tmp_path / "s", since=None)
