"""Building the reference profile: bin edges from the rows, then the very summaries that the stream will have.

Apart from `detectors.reference`, which reads a profile: no monitor needs scipy.optimize (`detectors.score_bins`).
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.counting import (
    count_cohort,
    count_traffic,
    said_codes,
    segment_cells,
)
from detectors.id_hash import id_hashes
from detectors.label_counting import count_cohort_labels, count_labels, label_columns
from detectors.layout import Counts, Layout, category
from detectors.losses import losses_of
from detectors.profile_dispersion import dispersions
from detectors.reference import settings
from detectors.row import Label, Row
from detectors.row_codes import RowCodes
from detectors.row_shape import LATENCY, OUTPUT, RowShape
from detectors.score_bins import ScoreBins, quantile_edges, score_bins
from detectors.summary import pane_start
from detectors.top_bottom import tails_of
from schemas.event_time import Micros, from_micros
from schemas.profile import ReferenceProfile
from schemas.proxy_spec import attached
from schemas.reading import Family
from schemas.spec import ModelSpec

NUMERIC_BINS = 20
CATEGORIES = 64  # most frequent values of a categorical feature that get a bin of their own
CLASSES = 256
SAMPLED = 2_000  # rows that joint drift compares with: half to learn from, half to be held out
FAMILIES: tuple[Family, ...] = ("traffic", "label", "cohort")

LabelledRows = Sequence[tuple[Row, Label | None]]


def build_profile(model: str, version: str | None, spec: ModelSpec, rows: LabelledRows) -> ReferenceProfile:
    """Return the profile of rows from a time that was good, each with its label where it has one.

    Raises
    ------
    ValueError
        When there are no rows, or the outcomes are not the classes that `spec` speaks of.
    """
    if not rows:
        raise ValueError("the reference has no rows")
    _check_classes(spec, rows)
    times = [row.time for row, _ in rows]
    edges = _edges(spec, rows)
    blank = ReferenceProfile(
        model=model,
        version=version,
        start=from_micros(min(times)),
        end=from_micros(max(times)),
        pane=spec.pane,
        made_with=settings(spec),
        panes=len({pane_start(time, spec) for time in times}),
        rows=len(rows),
        labelled=sum(label is not None for _, label in rows),
        counts={},
        **edges,
    )
    layout = Layout(model, version or "", spec, blank)
    panes = _count(layout, rows)
    totals = {family: sum(panes[family].values(), _zeros(layout, family)) for family in FAMILIES}
    dispersion, few_panes = dispersions(layout, {family: list(panes[family].values()) for family in FAMILIES})
    counts: dict[Family, dict[str, list[int]]] = {
        family: {name: lay.view(totals[family], name).tolist() for name in lay.sections}
        for family, lay in layout.families.items()
    }
    return blank.model_copy(
        update={
            "counts": counts,
            "dispersion": dispersion,
            "few_panes": few_panes,
            "sample": _sample(layout, rows),
            "tails": None if spec.task == "text" else tails_of(layout, [row for row, _ in rows]),
        }
    )


def _check_classes(spec: ModelSpec, rows: LabelledRows) -> None:
    """Raise ValueError where the labels are not those that the monitor file speaks of."""
    if spec.task not in ("binary", "multiclass"):
        return
    outcomes = {label.label for _, label in rows if label is not None and label.label is not None}
    if spec.classes is not None and (foreign := sorted(outcomes - set(spec.classes))):
        raise ValueError(f"outcomes {', '.join(foreign[:10])} are not among classes ({', '.join(spec.classes)})")
    if spec.task == "binary" and outcomes and spec.positive_label not in outcomes:
        seen = ", ".join(sorted(outcomes)[:10])
        raise ValueError(f"positive_label {spec.positive_label!r} is none of the outcomes, which are {seen}")
    if spec.task == "binary" and len(outcomes) > 2:
        raise ValueError(f"a binary task has two outcomes; there are {', '.join(sorted(outcomes)[:10])}")


def _zeros(layout: Layout, family: Family) -> Counts:
    return np.zeros(layout.families[family].size, dtype=np.int64)


def _edges(spec: ModelSpec, rows: LabelledRows) -> dict[str, object]:
    shape = RowShape(spec)
    columns = shape.columns_of([row for row, _ in rows])
    names = list(spec.features)
    numeric, ranges, categories = {}, {}, {}
    for column, position in enumerate(shape.numeric):
        values = columns.numbers[:, column]
        values = values[np.isfinite(values)]
        if len(values):
            numeric[names[position]] = quantile_edges(values, NUMERIC_BINS)
            ranges[names[position]] = (float(values.min()), float(values.max()))
    for column, name in enumerate(map(attached, spec.scores), len(shape.numeric)):
        values = columns.numbers[:, column]
        values = values[np.isfinite(values)]
        if len(values):
            numeric[name] = quantile_edges(values, NUMERIC_BINS)
            ranges[name] = (float(values.min()), float(values.max()))
    for column, position in enumerate(shape.other):
        if spec.features[names[position]].type == "categorical":
            seen = Counter(map(category, columns.values[column]))
            del seen[""]  # missing or broken
            ranked = sorted(seen.items(), key=lambda item: (-item[1], item[0]))
            categories[names[position]] = [value for value, _ in ranked[:CATEGORIES]]
    output, latency = columns.numbers[:, OUTPUT], columns.numbers[:, LATENCY]
    output, latency = output[~np.isnan(output)], latency[~np.isnan(latency)]
    losses = losses_of(spec, [(row, label) for row, label in rows if label is not None])
    losses = losses[~np.isnan(losses)]
    scores = _score_bins(spec, output, rows)
    valued = spec.task == "regression"
    return {
        "numeric_edges": numeric,
        "ranges": ranges,
        "categories": categories,
        "classes": _classes(spec, rows),
        "score_edges": scores.edges,
        "calibration": scores.calibration,
        "value_edges": quantile_edges(output, NUMERIC_BINS) if valued and len(output) else [],
        "truth_range": _truth_range(rows) if valued else None,
        # room for four times the reference's large errors; what is beyond counts as that much
        "loss_max": (4 * float(np.quantile(losses, 0.99)) or 1.0) if valued and len(losses) else None,
        "slow_ms": float(np.quantile(latency, 0.95)) if len(latency) else None,
        "longest_text": float(np.quantile(output, 0.999)) if spec.task == "text" else None,
    }


def _classes(spec: ModelSpec, rows: LabelledRows) -> list[str]:
    if spec.task not in ("binary", "multiclass"):
        return []
    seen = Counter(row.label for row, _ in rows if row.label is not None)
    seen.update(label.label for _, label in rows if label is not None and label.label is not None)
    return sorted(name for name, _ in sorted(seen.items(), key=lambda item: (-item[1], item[0]))[:CLASSES])


def _count(layout: Layout, rows: LabelledRows) -> dict[Family, dict[Micros, Counts]]:
    by_pane: dict[Micros, list[tuple[Row, Label | None]]] = defaultdict(list)
    for row, label in rows:
        by_pane[pane_start(row.time, layout.spec)].append((row, label))
    panes: dict[Family, dict[Micros, Counts]] = {family: {} for family in FAMILIES}
    for start, members in sorted(by_pane.items()):
        vectors = {family: _zeros(layout, family) for family in FAMILIES}
        _count_pane(layout, vectors, members)
        for family in FAMILIES:
            panes[family][start] = vectors[family]
    return panes


def _count_pane(layout: Layout, vectors: dict[Family, Counts], members: LabelledRows) -> None:
    columns = RowShape(layout.spec).columns_of([row for row, _ in members])
    count_traffic(layout, vectors["traffic"], columns)
    cells, said = segment_cells(layout, columns), said_codes(layout, columns.said)
    count_cohort(layout, vectors["cohort"], cells, said)
    joined = [(row, label) for row, label in members if label is not None]
    if not joined:
        return
    labels = label_columns(layout, joined)
    count_labels(layout, vectors["label"], labels)
    count_cohort_labels(layout, vectors["cohort"], labels)


def _sample(layout: Layout, rows: LabelledRows) -> dict[str, str]:
    """Return the codes of the rows with the smallest hashes of their ids, in the order of these, by feature."""
    hashes = id_hashes([row.id for row, _ in rows])[:, 0]
    times = np.array([row.time for row, _ in rows], dtype=np.int64)
    chosen = np.lexsort((times, hashes))[:SAMPLED]
    coder = RowCodes(layout)
    codes = coder.of([rows[i][0] for i in chosen.tolist()])
    return {name: codes[:, place].tobytes().hex() for place, name in enumerate(coder.names)}


def _truth_range(rows: LabelledRows) -> tuple[float, float] | None:
    """Return the range of the true numbers; of the predicted ones, where none came true."""
    truths = [label.value for _, label in rows if label is not None and label.value is not None]
    truths = truths or [row.value for row, _ in rows if row.value is not None]
    return (min(truths), max(truths)) if truths else None


def _score_bins(spec: ModelSpec, scores: npt.NDArray[np.float64], rows: LabelledRows) -> ScoreBins:
    """Return the bins of score or confidence; no bins where the task has neither."""
    if spec.task not in ("binary", "multiclass"):
        return ScoreBins([], [])
    known = [(row, label) for row, label in rows if row.score is not None and label is not None and label.label]
    hits = [label.label == (spec.positive_label if spec.task == "binary" else row.label) for row, label in known]
    labelled = np.asarray([row.score for row, _ in known], dtype=np.float64)
    return score_bins(scores, labelled, np.asarray(hits, dtype=np.float64))
