"""A dataset's directory: exactly the rows that a trigger names, and a manifest that says so. Same trigger, same bytes.

train.parquet       rows to train on, by (time, prediction_id); `weight`: how many rows of the window one stands for
holdout.parquet     rows that no training set of this model ever has
unlabelled.parquet  rows whose labels were asked for and not given; left out where there are none
manifest.json       the trigger, counts, hashes, seeds, files read, and what could not be had
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.event_time import rfc3339
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.arrow_arrays import floats_of
from streams.dataset_archive import ArchivedRows
from streams.dataset_plan import DatasetPlan, plan_of
from streams.dataset_rows import Selection, select
from streams.dataset_tables import times_of
from streams.effective_rows import effective_rows
from streams.errors import UserError
from streams.spec_errors import did_you_mean

FORMAT = 1
MANIFEST = "manifest.json"
TRAIN, HOLDOUT, UNLABELLED = "train.parquet", "holdout.parquet", "unlabelled.parquet"

ROW_GROUP = 65_536
PARQUET: dict[str, Any] = {
    "version": "2.6",
    "compression": "zstd",
    "compression_level": 3,
    "use_dictionary": True,
    "write_statistics": True,
    "data_page_version": "1.0",
    "store_schema": True,
    "row_group_size": ROW_GROUP,
}
"""Fixed, so that the same rows are the same bytes under one version of pyarrow (which the manifest names)."""


def form_dataset(spec: MonitorSpec, trigger: RetrainingTrigger, archive: ArchivedRows, out: Path) -> dict[str, Any]:
    """Write the dataset of a trigger into `out`, whole or not at all, and return its manifest.

    Raises
    ------
    UserError
        When the monitor file has no such model, `out` holds something else or cannot be written, or there is no
        labelled row to train on.
    """
    settings = spec.models.get(trigger.model)
    if settings is None:
        known = ", ".join(spec.models)
        hint = did_you_mean(trigger.model, spec.models)
        raise UserError(
            f"trigger {trigger.id} is of model {trigger.model!r}, which the monitor file has not{hint}; it has {known}"
        )
    _check_place(out)
    plan = plan_of(trigger, settings)
    selection = select(plan, archive)
    if len(selection.train) == 0:
        raise UserError(_nothing(plan, selection))
    beside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        parts = {TRAIN: selection.train, HOLDOUT: selection.holdout}
        if len(selection.unlabelled):
            parts[UNLABELLED] = selection.unlabelled
        files = {name: _written(beside / name, rows) for name, rows in parts.items()}
        manifest = _manifest(plan, selection, files, archive.files())
        (beside / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        shutil.rmtree(out, ignore_errors=True)
        beside.replace(out)
    except OSError as error:
        raise UserError(f"{out}: the dataset cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return manifest


def read_manifest(dataset: Path) -> dict[str, Any]:
    """Return the manifest of a dataset's directory.

    Raises
    ------
    UserError
        When it is none.
    """
    try:
        manifest = json.loads((dataset / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT and "trigger" in manifest:
            return dict(manifest)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise UserError(f"{dataset}: no dataset of this version; make one with: streamgauge dataset MONITOR TRIGGER --out")


def read_rows(dataset: Path, name: str) -> pa.Table:
    """Return the rows of a part, `TRAIN` or `HOLDOUT`.

    Raises
    ------
    UserError
        When the file is missing or damaged.
    """
    try:
        return pq.read_table(dataset / name)
    except (OSError, pa.ArrowException) as error:
        raise UserError(f"{dataset / name}: cannot be read: {str(error).splitlines()[0]}") from None


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def describe(manifest: dict[str, Any], out: Path) -> None:
    """Say on stdout what a dataset holds, and what could not be had."""
    files = manifest["files"]
    lines = [f"{out}: dataset of trigger {manifest['trigger_id']} ({manifest['model']} {manifest['version']})"]
    for name, part in files.items():
        worth = part.get("effective_rows", part["rows"])
        told = f", by their weights worth {worth:,.0f}" if worth < part["rows"] - 0.5 else ""
        lines.append(f"  {name:<20}{part['rows']:>10,} rows  sha256 {part['sha256'][:16]}{told}")
    if once := manifest.get("weights", {}).get("counted_once"):
        lines.append(
            f"  {once:,} rows that were drawn for a label count once: most labels of their panes came without a draw"
        )
    lines += [f"  not to be had: {sentence}" for sentence in manifest["not_had"]]
    sys.stdout.write("\n".join(lines) + "\n")


def _check_place(out: Path) -> None:
    """Refuse to replace what is no dataset of ours."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return
    try:
        read_manifest(out)
    except UserError:
        raise UserError(f"{out}: not empty, and no dataset that could be replaced; name another place") from None


def _written(path: Path, rows: pa.Table) -> dict[str, Any]:
    pq.write_table(rows, path, **PARQUET)
    times = times_of(rows)
    return {
        "rows": len(rows),
        "first": rfc3339(int(times[0])) if len(times) else None,
        "last": rfc3339(int(times[-1])) if len(times) else None,
        "effective_rows": effective_rows(floats_of(rows["weight"])),
        "bytes": path.stat().st_size,
        "sha256": sha256_of(path),
    }


def _manifest(
    plan: DatasetPlan, selection: Selection, files: dict[str, dict[str, Any]], read: Sequence[tuple[str, int]]
) -> dict[str, Any]:
    trigger = plan.trigger
    offsets, gaps = selection.offsets.compared(trigger.provenance)
    files[TRAIN]["reasons"] = selection.reasons
    return {
        "format": FORMAT,
        "trigger_id": trigger.id,
        "model": trigger.model,
        "version": trigger.version,
        "task": plan.settings.task,
        "reason": trigger.reason,
        "files": files,
        "window": {
            "start": rfc3339(plan.start),
            "end": rfc3339(plan.end),
            "labels_until": rfc3339(plan.labels_until),
            "rows": selection.counts,
        },
        "sample": {
            "method": plan.sample.method,
            "max_rows": plan.sample.max_rows,
            "seed": plan.sample.seed,
            "threshold": selection.threshold,
        },
        "holdout": plan.holdout.model_dump(mode="json"),
        "weights": selection.label_weights.counts(),
        "not_had": [*selection.shortages, *gaps],
        "columns": {field.name: str(field.type) for field in selection.train.schema},
        "offsets": offsets,
        "archive": [{"file": name, "bytes": size} for name, size in read],
        "made_with": {name: version(name) for name in ("streamgauge", "pyarrow")},
        "trigger": trigger.model_dump(mode="json"),
    }


def _nothing(plan: DatasetPlan, selection: Selection) -> str:
    counts, versions = selection.counts, ", ".join(dict.fromkeys(version for version, *_ in plan.parts))
    return (
        f"trigger {plan.trigger.id}: no row to train on between {rfc3339(plan.start)} and {rfc3339(plan.end)}: the "
        f"archive has {counts['read']:,} rows of {plan.trigger.model} {versions} there, of which "
        f"{counts['excluded']:,} are excluded, {counts['unlabelled']:,} have no label by {rfc3339(plan.labels_until)} "
        f"and {counts['held_out']:,} are held out. Was the archive on at that time, and is archive.url right?"
    )
