"""Tables read by column: what comes out is what level 1 would decode from the JSON of the same rows, to the bit."""

import csv
import json
import math
import re
import struct
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from detectors.layouts import Layouts
from detectors.rows import Rows
from schemas.event_time import to_micros
from schemas.spec import MonitorSpec
from streams import groups as groups_module
from streams import table_columns, table_file, table_order
from streams.decoded import Decoded
from streams.decoder import Decoder
from streams.errors import UserError
from streams.feedback_columns import FeedbackColumns
from streams.groups import Groups
from streams.records import ROLES, Record, RecordBatch, Role
from streams.table_batch import Batch
from streams.tables import Tables

START = to_micros(datetime(2026, 1, 1, tzinfo=UTC))
HOUR = 3_600_000_000
FEATURES = {"n": "numeric", "m": "numeric", "c": "categorical", "b": "boolean", "t": "text", "d": "datetime"}
COMMON = {
    "features": FEATURES,
    "pane": "1d",
    "label_horizon": "30d",
    "false_alarms": "1 per 90d",
    "reference": "x.json",
}
MODELS: dict[str, dict[str, Any]] = {
    "yes": {"task": "binary", "positive_label": "1", "classes": ["0", "1"], "threshold": 0.4, **COMMON},
    "many": {"task": "multiclass", "classes": ["A", "B", "true"], **COMMON, "scores": {"s2": None, "s1": None}},
    "open": {"task": "multiclass", **COMMON, "features": {"n": "numeric"}},
    "number": {"task": "regression", **COMMON, "features": {"c": "categorical", "m": "numeric"}},
    "words": {"task": "text", **COMMON, "features": {"t": "text"}, "scores": {"s1": {"range": [0, 1]}}},
}

Kind = tuple[Any, list[Any]]
"""An Arrow type, and cells."""


def moments(*hours: float) -> list[datetime]:
    return [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in hours]


