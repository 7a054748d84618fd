"""A champion on a table: a River tree that has learned some rows and is then left alone, or learns on as it errs."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from river import tree

from bench.detection.streams import Bits
from bench.tables import table

Example = tuple[dict[str, float], str]


def examples(name: str) -> list[Example]:
    """Return the rows of a table that is not bundled: features as numbers, and the class.

    Raises
    ------
    MissingTables
        When the table is not there.
    """
    rows = table(name)
    columns: Mapping[str, list[float]] = {
        column: pc.cast(rows[column], pa.float64()).to_pylist() for column in rows.column_names if column != "class"
    }
    names, values = tuple(columns), zip(*columns.values(), strict=True)
    return [
        (dict(zip(names, row, strict=True)), kind) for row, kind in zip(values, rows["class"].to_pylist(), strict=True)
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
