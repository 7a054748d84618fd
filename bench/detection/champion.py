"""A champion on a table: a River tree that has learned some rows and is then left alone, or learns on as it errs."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv
from river import tree

from bench.detection.data import MissingTables, folder
from bench.detection.streams import Bits

Example = tuple[dict[str, float], str]


def examples(name: str) -> list[Example]:
    """Return the rows of a table that is not bundled: features as numbers, and the class.

    Raises
    ------
    MissingTables
        When the table is not there.
    """
    path = folder() / f"{name}.csv.gz"
    if not path.exists():
        raise MissingTables(f"{path} is missing; STREAMGAUGE_DATA names the folder with the tables")
    table = csv.read_csv(path)
    columns: Mapping[str, list[float]] = {
        column: pc.cast(table[column], pa.float64()).to_pylist() for column in table.column_names if column != "class"
    }
    rows = zip(*columns.values(), strict=True)
    names = tuple(columns)
    return [
        (dict(zip(names, row, strict=True)), kind) for row, kind in zip(rows, table["class"].to_pylist(), strict=True)
    ]


def frozen_errors(learned: list[Example], asked: list[Example]) -> Bits:
    """Return where a tree that has learned some rows errs on others, shape (asked,)."""
    champion = tree.HoeffdingTreeClassifier()
    for features, kind in learned:
        champion.learn_one(features, kind)
    return np.array([champion.predict_one(features) != kind for features, kind in asked], dtype=np.uint8)


def prequential_errors(rows: list[Example]) -> Bits:
    """Return where a tree errs that is asked about each row before it learns it, shape (rows,)."""
    learner = tree.HoeffdingTreeClassifier()
    errors = np.empty(len(rows), dtype=np.uint8)
    for at, (features, kind) in enumerate(rows):
        errors[at] = learner.predict_one(features) != kind
        learner.learn_one(features, kind)
    return errors
