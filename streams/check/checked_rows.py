"""`CheckedRows`: rows of the archive's schema as tests read them: features, what came true, what was answered then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from detectors.row import Label, Row, as_number
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from streams.archive_schema import FEATURE, archive_schema
from streams.check.answers import said
from streams.errors import UserError
from streams.trainer import ModelOutput

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CheckedRows:
    """Rows of one model, in the order of their times; of two with the same id, one."""

    spec: ModelSpec
    table: pa.Table = field(repr=False)

    @classmethod
    def of(cls, spec: ModelSpec, table: pa.Table, version: str | None = None) -> "CheckedRows":
        """Return the rows of a table.

        Parameters
        ----------
        version
            Of rows with the same id (a shadow answers too), those of this version stay; else the first.
        """
        rows = cls(spec, conform(spec, table))
        ids, versions = rows.ids, rows.versions
        chosen: dict[str, int] = {}
        for place in sorted(range(len(rows)), key=lambda place: (rows.times[place], place)):
            name = ids[place]
            if name not in chosen or (versions[place] == version and versions[chosen[name]] != version):
                chosen[name] = place
        kept = sorted(chosen.values(), key=lambda place: (rows.times[place], ids[place]))
        return rows if kept == list(range(len(rows))) else rows.take(kept)

    @classmethod
    def in_order(cls, spec: ModelSpec, table: pa.Table) -> "CheckedRows":
        """Return all rows of a table in the order of their times, also those with the same id."""
        rows = cls(spec, conform(spec, table))
        order = np.lexsort((np.arange(len(rows)), rows.times))
        return rows if (order == np.arange(len(rows))).all() else rows.take(order)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def take(self, places: Places | Sequence[int]) -> "CheckedRows":
        """Return the rows at these places."""
        return CheckedRows(self.spec, self.table.take(pa.array(np.asarray(places, dtype=np.int64))))

    def thinned(self, most: int) -> "CheckedRows":
        """Return at most so many rows, which lie evenly over all."""
        count = len(self)
        return self if count <= most else self.take([place * count // most for place in range(most)])

    @cached_property
    def ids(self) -> list[str]:
        """Prediction ids; its number, for a row without one."""
        return [f"row {place}" if id is None else id for place, id in enumerate(self._column("prediction_id"))]

    @cached_property
    def times(self) -> npt.NDArray[np.int64]:
        """Event times in microseconds; 0 where there is none. Shape (rows,)."""
        micros = self.table.column("time").cast(pa.int64()).to_pylist()
        return np.array([time or 0 for time in micros], dtype=np.int64)

    @cached_property
    def versions(self) -> list[str | None]:
        """Version that answered then."""
        return self._column("version")

    @cached_property
    def features(self) -> list[list[FeatureValue]]:
        """Features of each row in the order of the monitor file; what is null is missing."""
        return list(map(list, zip(*(self._column(FEATURE + name) for name in self.spec.features), strict=True)))

    @cached_property
    def labels(self) -> list[Label | None]:
        """What came true; None where nothing is known."""
        said = zip(*(self._column(name) for name in ("label", "value", "rating", "label_corrects")), strict=True)
        return [
            None if label is None and value is None and rating is None else Label(0, label, value, rating, bool(mends))
            for label, value, rating, mends in said
        ]

    @cached_property
    def weights(self) -> Floats:
        """How many rows each stands for; 1 where nothing is said. Shape (rows,)."""
        found = np.array(self._column("weight"), dtype=np.float64)
        return np.where(np.isfinite(found) & (found > 0), found, 1.0)

    @cached_property
    def recorded(self) -> list[ModelOutput | None]:
        """What was answered then; None where no answer was recorded."""
        said = zip(*(self._column(name) for name in ("output_label", "output_score", "output_value")), strict=True)
        return [None if each == (None, None, None) else ModelOutput(*each) for each in said]

    @cached_property
    def truths(self) -> list[str | float | None]:
        """What came true, as the task has it: a class or a number; None where it is not known."""
        regression = self.spec.task == "regression"
        return [None if label is None else label.value if regression else label.label for label in self.labels]

    @cached_property
    def known(self) -> npt.NDArray[np.bool_]:
        """Rows whose truth is known. Shape (rows,)."""
        return np.array([truth is not None for truth in self.truths], dtype=np.bool_)

    def rows(self, outputs: Sequence[ModelOutput | None] | None = None) -> list[Row]:
        """Return the rows as level 1 has them, with these answers (default: those recorded)."""
        answers = self.recorded if outputs is None else outputs
        types = [feature.type for feature in self.spec.features.values()]
        return [
            Row(
                int(time),
                id,
                [as_number(value) if kind == "numeric" else value for value, kind in zip(row, types, strict=True)],
                label=None if answer is None or self.spec.task == "regression" else said(self.spec, answer),
                score=answer.score if answer else None,
                value=answer.value if answer else None,
                text=text,
                text_length=len(text or ""),
                latency_ms=latency,
            )
            for time, id, row, answer, latency, text in zip(
                self.times,
                self.ids,
                self.features,
                answers,
                self._column("latency_ms"),
                self._column("output_text"),
                strict=True,
            )
        ]

    def _column(self, name: str) -> list[Any]:
        found: list[Any] = self.table.column(name).to_pylist()
        return found


def conform(spec: ModelSpec, table: pa.Table) -> pa.Table:
    """Return the columns of `archive_schema`, null where the table lacks one, whatever else it has left out.

    Raises
    ------
    UserError
        When a column is of a type that cannot be read as the declared one.
    """
    columns = []
    for each in archive_schema(spec):
        if each.name not in table.column_names:
            columns.append(pa.nulls(table.num_rows, each.type))
            continue
        try:
            columns.append(table.column(each.name).cast(each.type))
        except pa.ArrowException as error:
            kind = table.schema.field(each.name).type
            raise UserError(f"column {each.name!r} is {kind} and cannot be read as {each.type}: {error}") from None
    return pa.table(columns, schema=archive_schema(spec))
