"""Tables as streams of events: order, accounting, and what becomes of every kind of cell."""

import gzip
import json
import math
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schemas.event_time import parse_duration, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams import cells, table_file
from streams.errors import UserError
from streams.table_file import TableFile
from streams.tables import TableEvent, Tables, reference, rows, stream

MODEL: dict[str, Any] = {
    "task": "binary",
    "positive_label": "1",
    "features": {"income": "numeric", "region": "categorical", "member": "boolean", "note": "text"},
    "pane": "1d",
    "label_horizon": "30d",
    "false_alarms": "1 per 90d",
    "reference": "credit.profile.json",
}
REGRESSION = {
    **{key: value for key, value in MODEL.items() if key != "positive_label"},
    "task": "regression",
    "features": {"income": "numeric"},
}
COLUMNS = {"prediction_id": "id", "timestamp": "time", "label": "pred", "score": "score"}
HEADER = "id,time,pred,score,income,region,member,note"
ROW = {
    "id": "a",
    "time": "2026-01-01T00:00:00Z",
    "pred": 1,
    "score": 0.9,
    "income": 10.5,
    "region": "north",
    "member": True,
    "note": "hi",
}
START = to_micros(datetime(2026, 1, 1, tzinfo=UTC))
HOUR = parse_duration("1h")


def spec(
    predictions: dict[str, Any] | list[dict[str, Any]] | None = None,
    feedback: dict[str, Any] | list[dict[str, Any]] | None = None,
    models: dict[str, Any] | None = None,
    **files: Any,
) -> MonitorSpec:
    files |= {"predictions": predictions} if predictions else {}
    files |= {"feedback": feedback} if feedback else {}
    return MonitorSpec.model_validate({"models": models or {"credit": MODEL}, "files": files})


