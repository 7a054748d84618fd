"""`ArchiveFiles`: the files of the archive, in a directory beside the monitor file or wherever fsspec reaches.

A file is there whole or not at all, so that a reader meets no half of one, and the same file may be written again.
"""

import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import sleep
from typing import Any, TypeVar

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.archive_spec import ArchiveSpec
from streams.archive_names import PaneFile
from streams.errors import Unreachable, UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

ROWS = 20_000
"""Rows that are in memory at once, and rows of a group in a file."""
PAUSES = (1.0, 2.0, 4.0)
"""Seconds before a write that failed is tried again: a store across the network has its moments."""
WHOLE = frozenset({"memory", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss"})
"""Where a file that is put is there at once, or not."""


class ArchiveFiles:
    """Files by their paths below the archive's URL.

    Parameters
    ----------
    base
        Directory of the monitor file; a URL without a scheme is relative to it.
    durable
        Whether a write waits for the disk.
    pauses
        Seconds before a write across the network is tried again, and again; None takes `PAUSES`.

    Raises
    ------
    UserError
        When nothing here knows the URL.
    """

    def __init__(
        self, spec: ArchiveSpec, base: Path, durable: bool = True, pauses: Sequence[float] | None = None
    ) -> None:
        self.url = spec.url if "://" in spec.url else str((base / spec.url).absolute())
        try:
            self.fs, self.root = fsspec.core.url_to_fs(self.url)
        except (ValueError, ImportError) as error:
            raise UserError(f"archive.url: {spec.url}: {error}") from None
        self.root = self.root.rstrip("/")
        protocols = self.fs.protocol
        self._protocols = {protocols} if isinstance(protocols, str) else set(protocols)
        self.local = "file" in self._protocols
        self._durable = durable
        self._pauses = PAUSES if pauses is None else pauses

    def write(self, path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        """Write a Parquet file.

        Raises
        ------
        Unreachable
            When it cannot be written.
        """
        target = f"{self.root}/{path}"
        try:
            if self.local:
                self._write_here(Path(target), schema, batches)
            else:
                with tempfile.TemporaryDirectory(prefix="streamgauge-") as scratch:
                    made = Path(scratch) / "file.parquet"
                    _write_parquet(made, schema, batches)
                    self._put(made, target)
        except OSError as error:
            raise Unreachable(f"archive.url: {self.url}: {path} cannot be written: {_brief(error)}") from error

    def directories(self, path: str) -> list[str]:
        """Return the names of the directories in one, in order; none where there is no such directory."""
        return sorted(_name(one) for one in self._listed(path) if one["type"] == "directory")

    def panes(self, path: str) -> list[tuple[str, PaneFile]]:
        """Return the paths of the files of panes in a directory and what their names say, in order."""
        found = [(f"{path}/{_name(one)}", PaneFile.of(_name(one))) for one in self._listed(path)]
        return sorted((path, pane) for path, pane in found if pane is not None)

    def size(self, path: str) -> int:
        """Return how many bytes the files of a directory have."""
        return sum(one["size"] or 0 for one in self._listed(path) if one["type"] == "file")

    def remove(self, path: str) -> None:
        """Delete a directory of files."""
        for one in self._listed(path):
            try:
                self.fs.rm_file(one["name"])
            except FileNotFoundError:
                continue
        if self.local:
            try:
                os.rmdir(f"{self.root}/{path}")
            except OSError:  # something new is in it
                return

    def exists(self) -> bool:
        """Say whether anything was archived there."""
        return bool(self._listed(""))

    def open(self, path: str) -> pq.ParquetFile:
        """Return a file, to be read by row groups.

        Raises
        ------
        UserError
            When it is gone, cannot be read, or is not whole.
        """
        return self.reading(path, lambda: pq.ParquetFile(self.fs.open(f"{self.root}/{path}", "rb")))

    def reading(self, path: str, read: Callable[[], T]) -> T:
        """Return what `read` does of a file, and word what goes wrong."""
        target = f"{self.root}/{path}"
        try:
            return read()
        except FileNotFoundError:
            raise UserError(
                f"{target}: was deleted while it was read: the archive keeps no more than archive.retention and "
                "archive.max_bytes allow. Ask again, or for later rows"
            ) from None
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise UserError(
                f"{target}: damaged, or no Parquet file ({_brief(error)}). Restore it from a copy; if there is none, "
                "delete it: its rows are lost"
            ) from None
        except Exception as error:  # of the store's library, which need not be an OSError
            raise UserError(f"{target}: cannot be read: {_brief(error)}") from None

    def _listed(self, path: str) -> list[dict[str, Any]]:
        target = f"{self.root}/{path}".rstrip("/")
        self.fs.invalidate_cache()
        try:
            found: list[dict[str, Any]] = self.fs.ls(target, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except Exception as error:  # of the store's library, which need not be an OSError
            raise UserError(f"{target}: cannot be listed: {_brief(error)}") from None
        return [one for one in found if one["name"].rstrip("/") != target]

    def _write_here(self, target: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
        beside = target.with_name(f".{target.name}.{os.getpid()}")
        _make_directory(target.parent)
        try:
            _write_parquet(beside, schema, batches)
            if self._durable:
                _sync(beside)
            _make_directory(target.parent)  # retention may have removed one that was empty
            beside.replace(target)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        if self._durable:
            _sync(target.parent)

    def _put(self, made: Path, target: str) -> None:
        whole = bool(self._protocols & WHOLE)
        name = target if whole else f"{target.rpartition('/')[0]}/.{target.rpartition('/')[2]}.{os.getpid()}"

        def put() -> None:
            self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
            self.fs.put_file(str(made), name)
            if not whole:
                self.fs.mv(name, target)

        for pause in (*self._pauses, None):
            try:
                return put()
            except Exception as error:  # of the store's library, which need not be an OSError
                if pause is None:
                    raise OSError(_brief(error)) from error
                log.warning("archive: %s cannot be written, trying again: %s", target, error)
                sleep(pause)


def _write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    repeated = [field.name for field in schema if field.type == pa.string() and field.name != "prediction_id"]
    moments = [field.name for field in schema if pa.types.is_timestamp(field.type)]
    with pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=repeated, write_statistics=moments
    ) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=ROWS)


def _make_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _name(entry: dict[str, Any]) -> str:
    name: str = entry["name"].rstrip("/").rpartition("/")[2]
    return name


def _brief(error: Exception) -> str:
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
