"""`TableFile`: tables in batches of columns: CSV, JSON Lines and Parquet, gzip-compressed or not.

What a file is, is told by its content where that is certain (gzip, Parquet), else by its ending. A row that cannot be
read as one (wrong number of cells, a line that is no JSON object) is handed on as bytes, never dropped.

CSV is read with the standard library, cell by cell as text: a reader that infers types, or that skips rows of the wrong
length, would change or lose what the contract is there to judge.
"""

import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from streams.errors import UserError
from streams.table_batch import Batch

ROWS = 8_192  # in a batch: large enough that work by column pays, small beside the memory of anything else
PAGES = 1 << 16  # bytes of a column chunk of Parquet that are read at a time: a row group may be the whole table

Format = Literal["csv", "json lines", "parquet"]

_ENDINGS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".json": "json lines",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1b\x7f]")
_DAMAGED = (EOFError, OSError, zlib.error, csv.Error, pa.ArrowException)


class TableFile:
    """A table on disk, which can be read any number of times.

    Parameters
    ----------
    path
        Where it is.
    name
        What its user calls it; stands in errors.

    Raises
    ------
    UserError
        When there is no such file, or it cannot be a table.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        try:
            with path.open("rb") as file:
                self._gzip = file.read(2) == b"\x1f\x8b"
            with self._open() as file:
                start = file.read(4_096)
        except FileNotFoundError:
            where = "" if str(path) == name else f" ({path})"
            raise UserError(f"{name}: no such file{where}") from None
        except _DAMAGED as error:
            raise UserError(f"{name}: cannot be read: {_reason(error)}") from None
        if not start.strip():
            raise UserError(f"{name}: the file is empty")
        self.format = self._format(start)
        if self.format != "parquet" and _is_binary(start):
            raise UserError(f"{name}: no readable CSV, JSON Lines (both in UTF-8) or Parquet: its content is binary")
        self._delimiter = _delimiter(start)
        self.header = [] if self.format == "json lines" else self._header()
        """Names of the columns; JSON Lines has none, as each row names its own."""
        twice = sorted({column for column in self.header if self.header.count(column) > 1})
        if twice:
            raise UserError(f"{name}: two columns are called {', '.join(twice)}; rename one")

    @property
    def typed(self) -> bool:
        """Whether cells come with a type of their own; those of CSV are text."""
        return self.format != "csv"

    def batches(self, columns: set[str] | None = None) -> Iterator[Batch]:
        """Yield all rows in file order, with these columns (default: all).

        Raises
        ------
        UserError
            When the file turns out to be damaged.
        """
        read = {"csv": self._csv, "json lines": self._json_lines, "parquet": self._parquet}[self.format]
        done = 1
        try:
            for batch in read(columns):
                yield replace(batch, numbers=np.arange(done, done + batch.rows))
                done += batch.rows
        except _DAMAGED as error:
            raise UserError(f"{self.name}: damaged: {_reason(error)}") from None

    def _open(self) -> gzip.GzipFile | io.BufferedReader:
        return gzip.open(self.path, "rb") if self._gzip else self.path.open("rb")

    def _format(self, start: bytes) -> Format:
        if start.startswith(b"PAR1"):
            return "parquet"
        text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"["):
            raise UserError(f"{self.name}: looks like one JSON array; write one object per line (JSON Lines)")
        endings = [ending for ending in self.path.suffixes if ending in _ENDINGS]
        named = _ENDINGS[endings[-1]] if endings else None
        if named == "parquet":
            raise UserError(f"{self.name}: ends like Parquet, but its content is something else")
        return named or ("json lines" if text.startswith(b"{") else "csv")

    def _header(self) -> list[str]:
        try:
            if self.format == "parquet":
                return list(self._parquet_file().schema_arrow.names)
            with self._lines() as lines:
                return [column.strip() for column in next(self._cells(lines), [])]
        except _DAMAGED as error:
            raise UserError(f"{self.name}: cannot be read: {_reason(error)}") from None

    def _lines(self) -> io.TextIOWrapper:
        return io.TextIOWrapper(self._open(), encoding="utf-8-sig", errors="replace", newline="")

    def _cells(self, lines: Iterable[str]) -> Iterator[list[str]]:
        return csv.reader(lines, delimiter=self._delimiter)

    def _csv(self, columns: set[str] | None) -> Iterator[Batch]:
        width = len(self.header)
        with self._lines() as lines:
            cells = self._cells(lines)
            next(cells)  # the header
            rows: list[list[str]] = []
            for row in cells:
                if row:  # else an empty line
                    rows.append(row)
                if len(rows) == ROWS:
                    yield self._csv_batch(rows, width, columns)
                    rows = []
            if rows:
                yield self._csv_batch(rows, width, columns)

    def _csv_batch(self, rows: list[list[str]], width: int, columns: set[str] | None) -> Batch:
        broken = {}
        for position, row in enumerate(rows):
            if len(row) != width:
                broken[position] = msgspec.json.encode({"cells": row, "columns": self.header})
                rows[position] = [""] * width
        cells = {
            name: [cell or None for cell in column]
            for name, column in zip(self.header, zip(*rows, strict=True), strict=True)
            if columns is None or name in columns
        }
        return Batch(len(rows), cells, broken)

    def _json_lines(self, columns: set[str] | None) -> Iterator[Batch]:
        with self._open() as file:
            lines: list[bytes] = []
            for line in file:
                if line := line.strip():
                    lines.append(line)
                if len(lines) == ROWS:
                    yield _json_batch(lines, columns)
                    lines = []
            if lines:
                yield _json_batch(lines, columns)

    def _parquet_file(self) -> Any:
        if self._gzip:
            with self._open() as file:
                return pq.ParquetFile(pa.BufferReader(file.read()))
        return pq.ParquetFile(self.path, buffer_size=PAGES, pre_buffer=False)

    def _parquet(self, columns: set[str] | None) -> Iterator[Batch]:
        names = [name for name in self.header if columns is None or name in columns]
        with self._parquet_file() as file:
            for batch in file.iter_batches(batch_size=ROWS, columns=names, use_threads=False):
                columns_read = map(_plainly, batch.columns)
                yield Batch(batch.num_rows, dict(zip(names, columns_read, strict=True)), {})


def _plainly(column: Any) -> Any:
    """Return views of text, of which Arrow can do little yet, as text."""
    if pa.types.is_string_view(column.type):
        return column.cast(pa.string())
    return column.cast(pa.binary()) if pa.types.is_binary_view(column.type) else column


def _json_batch(lines: list[bytes], columns: set[str] | None) -> Batch:
    lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
    rows, broken = [], {}
    for position, line in enumerate(lines):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            broken[position] = line
            row = {}
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row) if columns is None else columns
    cells = {name: [row.get(name) for row in rows] for name in names if any(name in row for row in rows)}
    return Batch(len(rows), cells, broken)


def _delimiter(start: bytes) -> str:
    """Return what separates the cells of a CSV file: a comma, unless its header has none and another instead."""
    header = start.split(b"\n", 1)[0]
    return next((mark for mark in ",;\t|" if mark.encode() in header), ",")


def _is_binary(start: bytes) -> bool:
    """Say whether this is the start of no text: a stray control character is still somebody's cell."""
    unreadable = start.decode("utf-8", "replace").count("\N{REPLACEMENT CHARACTER}")
    return b"\0" in start or len(_CONTROL.findall(start)) > 0.05 * len(start) or unreadable > 0.3 * len(start)


def _reason(error: Exception) -> str:
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return " ".join(str(text).split())