def write_csv(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path.name


def write_lines(path: Path, table: Iterable[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in table))
    return path.name


def predictions_of(tmp_path: Path, name: str, columns: dict[str, Any] = COLUMNS, **table: Any) -> list[dict[str, Any]]:
    """Return the predictions of a table as the contract reads them, or fails to."""
    events = list(stream(spec({"path": name, "columns": columns, **table}), tmp_path))
    return [json.loads(event.value) for event in events]


def accepted(event: TableEvent) -> bool:
    try:
        (Prediction if event.role == "predictions" else Feedback).model_validate_json(event.value)
    except ValidationError:
        return False
    return True


def test_a_row_of_csv_becomes_the_event_that_a_producer_would_send(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, "a,2026-01-01 00:00:00.25,1,0.9,10.5,north,True,hi")
    (event,) = stream(spec({"path": name, "columns": COLUMNS}), tmp_path)
    assert (event.role, event.time, event.key) == ("predictions", START + 250_000, b"a")
    assert json.loads(event.value) == {
        "prediction_id": "a",
        "model": "credit",
        "timestamp": "2026-01-01T00:00:00.250000Z",
        "features": {"income": 10.5, "region": "north", "member": True, "note": "hi"},
        "output": {"label": "1", "score": 0.9},
    }
    Prediction.model_validate_json(event.value)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("named", [True, False], ids=["by ending", "by content"])
def test_every_format_gives_the_same_events(tmp_path: Path, ending: str, zipped: bool, named: bool) -> None:
    path = tmp_path / f"p.{ending}"
    second = {**ROW, "id": "b", "time": "2026-01-01T01:00:00Z", "income": None, "region": None, "pred": 0}
    if ending == "csv":
        write_csv(
            path, HEADER, "a,2026-01-01T00:00:00Z,1,0.9,10.5,north,true,hi", "b,2026-01-01T01:00:00Z,0,0.9,,,1,hi"
        )
    elif ending == "jsonl":
        write_lines(path, [ROW, second])
    else:
        pq.write_table(pa.Table.from_pylist([ROW, second]), path)
    content = path.read_bytes()
    target = tmp_path / (f"q.{ending}{'.gz' if zipped else ''}" if named else "table")
    target.write_bytes(gzip.compress(content) if zipped else content)
    first_event, second_event = predictions_of(tmp_path, target.name)
    assert first_event["features"] == {"income": 10.5, "region": "north", "member": True, "note": "hi"}
    assert second_event["features"] == {"income": None, "region": None, "member": True, "note": "hi"}
    assert [event["output"]["label"] for event in (first_event, second_event)] == ["1", "0"]
    assert second_event["timestamp"] == "2026-01-01T01:00:00Z"


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026-01-01T00:00:00Z", START),
        ("2026-01-01t00:00:00z", START),
        ("2026-01-01 00:00:00", START),
        ("2026-01-01 00:00:00 UTC", START),
        ("2026-01-01", START),
        ("20260101", START),
        (20260101, START),
        ("2026-01-01 02:00:00+02:00", START),
        ("2026-01-01 00:00:00.123", START + 123_000),
        ("2026-01-01 00:00:00.123456", START + 123_456),
        ("2026-01-01 00:00:00.123456789", START + 123_456),
        (1767225600, START),
        ("1767225600", START),
        (1767225600.5, START + 500_000),
        ("1767225600.000001", START + 1),
        (1767225600123, START + 123_000),
        (1767225600123456, START + 123_456),
        (1767225600123456789, START + 123_456),
        (-1, -1_000_000),
        (Decimal("1767225600.25"), START + 250_000),
        (date(2026, 1, 1), START),
        (datetime(2026, 1, 1), START),
        (datetime(2026, 1, 1, tzinfo=UTC), START),
        ("01/02/2026", None),
        ("soon", None),
        ("", None),
        (None, None),
        (True, None),
        (math.nan, None),
        (math.inf, None),
        ("99999999999999999999999999", None),
        ([1], None),
    ],
)
def test_a_moment_is_read_to_the_microsecond_or_not_at_all(cell: Any, expected: int | None) -> None:
    assert cells.moment(cell) == expected


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_arrow_timestamps_of_any_unit_and_zone_are_moments(tmp_path: Path, unit: str, zone: str | None) -> None:
    nanos = START * 1_000 + (0 if unit == "s" else 250_000_000 if unit == "ms" else 250_001_000) + (unit == "ns") * 7
    column = pa.array([nanos]).cast(pa.timestamp("ns")).cast(pa.timestamp(unit, zone))
    row = {key: [value] for key, value in ROW.items()} | {"time": column}
    pq.write_table(pa.table(row), tmp_path / "p.parquet")
    (event,) = stream(spec({"path": "p.parquet", "columns": COLUMNS}), tmp_path)
    assert event.time == START + {"s": 0, "ms": 250_000}.get(unit, 250_001)


@pytest.mark.parametrize(
    ("kind", "cell", "expected"),
    [
        ("numeric", "12", "12.0"),
        ("numeric", " 1e3 ", "1000.0"),
        ("numeric", "n/a", '"n/a"'),
        ("numeric", "1_000", '"1_000"'),
        ("numeric", "nan", "NaN"),
        ("numeric", "-inf", "-Infinity"),
        ("numeric", "1e999", "Infinity"),
        ("categorical", "1.0", '"1.0"'),
        ("categorical", " a ", '" a "'),
        ("boolean", "TRUE", "true"),
        ("boolean", "0", "false"),
        ("boolean", "1.0", "true"),
        ("boolean", "perhaps", '"perhaps"'),
        ("text", "17", '"17"'),
        ("datetime", "2026-01-01", '"2026-01-01"'),
        ("numeric", "", "null"),
        ("categorical", "", "null"),
    ],
)
def test_a_cell_of_csv_is_read_by_the_type_of_its_feature(tmp_path: Path, kind: str, cell: str, expected: str) -> None:
    name = write_csv(tmp_path / "p.csv", "id,time,score,x", f"a,2026-01-01,0.5,{cell}")
    models = {"credit": {**MODEL, "features": {"x": kind}}}
    columns = {"prediction_id": "id", "timestamp": "time", "score": "score"}
    (event,) = stream(spec({"path": name, "columns": columns}, models=models), tmp_path)
    assert f'"features":{{"x":{expected}}}'.encode() in event.value
    assert accepted(event)


