"""Building the reference profile: bin edges from the rows, then the very summaries that the stream will have.

Apart from `detectors.reference`, which reads a profile: no monitor needs scipy.optimize (`detectors.score_bins`).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from detectors import estimates, indicators
from detectors.binned_values import BinnedValues
from detectors.bounds import MINIMUM_PANES, dispersion_of
from detectors.costs import COST, costed
from detectors.counting import (
    count_cohort,
    count_traffic,
    said_codes,
    segment_cells,
)
from detectors.expectations import of_expectation
from detectors.id_hash import id_hashes
from detectors.label_counting import count_cohort_labels, count_labels, label_columns
from detectors.layout import Counts, Layout, category
from detectors.losses import losses_of
from detectors.outcomes import OUTCOMES, of_labels
from detectors.proxy_indicators import REPEATED, most_frequent, proxies_of, proxy_histogram, proxy_mean, proxy_name
from detectors.quality_sections import section_of
from detectors.reference import loss_name, moments, settings, slow_share
from detectors.reliability import groups_of, hits_of
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

Judge = Callable[[str, list[indicators.Indicators], float | None], None]
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
    dispersion, few_panes = _dispersion(layout, panes)
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


def _dispersion(layout: Layout, panes: dict[Family, dict[Micros, Counts]]) -> tuple[dict[str, float], dict[str, int]]:
    """Return φ of the indicators that e-detectors bet on, where above 1; and their panes, where those are too few."""
    found: dict[str, float] = {}
    few: dict[str, int] = {}

    def judge(name: str, cells: list[indicators.Indicators], variance: float | None = None) -> None:
        totals, n = np.stack([cell.totals for cell in cells]), np.asarray([cell.n for cell in cells])
        totals, n = totals[n > 0], n[n > 0]
        if len(n) < MINIMUM_PANES:
            few[name] = len(n)
        if not len(n):
            return
        for bet in range(totals.shape[1]):
            share = totals[:, bet].sum() / n.sum()
            phi = dispersion_of(totals[:, bet], n, share * (1 - share) if variance is None else variance)
            if phi > 1:
                found[name if totals.shape[1] == 1 else f"{name}:{bet}"] = phi

    traffic, cohort = list(panes["traffic"].values()), list(panes["cohort"].values())
    for name, feature in layout.spec.features.items():
        for kind in layout.quality_kinds(name):
            judge(
                indicators.quality_name(name, kind),
                [indicators.of_quality(layout, counts, name, kind) for counts in traffic],
            )
        if feature.type in ("numeric", "categorical", "boolean"):
            judge(f"feature:{name}", [indicators.of_feature(layout, counts, name) for counts in traffic])
    for rule in dict.fromkeys(expectation.rule for expectation in layout.spec.expectations):
        judge(section_of(rule), [of_expectation(layout, counts, rule) for counts in traffic])
    judge("prediction", [indicators.of_prediction(layout, counts) for counts in traffic])
    judge("slow", [slow_share(layout, counts) for counts in traffic])
    for proxy in proxies_of(layout):
        sums = [proxy_histogram(layout, counts, proxy) for counts in traffic]
        if count := (moment := moments(*np.sum(sums, axis=0)))[0]:
            variance = max(0.0, moment[2] / count - (moment[1] / count) ** 2)
            judge(proxy_name(proxy), [proxy_mean(layout, counts, proxy) for counts in traffic], variance)
    judge(REPEATED, most_frequent(layout, traffic))
    for name in map(attached, layout.spec.scores):
        judge(f"feature:{name}", [indicators.of_feature(layout, counts, name) for counts in traffic])
    cells = [(None, 0)] + [(s, c) for s in layout.spec.segments for c in range(len(layout.segment_values(s)) + 1)]
    for segment, cell in cells:
        losses = [indicators.of_losses(layout, counts, "cohort", segment, cell) for counts in cohort]
        histograms = [indicators.loss_histogram(layout, counts, "cohort", segment, cell) for counts in cohort]
        bins = np.sum([h[0] for h in histograms], axis=0), np.sum([h[1] for h in histograms], axis=0)
        count, total, squares = moments(*bins)
        if count:
            judge(loss_name(segment, cell), losses, max(0.0, squares / count - (total / count) ** 2))
    for outcome, of in OUTCOMES.items():
        judge(outcome, [of(layout, counts) for counts in panes["label"].values()])
    if "outcomes" in layout.families["label"].sections:
        judge("label", [of_labels(layout, counts) for counts in panes["label"].values()])
    for group in groups_of(layout):
        hits = [hits_of(layout, counts, group) for counts in cohort]
        judge(group.name, [indicators.Indicators(np.array([k]), n) for k, n in hits])
    _judge_means(estimates.NAME, [estimates.expected_loss(layout, counts) for counts in traffic], judge)
    priced = [one for one in (costed(layout, counts) for counts in cohort) if one is not None]
    if _judge_means(COST, priced, judge):
        found.setdefault(COST, 1.0)  # there even so: it says that the profile knows of the matrix
    return found, few


def _judge_means(name: str, panes: Sequence[BinnedValues], judge: Judge) -> bool:
    """Judge the mean of real values in [0, 1]; return whether there are any."""
    n, total = sum(pane.n for pane in panes), sum(pane.total for pane in panes)
    if n:
        variance = max(0.0, sum(pane.squares for pane in panes) / n - (total / n) ** 2)
        judge(name, [indicators.Indicators(np.array([pane.total]), pane.n) for pane in panes], variance)
    return n > 0


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
