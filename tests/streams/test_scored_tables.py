"""Tables that `score` wrote beside those of the monitor file: which are played, and which are refused."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.score import score
from streams.scored_tables import scored_table, with_scored
from streams.trainer import ModelOutput

from .test_score import Answering, monitor, row


def scored(base: Path, spec: MonitorSpec, version: str, name: str = "shadow.parquet", since: int | None = None) -> Path:
    score(spec, base, "m", Answering(lambda _: ModelOutput(score=0.75)), version, base / name, since=since)
    return base / name


@pytest.mark.parametrize("content", ["no Parquet", "other"])
def test_a_table_that_is_none_of_ours_is_refused(tmp_path: Path, content: str) -> None:
    spec = monitor(tmp_path, "binary", [row(0, 0.1)])
    path = tmp_path / "table"
    if content == "other":
        pq.write_table(pa.table({"a": [1]}), path)
    else:
        path.write_text(content)
    with pytest.raises(UserError, match="not a table that `streamgauge score` wrote"):
        scored_table(path, spec)


def test_a_file_that_is_not_there_is_told_in_one_sentence(tmp_path: Path) -> None:
    spec = monitor(tmp_path, "binary", [row(0, 0.1)])
    with pytest.raises(UserError) as told:
        with_scored(spec, tmp_path, [Path("nowhere.jsonl")])
    assert str(told.value) == "--also nowhere.jsonl: no such file"


def columns_of(spec: MonitorSpec) -> dict[str, Any]:
    (table,) = spec.files.predictions if spec.files else []
    return table.columns.model_dump(exclude_none=True)


def with_tables(spec: MonitorSpec, *tables: dict[str, Any]) -> MonitorSpec:
    return MonitorSpec.model_validate(spec.model_dump(mode="json") | {"files": {"predictions": list(tables)}})


@pytest.mark.parametrize("said", ["in a column", "of the table", "by nobody"])
def test_a_version_that_answered_the_same_predictions_is_refused_before_anything_is_played(
    tmp_path: Path, said: str
) -> None:
    rows = [row(number, 0.1, version="9") for number in range(3)]
    spec = monitor(tmp_path, "binary", rows)
    version = {"in a column": "8", "of the table": "prod", "by nobody": "1"}[said]
    also = scored(tmp_path, spec, version)
    columns = columns_of(spec)
    if said == "in a column":
        spec = monitor(tmp_path, "binary", [row(0, 0.1), row(1, 0.1, version="8"), row(2, 0.1, version="8")])
        count = 2
    else:
        columns.pop("version")
        table = {"path": "rows.jsonl", "columns": columns} | ({"version": "prod"} if version == "prod" else {})
        spec = with_tables(spec, table)
        count = 3
    with pytest.raises(
        UserError,
        match=rf"--also .*: version {version} of m has answered {count} of these predictions already, in rows\.jsonl",
    ):
        with_scored(spec, tmp_path, [also])


def test_a_version_that_predicts_other_rows_now_is_played(tmp_path: Path) -> None:
    """A candidate that was promoted since: its own predictions follow those of its shadow."""
    spec = monitor(tmp_path, "binary", [row(0, 0.1), row(1, 0.1)])
    also = scored(tmp_path, spec, "2")
    spec = monitor(tmp_path, "binary", [row(0, 0.1), row(1, 0.1), row(2, 0.4, version="2")])
    played = with_scored(spec, tmp_path, [also])
    assert played.files is not None
    assert [Path(table.path).name for table in played.files.predictions] == ["rows.jsonl", "shadow.parquet"]


def test_two_tables_of_one_version_are_played_where_they_answer_other_rows(tmp_path: Path) -> None:
    spec = monitor(tmp_path, "binary", [row(0, 0.1), row(1, 0.1)])
    early = scored(tmp_path, spec, "2", "early.parquet")
    spec = monitor(tmp_path, "binary", [row(2, 0.1)])
    late = scored(tmp_path, spec, "2", "late.parquet")
    assert with_scored(spec, tmp_path, [early, late]).files is not None
    with pytest.raises(UserError, match=r"already, in --also .*early\.parquet"):
        with_scored(spec, tmp_path, [early, late, early])