def test_typed_cells_keep_their_type_and_nan_stays_nan(tmp_path: Path) -> None:
    odd = [
        {**ROW, "income": math.nan, "region": 3, "member": 0},
        {**ROW, "id": "b", "income": "twelve", "region": 2.0},
        {**ROW, "id": "c", "income": math.inf},
    ]
    name = write_lines(tmp_path / "p.jsonl", odd)
    events = list(stream(spec({"path": name, "columns": COLUMNS}), tmp_path))
    assert all(map(accepted, events))
    first, second, third = (json.loads(event.value)["features"] for event in events)
    assert math.isnan(first["income"])
    assert (first["region"], first["member"]) == (3, False)
    assert (second["income"], second["region"]) == ("twelve", 2.0)
    assert third["income"] == math.inf


@pytest.mark.parametrize(
    ("cell", "expected"), [("1.0", "1"), ("1", "1"), ("True", "true"), ("good", "good"), ("1.5", "1.5"), ("01", "01")]
)
def test_labels_and_ids_that_were_whole_numbers_are_so_again(tmp_path: Path, cell: str, expected: str) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, f"7.0,2026-01-01,{cell},0.5,1,a,1,x")
    (event,) = predictions_of(tmp_path, name)
    assert event["output"]["label"] == expected
    assert event["prediction_id"] == "7"


def test_a_class_that_the_monitor_file_names_is_kept_as_written(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, "a,2026-01-01,True,0.5,1,a,1,x", "b,2026-01-02,1.0,0.5,1,a,1,x")
    models = {"credit": {**MODEL, "positive_label": "True", "classes": ["True", "1.0"]}}
    events = stream(spec({"path": name, "columns": COLUMNS}, models=models), tmp_path)
    assert [json.loads(event.value)["output"]["label"] for event in events] == ["True", "1.0"]


def test_whole_numbers_of_parquet_lose_their_point(tmp_path: Path) -> None:
    table = {key: [value] * 3 for key, value in ROW.items()}
    table |= {
        "id": [1.0, 2.0, 3.0],
        "pred": pa.array([1.0, None, 0.0]),
        "region": pa.array(["x", "y", "x"]).dictionary_encode(),
    }
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    events = predictions_of(tmp_path, "p.parquet")
    assert [event["prediction_id"] for event in events] == ["1", "2", "3"]
    assert [event["output"].get("label") for event in events] == ["1", None, "0"]
    assert [event["features"]["region"] for event in events] == ["x", "y", "x"]


def test_all_tables_are_merged_in_time_order_with_predictions_first(tmp_path: Path) -> None:
    header = "id,time,score,income,region,member,note"
    columns = {"prediction_id": "id", "timestamp": "time", "score": "score"}
    one = write_csv(
        tmp_path / "1.csv",
        header,
        *(f"{i},2026-01-01 {h}:00:00,.5,1,a,1,x" for i, h in (("a", "02"), ("b", "00"), ("c", "02"))),
    )
    two = write_csv(tmp_path / "2.csv", header, "d,2026-01-01 01:00:00,.5,1,a,1,x", "e,2026-01-01 02:00:00,.5,1,a,1,x")
    told = write_csv(tmp_path / "f.csv", "id,at,y", "b,2026-01-01 02:00:00,1", "a,2026-01-01 03:00:00,0")
    tables = spec(
        [{"path": one, "columns": columns}, {"path": two, "columns": columns}],
        {"path": told, "columns": {"prediction_id": "id", "timestamp": "at", "label": "y"}},
    )
    events = list(stream(tables, tmp_path))
    assert [event.key for event in events] == [b"b", b"d", b"a", b"c", b"e", b"b", b"a"]
    assert [event.role[0] for event in events] == list("pppppff")
    assert all(map(accepted, events))
    assert rows(tables, tmp_path) == 7
    assert Tables(tables, tmp_path).end == START + 3 * HOUR
    assert list(stream(tables, tmp_path)) == events


@settings(deadline=None)
@given(times=st.lists(st.integers(0, 50), min_size=1, max_size=30), batch=st.integers(1, 7))
def test_order_is_by_time_then_by_row_however_the_table_is_cut(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], batch: int
) -> None:
    path = tmp_path_factory.mktemp("tables")
    lines = [{**ROW, "id": str(row), "time": 1_767_225_600 + time} for row, time in enumerate(times)]
    name = write_lines(path / "p.jsonl", lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_file, "ROWS", batch)
        events = list(stream(spec({"path": name, "columns": COLUMNS}), path))
    expected = sorted(range(len(times)), key=lambda row: times[row])
    assert [int(event.key) for event in events] == expected


