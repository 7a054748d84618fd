"""`from_elsewhere`: pinned rows wherever they lie, and must-have rows from before the window, the newest first."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.event_time import EARLIEST, LATEST
from streams.archive_schema import archive_schema
from streams.dataset_archive import ArchivedRows
from streams.dataset_hash import uniforms
from streams.dataset_label_weights import LabelWeights
from streams.dataset_plan import DatasetPlan, MustHave
from streams.dataset_reservoir import Reservoir
from streams.dataset_tables import among, chosen, flags, ids_of, labelled_rows, times_of
from streams.dataset_window import Window

SHOWN = 5  # ids in a sentence


class Elsewhere(NamedTuple):
    """What was found outside the window."""

    pinned: pa.Table | None
    """All pinned rows, those of the window among them."""
    must_have: pa.Table | None
    shortages: list[str]
    """What could not be had, in sentences."""


def from_elsewhere(plan: DatasetPlan, archive: ArchivedRows, window: Window) -> Elsewhere:
    """Read the archive outside the window, if the window left anything to be wanted; else nothing is read.

    Rows that any trigger of the model may hold out are left alone there too, unless they are pinned.
    """
    missing = _missing(plan, window.pinned)
    short = [
        (each, Reservoir(each.at_least - window.must[each.name]))
        for each in plan.must_have
        if each.rule is not None and window.must[each.name] < each.at_least
    ]
    schema = archive_schema(plan.settings)
    weights = LabelWeights(plan.settings.pane)
    spans = [(EARLIEST, plan.start)] if missing or short else []
    spans += [(plan.start, plan.end), (plan.end, LATEST)] if missing else []
    for start, end in spans:
        for rows in archive.batches(start, end, versions=None, labels_until=plan.labels_until):
            rows = rows.select(schema.names).cast(schema)
            weights.take(rows, labelled_rows(plan.settings, rows, plan.labels_until))
            _take(plan, rows, missing, window.pinned, short)
    weights.override(window.label_weights)
    parts, shortages = [], _not_pinned(plan, window.pinned)
    for each, reservoir in short:
        more, _ = reservoir.take()
        had = window.must[each.name] + (0 if more is None else len(more))
        if had < each.at_least:
            shortages.append(f"must-have {each.name!r}: {had:,} labelled rows of at least {each.at_least:,}")
        parts += [] if more is None else [weights.on(more)]
    pinned, _ = window.pinned.take()
    return Elsewhere(
        None if pinned is None else weights.on(pinned), pa.concat_tables(parts) if parts else None, shortages
    )


def _take(
    plan: DatasetPlan,
    rows: pa.Table,
    missing: frozenset[str],
    pinned: Reservoir,
    short: list[tuple[MustHave, Reservoir]],
) -> None:
    ids, labelled = ids_of(rows), labelled_rows(plan.settings, rows, plan.labels_until)
    found = among(ids, missing) & labelled
    others = ~flags(pc.equal(rows["version"], plan.trigger.version))  # two versions may have answered one request
    pinned.offer(chosen(rows, found), others[found].astype(np.float64))
    trainable = uniforms(ids, "holdout", plan.holdout.seed) >= plan.holdout.share
    before = chosen(rows, labelled & trainable & ~among(ids, plan.pinned) & (times_of(rows) < plan.start))
    ages = -times_of(before).astype(np.float64)
    for each, reservoir in short:
        mask = each.rows(plan.settings, before)
        reservoir.offer(chosen(before, mask), ages[mask])


def _missing(plan: DatasetPlan, pinned: Reservoir) -> frozenset[str]:
    found, _ = pinned.take()
    return plan.pinned - set(() if found is None else ids_of(found))


def _not_pinned(plan: DatasetPlan, pinned: Reservoir) -> list[str]:
    missing = sorted(_missing(plan, pinned))
    if not missing:
        return []
    shown = ", ".join(missing[:SHOWN]) + (", ..." if len(missing) > SHOWN else "")
    return [f"pinned rows that are not in the archive, or have no label: {len(missing)} ({shown})"]
