"""`Suite`: the hardest points of the past, a table that grows with each check and is bounded. Whole or not at all."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from schemas.spec import ModelSpec
from streams.archive_schema import archive_schema
from streams.check.checked_rows import CheckedRows, conform
from streams.errors import UserError
from streams.whole_file import whole_file

EXTRA = (
    ("suite_check", pa.string()),
    ("suite_round", pa.int64()),
    ("suite_by", pa.string()),
    ("suite_hardness", pa.float64()),
)
"""The check that took a point up, which of all it was, the model whose loss chose the point, and how hard the point was
for it: 1 - probability of what came true, or the loss."""


@dataclass(frozen=True)
class Suite:
    """Points with what chose them."""

    spec: ModelSpec
    table: pa.Table

    @classmethod
    def read(cls, spec: ModelSpec, path: Path) -> "Suite":
        """Return the suite at `path`; an empty one where there is none.

        Raises
        ------
        UserError
            When the file is damaged, or no suite.
        """
        if not path.exists():
            return cls(spec, schema_of(spec).empty_table())
        try:
            table = pq.read_table(path)
        except (OSError, pa.ArrowException) as error:
            raise UserError(f"{path}: no suite that can be read: {error}; move it away, and a new one grows") from None
        if missing := [name for name, _ in EXTRA if name not in table.column_names]:
            raise UserError(f"{path}: no suite of the hardest points: it lacks {', '.join(missing)}")
        extra = [table.column(name).cast(kind) for name, kind in EXTRA]
        rows = conform(spec, table)
        return cls(spec, pa.table([*rows.columns, *extra], schema=schema_of(spec)))

    def write(self, path: Path) -> None:
        """Write it; the same suite is the same bytes.

        Raises
        ------
        UserError
            When it cannot be written.
        """
        with whole_file(path) as beside:
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(self.table, beside, compression="zstd")

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def rows(self) -> CheckedRows:
        """The points as rows, in the order in which they were taken up."""
        return CheckedRows(self.spec, self.table)

    def column(self, name: str) -> list[object]:
        """Return what chose the points, one of `EXTRA`."""
        found: list[object] = self.table.column(name).to_pylist()
        return found

    def take(self, places: Collection[int]) -> "Suite":
        """Return the points at these places."""
        return Suite(self.spec, self.table.take(pa.array(np.asarray(list(places), dtype=np.int64))))

    def without(self, check: str) -> "Suite":
        """Return the suite as it was before a check."""
        return self.take([place for place, of in enumerate(self.column("suite_check")) if of != check])

    def capped(self, most: int) -> "Suite":
        """Return at most `most` points: the least hard of the check with most of them goes, of such the oldest's.

        So each check of the past keeps as many points as any other, as far as it had them, and the newest ones do not
        push out what went wrong long ago.
        """
        rounds: dict[int, list[int]] = defaultdict(list)
        hardness = self.table.column("suite_hardness").to_pylist()
        for place, number in enumerate(self.table.column("suite_round").to_pylist()):
            rounds[number].append(place)
        for members in rounds.values():
            members.sort(key=lambda place: (-hardness[place], place))
        count = len(self)
        while count > most:
            fullest = min(rounds, key=lambda number: (-len(rounds[number]), number))
            rounds[fullest].pop()
            count -= 1
        return self.take(sorted(place for members in rounds.values() for place in members))

    def with_points(self, rows: CheckedRows, check: str, by: list[str], hardness: list[float]) -> "Suite":
        """Return the suite with the points of a check, without those that it has already: same features, same truth."""
        own = self.rows
        known = {_key(own, place) for place in range(len(own))}
        number = max(self.table.column("suite_round").to_pylist(), default=0) + 1
        fresh = []
        for place in range(len(rows)):
            if (key := _key(rows, place)) not in known:
                known.add(key)
                fresh.append(place)
        extra = [
            pa.array([check] * len(fresh), pa.string()),
            pa.array([number] * len(fresh), pa.int64()),
            pa.array([by[place] for place in fresh], pa.string()),
            pa.array([hardness[place] for place in fresh], pa.float64()),
        ]
        taken = rows.take(fresh).table
        more = pa.table([*taken.columns, *extra], schema=schema_of(self.spec))
        return Suite(self.spec, pa.concat_tables([self.table, more]).combine_chunks())


def schema_of(spec: ModelSpec) -> pa.Schema:
    """Return the columns of a suite: those of the archive, and what chose the point."""
    return pa.schema([*archive_schema(spec), *(pa.field(name, kind) for name, kind in EXTRA)])


def _key(rows: CheckedRows, place: int) -> str:
    return repr((rows.features[place], rows.truths[place]))