NUMBERS: list[Kind] = [
    (pa.float64(), [1.5, -0.0, 0.1, 1e300, 123456789.123, None]),
    (pa.float64(), [0.25, math.nan, math.inf, -math.inf, None]),
    (pa.float32(), [1.1, -0.0, 3e38, math.nan, math.inf, None]),
    (pa.float16(), [1.5, None]),
    (pa.int64(), [0, -3, 2**53 + 1, 2**63 - 1, -(2**63), None]),
    (pa.int8(), [0, 1, None]),
    (pa.uint64(), [1, 2**63, 2**64 - 1, None]),
    (pa.bool_(), [True, False, None]),
    (pa.string(), ["1.5", " 2 ", "nan", "x", "", "1_0", "+3", "-inf", "é", "1e999", None]),
    (pa.string(), ["1.5", "-0", "1e5", "0", None]),
    (pa.dictionary(pa.int32(), pa.string()), ["a", "0.5", None]),
    (pa.decimal128(12, 3), [Decimal("1.500"), Decimal("-7"), None]),
    (pa.timestamp("ns"), [*moments(0, 0.5), None]),
    (pa.date32(), [date(2026, 1, 1), None]),
    (pa.time32("s"), [time(1, 2, 3), None]),
    (pa.duration("s"), [timedelta(seconds=5), None]),
    (pa.list_(pa.int64()), [[1], None]),
    (pa.binary(), [b"x", None]),
    (pa.null(), [None]),
]
SHARES: list[Kind] = [
    (pa.float64(), [0.0, -0.0, 0.4, 0.39999999999999997, 0.5, 1.0, None]),
    (pa.float64(), [0.3, 1.0000000000000002, math.nan, math.inf, -0.5, None]),
    (pa.float32(), [0.1, 0.9, None]),
    (pa.int64(), [0, 1, 2, None]),
    (pa.bool_(), [True, False, None]),
    (pa.string(), ["0.5", "1", "nan", " NaN ", "+nan", " ", "x", None]),
    (pa.decimal128(4, 3), [Decimal("0.500"), None]),
]
TEXTS: list[Kind] = [
    (pa.string(), ["north", "south", "1.0", "", " a ", "nan", "\x00\x1f", 'é"\\\n', None]),
    (pa.large_string(), ["x", "y", None]),
    (pa.string_view(), ["x", "y", None]),
    (pa.dictionary(pa.int8(), pa.string()), ["north", "south", None]),
    (pa.string(), ["watermark", "specversion", "x" * 600, "😀"]),
    *NUMBERS,
]
BOOLEANS: list[Kind] = [(pa.string(), ["TRUE", "f", "yes", "0", "1.0", "perhaps", "", None]), *TEXTS]
LABELS: list[Kind] = [
    (pa.int64(), [0, 1, None]),
    (pa.int64(), [0, 1]),
    (pa.float64(), [0.0, -0.0, 1.0, None]),
    (pa.float64(), [1.5, math.nan, math.inf, None]),
    (pa.bool_(), [True, False, None]),
    (pa.string(), ["A", "B", None]),
    (pa.string(), ["1.0", "True", "A", "nan", " ", "", "x" * 256, "x" * 257, None]),
    (pa.dictionary(pa.int8(), pa.string()), ["0", "1", None]),
    (pa.date32(), [date(2026, 1, 1), None]),
    (pa.decimal128(4, 1), [Decimal("1.0"), None]),
    (pa.null(), [None]),
]
CORRECTIONS: list[Kind] = [(pa.string(), ["7", "1e400", "inf", "words", "A", "1", None]), *LABELS]
IDS: list[Kind] = [
    (pa.string(), [f"id-{n}" for n in range(40)]),
    (pa.string(), ["7", "7.0", "+7.00", "7.0\n", "7.0 ", "v1.0", "", "x" * 512, "x" * 513, "é" * 512, "\x00", None]),
    (pa.int64(), [*range(20), 2**63 - 1, None]),
    (pa.uint64(), [7, 2**64 - 1]),
    (pa.float64(), [7.0, 8.0, 8.5, math.nan, None]),
    (pa.bool_(), [True, None]),
    (pa.dictionary(pa.int8(), pa.string()), ["7", "8", None]),
    (pa.large_string(), ["7", "8.0"]),
    (pa.timestamp("us", "UTC"), moments(1)),
    (pa.binary(), [b"x"]),
]
PLAIN_TIMES: list[Kind] = [
    (pa.timestamp("us", "UTC"), moments(*range(24))),
    (pa.timestamp("ns"), [START * 1_000 + n for n in (0, 1, 999, 1_001, HOUR * 1_000)]),
    (pa.timestamp("s", "Europe/Paris"), [START // 1_000_000 + n for n in range(5)]),
    (pa.timestamp("ms"), [START // 1_000 + n for n in range(5)]),
    (pa.string(), ["2026-01-01T00:00:00Z", "2026-01-01 01:00:00+02:00", "2026-01-01 01:00:00.25-0300"]),
    (pa.string(), ["2026-01-01", "2026-01-01 01:00:00", "2026-01-01T00:30", "2026-01-01T02:00:00.123456"]),
    (pa.int64(), [1_767_225_600 + n for n in range(10)]),
    (pa.int64(), [1_767_225_600_123, 1_767_225_600_123_456, 1_767_225_600_123_456_789, -1, -62_000_000_000]),
    (pa.float64(), [1_767_225_600.0, 1_767_225_601.0, 1_767_225_600_123.0]),
    (pa.date32(), [date(2026, 1, day) for day in range(1, 9)]),
]
TIMES: list[Kind] = [
    *PLAIN_TIMES,
    (pa.timestamp("us"), [*moments(1), None, datetime(999, 1, 1, tzinfo=UTC), datetime(9001, 1, 1, tzinfo=UTC)]),
    (pa.timestamp("us"), [START, 2**62, -(2**62)]),
    (pa.timestamp("s"), [START // 1_000_000, 2**50]),
    (pa.string(), ["2026-01-01T00:00:00Z", "soon", "", "20260101", "1767225600.5", "2026-01-01 00:00:00 UTC", None]),
    (pa.string(), ["2026-01-01 24:00:00", "2026-01-01T00:00:60", "2026-1-1", "2026-01-01T01", "2026-01-01 00:00:00"]),
    (pa.string(), ["0001-01-01", "2026-02-30", "2026-01-01T00:00:00.123456789", "2026-01-01T000000", "9999-12-31"]),
    (pa.string(), ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+01", "2026-01-01t00:00:00z"]),
    (pa.int64(), [20_260_101, 20_269_999, 1_767_225_600, -(2**63), 2**63 - 1, 0, None]),
    (pa.float64(), [1_767_225_600.5, 20_260_101.0, 1e18, math.nan, math.inf, None]),
    (pa.decimal128(20, 6), [Decimal("1767225600.25"), None]),
    (pa.bool_(), [True]),
    (pa.date64(), [date(2026, 1, 2), None]),
]
NAMES: list[Kind] = [
    (pa.string(), [*MODELS, None]),
    (pa.string(), ["yes", "nobody", "", None]),
    (pa.dictionary(pa.int8(), pa.string()), ["yes", "many"]),
    (pa.int64(), [1, None]),
]
VERSIONS: list[Kind] = [
    (pa.string(), ["1", "2", None]),
    (pa.int64(), [1, 2, None]),
    (pa.float64(), [2.0, 2.5, math.nan, None]),
    (pa.string(), ["", "\x7f", "x" * 128, "x" * 129, "v"]),
]
SOURCES: list[Kind] = [
    (pa.string(), ["outcome", "user", "annotator", None]),
    (pa.string(), ["correction", "annotator_correction", "User", "", "user"]),
    (pa.int64(), [1, None]),
]

PREDICTION_COLUMNS: dict[str, list[Kind]] = {
    "id": IDS, "time": TIMES, "label": LABELS, "score": SHARES, "value": NUMBERS, "text": TEXTS, "model": NAMES,
    "version": VERSIONS, "latency_ms": NUMBERS, "pa": SHARES, "pb": SHARES,
    "first": NUMBERS, "second": NUMBERS,
    "n": NUMBERS, "m": NUMBERS, "c": TEXTS, "b": BOOLEANS, "t": TEXTS, "d": TEXTS,
}  # fmt: skip
FEEDBACK_COLUMNS: dict[str, list[Kind]] = {
    "id": IDS, "time": TIMES, "label": LABELS, "value": NUMBERS, "rating": SHARES, "correction": CORRECTIONS,
    "source": SOURCES, "inclusion_probability": SHARES, "model": NAMES, "version": VERSIONS,
}  # fmt: skip


def arrow(cells: list[Any], kind: Any) -> Any:
    if pa.types.is_float16(kind):
        return pa.array([None if cell is None else np.float16(cell) for cell in cells], kind)
    if pa.types.is_timestamp(kind) and kind.tz is None:
        cells = [cell.replace(tzinfo=None) if isinstance(cell, datetime) else cell for cell in cells]
    return pa.array(cells, kind)


@st.composite
def column(draw: st.DrawFn, kinds: list[Kind], rows: int, plain: bool) -> Any:
    kind, pool = kinds[0] if plain else draw(st.sampled_from(kinds))
    return arrow(draw(st.lists(st.sampled_from(pool), min_size=rows, max_size=rows)), kind)


def text(cell: Any) -> str:
    if cell is None:
        return ""
    return cell.isoformat() if isinstance(cell, date | time) else str(cell)


def json_cell(cell: Any) -> Any:
    return cell if cell is None or isinstance(cell, bool | int | float | str | list) else text(cell)


def write(path: Path, table: dict[str, Any], format: str) -> None:
    """Write a table; rows of CSV and JSON Lines are sometimes broken."""
    if format == "parquet":
        pq.write_table(pa.table(table), path, row_group_size=5)
        return
    with_dates = {name: cells_of(cells) for name, cells in table.items()}
    rows = list(zip(*with_dates.values(), strict=True))
    if format == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows([list(map(text, row)) for row in rows])
            file.write("too,few\n")
        return
    lines = [json.dumps(dict(zip(table, map(json_cell, row), strict=True))) for row in rows]
    path.write_text("\n".join([*lines, "[1]", '{"id": "\\ud800", "time": "2026-01-01"}', ""]))


def cells_of(column: Any) -> list[Any]:
    return Batch(len(column), {"x": column}, {}).column("x")


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], str]]]:
    """Return a monitor file and its tables."""
    names = draw(st.lists(st.sampled_from(sorted(MODELS)), min_size=1, max_size=3, unique=True))
    tables: dict[str, tuple[dict[str, Any], str]] = {}
    files: dict[str, list[dict[str, Any]]] = {"predictions": [], "feedback": []}
    odd = draw(st.sets(st.sampled_from([*PREDICTION_COLUMNS, *FEEDBACK_COLUMNS]), max_size=4))
    for role, kinds in (("predictions", PREDICTION_COLUMNS), ("feedback", FEEDBACK_COLUMNS)):
        for place in range(draw(st.integers(1 if role == "predictions" else 0, 2))):
            rows = draw(st.integers(1, 12))
            format = draw(st.sampled_from(["parquet", "parquet", "csv", "json lines"]))
            name = f"{role}-{place}.{ {'parquet': 'parquet', 'csv': 'csv', 'json lines': 'jsonl'}[format] }"
            plain_times = draw(st.booleans())
            table = {
                column_name: draw(
                    column(PLAIN_TIMES if column_name == "time" and plain_times else some, rows, column_name not in odd)
                )
                for column_name, some in kinds.items()
            }
            columns = {"prediction_id": "id", "timestamp": "time"}
            entry: dict[str, Any] = {"path": name, "columns": columns}
            if role == "predictions":
                fields = draw(st.sets(st.sampled_from(["label", "score", "value", "text", "version", "latency_ms"])))
                if draw(st.booleans()):
                    columns["probabilities"] = {"B": "pb", "A": "pa"}  # type: ignore[assignment]
                if draw(st.booleans()):
                    columns["scores"] = {"s1": "first", "s3": "second"}  # type: ignore[assignment]
            else:
                fields = draw(st.sets(st.sampled_from(["label", "value", "rating", "correction"]), min_size=1))
                fields |= draw(st.sets(st.sampled_from(["source", "version", "inclusion_probability"])))
                if draw(st.booleans()):
                    del columns["timestamp"]
                    entry["delay"] = "2h"
            if draw(st.booleans()):
                entry["version"] = "9"
            if draw(st.booleans()):
                fields |= {"model"}
            else:
                entry["model"] = draw(st.sampled_from(names))
            columns |= {field: field for field in fields}
            files[role].append(entry)
            tables[name] = (table, format)
    limit = draw(st.sampled_from([1_000_000, 1_000_000, 1_000, 300]))
    spec = {
        "models": {name: MODELS[name] for name in names},
        "files": {role: entries for role, entries in files.items() if entries},
        "limits": {"max_event_bytes": limit},
    }
    return spec, tables


@settings(deadline=None, max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    world=worlds(),
    size=st.sampled_from([1, 3, 7, 1_000]),
    batch=st.sampled_from([1, 4, 1_000]),
    held=st.integers(1, 40),
)
def test_chunks_are_what_the_json_of_the_same_rows_decodes_to(
    tmp_path_factory: pytest.TempPathFactory,
    world: tuple[dict[str, Any], dict[str, tuple[dict[str, Any], str]]],
    size: int,
    batch: int,
    held: int,
) -> None:
    path = tmp_path_factory.mktemp("tables")
    for name, (table, format) in world[1].items():
        write(path / name, table, format)
    try:
        spec = MonitorSpec.model_validate(world[0])
    except ValueError:
        assume(False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_file, "ROWS", batch)
        patch.setattr(table_order, "HELD", held)
        check(spec, path, size)


def check(spec: MonitorSpec, path: Path, size: int) -> dict[Role, Decoded]:
    """Compare chunks with what `stream` decodes to; return the latter."""
    try:
        tables = Tables(spec, path)
    except UserError:
        assume(False)
    layouts = Layouts(spec.models, {})
    records: dict[Role, list[Record]] = {role: [] for role in ROLES}
    for event in tables.stream():
        records[event.role].append(Record(len(records[event.role]), -1, event.key, event.value))
    expected_groups, groups = Groups(spec), Groups(spec)
    decoder = Decoder(spec, layouts, expected_groups)
    expected = {role: decoder.decode(role, RecordBatch.of(records[role])) for role in ROLES}
    seen = dict.fromkeys(ROLES, 0)
    found: dict[Role, list[tuple[Any, ...]]] = {role: [] for role in ROLES}
    for chunk in tables.chunks(layouts, groups, size):
        assert 0 < chunk.rows <= max(size, len(spec.files.predictions) + len(spec.files.feedback))  # type: ignore[union-attr]
        for role, decoded in chunk.decoded.items():
            batch = chunk.records[role]
            assert len(batch) > 0
            assert batch.offsets.tolist() == list(range(seen[role], seen[role] + len(batch)))
            found[role] += told(decoded, batch, groups, seen[role], records[role])
            seen[role] += len(batch)
    for role in ROLES:
        assert seen[role] == len(records[role])
        batch = RecordBatch.of(records[role])
        wanted = told(expected[role], batch, expected_groups, 0, records[role])
        for got, want in zip(found[role], wanted, strict=True):
            assert got == want
    assert groups.names == expected_groups.names
    return expected


def told(
    decoded: Decoded, batch: RecordBatch, groups: Groups, before: int, all_records: list[Record]
) -> list[tuple[Any, ...]]:
    """Return what a chunk says of each record, in their order, as plain values in which NaN equals itself."""
    rows: dict[int, tuple[Any, ...]] = {}
    events = decoded.events
    for place, position in enumerate(decoded.positions.tolist()):
        if isinstance(events, Rows):
            rows[position] = ("row", *of_row(events, place, groups))
        else:
            rows[position] = ("feedback", *of_feedback(events, place, groups))
    for position, refusal in decoded.refused:
        assert batch[position] == all_records[before + position]
        rows[position] = ("refused", refusal.reason, re.sub(r"^[^:]+, row \d+: ", "", refusal.message))
    for position, moment in decoded.watermarks:
        rows[position] = ("watermark", moment)
    for position in decoded.evicted:
        rows[position] = ("evicted",)
    assert sorted(rows) == list(range(len(batch)))
    return [rows[position] for position in sorted(rows)]


def of_row(rows: Rows, place: int, groups: Groups) -> tuple[Any, ...]:
    assert (rows.groups.dtype, rows.times.dtype, rows.hashes.dtype) == (np.int32, np.int64, np.uint64)
    width = groups.shapes[groups.model(rows.groups[place : place + 1])[0]].width
    return (
        groups.names[rows.groups[place]],
        rows.times[place],
        rows.offsets[place],
        rows.hashes[place].tolist(),
        rows.ids[place],
        [bits(number) for number in rows.numbers[place, -width:].tolist()],
        [(type(value), bits(value)) for value in rows.values[place]],
        type(rows.values[place]),
        rows.said[place],
        bool(rows.unexpected[place]),
    )


def of_feedback(columns: FeedbackColumns, place: int, groups: Groups) -> tuple[Any, ...]:
    assert (columns.sources.dtype, columns.models.dtype, columns.versions.dtype) == (np.int8, np.int32, np.int64)
    return (
        columns.times[place],
        columns.offsets[place],
        columns.hashes[place].tolist(),
        columns.sources[place],
        columns.models[place],
        columns.versions[place],
        columns.labels[place],
        bits(float(columns.values[place])),
        bits(float(columns.ratings[place])),
        bits(float(columns.drawn[place])),
        None if place not in columns.inside else of_row(columns.inside[place], 0, groups),
    )


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if type(value) is float and value == value else repr(value)


def plain_world(path: Path, rows: int = 2_000) -> MonitorSpec:
    """Write tables in which nothing is strange."""
    times = [START + 1_000_000 * row for row in range(rows)]
    table = {
        "id": [f"id-{row}" for row in range(rows)],
        "time": pa.array(times, pa.timestamp("us")),
        "label": ["01"[row % 2] for row in range(rows)],
        "score": [row % 100 / 100 for row in range(rows)],
        **{name: [float(row) for row in range(rows)] for name in "nm"},
        **{name: ["north", None][row % 2 :][:1] * rows for row, name in enumerate("ctd")},
        "b": [True] * rows,
    }
    pq.write_table(pa.table(table), path / "p.parquet", row_group_size=700)
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
    told = {"prediction_id": "id", "label": "label"}
    return MonitorSpec.model_validate(
        {
            "models": {"yes": MODELS["yes"]},
            "files": {
                "predictions": {"path": "p.parquet", "columns": columns},
                "feedback": {"path": "p.parquet", "columns": told, "delay": "10m"},
            },
        }
    )


def test_ordinary_rows_are_never_made_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = plain_world(tmp_path)
    expected = check(spec, tmp_path, 300)
    assert {role: len(decoded.positions) for role, decoded in expected.items()} == dict.fromkeys(ROLES, 2_000)

    def no_json(*_: object) -> None:
        raise AssertionError("a row was judged by itself")

    monkeypatch.setattr(table_columns, "decode", no_json)
    chunks = list(Tables(spec, tmp_path).chunks(Layouts(spec.models, {}), Groups(spec), 300))
    assert sum(chunk.rows for chunk in chunks) == 4_000
    assert len(chunks) <= 4_000 / 150


def test_feedback_starts_where_its_time_comes_not_where_its_table_does(tmp_path: Path) -> None:
    spec = plain_world(tmp_path)
    chunks = list(Tables(spec, tmp_path).chunks(Layouts(spec.models, {}), Groups(spec), 100))
    before: set[Role] = {role for chunk in chunks[:6] for role in chunk.decoded}
    assert before == {"predictions"}, "ten minutes, a prediction a second"
    ends = [{role: int(decoded.events.times[-1]) for role, decoded in chunk.decoded.items()} for chunk in chunks]
    for earlier, later in pairwise(ends):
        assert max(earlier.values()) <= max(later.values())


def test_versions_beyond_what_a_partition_keeps_are_evicted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups_module, "MOST_GROUPS", 2)
    table = {"id": ["a", "b", "c", "d"], "time": [1_767_225_600] * 4, "s": [0.5] * 4, "v": ["1", "2", "3", "1"]}
    pq.write_table(pa.table(table), tmp_path / "p.parquet")
    columns = {"prediction_id": "id", "timestamp": "time", "score": "s", "version": "v"}
    model = {**MODELS["yes"], "features": {"id": "text"}}
    files = {"predictions": {"path": "p.parquet", "columns": columns}}
    expected = check(MonitorSpec.model_validate({"models": {"yes": model}, "files": files}), tmp_path, 10)
    assert expected["predictions"].evicted == [2]
