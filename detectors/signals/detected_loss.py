"""Early notices of a changed error: River's detectors on the label pane's rows, in the order in which labels came.

For those who ask for them by name. Where the pane's sample is every row, the alarms are those of River run by hand over
the sorted stream, index for index. Nobody knows how often they are wrong, so what they raise draws on no budget, and by
label time alone performance is biased whenever bad outcomes are known sooner: notices only.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from detectors.layout import Layout, segment_code
from detectors.pane import ClosedPane
from detectors.signals.loss import NAMES, minimum_effect
from detectors.signals.signal import Finding, Firing
from detectors.state import register
from detectors.stream_detector import stream_detector
from schemas.detector_spec import AnyDetector
from schemas.event_time import Micros
from schemas.reading import Family, Reading

MARKS = 1_000  # newest panes among which the start of a change is looked for
CLEARLY = 3  # standard errors from the level of a change to halfway back
FEWEST, MOST = 300, 10_000  # rows that are asked, whatever the change, whether errors are back


@register
class DetectedLoss:
    """One detector on the loss of one cell: all rows, or one value of a segment.

    Detectors say that something has changed, not since when: the start of the change is taken to be the pane boundary
    since the last alarm that splits the losses best, `|mean after - mean before| sqrt(n0 n1 / (n0 + n1))` at its
    largest (the least-squares estimate of a single change).

    A notice is over when the detector sees the loss fall. Where it sees rises alone, it is over when the mean of the
    newest panes, of enough rows since the last alarm to tell, is at most halfway between before and after the change.
    """

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, spec: AnyDetector, segment: str | None, cell: int) -> None:
        self._name = spec.type
        self._segment = segment
        self._cell = cell
        self._detector = stream_detector(spec)
        self._total = 0.0
        self._over: tuple[float, int] | None = None
        """Error rate at which the notice is over, and over how many rows, where the detector sees rises alone."""
        self._marks: deque[tuple[int, float, Micros]] = deque(maxlen=MARKS)
        """At the start of each pane since the last alarm: position, sum of losses, event time."""

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Feed the pane's losses; return their mean, with the positions at which the detector fired."""
        layout = pane.layout
        rows = pane.estimating
        values = [row.loss for row in rows if row.loss is not None and self._in_cell(layout, row.row.features)]
        if not values and self._segment is not None:
            return
        segment = None
        if self._segment is not None:
            segment = f"{self._segment}={layout.segment_cells(self._segment)[self._cell]}"
        name = NAMES[layout.spec.task]
        problem = pane.problem or (None if values else "no labels became known")
        if pane.problem is None:
            positions, firing, recovered = self._feed(pane, values, name, segment)
        else:
            positions, firing, recovered = [], None, False  # which of its rows are missing may depend on the losses
        reading = Reading(
            signal=name,
            tier="performance",
            segment=segment,
            detector=self._name,
            value=sum(values) / len(values) if values else None,
            n=len(values),
            status="alarm" if positions else "ok" if problem is None else "unknown",
            reason=problem,
            sampled=not pane.complete,
            positions=positions,
        )
        yield Finding(reading, firing, recovered=recovered)

    def _feed(
        self, pane: ClosedPane, values: list[float], name: str, segment: str | None
    ) -> tuple[list[int], Firing | None, bool]:
        """Feed losses; return where the detector fired, the notice if there is one, and whether one is over."""
        detector = self._detector
        self._marks.append((detector.position, self._total, pane.start))
        positions: list[int] = []
        firing, fell = None, False
        for value in values:
            skipped = detector.skipped
            fired = detector.update(value)
            if detector.skipped == skipped:  # what it does not see is in no mean either
                self._total += value
            if not fired:
                continue
            positions.append(detector.position - 1)
            before, after, n, since = self._split()
            rose = after > before if detector.rose is None else detector.rose
            fell = not rose
            effect = minimum_effect(pane.layout)
            if rose and after > before + effect:
                what = name.replace("_", " ") + (f" of {segment}" if segment else "")
                firing = Firing("notice", since, what, after, n, reference=before, minimum_effect=effect)
                if not detector.two_sided and self._over is None:
                    rows = after * (1 - after) * (2 * CLEARLY / (after - before)) ** 2
                    self._over = (before + after) / 2, int(min(max(rows, FEWEST), MOST))
            self._marks.clear()
            self._marks.append((detector.position, self._total, pane.start))
        return positions, firing, firing is None and (fell or self._is_back())

    def _is_back(self) -> bool:
        """Whether the newest losses, as many panes of them as it takes, say that the notice is over."""
        if self._over is None:
            return False
        (halfway, rows), position = self._over, self._detector.position
        for at, total, _ in reversed(self._marks):
            if position - at >= rows:
                back = (self._total - total) / (position - at) <= halfway
                self._over = None if back else self._over
                return back
        return False

    def _split(self) -> tuple[float, float, int, Micros]:
        """Return the means before and after the best split, the rows after it, and when it was."""
        first, last = self._marks[0], (self._detector.position, self._total)
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


def detected_losses(layout: Layout) -> list[DetectedLoss]:
    """Return each detector of the model over all rows and over each value of each segment."""
    cells = [(s, c) for s in layout.spec.segments for c in range(len(layout.segment_values(s)) + 1)]
    return [
        DetectedLoss(spec, segment, cell) for spec in layout.spec.detectors for segment, cell in [(None, 0), *cells]
    ]
