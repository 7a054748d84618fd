"""`CountingPlan`: all that counting asks of a layout, worked out once, so that a chunk of few rows costs little."""

import numpy as np
import numpy.typing as npt

from detectors.categories import Coding, coding_of
from detectors.layout import INVALID, MISSING, UNSEEN, Counts, Layout
from detectors.numeric_bins import NumericBins
from detectors.row_shape import Columns, RowShape
from detectors.text_checks import TextChecks
from schemas.proxy_spec import TextSpec

Positions = npt.NDArray[np.intp]

_KEPT = "counting_plan"


def plan_of(layout: Layout) -> "CountingPlan":
    """Return the plan of a layout; it is made once, and goes when the layout goes."""
    plan = layout.__dict__.get(_KEPT)  # where functools.cached_property would keep it
    if not isinstance(plan, CountingPlan):
        plan = layout.__dict__[_KEPT] = CountingPlan(layout)
    return plan


class CountingPlan:
    """What the features of a layout, its outputs and its segments are counted by; it keeps no counts."""

    def __init__(self, layout: Layout) -> None:
        spec, sections = layout.spec, layout.families["traffic"].sections
        self.numeric = NumericBins(layout)
        self.score_edges = layout.score_edges
        self.value_edges = layout.value_edges
        self.texts = TextChecks(spec.text or TextSpec()) if spec.task == "text" else None
        self.slow_ms = layout.profile.slow_ms if layout.profile else None
        self.class_codes: dict[str | None, int] = dict(layout.class_codes.items())
        names = list(spec.features)
        others = {names[position]: column for column, position in enumerate(RowShape(spec).other)}
        self._codings = {name: (others[name], coding_of(layout, name)) for name in others if name in layout.codes}
        self._texts = [
            (column, sections[f"quality:{name}"].start) for name, column in others.items() if name not in layout.codes
        ]
        changes: list[tuple[int, int]] = []
        first = 0
        for name, (_, coding) in self._codings.items():
            changes += _changes(coding, first, sections[f"histogram:{name}"].start, sections[f"quality:{name}"].start)
            first += 2 * coding.bins + 2
        self._targets, self._sources = np.array(changes, dtype=np.intp).reshape(-1, 2).T.copy()
        self.segments = [self._codings[name] for name in spec.segments]
        """Column and coding of each segment's feature."""
        cells = [len(layout.segment_values(name)) + 1 for name in spec.segments]
        self.segment_starts = np.cumsum([0, *cells], dtype=np.intp)[:-1]
        """Where the cells of each segment start, if those of all segments lie side by side."""
        cohort = layout.families["cohort"].sections
        self.segment_n = _positions([cohort[f"segment_n:{name}"] for name in spec.segments])
        """Where these cells lie in the vector of a cohort pane; in the next two, each has `loss_bins` places."""
        self.segment_losses = _positions([cohort[f"segment_losses:{name}"] for name in spec.segments])
        self.segment_loss_sums = _positions([cohort[f"segment_loss_sums:{name}"] for name in spec.segments])
        binary = spec.segments if spec.task == "binary" else []
        self.segment_positive = _positions([cohort[f"segment_positive:{name}"] for name in binary])
        self.segment_confusion = _positions([cohort[f"segment_confusion:{name}"] for name in binary])

    def count_others(self, counts: Counts, columns: Columns) -> None:
        """Add the features that are not numeric to the vector of a traffic pane."""
        if self._codings:
            found = [
                np.bincount(coding.outcomes(columns.values[column]), minlength=2 * coding.bins + 2)
                for column, coding in self._codings.values()
            ]
            np.add.at(counts, self._targets, np.concatenate(found)[self._sources])
        for column, quality in self._texts:
            kinds = list(map(type, columns.values[column]))
            texts = kinds.count(str)
            if texts < len(kinds):
                missing = kinds.count(type(None))
                counts[quality + MISSING] += missing
                counts[quality + INVALID] += len(kinds) - texts - missing


def _changes(coding: Coding, first: int, histogram: int, quality: int) -> list[tuple[int, int]]:
    """Return where in the vector each outcome counts, as (position, outcome); the first outcome is `first`."""
    bins, unseen, missing = range(coding.bins), first + coding.bins, first + 2 * coding.bins
    return [
        *((histogram + bin_, first + bin_) for bin_ in bins),
        *((histogram + bin_, unseen + bin_) for bin_ in bins),
        *((quality + UNSEEN, unseen + bin_) for bin_ in bins),
        (quality + MISSING, missing),
        (quality + INVALID, missing + 1),
    ]


def _positions(sections: list[slice]) -> Positions:
    return np.array(
        [position for section in sections for position in range(section.start, section.stop)], dtype=np.intp
    )
