"""The join as plain code: one event after the other, lists by id, nothing ever dropped, no store; and panes by counts.

What it says is what `streams.join` must say, whatever the chunks, the interleaving, the checkpoints and the restarts.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import numpy as np
from msgspec.structs import replace

from detectors import counting
from detectors.chosen_labels import chooses
from detectors.id_hash import id_hashes
from detectors.label_counting import count_cohort_labels, count_labels, label_columns
from detectors.layout import Counts, Layout
from detectors.layouts import Layouts
from detectors.odd_features import smallest
from detectors.quality_sections import DUPLICATE, LATE, REFUSED
from detectors.row import Label, Row, row_of
from detectors.row_shape import RowShape, unpack_tail
from detectors.rows import Rows
from detectors.sample import sample_size
from detectors.sampled_row import SampledRow
from detectors.summary import PaneKey, PaneSummary, pane_start
from schemas.event_time import Micros, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import ModelSpec, MonitorSpec
from schemas.watermark import Watermark
from streams import blocks, column_log, id_index, label_log, row_log
from streams.accounting import Bin
from streams.column_log import Numbers
from streams.feedback_columns import FeedbackColumns
from streams.groups import Groups
from streams.judged import feedback_of, rows_of
from streams.records import ROLES, Role
from streams.row_log import UNEXPECTED, RowLog

from ..detectors.builders import sample_of


@dataclass
class Told:
    """A row with what it was told."""

    model: str
    version: str
    row: Row
    offset: int
    traffic: bool = True
    cohort: bool = True
    label: Label | None = None
    rating: Label | None = None
    corrected: bool = False
    chosen: bool = False


@dataclass
class Said:
    """A feedback event."""

    event: Feedback
    offset: int
    label: Label
    settled: bool = False


@dataclass
class JoinOracle:
    """Both topics of a source partition, event by event."""

    spec: MonitorSpec
    times: dict[Role, Micros] = field(default_factory=dict)
    counts: dict[Role, dict[str, int]] = field(default_factory=lambda: {role: defaultdict(int) for role in ROLES})
    rows: dict[tuple[str, bool], list[Told]] = field(default_factory=lambda: defaultdict(list))
    said: dict[str, list[Said]] = field(default_factory=lambda: defaultdict(list))
    accepted: list[Told] = field(default_factory=list)
    joined: list[tuple[Told, Label, int]] = field(default_factory=list)
    """A row, what was new about it, and the offset of the feedback."""
    rejected: list[tuple[PaneKey, int]] = field(default_factory=list)
    """Predictions that are no rows: where they count, and as what."""
    odd: list[tuple[PaneKey, int, tuple[tuple[str, str], ...]]] = field(default_factory=list)
    """Accepted predictions with features that are not as declared."""
    again: list[tuple[Told, Label, int]] = field(default_factory=list)
    """What came by itself of rows whose label curation had chosen."""

    def take(self, role: Role, event: Prediction | Feedback | Watermark, offset: int, fits: bool = True) -> None:
        self.counts[role]["read"] += 1
        self.counts[role]["waiting"] += 1
        if not fits:
            self.settle(role, "dead_lettered")
            if isinstance(event, Prediction):
                self.reject(event, REFUSED)
            return
        time = to_micros(event.timestamp)
        lateness = self.spec.models[event.model].lateness if isinstance(event, Prediction) else (
            self.spec.feedback_lateness
        )  # fmt: skip
        if isinstance(event, Watermark):
            self.settle(role, "control")
        elif role in self.times and time < self.times[role] - lateness:
            self.settle(role, "late")
            if isinstance(event, Prediction):
                self.reject(event, LATE)
            return
        self.times[role] = max(time, self.times.get(role, time))
        if isinstance(event, Prediction):
            self.prediction(event, offset)
        elif isinstance(event, Feedback):
            self.feedback(event, offset)

    def checkpoint(self) -> None:
        """Settle feedback that no prediction on time can match any more."""
        if "predictions" in self.times:
            over = self.times["predictions"] - max(model.lateness for model in self.spec.models.values())
            for said in [one for of_id in self.said.values() for one in of_id]:
                if not said.settled and said.label.time + self.spec.feedback_lateness < over:
                    said.settled = True
                    self.settle("feedback", "expired" if self.expired(said) else "orphaned")

    def settle(self, role: Role, bin_: Bin) -> None:
        self.counts[role][bin_] += 1
        self.counts[role]["waiting"] -= 1

    def prediction(self, event: Prediction, offset: int) -> None:
        told = Told(event.model, event.version, row_of(event, self.spec.models[event.model]), offset)
        known = self.rows[event.prediction_id, False]
        if self.twin(known, told) is not None:
            self.settle("predictions", "duplicate")
            self.reject(event, DUPLICATE)
            return
        self.settle("predictions", "summarised")
        self.look_at(event)
        known.append(told)
        self.accepted.append(told)
        for said in self.said[event.prediction_id]:
            self.offer(said, told)

    def reject(self, event: Prediction, kind: int) -> None:
        """Count it where its time lies, or where the watermark stands if that is later."""
        model, time = self.spec.models[event.model], to_micros(event.timestamp)
        if "predictions" in self.times:
            time = max(time, self.times["predictions"] - model.lateness)
        self.rejected.append((PaneKey(event.model, event.version, "traffic", pane_start(time, model)), kind))

    def look_at(self, event: Prediction) -> None:
        model = self.spec.models[event.model]
        types = {str: "text", bool: "boolean", int: "numeric", float: "numeric"}
        odd = {
            (name, types.get(type(value), "null"))
            for name, value in event.features.items()
            if name not in model.features or (model.features[name].type == "numeric" and isinstance(value, str | bool))
        }
        if odd:
            start = pane_start(to_micros(event.timestamp), model)
            hash_ = int(id_hashes([event.prediction_id])[0, 0])
            self.odd.append((PaneKey(event.model, event.version, "traffic", start), hash_, tuple(sorted(odd))))

    def feedback(self, event: Feedback, offset: int) -> None:
        text, number = event.label, event.value
        if event.correction is not None:
            text, number = event.correction, finite(event.correction)
        said = Said(event, offset, Label(to_micros(event.timestamp), text, number, event.rating))
        if event.prediction is not None:
            self.self_contained(event.prediction, said)
            return
        self.said[event.prediction_id].append(said)
        for told in self.rows[event.prediction_id, False]:
            self.offer(said, told)

    def self_contained(self, event: Prediction, said: Said) -> None:
        model = self.spec.models[event.model]
        told = Told(event.model, event.version, row_of(event, model), said.offset, traffic=False)
        told.cohort = said.label.time < pane_start(told.row.time, model) + model.pane + model.maturity
        known = self.rows[event.prediction_id, True]
        twin = self.twin(known, told)
        if not self.fits(said, twin or told):
            self.settle("feedback", "expired")
            return
        if twin is None:
            known.append(told)
            self.accepted.append(told)
        self.offer(said, twin or told)

    def twin(self, known: list[Told], new: Told) -> Told | None:
        for one in known:
            near = abs(one.row.time - new.row.time) <= self.spec.models[new.model].label_horizon
            if (one.model, one.version) == (new.model, new.version) and near:
                return one
        return None

    def fits(self, said: Said, told: Told) -> bool:
        time, model = said.label.time, self.spec.models[told.model]
        in_time = time - model.label_horizon <= told.row.time <= time + self.spec.feedback_lateness
        return means(said, told) and in_time and (self.says(said, told) or said.label.rating is not None)

    def says(self, said: Said, told: Told) -> bool:
        asked = said.label.value if self.spec.models[told.model].task == "regression" else said.label.label
        return asked is not None

    def offer(self, said: Said, told: Told) -> None:
        if not self.fits(said, told):
            return
        label, new = said.label, Label(said.label.time)
        answered = self.spec.models[told.model].task == "text" and (told.label or told.rating) is not None
        says = self.says(said, told) and not answered
        conflict = False
        correction, by_user = said.event.correction is not None, said.event.source == "user"
        corrector = correction or said.event.source == "annotator"
        first = told.label
        if says and first is None:
            told.label, new.label, new.value = label, label.label, label.value
            new.corrects, new.by_user = correction, correction or by_user
        elif self.says(said, told) and corrector and not told.corrected:
            ways = ((label.label, label.value), (label.label, None), (None, label.value))
            same = first is not None and (first.label, first.value) in ways
            if not same:
                new.label, new.value = label.label, label.value
                new.corrects, new.by_user, new.later = True, correction, True
        told.corrected |= new.corrects
        if says and first is not None:
            conflict = (told.label.label, told.label.value) != (label.label, label.value)
        if label.rating is not None and told.rating is None and not answered:
            told.rating, new.rating = label, label.rating
        used = told.label is label or told.rating is label
        chosen = chooses(self.spec.models[told.model]) and said.event.source == "annotator"
        new.chosen = chosen and said.event.inclusion_probability is None
        text = self.spec.models[told.model].task == "text"
        if told.label is label or (text and told.rating is label):
            told.chosen = new.chosen
        elif (
            told.chosen
            and not (new.chosen or new.later)
            and (self.says(said, told) or (text and label.rating is not None))
        ):
            told.chosen = False
            says = self.says(said, told)
            own = Label(label.time, label.label, label.value, label.rating if text else None)
            own.corrects, own.by_user = says and correction, says and (correction or by_user)
            self.again.append((told, own, said.offset))
        if used or new.later:
            self.joined.append((told, new, said.offset))
        if not said.settled:
            said.settled = True
            self.settle("feedback", "summarised" if used else "duplicate")
            if conflict:
                corrects = said.event.source == "annotator" or said.event.correction is not None
                self.counts["feedback"]["corrected" if corrects else "conflicting"] += 1

    def expired(self, said: Said) -> bool:
        ages = [
            (said.label.time - told.row.time, self.spec.models[told.model].label_horizon)
            for told in self.rows[said.event.prediction_id, False]
            if means(said, told)
        ]
        return any(horizon < age <= 2 * horizon for age, horizon in ages)


def means(said: Said, told: Told) -> bool:
    return said.event.model in (None, told.model) and said.event.version in (None, told.version)


def finite(correction: str) -> float | None:
    try:
        number = float(correction)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def panes(oracle: JoinOracle, layouts: Layouts) -> dict[PaneKey, PaneSummary]:
    """Count whole lists of rows and labels: the summaries that all that was accepted and joined amounts to."""
    parts: dict[PaneKey, tuple[list[Told], list[tuple[Told, Label, int]]]] = defaultdict(lambda: ([], []))
    for told in oracle.accepted:
        key = PaneKey(told.model, told.version, "cohort", pane_start(told.row.time, oracle.spec.models[told.model]))
        if told.traffic:
            parts[key._replace(family="traffic")][0].append(told)
        if told.cohort:
            parts[key][0].append(told)
    for told, label, offset in oracle.joined:
        spec = oracle.spec.models[told.model]
        key = PaneKey(told.model, told.version, "cohort", pane_start(told.row.time, spec))
        if label.time < key.due(spec):
            parts[key][1].append((told, label, offset))
        known = pane_start(max(told.row.time, label.time), spec)
        parts[key._replace(family="label", start=known)][1].append((told, label, offset))
    again = defaultdict[PaneKey, list[tuple[Told, Label, int]]](list)
    for told, label, offset in oracle.again:
        spec = oracle.spec.models[told.model]
        key = PaneKey(told.model, told.version, "cohort", pane_start(told.row.time, spec))
        known = key._replace(family="label", start=pane_start(max(told.row.time, label.time), spec))
        for pane in (known, key) if label.time < key.due(spec) else (known,):
            again[pane].append((told, label, offset))
            parts[pane]
    for key, _ in oracle.rejected:
        parts[key]  # one that is not even begun by a row
    found = {
        key: counted(layouts, key, rows, labels, [told for told, _, _ in again.get(key, [])])
        for key, (rows, labels) in parts.items()
    }
    for key, told_again in again.items():
        layout = layouts.of(key.model, key.version)
        found[key].chosen = less(layout, found[key], told_again)
    for key, kind in oracle.rejected:
        layouts.of(key.model, key.version).families["traffic"].view(found[key].counts, "rejected")[kind] += 1
    for key, hash_, odd in oracle.odd:
        found[key].odd = smallest([*found[key].odd, (hash_, odd)])
    return found


def less(layout: Layout, pane: PaneSummary, again: list[tuple[Told, Label, int]]) -> Counts:
    """What is left of the chosen labels of a pane without rows whose label came by itself as well."""
    for _, _, offset in again:
        pane.cover("feedback", offset)
    part = np.zeros_like(pane.counts)
    add = count_cohort_labels if pane.key.family == "cohort" else count_labels
    add(layout, part, label_columns(layout, [(told.row, label) for told, label, _ in again]))
    return (np.zeros_like(part) if pane.chosen is None else pane.chosen) - part


def loss_of(row: Row, label: Label, spec: ModelSpec) -> float | None:
    if label.later:
        return None
    if spec.task in ("binary", "multiclass"):
        if label.label is None or row.label is None:
            return None
        if spec.task == "binary":  # whatever the other class is called
            return float((label.label == spec.positive_label) != (row.label == spec.positive_label))
        return float(label.label != row.label)
    if spec.task == "regression":
        return None if label.value is None or row.value is None else abs(row.value - label.value)
    if label.rating is not None:
        return 1.0 - label.rating
    return None if label.label is None else 1.0


def counted(
    layouts: Layouts, key: PaneKey, rows: list[Told], labels: list[tuple[Told, Label, int]], again: list[Told]
) -> PaneSummary:
    layout = layouts.of(key.model, key.version)
    summary, shape = PaneSummary.empty(key, layout), RowShape(layout.spec)
    for told in rows:
        summary.cover("predictions" if told.traffic else "feedback", told.offset)
    for _, _, offset in labels:
        summary.cover("feedback", offset)
    pairs = [(told.row, label) for told, label, _ in labels]
    found = [(row, label, loss_of(row, label, layout.spec)) for row, label in pairs]
    lost = [(row, label, loss) for row, label, loss in found if loss is not None]
    columns = shape.columns_of([told.row for told in rows])
    chosen = [(row, label) for row, label in pairs if label.chosen]
    if chosen:
        summary.chosen = np.zeros_like(summary.counts)
    if key.family == "traffic":
        counting.count_traffic(layout, summary.counts, columns)
        sampled = [SampledRow(told.row.time, told.row) for told in rows]
    elif key.family == "label":
        count_labels(layout, summary.counts, label_columns(layout, pairs))
        if summary.chosen is not None:
            count_labels(layout, summary.chosen, label_columns(layout, chosen))
        sampled = [SampledRow(max(row.time, label.time), row, label, loss) for row, label, loss in lost]
    else:
        cells, said = counting.segment_cells(layout, columns), counting.said_codes(layout, columns.said)
        counting.count_cohort(layout, summary.counts, cells, said)
        count_cohort_labels(layout, summary.counts, label_columns(layout, pairs))
        if summary.chosen is not None:
            count_cohort_labels(layout, summary.chosen, label_columns(layout, chosen))
        sampled = [SampledRow(told.row.time, told.row) for told in rows]
        mended = [any(told is one for one in again) for told, _, _ in labels]
        known = [(*one, mend) for one, mend in zip(found, mended, strict=True) if one[2] is not None]
        for row, label, loss, mend in known:  # replace those without
            sampled.append(SampledRow(row.time, row, replace(label, chosen=label.chosen and not mend), loss))
    summary.sample = sample_of(shape, sample_size(layout.spec, key.family), sampled)
    return summary


def stored_rows(log: RowLog, groups: Groups, numbers: Numbers) -> list[Row]:
    """Return rows of a log, unpacked by the shapes of their models; their numbers ascend."""
    stored, rows = log.stored(numbers), []
    names = [groups.names[group] for group in log.of("group", numbers).tolist()]
    about = (log.of("time", numbers).tolist(), log.of("flags", numbers).tolist(), stored.numbers, stored.tails)
    for (model, _), time, flags, packed, tail in zip(names, *about, strict=True):
        shape = groups.shapes[groups.model_codes[model]]
        id, said, values = unpack_tail(tail)
        rows.append(shape.row(id, time, shape.unpack(packed), values, said, bool(flags & UNEXPECTED)))
    return rows


@contextmanager
def tiny(sealed: int = 5, largest: int = 8) -> Iterator[None]:
    """Make blocks, columns and indexes so small that a few events fill them."""
    with ExitStack() as stack:
        for module in (blocks, row_log, label_log):
            stack.enter_context(patch.object(module, "SEALED", sealed))
        stack.enter_context(patch.object(blocks, "LARGEST", largest))
        stack.enter_context(patch.object(column_log, "_SMALLEST", 4))
        stack.enter_context(patch.object(id_index, "_SMALLEST", 8))
        yield


def as_rows(spec: MonitorSpec, groups: Groups, events: Sequence[dict[str, Any]], first_offset: int = 0) -> Rows:
    """Return predictions as the join takes them."""
    predictions = [Prediction.model_validate(event) for event in events]
    rows = rows_of(predictions, np.arange(first_offset, first_offset + len(events)), spec, groups)
    codes = [groups.code(one.model, one.version) for one in predictions]
    rows.groups = np.array(codes, dtype=np.int32)
    return rows


def as_feedback(groups: Groups, events: Sequence[dict[str, Any]], first_offset: int = 0) -> FeedbackColumns:
    """Return feedback, none of it self-contained, as the join takes it."""
    found = [Feedback.model_validate(event) for event in events]
    return feedback_of(found, np.arange(first_offset, first_offset + len(events)), groups, [None] * len(events))