def test_a_row_that_cannot_be_an_event_is_kept_for_the_contract_to_refuse(tmp_path: Path) -> None:
    good = "2026-01-01 01:00:00,1,0.9,1,a,1,x"
    name = write_csv(
        tmp_path / "p.csv",
        HEADER,
        f"a,{good}",
        "b,soon,1,0.9,1,a,1,x",
        f",{good}",
        "c,2026-01-01 01:00:00,1,2.5,1,a,1,x",
        "d,2026-01-01 01:00:00,1",
        f"e,{good},too,many",
        "f,2026-01-01 01:00:00,,,1,a,1,x",
        "g,2026-01-01 01:00:00,1,nan,1,a,1,x",
        f"z,{good}",
    )
    events = list(stream(spec({"path": name, "columns": COLUMNS}), tmp_path))
    assert [accepted(event) for event in events] == [True, *[False] * 7, True]
    assert {event.time for event in events} == {START + HOUR}
    assert json.loads(events[1].value)["timestamp"] == "soon"
    assert "too" in json.loads(events[5].value)["cells"]


def test_a_first_row_without_a_time_takes_the_start_of_the_stream(tmp_path: Path) -> None:
    name = write_lines(tmp_path / "p.jsonl", [{**ROW, "time": "soon"}, {**ROW, "id": "b"}])
    events = list(stream(spec({"path": name, "columns": COLUMNS}), tmp_path))
    assert [event.time for event in events] == [START, START]
    assert [accepted(event) for event in events] == [False, True]


def test_a_line_that_is_no_json_object_reaches_the_contract_as_it_is(tmp_path: Path) -> None:
    name = write_lines(
        tmp_path / "p.jsonl", [ROW, '{"id": "b", ', "[1, 2]", "", '{"id": "\\ud800"}', {**ROW, "id": "z"}]
    )
    events = list(stream(spec({"path": name, "columns": COLUMNS}), tmp_path))
    assert [event.value for event in events[1:3]] == [b'{"id": "b",', b"[1, 2]"]
    assert [accepted(event) for event in events] == [True, False, False, False, True]


CELL = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.sampled_from(["", "nan", "1.0", "2026-01-01", "2026-13-01", "\x00", "é,\"\n'"]),
    st.lists(st.integers(), max_size=2),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(table=st.lists(st.dictionaries(st.sampled_from(sorted(ROW)), CELL), max_size=8))
def test_no_row_of_whatever_content_is_lost_or_crashes(
    tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, Any]]
) -> None:
    path = tmp_path_factory.mktemp("tables")
    name = write_lines(path / "p.jsonl", [ROW, *table])
    told = write_lines(path / "f.jsonl", [{**ROW, "outcome": 1}, *({**row, "outcome": 1} for row in table)])
    tables = spec(
        {"path": name, "columns": COLUMNS},
        {"path": told, "columns": {"prediction_id": "id", "timestamp": "time", "label": "outcome"}},
    )
    events = list(stream(tables, path))
    assert len(events) == rows(tables, path) == 2 * (1 + len(table))
    assert sum(map(accepted, events)) >= 2
    assert [event.time for event in events] == sorted(event.time for event in events)


def feedback_of(tmp_path: Path, told: str, **table: Any) -> tuple[Tables, list[TableEvent]]:
    lines = [{**ROW, "id": str(row), "time": 1_767_225_600 + 3_600 * row} for row in range(3)]
    name = write_lines(tmp_path / "p.jsonl", lines)
    tables = Tables(spec({"path": name, "columns": COLUMNS}, {"path": told, **table}), tmp_path)
    return tables, [event for event in tables.stream() if event.role == "feedback"]


