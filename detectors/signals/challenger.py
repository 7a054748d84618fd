"""The challenger: an incremental River model that learns from the labels, with its own loss beside the champion's."""

from collections.abc import Iterable

from detectors.challenger import Challenger, LabelledRow
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.row import Row
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.reading import Family, Reading
from schemas.spec import Task

NO_ROWS = "no labelled row to compare them on"
LARGEST = 1e100  # of a loss, where no reference says
COMPARED = 200  # rows of a pane on which the two predictions are compared
RECENT = 0.98  # by pane: what the two losses are compared over fades with a half-life of 34 panes


@register
class ChallengerLoss:
    """Test-then-train on the label pane's rows, champion and challenger on the same ones."""

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, layout: Layout) -> None:
        self.challenger = Challenger(
            layout.spec.task,
            {name: feature.type for name, feature in layout.spec.features.items()},
            positive_label=layout.spec.positive_label,
            largest_loss=layout.loss_scale or LARGEST,  # as the champion's is on cohorts
        )
        self.recent = {"n": 0.0, "challenger": 0.0, "champion": 0.0}

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Test both on the pane's rows, then let the challenger learn them."""
        rows = []
        for sampled in pane.sample:
            label = sampled.label
            if label is None:
                continue
            truth = label.value if pane.layout.spec.task == "regression" else label.label
            if truth is not None:
                # a row that curation chose is learnt, and says nothing of how the two do on all rows
                rows.append(LabelledRow(sampled.row.features, truth, None if label.chosen else sampled.loss))
        yield self._disagreement(pane)
        result = self.challenger.test_then_train(rows)
        for name, value in (
            ("n", result.n),
            ("challenger", result.loss_sum),
            ("champion", result.champion_loss_sum),
        ):
            self.recent[name] = RECENT * self.recent[name] + value
        for name, total in (("challenger_loss", result.loss_sum), ("champion_loss", result.champion_loss_sum)):
            reason = pane.problem or (None if result.n else NO_ROWS)
            yield Finding(
                Reading(
                    signal=name,
                    tier="performance",
                    detector="challenger",
                    value=total / result.n if result.n else None,
                    n=result.n,
                    status="ok" if reason is None else "unknown",
                    reason=reason,
                    sampled=not pane.complete,
                )
            )

    def _disagreement(self, pane: ClosedPane) -> Finding:
        """Return how far the two differ on some of the pane's rows, as both were before it; nobody judges it.

        Classification: share of rows with another class. Regression: mean absolute difference over the loss's scale,
        each at most 1.
        """
        task, scale = pane.layout.spec.task, pane.layout.loss_scale
        told = [sampled.row for sampled in pane.sample if sampled.label is not None and _said(sampled.row) is not None]
        rows = told[:: max(1, -(-len(told) // COMPARED))]  # every so many, since they are in the order of time
        reason = pane.problem
        if reason is None and not rows:
            reason = NO_ROWS
        elif reason is None and self.challenger.learnt == 0:
            reason = "the challenger has learnt nothing yet"
        elif reason is None and scale is None:
            reason = "no reference says how large a difference is"
        value = None
        if reason is None and scale is not None:
            pairs = [(_said(row), self.challenger.predict(row.features)) for row in rows]
            value = sum(_difference(task, pane.layout.spec.positive_label, scale, *pair) for pair in pairs) / len(pairs)
        return Finding(
            Reading(
                signal="challenger_disagreement",
                tier="proxies",
                detector="challenger",
                value=value,
                n=len(rows),
                status="ok" if reason is None else "unknown",
                reason=reason,
                sampled=len(rows) < len(told) or not pane.complete,
            )
        )

    def comparison(self) -> dict[str, float] | None:
        """Return recent mean losses of both, and the rows they rest on; None before there are any."""
        n = self.recent["n"]
        if n <= 0:
            return None
        return {"challenger": self.recent["challenger"] / n, "champion": self.recent["champion"] / n, "rows": n}


def _said(row: Row) -> str | float | None:
    return row.label if row.value is None else row.value


def _difference(
    task: Task, positive: str | None, scale: float, champion: str | float | None, challenger: str | float
) -> float:
    if isinstance(champion, float) and isinstance(challenger, float):
        return min(1.0, abs(champion - challenger) / scale)
    if task == "binary":
        return float((champion == positive) != (challenger == positive))
    return float(champion != challenger)
