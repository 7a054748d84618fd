"""The panes of a stream whose answers are partly those of candidates, counted by the product's own counting.

What is left out of level 1 is the way there: events, topics, and the join, which `History` has done. So there is one
difference from a replay of the same answers: nothing is late, duplicate or refused.
"""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from detectors.counting import count_cohort, count_traffic, said_codes, segment_cells
from detectors.label_counting import LabelColumns, count_cohort_labels, count_labels, differences
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.pane import ClosedPane
from detectors.row import Label
from detectors.row_shape import OUTPUT, Columns
from detectors.sample import sample_size
from detectors.sampled_row import SampledRow
from detectors.summary import PaneKey
from schemas.event_time import Micros
from schemas.reading import Family
from streams.backtest.answers import Answers
from streams.backtest.candidates import RECORDED, Candidate, Candidates
from streams.backtest.history import Positions

FAMILIES: tuple[Family, ...] = ("traffic", "label", "cohort")
KEPT = 20_000  # panes that are kept for the next policy: most serve the same model in most of them


class SimulatedPanes:
    """Makes closed panes of rows that one model answered.

    Parameters
    ----------
    sampled
        Whether label panes have samples, which the incremental challenger learns from. Other samples there are none:
        what looks at single rows besides (joint drift, estimates, label requests) decides about no retraining, and
        costs more than all that does.
    """

    def __init__(self, candidates: Candidates, *, sampled: bool) -> None:
        self._candidates = candidates
        self._history = candidates.history
        self._sampled = sampled
        self._kept: dict[tuple[PaneKey, bytes], ClosedPane] = {}

    @cached_property
    def schedule(self) -> list[tuple[Micros, Family, Micros]]:
        """Every pane with rows that is due before the history ends: due, family, start; in the order of closing."""
        spec, history = self._history.spec, self._history
        starts = {"traffic": np.unique(history.times // spec.pane) * spec.pane}
        starts["cohort"] = starts["traffic"]
        starts["label"] = np.unique(history.known[history.labelled] // spec.pane) * spec.pane
        panes = [
            (PaneKey(history.model, "", family, start).due(spec), family, start)
            for family in FAMILIES
            for start in starts[family].tolist()
        ]
        return sorted(pane for pane in panes if pane[0] <= history.end)

    def rows(self, family: Family, start: Micros) -> Positions:
        """Return the rows of a pane, in the order of the family's time."""
        end = start + self._history.spec.pane
        if family == "label":
            known, order = self._by_known
            first, last = np.searchsorted(known, (start, end))
            return order[first:last]
        first, last = np.searchsorted(self._history.times, (start, end))
        return np.arange(first, last)

    def panes(
        self, layouts: Layouts, family: Family, start: Micros, serving: list[tuple[str, Candidate, Positions]]
    ) -> Iterator[ClosedPane]:
        """Yield the panes of one start, one for each version that answered some of its rows, by version.

        Parameters
        ----------
        layouts
            Of the settings that are run; what is counted is the same for all of them.
        serving
            Version, model and rows.
        """
        for version, candidate, at in sorted(serving, key=lambda one: one[0]):
            key = PaneKey(self._history.model, version, family, start)
            kept = self._kept.get((key, at.tobytes()))
            if kept is None:
                kept = self._pane(layouts.of(key.model, version), key, candidate, at)
                if len(self._kept) < KEPT:
                    self._kept[key, at.tobytes()] = kept
            layout = layouts.of(key.model, version)
            yield ClosedPane(key, layout, kept.counts.copy(), list(kept.sample), kept.complete)

    @cached_property
    def _by_known(self) -> tuple[Positions, Positions]:
        at = np.flatnonzero(self._history.labelled)
        order = at[np.argsort(self._history.known[at], kind="stable")]
        return self._history.known[order], order

    def _pane(self, layout: Layout, key: PaneKey, candidate: Candidate, at: Positions) -> ClosedPane:
        answers = None if candidate == RECORDED else self._candidates.answers_to(candidate, at)
        columns = self._history.columns(at, answers)
        counts = np.zeros(layout.families[key.family].size, dtype=np.int64)
        if key.family == "traffic":
            count_traffic(layout, counts, columns)
            return ClosedPane(key, layout, counts, [], False)
        labels = self._labels(layout, columns, at, answers)
        if key.family == "cohort":
            count_cohort(layout, counts, labels.cells, labels.said)
            count_cohort_labels(layout, counts, labels.take(labels.times < key.due(layout.spec)))
            return ClosedPane(key, layout, counts, [], False)
        count_labels(layout, counts, labels)
        if not self._sampled:
            return ClosedPane(key, layout, counts, [], False)
        size = sample_size(layout.spec, key.family)
        chosen = np.arange(len(at))
        if len(at) > size:
            chosen = np.sort(np.argsort(self._history.hashes[at], kind="stable")[:size])
        sample = [self._sampled_row(columns, labels, int(place), int(at[place])) for place in chosen]
        return ClosedPane(key, layout, counts, sample, len(at) <= size)

    def _labels(self, layout: Layout, columns: Columns, at: Positions, answers: Answers | None) -> LabelColumns:
        """Return labels by column. What people said of an answer (ratings) says nothing of another model's."""
        history = self._history
        own = answers is None
        given = history.recorded.take(at) if answers is None else answers
        lost = history.losses_of(given, at)
        says = history.labelled[at]
        nothing = np.zeros(len(at), dtype=np.bool_)
        return LabelColumns(
            row_times=history.times[at],
            times=history.known[at],
            losses=np.where(says, lost, np.nan),
            said=said_codes(layout, columns.said),
            truth=said_codes(layout, [history.label_names[place] for place in at.tolist()]),
            outputs=columns.numbers[:, OUTPUT],
            values=history.values[at],
            ratings=history.ratings[at] if own else np.full(len(at), np.nan),
            cells=segment_cells(layout, columns),
            says=says,
            corrects=history.corrects[at] if own else nothing,
            by_user=history.by_user[at] if own else nothing,
            later=nothing,
            differs=differences(layout, lost, says),
        )

    def _sampled_row(self, columns: Columns, labels: LabelColumns, place: int, at: int) -> SampledRow:
        history = self._history
        row = history.shape.row(
            history.ids[at],
            int(history.times[at]),
            columns.numbers[place].tolist(),
            tuple(column[place] for column in columns.values),
            columns.said[place],
            False,
        )
        rating, value, loss = (float(column[place]) for column in (labels.ratings, labels.values, labels.losses))
        label = Label(
            int(labels.times[place]),
            history.label_names[at],
            None if np.isnan(value) else value,
            None if np.isnan(rating) else rating,
            bool(labels.corrects[place]),
            bool(labels.by_user[place]),
        )
        return SampledRow(label.time, row, label, None if np.isnan(loss) else loss)
