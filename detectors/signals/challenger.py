"""The challenger: an incremental River model that learns from the labels, with its own loss beside the champion's."""

from collections.abc import Iterable

from detectors.challenger import Challenger, LabelledRow
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.signals.signal import Finding
from detectors.state import register
from schemas.reading import Family, Reading

LARGEST = 1e100  # of a loss, where no reference says
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
            truth = None if label is None else label.value if pane.layout.spec.task == "regression" else label.label
            if truth is not None:
                rows.append(LabelledRow(sampled.row.features, truth, sampled.loss))
        result = self.challenger.test_then_train(rows)
        for name, value in (
            ("n", result.n),
            ("challenger", result.loss_sum),
            ("champion", result.champion_loss_sum),
        ):
            self.recent[name] = RECENT * self.recent[name] + value
        for name, total in (("challenger_loss", result.loss_sum), ("champion_loss", result.champion_loss_sum)):
            yield Finding(
                Reading(
                    signal=name,
                    tier="performance",
                    detector="challenger",
                    value=total / result.n if result.n else None,
                    n=result.n,
                    status="ok" if result.n else "unknown",
                    reason=None if result.n else "no labelled row to compare them on",
                    sampled=not pane.complete,
                )
            )

    def comparison(self) -> dict[str, float] | None:
        """Return recent mean losses of both, and the rows they rest on; None before there are any."""
        n = self.recent["n"]
        if n <= 0:
            return None
        return {"challenger": self.recent["challenger"] / n, "champion": self.recent["champion"] / n, "rows": n}
