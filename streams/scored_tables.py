"""`with_scored`: tables that `streamgauge score` wrote, played beside the predictions of the monitor file.

Of two predictions with one id and version the first that comes counts, so that answers under a version that the tables
have already would be left out one by one, and nothing compared: they are refused before anything is played.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.id_hash import id_hashes
from schemas.spec import MonitorSpec
from schemas.table_spec import FilesSpec, PredictionColumns, PredictionTable
from streams import cell_columns, cells
from streams.errors import UserError
from streams.files import resolve
from streams.score import ID, LABEL, PROBABILITY, SCORE, TIME, VALUE, VERSION
from streams.table_batch import Batch
from streams.table_file import TableFile
from streams.table_rows import PredictionRows

DEFAULT = "1"  # version of a prediction that names none
_ODD = np.uint64(0x9E3779B97F4A7C15)  # the golden ratio: spreads times over 64 bits

Keys = npt.NDArray[np.uint64]
"""One for each prediction, of its id and time."""


class _Scored(NamedTuple):
    name: str
    """What its user calls it."""
    table: PredictionTable
    by_version: Mapping[str, Keys]


def with_scored(spec: MonitorSpec, base: Path, paths: Sequence[Path]) -> MonitorSpec:
    """Return the monitor file, found in `base`, with tables that `score` wrote beside its own.

    Raises
    ------
    UserError
        As `scored_table` does, and when a table has answers of a version to predictions that another table has of that
        very version.
    """
    if not paths:
        return spec
    files = spec.files or FilesSpec()
    known = [(table.path, table) for table in files.predictions]
    for path in paths:
        name = f"--also {path}"
        table = scored_table(path, spec)
        _refuse_repeated(_Scored(name, table, _by_version(table, spec)), known, spec, base)
        known.append((name, table))
    tables = [table for _, table in known]
    return spec.model_copy(update={"files": files.model_copy(update={"predictions": tables})})


def scored_table(path: Path, spec: MonitorSpec) -> PredictionTable:
    """Return how a table that `score` wrote is read as predictions.

    Raises
    ------
    UserError
        When there is no such file, or `score` did not write it for a model of the monitor file.
    """
    name = f"--also {path}"
    strange = f"{name}: not a table that `streamgauge score` wrote"
    if not path.is_file():
        raise UserError(f"{name}: no such file")
    if TableFile(path, name).format != "parquet":
        raise UserError(f"{strange}: no Parquet file")
    try:
        schema = pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{strange}: {error}") from None
    names = set(schema.names)
    model = (schema.metadata or {}).get(b"model", b"").decode()
    if not {ID, TIME, VERSION} <= names or model not in spec.models:
        raise UserError(f"{strange} for a model of this monitor file")
    classes = {name.removeprefix(PROBABILITY): name for name in schema.names if name.startswith(PROBABILITY)}
    return PredictionTable(
        path=str(path.resolve()),
        model=model,
        columns=PredictionColumns(
            prediction_id=ID,
            timestamp=TIME,
            version=VERSION,
            label=LABEL if LABEL in names else None,
            score=SCORE if SCORE in names else None,
            value=VALUE if VALUE in names else None,
            probabilities=classes or None,
        ),
    )


def _by_version(table: PredictionTable, spec: MonitorSpec) -> dict[str, Keys]:
    found: dict[str, list[Keys]] = {}
    for _, version, keys in _predictions(table, spec, Path()):
        found.setdefault(version, []).append(keys)
    return {version: np.sort(np.concatenate(parts)) for version, parts in found.items()}


def _refuse_repeated(
    scored: _Scored, known: Sequence[tuple[str, PredictionTable]], spec: MonitorSpec, base: Path
) -> None:
    model = scored.table.model
    for name, table in known:
        repeated: dict[str, int] = {}
        if table.columns.version is None and (table.version or DEFAULT) not in scored.by_version:
            continue
        for of, version, keys in _predictions(table, spec, base):
            if of == model and version in scored.by_version:
                there = int(np.isin(keys, scored.by_version[version]).sum())
                repeated[version] = repeated.get(version, 0) + there
        for version, count in repeated.items():
            if count:
                raise UserError(
                    f"{scored.name}: version {version} of {model} has answered {count:,} of these predictions already, "
                    f"in {name}, and of two answers of one version the first counts. Call the candidate's answers "
                    "something else: streamgauge score MONITOR MODEL --version NAME"
                )


def _predictions(table: PredictionTable, spec: MonitorSpec, base: Path) -> Iterator[tuple[str, str, Keys]]:
    """Yield model, version and keys of predictions; those that cannot be read are left to whoever plays them."""
    file = TableFile(resolve(base, table.path), table.path)
    default = table.model or (next(iter(spec.models)) if len(spec.models) == 1 else None)
    reader = PredictionRows(table, spec.models, default, file.typed)
    columns = table.columns
    wanted = reader.time_columns | ({columns.version} if columns.version is not None else set())
    for batch in file.batches(wanted):
        for model, of_model in _parts(batch, columns.model, default):
            for version, part in _parts(of_model, columns.version, table.version or DEFAULT):
                times = reader.times(part)
                ids = reader.ids(part)
                rows = [row for row in np.flatnonzero(times.known).tolist() if isinstance(ids[row], str)]
                yield model, version, _keys([str(ids[row]) for row in rows], times.micros[rows])


def _parts(batch: Batch, column: str | None, default: str | None) -> Iterator[tuple[str, Batch]]:
    """Yield the rows of each name in a column; `default` is that of an empty cell, None that of no name."""
    names = cell_columns.coded(batch, column, cells.text)
    names.values[-1] = default
    by_name: dict[str, list[int]] = {}
    for code, name in enumerate(names.values):
        if isinstance(name, str):
            by_name.setdefault(name, []).append(code)
    all_codes = names.codes % len(names.values)  # an empty cell is -1 there, the last one
    for name, codes in by_name.items():
        at = np.flatnonzero(np.isin(all_codes, codes))
        if len(at):
            yield name, batch if len(at) == batch.rows else batch.take(at)


def _keys(ids: list[str], times: npt.NDArray[np.int64]) -> Keys:
    keys: Keys = id_hashes(ids)[:, 0] ^ (times.view(np.uint64) * _ODD)
    return keys
