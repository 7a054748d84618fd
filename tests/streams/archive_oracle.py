"""What the archive must hold, said by the plain join: each accepted row once, with what became known, and when."""

import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from detectors.summary import pane_start
from schemas.event_time import Micros
from schemas.spec import MonitorSpec

from .join_oracle import JoinOracle, loss_of
from .join_oracle import Told as Row

Rows = list[dict[str, Any]]


def key_of(told: Row) -> tuple[Any, ...]:
    return (told.row.time, told.row.id, told.model, told.version, not told.traffic)


def expected(oracle: JoinOracle, complete: dict[str, Micros]) -> tuple[dict[Any, Any], dict[Any, Any]]:
    """Return rows by what names them, and late labels, of the panes that are over at `complete` of each model."""
    rows: dict[Any, Any] = {}
    late: dict[Any, Any] = {}
    for told in oracle.accepted:
        spec = oracle.spec.models[told.model]
        start = pane_start(told.row.time, spec)
        due = start + spec.pane + spec.maturity
        said = [(label, loss_of(told.row, label, spec)) for one, label, _ in oracle.joined if one is told]
        folded = [one for one in said if one[0].time < due and not one[0].later] if told.cohort else said[:1]
        others = [one for one in said if not any(one is other for other in folded)]
        over = due
        if not told.cohort:
            over = pane_start(max(told.row.time, said[0][0].time), spec) + spec.pane
        if over <= complete[told.model]:
            rows[key_of(told)] = (told.offset if told.traffic else None, told.row, *known(folded))
        for label, loss in others:
            if pane_start(max(told.row.time, label.time), spec) + spec.pane <= complete[told.model]:
                entry = (label.time, label.label, label.value, label.rating, label.later, label.corrects, label.by_user)
                assert (key_of(told), entry) not in late
                late[key_of(told), entry] = loss
    return rows, late


def known(said: list[Any]) -> tuple[Any, ...]:
    """What a row says of labels folded into it."""
    first = next((label for label, _ in said if label.label is not None or label.value is not None), None)
    rated = next((label.rating for label, _ in said if label.rating is not None), None)
    loss = next((loss for _, loss in said if loss is not None), None)
    time = max((label.time for label, _ in said), default=None)
    if first is None:
        return None, None, rated, time, None, None, loss
    return first.label, first.value, rated, time, first.corrects, first.by_user, loss


def read_files(root: Path, kind: str) -> pa.Table:
    """Return all rows of all files, however their columns differ."""
    tables = [pq.ParquetFile(path).read() for path in sorted((root / kind).rglob("*.parquet"))]
    return pa.concat_tables(tables, promote_options="default") if tables else pa.table({})


def in_micros(table: pa.Table) -> Rows:
    """Return rows, with moments as microseconds."""
    for name in table.schema.names:
        if pa.types.is_timestamp(table.schema.field(name).type):
            table = table.set_column(table.schema.names.index(name), name, table[name].cast(pa.int64()))
    return table.to_pylist()


_SAID = ("label", "value", "rating", "label_time", "label_corrects", "label_by_user", "loss")


def found_rows(root: Path, spec: MonitorSpec) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for one in in_micros(read_files(root, "rows")):
        alone = one["prediction_offset"] is None
        key = (one["time"], one["prediction_id"], one["model"], one["version"], alone)
        assert key not in found, "a row is there twice"
        found[key] = (one["prediction_offset"], as_row(one, spec), *(one[name] for name in _SAID))
    return found


def as_row(one: dict[str, Any], spec: MonitorSpec) -> dict[str, Any]:
    model = spec.models[one["model"]]
    return {
        **{name: one[f"feature.{name}"] for name in model.features},
        "label": one["output_label"],
        "score": one["output_score"],
        "value": one["output_value"],
        "text": one["output_text"],
        "latency": one["latency_ms"],
    }


def row_dict(told_row: Any, spec: Any) -> dict[str, Any]:
    return {
        **{
            name: None if value == math.inf else value
            for name, value in zip(spec.features, told_row.features, strict=True)
        },
        "label": told_row.label,
        "score": told_row.score,
        "value": told_row.value,
        "text": told_row.text,
        "latency": told_row.latency_ms,
    }


def found_late(root: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for one in in_micros(read_files(root, "labels")):
        key = (one["time"], one["prediction_id"], one["model"], one["version"], one["self_contained"])
        entry = (
            *(one[name] for name in ("label_time", "label", "value", "rating", "later")),
            bool(one["label_corrects"]),
            bool(one["label_by_user"]),
        )
        assert (key, entry) not in found, "a label is there twice"
        found[key, entry] = one["loss"]
    return found


def assert_archived(root: Path, oracle: JoinOracle, complete: dict[str, Micros]) -> tuple[int, int]:
    """Check the files against the oracle; return how many rows and late labels there are."""
    rows, late = expected(oracle, complete)
    wanted = {key: (one[0], row_dict(one[1], oracle.spec.models[key[2]]), *one[2:]) for key, one in rows.items()}
    found = found_rows(root, oracle.spec)
    assert found.keys() == wanted.keys()
    for key, one in wanted.items():
        assert found[key] == one, key
    assert found_late(root) == late
    return len(rows), len(late)
