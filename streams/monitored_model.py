"""`MonitoredModel`: level 2 of one model in one partition of the summaries topic, with its open panes and commands."""

import logging
from collections import deque
from typing import Any

from detectors.layouts import Layouts
from detectors.merge import Panes
from detectors.monitor import Monitor, MonitorState, Output
from detectors.rollouts import Rollouts
from schemas.event_time import to_micros
from schemas.serving import Serving
from schemas.spec import MonitorSpec
from streams import metrics

log = logging.getLogger(__name__)


class MonitoredModel:
    """One model in this partition."""

    def __init__(self, name: str, spec: MonitorSpec, layouts: Layouts) -> None:
        self.name = name
        self.spec = spec.models[name]
        self.monitor = Monitor(name, layouts)
        self.state = MonitorState()
        self.panes = Panes(self.spec, layouts)
        self.offset = 0
        """Records before it are in the state."""
        self.saved = 0
        """The same, of its newest snapshot."""
        self.changed = False
        self.scheduled: deque[Any] = deque()
        """Commands that wait for their time, in order."""
        self._layouts = layouts

    def go_on_from(self, serving: Serving) -> None:
        """Take over who served before there was a state."""
        Rollouts(self.name, self._layouts).resume(self.state.rollouts, serving)

    def close(self) -> list[Output]:
        """Judge what is ready; each scheduled command is carried out before the first pane that is due after it."""
        outputs: list[Output] = []
        for pane in self.panes.close():
            while self.scheduled and to_micros(self.scheduled[0].timestamp) < pane.due:
                outputs += self.command(self.scheduled.popleft())
            self.state, told = self.monitor.close(self.state, pane)
            outputs += told
            self.changed = True
        return outputs

    def command(self, command: Any) -> list[Output]:
        """Carry out a command; say in the log why one is not."""
        self.changed = True
        again = command.id in self.state.commands
        self.state, outputs = self.monitor.command(self.state, command)
        reason = self.state.rollouts.refused.get(command.id)
        if again:
            log.warning("command %s of model %s was carried out before: left out", command.id, self.name)
        elif reason is not None:
            metrics.COMMANDS.labels("not_carried_out").inc()
            log.warning("command %s (%s): not carried out: %s", command.id, command.type, reason)
        return outputs

    @property
    def resume(self) -> int:
        """Where the summaries topic must be read from, with the newest snapshot, so that nothing is missed."""
        oldest = self.panes.oldest_offset
        return self.saved if oldest is None else min(oldest, self.saved)
