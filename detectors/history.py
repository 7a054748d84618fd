"""`History`: what the judged cohorts of a version held, so that a change can be told in rows, slices and offsets."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from detectors.class_mistakes import mistakes_of
from detectors.costs import cost_sum
from detectors.indicators import loss_histogram
from detectors.pane import ClosedPane
from detectors.reference import moments
from detectors.reliability import describe, groups_of, hits_of
from detectors.signals.labels import too_few_labels
from detectors.state import register
from detectors.summary import Offsets
from schemas.event_time import Micros
from schemas.reading import Reading

CAPACITY = 1_000  # panes; what is older is forgotten, and a window that reaches there says so by its start


@register
@dataclass(frozen=True)
class Cohort:
    """One judged cohort."""

    start: Micros
    end: Micros
    n: int
    labelled: int
    loss: float
    """Sum of the losses, in the unit of the loss."""
    segments: dict[str, tuple[int, float]]
    """By `feature=value`: labelled rows and sum of losses."""
    offsets: dict[int, Offsets]
    costed: int = 0
    """Labelled rows that the declared cost matrix speaks of."""
    cost: float = 0.0
    """Sum of their costs."""
    squares: float | None = None
    """Upper bound of the sum of the squared losses; exact where a loss is right or wrong."""
    problem: str | None = None
    """Why it is not judged: rows or labels are missing, or the reference is too old."""
    mistakes: dict[int, int] | None = None
    """Labelled rows by mistake (`detectors.class_mistakes`); None but for multiclass."""
    hits: dict[str, tuple[int, float]] = field(default_factory=dict)
    """By group of scores, as its calibration is named: labelled rows, and how many of them hit."""
    left_out: int = 0
    """Labelled rows besides, that `labelled` and all sums leave out: curation chose them."""

    @property
    def trainable(self) -> int:
        """Labelled rows that a training can learn from: chosen or not."""
        return self.labelled + self.left_out


@register
@dataclass(frozen=True)
class Compared:
    """Losses of champion and challenger on the same rows of one label pane."""

    start: Micros
    end: Micros
    rows: int
    labelled: int
    """Labelled rows of the pane, of which the rows compared are all, or a uniform sample."""
    champion: float
    challenger: float
    """Sums, as `champion` is."""


@register
class History:
    """The newest cohorts of a model version, oldest first."""

    def __init__(self) -> None:
        self.cohorts: deque[Cohort] = deque(maxlen=CAPACITY)
        self.compared: deque[Compared] = deque(maxlen=CAPACITY)

    def add(self, pane: ClosedPane) -> None:
        """Take a closed cohort pane."""
        scale = pane.layout.loss_scale or 0.0
        counts, sums = loss_histogram(pane.layout, pane.counts, "cohort")
        segments = {}
        for segment in pane.layout.spec.segments:
            for cell, value in enumerate(pane.layout.segment_values(segment)):
                part, losses = loss_histogram(pane.layout, pane.counts, "cohort", segment, cell)
                if part.sum():
                    segments[f"{segment}={value}"] = (int(part.sum()), float(losses.sum()) * scale)
        labelled, loss = int(counts.sum()), float(sums.sum()) * scale
        costed, cost = cost_sum(pane.layout, pane.counts) or (0, 0.0)
        problem = pane.judging_problem or too_few_labels(pane.layout, labelled, pane.n)
        squares = moments(counts, sums)[2] * scale * scale
        self.cohorts.append(
            Cohort(
                start=pane.start,
                end=pane.end,
                n=pane.n,
                labelled=labelled,
                loss=loss,
                segments=segments,
                offsets=pane.offsets,
                costed=costed,
                cost=cost,
                squares=squares,
                problem=problem,
                mistakes=mistakes_of(pane.layout, pane.counts),
                hits=_hits(pane),
                left_out=pane.left_out,
            )
        )

    def compare(self, pane: ClosedPane, readings: Iterable[Reading]) -> None:
        """Take what champion and challenger lost on a closed label pane."""
        means = {reading.signal: reading for reading in readings if reading.detector == "challenger"}
        champion, challenger = means.get("champion_loss"), means.get("challenger_loss")
        if pane.problem is not None or champion is None or challenger is None:
            return
        if champion.value is None or challenger.value is None:
            return
        n = champion.n
        labelled = max(n, int(pane.view("losses").sum()))
        self.compared.append(Compared(pane.start, pane.end, n, labelled, champion.value * n, challenger.value * n))

    def since(self, start: Micros) -> list[Cohort]:
        """Return the cohorts that end after `start`."""
        return [cohort for cohort in self.cohorts if cohort.end > start]


def _hits(pane: ClosedPane) -> dict[str, tuple[int, float]]:
    """Return labelled rows and hits by group of scores; those without rows are left out."""
    layout = pane.layout
    found = {describe(layout, group): hits_of(layout, pane.counts, group) for group in groups_of(layout)}
    return {name: (int(n), hits) for name, (hits, n) in found.items() if n}


def segment_means(cohorts: list[Cohort]) -> dict[str, tuple[int, float]]:
    """Return labelled rows and mean loss by segment over some cohorts."""
    totals: dict[str, tuple[int, float]] = {}
    for cohort in cohorts:
        for segment, (n, loss) in cohort.segments.items():
            known = totals.get(segment, (0, 0.0))
            totals[segment] = (known[0] + n, known[1] + loss)
    return {segment: (n, loss / n) for segment, (n, loss) in totals.items() if n}


def offset_ranges(cohorts: list[Cohort]) -> dict[str, dict[str, list[int]]]:
    """Return first and last offset by topic role and source partition over some cohorts."""
    ranges: dict[str, dict[str, list[int]]] = {}
    for cohort in cohorts:
        for partition, offsets in cohort.offsets.items():
            for role, (first, last) in offsets.items():
                known = ranges.setdefault(role, {}).setdefault(str(partition), [first, last])
                known[0], known[1] = min(known[0], first), max(known[1], last)
    return ranges
