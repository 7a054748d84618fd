"""Early notices of a changed error: River's ADWIN on the label pane's rows, in the order in which labels became known.

Where the pane's sample is every row, ADWIN's alarms are those of River run by hand over the sorted stream, index for
index. By label time alone, performance is biased whenever bad outcomes are known sooner: notices only.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from detectors.adwin import GuardedAdwin
from detectors.layout import Layout, segment_code
from detectors.pane import ClosedPane
from detectors.signals.loss import NAMES, minimum_effect
from detectors.signals.signal import Finding, Firing
from detectors.state import register
from schemas.event_time import Micros
from schemas.reading import Family, Reading

MARKS = 1_000  # newest panes among which the start of a change is looked for


@register
class AdwinError:
    """ADWIN on the loss of one cell: all rows, or one value of a segment.

    ADWIN says that the mean has changed, and keeps a window that begins long before the change: the start of the change
    is taken to be the pane boundary since the last alarm that splits the losses best,
    `|mean after - mean before| sqrt(n0 n1 / (n0 + n1))` at its largest (the least-squares estimate of a single change).
    """

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, segment: str | None, cell: int) -> None:
        self._segment = segment
        self._cell = cell
        self._adwin = GuardedAdwin()
        self._total = 0.0
        self._marks: deque[tuple[int, float, Micros]] = deque(maxlen=MARKS)
        """At the start of each pane since the last alarm: position, sum of losses, event time."""

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Feed the pane's losses; return their mean, with the positions at which ADWIN fired."""
        layout = pane.layout
        values = [row.loss for row in pane.sample if row.loss is not None and self._in_cell(layout, row.row.features)]
        if not values and self._segment is not None:
            return
        segment = None
        if self._segment is not None:
            segment = f"{self._segment}={[*layout.segment_values(self._segment), '(other)'][self._cell]}"
        name = NAMES[layout.spec.task]
        problem = pane.problem or (None if values else "no labels became known")
        positions, firing, fell = self._feed(pane, values, name, segment)
        reading = Reading(
            signal=name,
            tier="performance",
            segment=segment,
            detector="adwin",
            value=sum(values) / len(values) if values else None,
            n=len(values),
            status="alarm" if positions else "ok" if problem is None else "unknown",
            reason=None if positions else problem,
            sampled=not pane.complete,
            positions=positions,
        )
        yield Finding(reading, firing, recovered=fell and firing is None)

    def _feed(
        self, pane: ClosedPane, values: list[float], name: str, segment: str | None
    ) -> tuple[list[int], Firing | None, bool]:
        self._marks.append((self._adwin.position, self._total, pane.start))
        positions: list[int] = []
        firing, fell = None, False
        for value in values:
            skipped = self._adwin.skipped
            fired = self._adwin.update(value)
            if self._adwin.skipped == skipped:  # what ADWIN does not see is in no mean either
                self._total += value
            if not fired:
                continue
            positions.append(self._adwin.position - 1)
            fell = not self._adwin.rose
            before, after, n, since = self._split()
            effect = minimum_effect(pane.layout)
            if self._adwin.rose and after > before + effect:
                what = name.replace("_", " ") + (f" of {segment}" if segment else "")
                firing = Firing("notice", since, what, after, n, reference=before, minimum_effect=effect)
            self._marks.clear()
            self._marks.append((self._adwin.position, self._total, pane.start))
        return positions, firing, fell

    def _split(self) -> tuple[float, float, int, Micros]:
        """Return the means before and after the best split, the rows after it, and when it was."""
        first, last = self._marks[0], (self._adwin.position, self._total)
        best = (-1.0, 0.0, 0.0, 0, first[2])
        for position, total, start in self._marks:
            n0, n1 = position - first[0], last[0] - position
            if n1 <= 0:
                continue
            after = (last[1] - total) / n1
            before = (total - first[1]) / n0 if n0 else after
            score = abs(after - before) * (n0 * n1 / (n0 + n1)) ** 0.5
            if score > best[0]:
                best = (score, before, after, n1, start)
        return best[1:]

    def _in_cell(self, layout: Layout, features: Sequence[object]) -> bool:
        if self._segment is None:
            return True
        position = list(layout.spec.features).index(self._segment)
        return segment_code(layout, self._segment, features[position]) == self._cell


def adwins(layout: Layout) -> list[AdwinError]:
    """Return ADWIN over all rows and over each value of each segment."""
    cells = [(s, c) for s in layout.spec.segments for c in range(len(layout.segment_values(s)) + 1)]
    return [AdwinError(None, 0), *(AdwinError(segment, cell) for segment, cell in cells)]
