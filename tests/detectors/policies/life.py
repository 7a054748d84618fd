"""`Life`: two years of a model through the monitor: panes in, triggers out, answers of a retraining side in."""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

from detectors.pane import ClosedPane
from detectors.state import decode, encode
from schemas.command import CommandAdapter
from schemas.decision import RetrainingDecision
from schemas.event_time import Micros, rfc3339
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

from ..builders import DAY, SECOND, Watched, days, layout_of, model_spec, panes_of, profile_of

PANE = 4  # days
ROWS = 25  # a day
YEARS = 2 * 365 // PANE  # panes
CHANGE = 120  # day
PRICE = 100.0
GOOD, BAD = 0.1, 0.4

Answer = Callable[["Life", RetrainingTrigger, Micros], None]


@dataclass
class Life:
    """A model over two years: which version serves, and what it loses."""

    spec: ModelSpec
    loses: Callable[[str, int], float]
    """Error rate by version and day."""
    answer: Answer
    version: str = "1"
    commands: int = 0
    waiting: list[tuple[Micros, dict[str, Any]]] = field(default_factory=list)

    def live(self, restarts: Container[int] = ()) -> Watched:
        """Two years; before the panes `restarts` the monitor's state is written and read."""
        watched = Watched.of(self.spec, profile_of(self.spec, panes=160, rows=ROWS))
        for number in range(YEARS):
            if number in restarts:
                watched.state = decode(encode(watched.state))
            for pane in self._panes(number):
                self._send(watched, pane.due)
                for output in watched.close([pane]):
                    if isinstance(output, RetrainingTrigger):
                        self.answer(self, output, pane.due)
        return watched

    def say(self, moment: Micros, **fields: Any) -> None:
        """Send a command as soon as event time has come to a moment."""
        self.waiting.append((moment, fields))

    def _panes(self, number: int) -> list[ClosedPane]:
        first = number * PANE
        rows = days(self.spec, PANE, ROWS, seed=number, first=first, error=self.loses(self.version, first))
        for row, label in rows:
            assert label is not None
            label.time = row.time + SECOND
        layout = layout_of(self.spec, profile_of(self.spec, panes=160, rows=ROWS), self.version)
        return [pane for pane in panes_of(layout, rows) if pane.key.family != "traffic"]

    def _send(self, watched: Watched, now: Micros) -> None:
        for moment, fields in [one for one in self.waiting if one[0] <= now]:
            self.waiting.remove((moment, fields))
            self.commands += 1
            given = {"id": f"c{self.commands}", "model": "m", "timestamp": rfc3339(now), **fields}
            watched.state, outputs = watched.monitor.command(watched.state, CommandAdapter.validate_python(given))
            watched.outputs += outputs
            if fields["type"] == "promote":
                self.version = fields["version"]


def nobody(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
    """Does not answer."""


def fails(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
    """Fails two days later."""
    life.say(now + 2 * DAY, type="retraining_failed", trigger=trigger.id)


def retrains(held_out: float) -> Answer:
    """Has a new version three days later, which serves at once."""

    def answer(life: Life, trigger: RetrainingTrigger, now: Micros) -> None:
        version = str(int(life.version) + 1)
        finished = {"trigger": trigger.id, "new_version": version, "held_out_loss": held_out, "held_out_rows": 2_000}
        life.say(now + 3 * DAY, type="retraining_finished", checks="passed", **finished)
        life.say(now + 3 * DAY, type="promote", version=version, trigger=trigger.id)

    return answer


def live(loses: Callable[[str, int], float], answer: Answer, restarts: Container[int] = (), **changes: Any) -> Watched:
    costs = {"loss": 1.0, "retraining": PRICE}
    retraining = {"minimum_labels": 200, "rollout": {"stage_labels": 300, "guard_labels": 300}}
    settings: dict[str, Any] = {"costs": costs, "retraining": retraining, "challenger": False} | changes
    return Life(model_spec(pane=f"{PANE}d", **settings), loses, answer).live(restarts)


def changed(version: str, day: int) -> float:
    return GOOD if day < CHANGE else BAD


def triggers(watched: Watched) -> list[RetrainingTrigger]:
    return [output for output in watched.outputs if isinstance(output, RetrainingTrigger)]


def decisions(watched: Watched) -> list[RetrainingDecision]:
    return [output for output in watched.outputs if isinstance(output, RetrainingDecision)]


def statuses(watched: Watched) -> list[str]:
    newest = {output.trigger: output.status for output in watched.outputs if isinstance(output, TriggerOutcome)}
    return [newest.get(trigger.id, "open") for trigger in triggers(watched)]
