"""Builders of specs, rows, profiles and panes, by the same code that level 1 counts with."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from detectors.build_profile import build_profile
from detectors.counting import (
    count_cohort,
    count_traffic,
    said_codes,
    segment_cells,
)
from detectors.curation.picking import COMPLAINTS, complaints, picked_by_rules, picks_complaints
from detectors.id_hash import id_hashes
from detectors.label_counting import count_cohort_labels, count_labels, label_columns
from detectors.layout import FIXED, Layout
from detectors.layouts import Layouts
from detectors.monitor import Monitor, MonitorState, Output
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.row_shape import RowShape
from detectors.sample import Sample
from detectors.sampled_row import SampledRow, packed_row
from detectors.signals.signal import Finding, Signal
from detectors.summary import PaneKey, PaneSummary, pane_start
from schemas.event_time import Micros
from schemas.profile import ReferenceProfile
from schemas.reading import Family
from schemas.spec import ModelSpec

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
START = 18_000 * DAY  # 2019-04-14
FEATURES = {"income": "numeric", "region": "categorical", "owner": "boolean", "note": "text"}
REGIONS = ("north", "south", "east")
TASKS = ("binary", "multiclass", "regression", "text")

LabelledRow = tuple[Row, Label | None]


def model_spec(task: str = "binary", **changes: Any) -> ModelSpec:
    """A model with a feature of each kind, panes of a day, labels after two."""
    settings: dict[str, Any] = {
        "task": task,
        "features": FEATURES,
        "pane": "1d",
        "label_horizon": "30d",
        "label_maturity": "2d",
        "false_alarms": "1 per 90d",
        "reference": "profile.json",
        "positive_label": "yes" if task == "binary" else None,
    }
    return ModelSpec.model_validate(settings | changes)


def features_of(spec: ModelSpec, rng: random.Random, shift: float = 0.0) -> list[Any]:
    values = {
        "numeric": lambda: rng.gauss(100 + 10 * shift, 10),
        "categorical": lambda: rng.choice(REGIONS),
        "boolean": lambda: rng.random() < 0.5,
        "text": lambda: "some text",
        "datetime": lambda: "2019-01-01T00:00:00Z",
    }
    return [values[feature.type]() for feature in spec.features.values()]


def labelled_row(
    spec: ModelSpec, rng: random.Random, time: Micros, name: str, error: float = 0.1, shift: float = 0.0
) -> tuple[Row, Label]:
    """A row whose error rate is `error` (classification), or whose mean loss grows with it."""
    row = Row(time, name, features_of(spec, rng, shift), latency_ms=rng.expovariate(1 / 20))
    label = Label(time + DAY)
    if spec.task in ("binary", "multiclass"):
        classes = ["yes", "no"] if spec.task == "binary" else ["low", "middle", "high"]
        row.label = rng.choice(classes)
        wrong = rng.random() < error
        label.label = rng.choice([name for name in classes if name != row.label]) if wrong else row.label
        row.score = rng.uniform(0.5, 1.0) if row.label == "yes" or spec.task == "multiclass" else rng.uniform(0.0, 0.5)
    elif spec.task == "regression":
        row.value = rng.gauss(50, 5)
        label.value = row.value + rng.gauss(0, 20 * error)
    else:
        row.text, row.text_length = "an answer", rng.randrange(1, 400)
        label.rating = min(1.0, max(0.0, rng.gauss(1 - error, 0.05)))
    return row, label


def days(
    spec: ModelSpec,
    count: int,
    rows: int = 50,
    *,
    seed: int = 0,
    first: int = 0,
    error: float = 0.1,
    shift: float = 0.0,
) -> list[tuple[Row, Label]]:
    """`count` days of labelled rows, evenly spaced."""
    rng = random.Random(f"{seed}/{first}")
    return [
        labelled_row(spec, rng, START + (first + day) * DAY + i * (DAY // rows), f"{first + day}-{i}", error, shift)
        for day in range(count)
        for i in range(rows)
    ]


@cache
def _profile(text: str, panes: int, rows: int, seed: int, error: float) -> ReferenceProfile:
    spec = ModelSpec.model_validate_json(text)
    return build_profile("m", None, spec, days(spec, panes, rows, seed=seed, first=-1_000, error=error))


def profile_of(
    spec: ModelSpec, panes: int = 40, rows: int = 50, *, seed: int = 0, error: float = 0.1
) -> ReferenceProfile:
    """A reference of `panes` days from long before START."""
    return _profile(spec.model_dump_json(), panes, rows, seed, error)


def layouts_of(spec: ModelSpec, profile: ReferenceProfile | None) -> Layouts:
    return Layouts({"m": spec}, {} if profile is None else {"m": {None: profile}})


def layout_of(spec: ModelSpec, profile: ReferenceProfile | None, version: str = "1") -> Layout:
    return layouts_of(spec, profile).of("m", version)


def key_of(family: Family, start: Micros = START, version: str = "1") -> PaneKey:
    return PaneKey("m", version, family, start)


def summary_of(layout: Layout, key: PaneKey, rows: Sequence[LabelledRow], chunk: int | None = None) -> PaneSummary:
    """The summary of rows of one pane, counted `chunk` at a time; without `chunk`, all at once."""
    summary = PaneSummary.empty(key, layout)
    size = chunk or max(1, len(rows))
    for start in range(0, len(rows), size):
        count(layout, summary, rows[start : start + size])
    return summary


def count(layout: Layout, summary: PaneSummary, rows: Sequence[LabelledRow]) -> None:
    """Add rows to a summary as level 1 does."""
    shape = RowShape(layout.spec)
    columns = shape.columns_of([row for row, _ in rows])
    pairs = [(row, label) for row, label in rows if label is not None]
    labels = label_columns(layout, pairs)
    joined = [(*pairs[i], float(labels.losses[i])) for i in np.flatnonzero(~np.isnan(labels.losses))]
    if summary.key.family == "traffic":
        count_traffic(layout, summary.counts, columns)
        taken = [SampledRow(row.time, row) for row, _ in rows]
        for name, true in picked_by_rules(layout, columns):
            pick(layout, summary, name, [taken[i] for i in np.flatnonzero(true)])
    elif summary.key.family == "cohort":
        count_cohort(layout, summary.counts, segment_cells(layout, columns), said_codes(layout, columns.said))
        count_cohort_labels(layout, summary.counts, labels)
        unlabelled = [SampledRow(row.time, row) for row, _ in rows]
        summary.sample.merge(sample_of(shape, summary.sample.size, unlabelled))
        taken = [SampledRow(row.time, row, label, loss) for row, label, loss in joined]
    else:
        count_labels(layout, summary.counts, labels)
        taken = [SampledRow(max(row.time, label.time), row, label, loss) for row, label, loss in joined]
        if picks_complaints(layout.spec):
            ratings = np.array([label.rating for _, label in pairs], dtype=np.float64)
            says = np.array([label.label is not None or label.value is not None for _, label in pairs], dtype=bool)
            complained = [pairs[i] for i in np.flatnonzero(complaints(layout.spec, ratings, says))]
            rated = [SampledRow(max(row.time, label.time), row, label) for row, label in complained]
            pick(layout, summary, COMPLAINTS, rated)
    summary.sample.merge(sample_of(shape, summary.sample.size, taken))
    if summary.key.family != "traffic" and (chosen := [pair for pair in pairs if pair[1].chosen]):
        if summary.chosen is None:
            summary.chosen = np.zeros_like(summary.counts)
        add = count_cohort_labels if summary.key.family == "cohort" else count_labels
        add(layout, summary.chosen, label_columns(layout, chosen))


def pick(layout: Layout, summary: PaneSummary, name: str, rows: Sequence[SampledRow]) -> None:
    """Add rows to those that a summary has picked for one reason."""
    size = layout.spec.label_requests.per_pane
    summary.picked.setdefault(name, Sample(size)).merge(sample_of(RowShape(layout.spec), size, rows))


def sample_of(shape: RowShape, size: int, rows: Sequence[SampledRow]) -> Sample:
    """The sample of rows of one model."""
    hashes = id_hashes([one.row.id for one in rows])[:, 0].copy()
    return Sample(size, [packed_row(shape, one) for one in rows], hashes)


def closed(layout: Layout, summary: PaneSummary, mismatched: int = 0) -> ClosedPane:
    """A summary as level 2 sees it."""
    family = summary.key.family
    sample = (summary.sample or Sample(1)).rows(RowShape(layout.spec))
    rows = layout.families[family].view(summary.counts, "labelled" if family == "label" else "n")
    return ClosedPane(
        summary.key,
        layout,
        summary.counts,
        sample,
        int(rows[0]) <= len(sample),
        mismatched,
        {0: summary.offsets},
        picked={name: picked.rows(RowShape(layout.spec)) for name, picked in summary.picked.items()},
    )


def pane_of(
    layout: Layout, family: Family, rows: Sequence[LabelledRow], start: Micros = START, mismatched: int = 0
) -> ClosedPane:
    return closed(layout, summary_of(layout, key_of(family, start, layout.version), rows), mismatched)


def panes_of(layout: Layout, rows: Sequence[LabelledRow], maturity_only: bool = False) -> list[ClosedPane]:
    """All panes of the three families that some rows fall in, in the order in which level 2 closes them."""
    spec, parts = layout.spec, {}
    for row, label in rows:
        start = pane_start(row.time, spec)
        cohort = key_of("cohort", start, layout.version)
        if not maturity_only:
            parts.setdefault(key_of("traffic", start, layout.version), []).append((row, None))
        in_time = label is not None and label.time < cohort.due(spec)
        parts.setdefault(cohort, []).append((row, label if in_time else None))
        if label is not None and not maturity_only:
            known = pane_start(max(row.time, label.time), spec)
            parts.setdefault(key_of("label", known, layout.version), []).append((row, label))
    order = sorted(parts, key=lambda key: (key.due(spec), key.family, key.version, key.start))
    return [closed(layout, summary_of(layout, key, parts[key])) for key in order]


def blank_pane(layout: Layout, family: Family, day: int = 0, **sections: Any) -> ClosedPane:
    """A pane with counts set by section, for simulations of many panes."""
    view, counts = layout.families[family], np.zeros(layout.families[family].size, dtype=np.int64)
    for name, values in sections.items():
        view.view(counts, name)[:] = values
    return ClosedPane(key_of(family, START + day * DAY, layout.version), layout, counts, [], True)


def cohort_of_errors(layout: Layout, day: int, n: int, errors: int, labelled: int | None = None) -> ClosedPane:
    """A cohort of a classifier by its counts alone."""
    known = n if labelled is None else labelled
    return blank_pane(layout, "cohort", day, n=n, losses=known, loss_sums=errors * FIXED)


def read(signal: Signal, panes: Sequence[ClosedPane]) -> list[Finding]:
    return [finding for pane in panes if pane.key.family in signal.families for finding in signal.read(pane)]


@dataclass
class Watched:
    """A monitor with its state, and all that it said."""

    monitor: Monitor
    state: MonitorState
    outputs: list[Output]

    @classmethod
    def of(cls, spec: ModelSpec, profile: ReferenceProfile | None) -> "Watched":
        return cls(Monitor("m", layouts_of(spec, profile)), MonitorState(), [])

    def close(self, panes: Sequence[ClosedPane]) -> list[Output]:
        """Outputs of these panes."""
        said: list[Output] = []
        for pane in panes:
            self.state, outputs = self.monitor.close(self.state, pane)
            said += outputs
        self.outputs += said
        return said
