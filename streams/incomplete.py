"""`Incomplete`: which panes something is missing from that was evicted, or deleted before it was read.

What is missing cannot be counted any more, so those panes are not judged: their readings are `unknown`. Their summaries
say so, and a message to level 2 says it by itself: of a pane that lost all its events there is no summary.
"""

from collections.abc import Iterator

import msgspec

from detectors.merge import Missing
from detectors.summary import pane_start
from schemas.event_time import Micros
from schemas.reading import Family
from schemas.spec import ModelSpec, MonitorSpec
from streams.event_clock import complete
from streams.records import Role

EVER: Micros = -(2**62)
"""Before all panes; where nothing was sent yet, all may be missing something."""


class Incomplete(msgspec.Struct):
    """By model and family, the largest start of a pane that something may be missing from, and the smallest."""

    through: dict[str, dict[Family, Micros]] = msgspec.field(default_factory=dict)
    since: dict[str, dict[Family, Micros]] = msgspec.field(default_factory=dict)
    """Panes before it were sent, whole, when the loss was noted. Known once level 2 was told."""
    finished: dict[Role, Micros] = msgspec.field(default_factory=dict)
    """The event times at which panes were last sent."""
    untold: dict[str, bool] = msgspec.field(default_factory=dict)
    """Models of which level 2 has yet to be told."""

    def holds(self, model: str, family: Family, start: Micros) -> bool:
        """Say whether something may be missing from a pane that was not sent yet."""
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

    def news(self, spec: MonitorSpec) -> Iterator[tuple[str, dict[Family, Missing]]]:
        """Yield, by model, what level 2 was not told yet; it is taken as told."""
        for name in self.untold:
            if name not in spec.models:
                continue
            model, since = spec.models[name], self.since.setdefault(name, {})
            families: dict[Family, Missing] = {}
            for family, time in self.through[name].items():
                first = since.setdefault(family, self._unfinished(family, model, spec))
                if first <= time:
                    families[family] = (first, pane_start(time, model))
            if families:
                yield name, families
        self.untold.clear()

    def finish(self, times: dict[Role, Micros], spec: MonitorSpec) -> None:
        """Note that all panes were sent that are over at these event times, and forget what was missing from them."""
        for role, time in times.items():
            self.finished[role] = max(self.finished.get(role, time), time)
        for name in [name for name in self.through if name in spec.models and name not in self.untold]:
            for family, time in list(self.through[name].items()):
                if time < self._unfinished(family, spec.models[name], spec):
                    del self.through[name][family]
                    self.since.get(name, {}).pop(family, None)
            if not self.through[name]:
                del self.through[name]
                self.since.pop(name, None)

    def tell_again(self) -> None:
        """Note that level 2 may not have been told what it was told last."""
        self.untold.update(dict.fromkeys(self.through, True))

    def _unfinished(self, family: Family, model: ModelSpec, spec: MonitorSpec) -> Micros:
        """Return the start of the first pane that was not sent yet."""
        if family == "traffic":
            mark = self.finished["predictions"] - model.lateness if "predictions" in self.finished else None
        else:
            mark = complete(self.finished, model, spec)
        if mark is None:
            return EVER
        return pane_start(mark - model.maturity if family == "cohort" else mark, model)

    def _note(self, model: str, family: Family, time: Micros) -> None:
        known = self.through.setdefault(model, {})
        if known.get(family, time - 1) < time:
            known[family] = time
            self.untold[model] = True
