"""Drawn rows as the product has them: a reference profile, and closed panes in the order in which they are due.

Counted by the product's own level 1; only the way there (events, topics, the join) is left out.
"""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from bench.detection.population import CATEGORIES, CLASSES, MODEL, Rows
from detectors.build_profile import build_profile
from detectors.counting import count_cohort, count_traffic, segment_cells
from detectors.label_counting import LabelColumns, count_cohort_labels, count_labels
from detectors.layout import Layout
from detectors.losses import class_keys, losses
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.row_shape import Columns, RowShape
from detectors.sample import sample_size
from detectors.sampled_row import SampledRow
from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

Positions = npt.NDArray[np.int64]


class ModelRows:
    """Drawn rows, and each as the product's row and label."""

    def __init__(self, spec: ModelSpec, rows: Rows) -> None:
        self.drawn = rows
        self.values = np.array(list(CATEGORIES), dtype=object)[rows.categories]
        self.said: list[str | None] = np.array(CLASSES, dtype=object)[rows.said.astype(int)].tolist()
        self.truth: list[str | None] = np.array(CLASSES, dtype=object)[rows.truth.astype(int)].tolist()
        self._shape = RowShape(spec)

    def row(self, at: int) -> Row:
        numbers, time = self.drawn.numbers[at].tolist(), int(self.drawn.times[at])
        return self._shape.row(str(at), time, numbers, tuple(self.values[at]), self.said[at], False)

    def label(self, at: int) -> Label:
        rating = float(self.drawn.ratings[at])
        return Label(int(self.drawn.known[at]), self.truth[at], None, None if np.isnan(rating) else rating)

    def columns(self) -> Columns:
        return Columns(
            self.drawn.numbers,
            [column.tolist() for column in self.values.T],
            self.said,
            np.zeros(len(self.drawn), dtype=np.bool_),
            self.drawn.times,
        )


def profile_of(spec: ModelSpec, rows: Rows) -> ReferenceProfile:
    """Return the reference profile of drawn rows."""
    known = ModelRows(spec, rows)
    return build_profile(MODEL, None, spec, [(known.row(at), known.label(at)) for at in range(len(rows))])


def closed_panes(layout: Layout, rows: Rows, until: Micros | None = None, sampled: bool = True) -> Iterator[ClosedPane]:
    """Yield the panes of all families that rows (at least one) fall in, as they are due.

    Parameters
    ----------
    until
        What is due later is never closed; by default the end of the last row's day.
    sampled
        Whether panes have samples. What looks at single rows costs more than all other signals together.
    """
    maker = _PaneMaker(layout, rows, sampled)
    width, spec = layout.spec.pane, layout.spec
    last = int(rows.known.max()) // width * width
    end = int(rows.times[-1]) // width * width + width if until is None else until
    by_known = np.argsort(rows.known, kind="stable")
    known = rows.known[by_known]
    starts = range(int(rows.times[0]) // width * width, last + width, width)
    keys = [PaneKey(MODEL, layout.version, family, start) for family in layout.families for start in starts]
    for key in sorted(keys, key=lambda key: (key.due(spec), key.family, key.start)):
        if key.due(spec) > end:
            break
        label = key.family == "label"
        first, last = np.searchsorted(known if label else rows.times, (key.start, key.start + width))
        if first < last:
            yield maker.pane(key, by_known[first:last] if label else np.arange(first, last))


class _PaneMaker:
    def __init__(self, layout: Layout, rows: Rows, sampled: bool) -> None:
        self._layout = layout
        self._sampled = sampled
        self._rows = ModelRows(layout.spec, rows)
        self._columns = self._rows.columns()
        nothing = np.full(len(rows), np.nan)
        said, truth = (class_keys(layout.spec, names) for names in (self._rows.said, self._rows.truth))
        labelled = np.ones(len(rows), dtype=np.bool_)
        self._labels = LabelColumns(
            row_times=rows.times,
            times=rows.known,
            losses=losses(layout.spec, said, rows.scores, truth, nothing, rows.ratings, labelled),
            said=said.astype(np.int32),  # a class's key and its code are the same where there are two
            truth=truth.astype(np.int32),
            outputs=rows.scores,
            values=nothing,
            ratings=rows.ratings,
            cells=segment_cells(layout, self._columns),
            says=labelled,
            corrects=~labelled,
            by_user=~labelled,
            later=~labelled,
            differs=(said != truth).astype(np.float64),
        )

    def pane(self, key: PaneKey, at: Positions) -> ClosedPane:
        """Return a pane by the positions of its rows, in the order of the family's time."""
        layout = self._layout
        counts = np.zeros(layout.families[key.family].size, dtype=np.int64)
        due = None
        if key.family == "traffic":
            count_traffic(layout, counts, self._part(at))
        elif key.family == "label":
            count_labels(layout, counts, self._labels.take(at))
        else:
            labels = self._labels.take(at)
            due = key.due(layout.spec)
            count_cohort(layout, counts, labels.cells, labels.said)
            count_cohort_labels(layout, counts, labels.take(labels.times < due))
        if not self._sampled:
            return ClosedPane(key, layout, counts, [], False)
        size = sample_size(layout.spec, key.family)
        chosen = at if len(at) <= size else at[np.sort(np.argpartition(self._rows.drawn.ranks[at], size)[:size])]
        sample = [self._of_sample(key, position, due) for position in chosen.tolist()]
        return ClosedPane(key, layout, counts, sample, len(at) <= size)

    def _part(self, at: Positions) -> Columns:
        whole, part = self._columns, slice(int(at[0]), int(at[-1]) + 1)  # rows of a traffic pane are neighbours
        return Columns(
            whole.numbers[part],
            [column[part] for column in whole.values],
            whole.said[part],
            whole.unexpected[part],
            whole.times[part],
        )

    def _of_sample(self, key: PaneKey, at: int, due: Micros | None) -> SampledRow:
        row, labels = self._rows.row(at), self._labels
        if key.family == "traffic" or (due is not None and labels.times[at] >= due):
            return SampledRow(row.time, row)
        time = row.time if key.family == "cohort" else int(labels.times[at])
        return SampledRow(time, row, self._rows.label(at), float(labels.losses[at]))
