"""`Window`: one pass over the rows of a trigger's window, each put where it belongs."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streams.archive_schema import archive_schema
from streams.dataset_archive import ArchivedRows
from streams.dataset_hash import uniforms
from streams.dataset_label_weights import LabelWeights
from streams.dataset_offsets import SeenOffsets
from streams.dataset_plan import DatasetPlan
from streams.dataset_reservoir import Reservoir
from streams.dataset_tables import Mask, among, chosen, flags, ids_of, labelled_rows, times_of
from streams.dataset_weights import SelectionWeights, mean_loss

COUNTS = ("read", "excluded", "unlabelled", "labelled", "held_out", "trainable")


class Window:
    """The rows of the window, within the sizes that the plan names, whatever their number.

    Attributes
    ----------
    counts : Counter
        Rows by what became of them, as in `COUNTS`: `held_out` counts also those beyond the holdout's cap.
    must : Counter
        Trainable rows of each must-have.
    rest, must_have, held_out, pinned, unlabelled
        Reservoirs.
    offsets : SeenOffsets
        Of all rows read.
    label_weights : LabelWeights
        Of the labelled ones.
    """

    def __init__(self, plan: DatasetPlan, archive: ArchivedRows) -> None:
        self._plan, self._archive = plan, archive
        self._schema = archive_schema(plan.settings)
        self.counts: Counter[str] = Counter()
        self.must: Counter[str] = Counter()
        self.offsets = SeenOffsets()
        self.label_weights = LabelWeights(plan.settings.pane)
        self.rest = Reservoir(plan.sample.max_rows)
        self.must_have = {each.name: Reservoir(each.at_least) for each in plan.must_have}
        self.held_out = Reservoir(plan.holdout.max_rows)
        self.pinned = Reservoir(len(plan.pinned))
        self.unlabelled = Reservoir(len(plan.wanted))
        self.weights = SelectionWeights(
            plan.settings, plan.sample, plan.end, plan.half_life, plan.slices, self._mean_loss()
        )
        for rows in self._rows():
            self._take(rows)

    def _mean_loss(self) -> float:
        if self._plan.sample.method != "importance" or self._plan.settings.task != "regression":
            return 0.0  # every other loss lies between 0 and 1
        return mean_loss(chosen(rows, self._labelled(rows) & ~self._excluded(rows)) for rows in self._rows())

    def _rows(self) -> Iterator[pa.Table]:
        """Yield the rows of one version at any time, as the plan says: those of a shadow repeat prediction ids."""
        for version, start, end in self._plan.parts:
            for rows in self._archive.batches(start, end, versions=[version], labels_until=self._plan.labels_until):
                times = times_of(rows)
                inside = (times >= start) & (times < end) & flags(pc.equal(rows["version"], version))
                yield chosen(rows.select(self._schema.names).cast(self._schema), inside)

    def _labelled(self, rows: pa.Table) -> Mask:
        return labelled_rows(self._plan.settings, rows, self._plan.labels_until)

    def _excluded(self, rows: pa.Table) -> Mask:
        times, out = times_of(rows), np.zeros(len(rows), dtype=np.bool_)
        for start, end in self._plan.exclude:
            out |= (times >= start) & (times < end)
        return out

    def _take(self, rows: pa.Table) -> None:
        plan, ids = self._plan, ids_of(rows)
        labelled, excluded = self._labelled(rows), self._excluded(rows)
        pinned = among(ids, plan.pinned) & labelled
        usable = labelled & ~excluded & ~pinned
        hashes = uniforms(ids, "holdout", plan.holdout.seed)
        held_out = usable & (hashes < plan.holdout.share)
        wanted = ~labelled & ~excluded & among(ids, plan.wanted)
        self._count(len(rows), labelled, excluded, held_out, usable)
        self.offsets.take(rows)
        self.label_weights.take(rows, labelled)
        self.pinned.offer(chosen(rows, pinned), np.zeros(int(pinned.sum())))
        self.held_out.offer(chosen(rows, held_out), hashes[held_out])
        self.unlabelled.offer(chosen(rows, wanted), np.zeros(int(wanted.sum())))
        rest = chosen(rows, usable & ~held_out)
        draws = uniforms(ids_of(rest), "sample", plan.sample.seed)
        self.rest.offer(rest, draws / self.weights.of(rest))
        for each in plan.must_have:
            mask = each.rows(plan.settings, rest)
            self.must[each.name] += int(mask.sum())
            self.must_have[each.name].offer(chosen(rest, mask), draws[mask])

    def _count(self, read: int, labelled: Mask, excluded: Mask, held_out: Mask, usable: Mask) -> None:
        self.counts["read"] += read
        self.counts["excluded"] += int(excluded.sum())
        self.counts["unlabelled"] += int((~labelled & ~excluded).sum())
        self.counts["labelled"] += int((labelled & ~excluded).sum())
        self.counts["held_out"] += int(held_out.sum())
        self.counts["trainable"] += int((usable & ~held_out).sum())
