"""What is asked of a table of archived rows: which are labelled, when they were, and in which order."""

from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event_time import Micros
from schemas.spec import ModelSpec
from streams.arrow_arrays import floats_of

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


def labelled_rows(settings: ModelSpec, rows: pa.Table, until: Micros) -> Mask:
    """Return which rows have what the task learns from: a class, a value, or for texts a rating or a correction."""
    if settings.task == "regression":
        known = np.isfinite(floats_of(rows["value"]))
    elif settings.task == "text":
        known = flags(pc.or_(pc.is_valid(rows["rating"]), pc.is_valid(rows["label"])))
    else:
        known = flags(pc.is_valid(rows["label"]))
    late = pc.greater(rows["label_time"].cast(pa.int64()), until)
    return known & ~flags(pc.fill_null(late, False))


def times_of(rows: pa.Table) -> npt.NDArray[np.int64]:
    """Return the event times of rows in microseconds."""
    return rows["time"].cast(pa.int64()).to_numpy()  # type: ignore[no-any-return]


def ids_of(rows: pa.Table) -> list[str]:
    """Return the prediction ids of rows."""
    return rows["prediction_id"].to_pylist()  # type: ignore[no-any-return]


def among(ids: Sequence[str], wanted: Set[str]) -> Mask:
    """Return which ids are among some."""
    return np.fromiter(map(wanted.__contains__, ids), dtype=np.bool_, count=len(ids))


def flags(values: pa.ChunkedArray) -> Mask:
    """Return Arrow booleans, none of them null, as numpy ones."""
    return np.asarray(values.to_numpy(), dtype=np.bool_)


def chosen(rows: pa.Table, mask: Mask) -> pa.Table:
    """Return the rows of a mask."""
    return rows.filter(pa.array(mask))


def in_order(rows: pa.Table | None, schema: pa.Schema) -> pa.Table:
    """Return rows by (time, prediction_id), in one chunk: how they came plays no part in the bytes of a file."""
    if rows is None:
        return schema.empty_table()
    return rows.sort_by([("time", "ascending"), ("prediction_id", "ascending")]).combine_chunks()


def united(parts: Mapping[str, pa.Table | None], schema: pa.Schema) -> tuple[pa.Table, dict[str, int]]:
    """Return the rows of all parts in order, each prediction id once, and how many are of which part.

    A row that is in several parts is of the first of them.
    """
    seen: set[str] = set()
    tables, counts = [], {}
    for name, part in parts.items():
        if part is None:
            continue
        new = np.array([_new(id, seen) for id in ids_of(part)], dtype=np.bool_)
        tables.append(chosen(part, new))
        counts[name] = int(new.sum())
    return in_order(pa.concat_tables(tables) if tables else None, schema), counts


def total_rows(tables: Iterable[pa.Table | None]) -> int:
    """Return how many rows tables have together."""
    return sum(len(table) for table in tables if table is not None)


def _new(id: str, seen: set[str]) -> bool:
    if id in seen:
        return False
    seen.add(id)
    return True
