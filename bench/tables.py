"""Tables that are not bundled: where they are looked for, and what is said where one is missing."""

import os
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from bench.cluster import ROOT


class MissingTables(Exception):
    """Something cannot be measured: its tables are not there."""


def folder() -> Path:
    """Return $STREAMGAUGE_DATA, by default `../shared/data` beside the repository."""
    return Path(os.environ.get("STREAMGAUGE_DATA", ROOT.parent / "shared" / "data"))


def path_of(name: str) -> Path:
    """Return where a table is looked for: a gzip-compressed CSV."""
    return folder() / f"{name}.csv.gz"


def table(name: str) -> pa.Table:
    """Return a table.

    Raises
    ------
    MissingTables
        When it is not there.
    """
    path = path_of(name)
    if not path.exists():
        raise MissingTables(f"{path} is missing; STREAMGAUGE_DATA names the folder with the tables")
    return csv.read_csv(path)
