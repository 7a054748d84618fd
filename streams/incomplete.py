"""`Incomplete`: up to which panes something is missing that was evicted, or deleted before it was read.

What is missing cannot be counted any more, so those panes are not judged: their readings are `unknown`.
"""

import msgspec

from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import ModelSpec


class Incomplete(msgspec.Struct):
    """By model and family, the largest start of a pane that something may be missing from."""

    through: dict[str, dict[Family, Micros]] = msgspec.field(default_factory=dict)

    def holds(self, model: str, family: Family, start: Micros) -> bool:
        """Say whether something may be missing from a pane."""
        return start <= self.through.get(model, {}).get(family, start - 1)

    def predictions_lost(self, model: str, spec: ModelSpec, time: Micros) -> None:
        """Note that predictions up to `time` were never read: no family of their panes is whole."""
        self._note(model, "traffic", time)
        self.labels_lost(model, spec, time)

    def labels_lost(self, model: str, spec: ModelSpec, time: Micros) -> None:
        """Note that predictions up to `time` may miss the label that comes for them, within the horizon."""
        self._note(model, "cohort", time)
        self._note(model, "label", time + spec.label_horizon)

    def feedback_lost(self, model: str, time: Micros) -> None:
        """Note that feedback up to `time` was lost."""
        self._note(model, "cohort", time)
        self._note(model, "label", time)

    def _note(self, model: str, family: Family, time: Micros) -> None:
        known = self.through.setdefault(model, {})
        known[family] = max(known.get(family, time), time)