def test_feedback_without_a_time_of_its_own_comes_a_delay_after_its_prediction(tmp_path: Path) -> None:
    told = write_csv(tmp_path / "f.csv", "id,y", "2,1", "0,0", "nobody,1", "1,1.0")
    tables, events = feedback_of(tmp_path, told, columns={"prediction_id": "id", "label": "y"}, delay="7d")
    week = parse_duration("7d")
    assert [(event.key, event.time - START - week) for event in events] == [
        (b"0", 0),
        (b"nobody", 0),  # the time of the row before it
        (b"1", HOUR),
        (b"2", 2 * HOUR),
    ]
    assert {event.key for event in events if not accepted(event)} == {b"nobody"}
    assert tables.end == START + week + 2 * HOUR
    assert json.loads(next(event.value for event in events if event.key == b"1")) == {
        "prediction_id": "1",
        "timestamp": "2026-01-08T01:00:00Z",
        "label": "1",
    }


@settings(deadline=None, max_examples=50)
@given(
    table=st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "7.0", "7", None, *map(str, range(8))]), st.sampled_from([1, 2, None])
        ),
        min_size=1,
        max_size=6,
    ),
    model=st.sampled_from([None, "credit"]),
)
def test_a_table_with_its_own_labels_is_as_one_with_labels_apart(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str | None, int | None]], model: str | None
) -> None:
    path = tmp_path_factory.mktemp("tables")
    lines = [
        {**ROW, "id": id, "time": time and START // 1_000_000 + time, "y": row % 2}
        for row, (id, time) in enumerate(table)
    ]
    lines.append({**ROW, "id": "last", "time": START // 1_000_000, "y": None})
    write_lines(path / "p.jsonl", lines)
    write_lines(path / "apart.jsonl", lines)
    told = {"columns": {"prediction_id": "id", "label": "y"}, "delay": "1h"} | ({"model": model} if model else {})
    both, apart = (
        list(stream(spec({"path": "p.jsonl", "columns": COLUMNS}, {"path": name, **told}), path))
        for name in ("p.jsonl", "apart.jsonl")
    )
    assert both == apart


def test_feedback_that_says_nothing_yet_is_counted_and_left_out(tmp_path: Path) -> None:
    told = write_csv(tmp_path / "f.csv", "id,at,y,stars", "0,2026-01-02,,", "1,2026-01-02,nan, ", "2,2026-01-02,,0.5")
    columns = {"prediction_id": "id", "timestamp": "at", "label": "y", "rating": "stars"}
    tables, events = feedback_of(tmp_path, told, columns=columns)
    assert tables.not_known_yet == 2
    assert tables.rows == 4
    assert [json.loads(event.value)["rating"] for event in events] == [0.5]
    assert "label" not in json.loads(events[0].value)


def test_feedback_of_a_model_finds_the_times_of_that_model(tmp_path: Path) -> None:
    header = "id,time,score,income,region,member,note"
    columns = {"prediction_id": "id", "timestamp": "time", "score": "score"}
    tables = spec(
        [
            {
                "path": write_csv(tmp_path / "a.csv", header, "x,2026-01-01,.5,1,a,1,x"),
                "columns": columns,
                "model": "a",
            },
            {
                "path": write_csv(tmp_path / "b.csv", header, "x,2026-01-03,.5,1,a,1,x"),
                "columns": columns,
                "model": "b",
            },
        ],
        {
            "path": write_csv(tmp_path / "f.csv", "id,y", "x,1"),
            "columns": {"prediction_id": "id", "label": "y"},
            "delay": "1d",
            "model": "b",
        },
        models={"a": MODEL, "b": MODEL},
    )
    told = json.loads(list(stream(tables, tmp_path))[-1].value)
    assert told == {"prediction_id": "x", "model": "b", "timestamp": "2026-01-04T00:00:00Z", "label": "1"}


def test_rows_of_several_models_take_the_features_of_theirs(tmp_path: Path) -> None:
    models = {
        "credit": {**MODEL, "features": {"income": "numeric"}},
        "eta": {**REGRESSION, "features": {"km": "numeric"}},
    }
    name = write_csv(
        tmp_path / "p.csv",
        "id,time,who,v,score,value,income,km,ms",
        "a,2026-01-01,credit,2,.5,,10,,3",
        "b,2026-01-01,eta,,,7.5,,4,",
        "c,2026-01-01,nobody,,.5,,1,1,",
    )
    columns = {
        "prediction_id": "id",
        "timestamp": "time",
        "model": "who",
        "version": "v",
        "score": "score",
        "value": "value",
        "latency_ms": "ms",
    }
    tables = spec({"path": name, "columns": columns, "version": "1"}, models=models)
    first, second, third = (json.loads(event.value) for event in stream(tables, tmp_path))
    assert (first["features"], first["version"], first["latency_ms"]) == ({"income": 10.0}, "2", 3.0)
    assert (second["features"], second["version"], second["output"]) == ({"km": 4.0}, "1", {"value": 7.5})
    assert "latency_ms" not in second
    assert (third["model"], third["features"]) == ("nobody", {})


def test_probabilities_come_from_a_column_for_each_class(tmp_path: Path) -> None:
    model = {**MODEL, "task": "multiclass", "features": {"income": "numeric"}}
    del model["positive_label"]
    name = write_csv(tmp_path / "p.csv", "id,time,pa,pb,income", "a,2026-01-01,.25,.75,1", "b,2026-01-01,,,1")
    columns = {"prediction_id": "id", "timestamp": "time", "probabilities": {"A": "pa", "B": "pb"}}
    first, second = stream(spec({"path": name, "columns": columns}, models={"m": model}), tmp_path)
    assert json.loads(first.value)["output"] == {"probabilities": {"A": 0.25, "B": 0.75}}
    assert not accepted(second)


def test_the_reference_gives_each_prediction_with_what_came_true(tmp_path: Path) -> None:
    name = write_csv(
        tmp_path / "r.csv",
        f"{HEADER},y",
        "b,2026-01-02,1,0.9,1,a,1,x,0.0",
        "a,2026-01-01,1,0.9,1,a,1,x,1.0",
        "c,2026-01-03,1,0.9,1,a,1,x,",
    )
    tables = spec(reference={"path": name, "columns": {**COLUMNS, "outcome": "y"}})
    pairs = list(reference(tables, tmp_path, "credit"))
    assert [prediction.key for prediction, _ in pairs] == [b"a", b"b", b"c"]
    feedback = [told and json.loads(told.value) for _, told in pairs]
    assert feedback[0] == {"prediction_id": "a", "timestamp": "2026-01-01T00:00:00Z", "label": "1"}
    assert [told and told["label"] for told in feedback] == ["1", "0", None]
    assert all(told is None or (told.time == prediction.time and accepted(told)) for prediction, told in pairs)


def test_the_outcome_of_a_regression_is_a_number(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "r.csv", "id,time,guess,income,took", "a,2026-01-01,7,1,8.5", "b,2026-01-02,7,1,nan")
    columns = {"prediction_id": "id", "timestamp": "time", "value": "guess", "outcome": "took"}
    tables = spec(reference={"path": name, "columns": columns}, models={"eta": REGRESSION})
    (_, first), (_, second) = reference(tables, tmp_path, "eta")
    assert first is not None
    assert json.loads(first.value)["value"] == 8.5
    assert second is None


def refused(tmp_path: Path, tables: MonitorSpec) -> str:
    with pytest.raises(UserError) as raised:
        list(stream(tables, tmp_path))
    return str(raised.value)


def test_a_missing_column_is_named_with_those_there_are(tmp_path: Path) -> None:
    for name in (
        write_csv(tmp_path / "p.csv", HEADER.replace("income", "incme"), "a,2026-01-01,1,.5,1,a,1,x"),
        write_lines(tmp_path / "p.jsonl", [{("incme" if key == "income" else key): ROW[key] for key in ROW}]),
    ):
        message = refused(tmp_path, spec({"path": name, "columns": COLUMNS}))
        assert message.startswith(f"{name}: no column 'income' (did you mean 'incme'?); its columns are id, time, ")
    message = refused(tmp_path, spec({"path": "p.csv", "columns": {**COLUMNS, "score": "proba"}}))
    assert "no column 'proba'" in message


def test_a_table_without_a_single_readable_time_is_refused_with_an_example(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, "a,31/01/2026,1,.5,1,a,1,x")
    message = refused(tmp_path, spec({"path": name, "columns": COLUMNS}))
    assert "column 'time' holds '31/01/2026'" in message
    assert "2026-01-31T12:00:00Z" in message


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.csv", None, "none.csv: no such file"),
        ("p.csv", b"", "p.csv: the file is empty"),
        ("p.csv", HEADER.encode() + b"\n", "p.csv: has no rows"),
        ("p.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "p.csv: no readable CSV, JSON Lines (both in UTF-8) or Parquet"),
        ("p.jsonl", bytes(range(128, 256)) * 9, "p.jsonl: no readable CSV"),
        ("p.csv", "id,time,pred\n".encode("utf-16"), "p.csv: no readable CSV"),
        ("p.json", b'[{"id": 1}]', "p.json: looks like one JSON array; write one object per line"),
        ("p.parquet", b"id,time\n", "p.parquet: ends like Parquet"),
        ("p", b"PAR1 and no more", "p: cannot be read"),
        ("p.csv.gz", gzip.compress(b"id,time,pred\n" * 9_999, mtime=0)[:60], "p.csv.gz: "),
        ("p.csv", b"id,time,id\n1,2,3\n", "p.csv: two columns are called id"),
    ],
)
def test_a_file_that_is_no_table_is_said_to_be_none(
    tmp_path: Path, name: str, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert refused(tmp_path, spec({"path": name, "columns": COLUMNS})).startswith(expected)


def test_a_file_that_is_missing_is_named_once_and_where_it_was_looked_for(tmp_path: Path) -> None:
    for name, expected in (("nope.csv", "nope.csv: no such file"), ("p", "p: no such file (nope.csv)")):
        with pytest.raises(UserError) as raised:
            TableFile(Path("nope.csv"), name)
        assert str(raised.value) == expected


def test_a_stray_control_character_is_a_cell_and_no_reason_to_refuse_a_table(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, "a,2026-01-01,1,.5,1,no\x1brth,1,x")
    (event,) = predictions_of(tmp_path, name)
    assert event["features"]["region"] == "no\x1brth"


def test_whose_predictions_a_table_holds_must_be_clear(tmp_path: Path) -> None:
    name = write_csv(tmp_path / "p.csv", HEADER, "a,2026-01-01,1,.5,1,a,1,x")
    models = {"credit": MODEL, "loans": MODEL}
    assert "Give model (one of credit, loans)" in refused(
        tmp_path, spec({"path": name, "columns": COLUMNS}, models=models)
    )
    message = refused(tmp_path, spec({"path": name, "columns": COLUMNS, "model": "loan"}, models=models))
    assert message == "files.predictions[0].model: 'loan' is not one of credit, loans (did you mean 'loans'?)"
    assert list(stream(spec({"path": name, "columns": COLUMNS, "model": "loans"}, models=models), tmp_path))


def test_what_is_not_declared_is_asked_for(tmp_path: Path) -> None:
    nothing = MonitorSpec.model_validate({"models": {"credit": MODEL}})
    assert "no 'files:'" in refused(tmp_path, nothing)
    assert "there are none" in refused(tmp_path, spec())
    with pytest.raises(UserError, match=r"files\.reference: no table with rows of 'credit'"):
        reference(spec(), tmp_path, "credit")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_other_separators_than_commas_are_seen_in_the_header(tmp_path: Path, mark: str) -> None:
    lines = [HEADER, "a,2026-01-01,1,.5,1,a,1,x"]
    name = write_csv(tmp_path / "p.csv", *(line.replace(",", mark) for line in lines))
    (event,) = predictions_of(tmp_path, name)
    assert event["features"]["region"] == "a"


def test_quoted_cells_byte_order_marks_and_windows_lines_are_csv_too(tmp_path: Path) -> None:
    text = f'\ufeff{HEADER}\r\na,2026-01-01,1,.5,1,"north, ""far""\nside",1,x\r\n\r\nb,2026-01-01,1,.5,1,\ufffd,1,x\r\n'
    (tmp_path / "p.csv").write_bytes(text.encode().replace("\ufffd".encode(), b"\xff"))
    first, second = predictions_of(tmp_path, "p.csv")
    assert first["features"]["region"] == 'north, "far"\nside'
    assert second["features"]["region"] == "\ufffd"
