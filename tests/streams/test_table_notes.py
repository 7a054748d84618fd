"""What a person is told of how tables are read."""

import json
from pathlib import Path
from typing import Any

import pytest

from schemas.spec import MonitorSpec
from streams.tables import Tables

MODEL = {
    "task": "multiclass",
    "classes": ["a", "b", "c"],
    "features": {"x": "numeric"},
    "pane": "1d",
    "label_horizon": "7d",
    "false_alarms": "1 per 90d",
    "reference": "m.json",
}
COLUMNS = {"prediction_id": "id", "timestamp": "time", "label": "said"}
CELLS = {"id": "r1", "time": "2026-01-01T00:00:00Z", "said": "a", "x": 1}


def notes(path: Path, cells: dict[str, Any], *, suffix: str = "csv", **files: Any) -> list[str]:
    """Return what is told of a table with one row of these cells, read as predictions and as `files` says."""
    name = f"t.{suffix}"
    rows = [json.dumps(cells)] if suffix == "jsonl" else [",".join(cells), ",".join(map(str, cells.values()))]
    (path / name).write_text("\n".join(rows) + "\n")
    files = {"predictions": {"path": name, "columns": COLUMNS}} | files
    return Tables(MonitorSpec.model_validate({"models": {"m": MODEL}, "files": files}), path).notes


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_columns_that_nothing_names_are_told(tmp_path: Path, suffix: str) -> None:
    found = notes(tmp_path, CELLS | {"sentiment": 0.3}, suffix=suffix)
    assert found == [f"columns of t.{suffix} that no key and no feature names: sentiment"]
    assert notes(tmp_path, CELLS, suffix=suffix) == []


def test_no_more_than_ten_are_named(tmp_path: Path) -> None:
    (line,) = notes(tmp_path, CELLS | {f"c{n}": n for n in range(12)})
    assert line.endswith("c8, c9 and 2 more")


def test_what_another_role_of_the_table_names_is_named(tmp_path: Path) -> None:
    outcomes = {"prediction_id": "id", "timestamp": "time", "label": "true"}
    feedback = {"path": "t.csv", "columns": outcomes}
    reference = {"path": "t.csv", "columns": COLUMNS | {"correction": "mended"}}
    found = notes(tmp_path, CELLS | {"true": "b", "mended": "b"}, feedback=feedback, reference=reference)
    assert found == []


def test_a_class_without_a_probability_is_told(tmp_path: Path) -> None:
    by_class = {"path": "t.csv", "columns": COLUMNS | {"probabilities": {"a": "p_a", "c": "p_c"}}}
    found = notes(tmp_path, CELLS | {"p_a": 0.5, "p_c": 0.5}, predictions=by_class)
    assert found == ["files.predictions.columns.probabilities has no column for b, of m's classes"]
