"""Held-out rows from tables: every task, several models in one table, and what no column says."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from schemas.spec import MonitorSpec
from streams.archive_schema import archive_schema
from streams.check.checked_rows import CheckedRows
from streams.check.held_out import rows_of_table
from streams.errors import UserError

from .world import rows, spec_of


def with_files(task: str, **files: Any) -> MonitorSpec:
    data = spec_of(task).model_dump(exclude_unset=True)
    return MonitorSpec.model_validate({**data, "files": files})


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_probabilities_of_classes_give_the_label_and_the_score_that_was_recorded(tmp_path: Path) -> None:
    columns = {
        "prediction_id": "id",
        "timestamp": "at",
        "probabilities": {"low": "p_low", "high": "p_high"},
        "outcome": "truth",
    }
    spec = with_files("multiclass", reference={"path": "x.csv", "columns": columns})
    path = written(
        tmp_path / "t.csv",
        "id,at,p_low,p_high,truth,income,age,region,owner\n"
        "a,2026-01-01,0.2,0.8,low,10,20,north,true\n"
        "b,2026-01-02,,,high,,,,\n",
    )
    found = CheckedRows(spec.models["loan"], rows_of_table(spec, "loan", path))
    assert found.table.schema == archive_schema(spec.models["loan"])
    assert found.recorded[0] is not None
    assert (found.recorded[0].label, found.recorded[0].score) == ("high", 0.8)
    assert found.recorded[1] is None
    assert found.truths == ["low", "high"]
    assert found.features == [[10.0, 20.0, "north", True], [None, None, None, None]]


def test_a_correction_goes_before_the_outcome_and_values_are_numbers(tmp_path: Path) -> None:
    columns = {"prediction_id": "id", "timestamp": "at", "value": "said", "outcome": "truth", "correction": "mended"}
    spec = with_files("regression", reference={"path": "x.csv", "columns": columns})
    path = written(
        tmp_path / "t.csv", "id,at,said,truth,mended,income\na,2026-01-01,1.5,2,3,1\nb,2026-01-01,nan,2,,1\nc,,x,y,,1\n"
    )
    found = CheckedRows(spec.models["loan"], rows_of_table(spec, "loan", path))
    assert found.truths == [3.0, 2.0, None]
    assert [None if answer is None else answer.value for answer in found.recorded] == [1.5, None, None]


def test_rows_of_other_models_are_left_out(tmp_path: Path) -> None:
    columns = {"prediction_id": "id", "timestamp": "at", "score": "s", "model": "which", "outcome": "truth"}
    spec = with_files("binary", reference={"path": "x.csv", "columns": columns})
    path = written(
        tmp_path / "t.csv",
        "id,at,s,which,truth,income\na,2026-01-01,.5,loan,1,1\nb,2026-01-01,.5,card,1,1\nc,2026-01-01,.5,,0,1\n",
    )
    assert rows_of_table(spec, "loan", path).column("prediction_id").to_pylist() == ["a", "c"]
    only_others = written(tmp_path / "o.csv", "id,at,s,which,truth,income\nb,2026-01-01,.5,card,1,1\n")
    with pytest.raises(UserError, match="no rows of loan"):
        rows_of_table(spec, "loan", only_others)


def test_without_a_mapping_columns_called_label_and_value_are_the_outcome(tmp_path: Path) -> None:
    path = written(tmp_path / "t.jsonl", '{"label": 1, "income": 3, "owner": true}\n{"label": 0, "income": 4}\n')
    table = rows_of_table(spec_of(), "loan", path)
    assert table.column("label").to_pylist() == ["1", "0"]
    assert table.column("prediction_id").to_pylist() == ["row 1", "row 2"]


def test_of_rows_with_one_id_that_of_the_champion_stays_and_order_is_by_time() -> None:
    spec = spec_of().models["loan"]
    table = rows(spec_of(), 6)
    versions = pa.array(["2"] * 6)
    shadow = table.set_column(table.schema.get_field_index("version"), "version", versions)
    both = pa.concat_tables([shadow, table.slice(0, 3)]).take(pa.array([8, 5, 2, 7, 1, 0, 3, 6, 4]))
    found = CheckedRows.of(spec, both, "1")
    assert found.ids == table.column("prediction_id").to_pylist()
    assert found.versions == ["1", "1", "1", "2", "2", "2"]


def test_weights_that_are_none_count_as_one() -> None:
    table = rows(spec_of(), 4)
    place = table.schema.get_field_index("weight")
    table = table.set_column(place, "weight", pa.array([None, -1.0, float("nan"), 2.5]))
    assert CheckedRows.of(spec_of().models["loan"], table).weights.tolist() == [1.0, 1.0, 1.0, 2.5]
