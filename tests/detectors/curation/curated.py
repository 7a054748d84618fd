"""A version's signals and its curation, as the monitor runs them, and all that was asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from detectors.curation.curation import Curation
from detectors.layout import Layout
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.signals.catalogue import signals_of
from detectors.signals.signal import Signal
from schemas.label_request import LabelRequest


@dataclass
class Curated:
    """Closes panes in the order in which level 2 does."""

    signals: list[Signal]
    losses: LossRows = field(default_factory=LossRows)
    curation: Curation = field(default_factory=Curation)
    requests: list[LabelRequest] = field(default_factory=list)
    idle: dict[str, str] = field(default_factory=dict)
    """Why strategies had nothing to go by, when they had not last."""

    @classmethod
    def of(cls, layout: Layout) -> "Curated":
        return cls(signals_of(layout))

    def close(self, panes: Sequence[ClosedPane]) -> list[LabelRequest]:
        """Requests that come of these panes."""
        said: list[LabelRequest] = []
        for pane in panes:
            for signal in self.signals:
                if pane.key.family in signal.families:
                    list(signal.read(pane))
            if pane.key.family == "cohort":
                self.losses.add(pane)
            asked = self.curation.close(pane, self.signals, self.losses)
            said += asked.requests
            self.idle.update(asked.idle)
        self.requests += said
        return said
