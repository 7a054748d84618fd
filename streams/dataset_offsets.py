"""`SeenOffsets`: where in the predictions topic the archived rows of a window stand, against what a trigger says."""

from typing import Any

import pyarrow as pa

Span = tuple[int, int]


class SeenOffsets:
    """First and last offset, and rows, by partition."""

    def __init__(self) -> None:
        self._spans: dict[int, tuple[int, int, int]] = {}

    def take(self, rows: pa.Table) -> None:
        """Note the offsets of rows."""
        by_partition = rows.select(["partition", "prediction_offset"]).group_by("partition")
        found = by_partition.aggregate(
            [("prediction_offset", "min"), ("prediction_offset", "max"), ("prediction_offset", "count")]
        )
        for each in found.to_pylist():
            partition, first, last = each["partition"], each["prediction_offset_min"], each["prediction_offset_max"]
            if partition is None or first is None:
                continue
            known = self._spans.get(partition, (first, last, 0))
            self._spans[partition] = (
                min(known[0], first),
                max(known[1], last),
                known[2] + each["prediction_offset_count"],
            )

    def compared(self, provenance: dict[str, Any]) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Return, by partition, what the trigger says and what the archive has; and in sentences what is not there.

        Offsets of other models, of other versions and of events outside the window lie in between, so what can be told
        is that the first and the last row of each range are there.
        """
        said = provenance.get("offsets", {}).get("predictions", {})
        ranges = {int(partition): (int(first), int(last)) for partition, (first, last) in said.items()}
        table, gaps = {}, []
        for partition in sorted(ranges.keys() | self._spans.keys()):
            span, found = ranges.get(partition), self._spans.get(partition)
            table[str(partition)] = {
                "trigger": None if span is None else list(span),
                "archive": None if found is None else list(found[:2]),
                "rows": 0 if found is None else found[2],
            }
            if span is not None:
                gaps += _gaps(partition, span, found)
        return table, gaps


def _gaps(partition: int, said: Span, found: tuple[int, int, int] | None) -> list[str]:
    where = f"predictions, partition {partition}"
    if found is None:
        return [f"{where}: offsets {said[0]} to {said[1]} are named, and the archive has no row of it"]
    gaps = [f"{where}: no archived row from offset {said[0]} to {found[0] - 1}"] if found[0] > said[0] else []
    return gaps + ([f"{where}: no archived row from offset {found[1] + 1} to {said[1]}"] if found[1] < said[1] else [])
