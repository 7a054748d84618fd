"""A policy of the monitor file, run by the monitor itself over a stream in which its retrainings take effect.

The loop is the product's level 2 (`Monitor.close`, `Monitor.command`) on panes that level 1's own counting makes of
the simulated answers: no policy, signal or episode is written a second time here. A replay through `SourcePartition`
would join and sort the same rows anew for every policy, and come to the same panes: a test holds the two together.

After a trigger: a training starts; at the next decision point the candidate is fitted and compared; from then on its
answers are the stream's, under a version of its own, so that its signals begin anew. The monitor is told of all this by
the commands that the retraining side would send. There is no shadow and no canary: they need labels that nobody has.
Versions of the simulation are judged by the reference of the recorded one.
"""

from dataclasses import dataclass

import numpy as np

from detectors.layouts import Layouts
from detectors.monitor import VERSIONS, Monitor, MonitorState, Output
from detectors.monitor_state import VersionState
from detectors.signals.catalogue import settings_of, signals_of
from schemas import command as commands
from schemas.event_time import Micros, from_micros, to_micros
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from streams.backtest.candidates import RECORDED, Candidate, Candidates
from streams.backtest.course import Course, Retraining
from streams.backtest.deciding_signals import deciding
from streams.backtest.history import Positions
from streams.backtest.simulated_panes import SimulatedPanes


@dataclass(frozen=True)
class Told:
    """A trigger that the monitor raised."""

    moment: Micros
    begin: Micros
    """Start of the window that it says to train on."""
    reason: str
    id: str
    refit: bool
    """It asks for the serving model to be trained once more, on all rows since the same change."""


class Monitored:
    """One run of a monitor.

    Parameters
    ----------
    spec
        Settings of the model, with the policies to run.
    layouts
        Of that spec.
    whole
        With all signals, also those that no decision of these policies depends on.
    """

    def __init__(
        self, candidates: Candidates, spec: ModelSpec, layouts: Layouts, panes: SimulatedPanes, *, whole: bool = False
    ) -> None:
        self._candidates, self._spec, self._panes, self._whole = candidates, spec, panes, whole
        self._history, self._layouts = candidates.history, layouts
        self._monitor = Monitor(self._history.model, layouts)
        self._state = MonitorState()
        self._settings: dict[int, str] = {}
        """Fingerprints of what signals are made from, by reference profile."""
        self._waiting: list[tuple[Micros, commands.Command]] = []
        self.course = Course(candidates)
        self.triggers: list[Told] = []

    def run(self) -> Course:
        """Go through the history once."""
        for due, family, start in self._panes.schedule:
            self._send(due)
            served = self._served(self._panes.rows(family, start))
            for pane in self._panes.panes(self._layouts, family, start, served):
                self._begin(pane.key.version)
                self._state, outputs = self._monitor.close(self._state, pane)
                self._hear(outputs)
        return self.course

    def _served(self, at: Positions) -> list[tuple[str, Candidate, Positions]]:
        """Return rows by the version that answered them."""
        edges = self._candidates.points.edges
        stretches = np.searchsorted(edges, at, side="right") - 1
        parts = []
        for candidate in dict.fromkeys(self.course.serving[one] for one in np.unique(stretches).tolist()):
            answered = np.array([one == candidate for one in self.course.serving])
            mine = at[answered[stretches]]
            if candidate != RECORDED:
                parts.append((_version(candidate), candidate, mine))
                continue
            versions = np.array([self._history.versions[place] for place in mine.tolist()])
            parts += [(str(name), candidate, mine[versions == name]) for name in np.unique(versions)]
        return parts

    def _begin(self, version: str) -> None:
        """Give a version that is new the signals that decide; all else is left to the monitor."""
        versions = self._state.versions
        if self._whole or version in versions:
            return
        if len(versions) >= VERSIONS:  # as the monitor makes room
            del versions[next(iter(versions))]
            self._state.evicted += 1
        layout = self._layouts.of(self._history.model, version)
        signals = deciding(signals_of(layout), self._spec.retraining.policies)
        owner = id(layout.profile)
        if owner not in self._settings:
            self._settings[owner] = settings_of(layout)  # the same for all versions that a profile judges
        versions[version] = VersionState(signals=signals, settings=self._settings[owner])

    def _hear(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, RetrainingTrigger):
                begin = to_micros(output.train_on.window.start)
                refit = self._state.policy.triggers[output.id].refits is not None
                told = Told(to_micros(output.time), begin, output.reason, output.id, refit)
                self.triggers.append(told)
                self._train(told)

    def _train(self, told: Told) -> None:
        done = self.course.retrain(told.moment, told.begin, told.reason, refit=told.refit)
        if done is None:
            return  # the history ends before it could serve, or a training is under way
        started = commands.RetrainingStarted(
            id=f"started-{told.id}",
            model=self._history.model,
            timestamp=from_micros(told.moment),
            type="retraining_started",
            trigger=told.id,
        )
        self._waiting.append((told.moment, started))
        self._answer(done, told.id)

    def _answer(self, done: Retraining, trigger: str) -> None:
        """Send what the retraining side would, when it would."""
        when = self._candidates.points.serves_from(done.point)
        model, at = self._history.model, from_micros(when)
        if done.candidate is None:
            failed = commands.RetrainingFailed(
                id=f"failed-{trigger}", model=model, timestamp=at, type="retraining_failed", trigger=trigger
            )
            self._waiting.append((when, failed))
            return
        rows, loss = self.course.held_out_loss(done)
        finished = commands.RetrainingFinished(
            id=f"finished-{trigger}",
            model=model,
            timestamp=at,
            type="retraining_finished",
            trigger=trigger,
            new_version=_version(done.candidate),
            held_out_loss=loss,
            held_out_rows=rows,
            checks="passed" if done.came == "served" else "failed",
        )
        self._waiting.append((when, finished))
        if done.came != "kept":
            newest = max(0, int(self._candidates.points.edges[done.point + 1]) - 1)
            version = self._history.versions[newest] if done.serves == RECORDED else _version(done.serves)
            promote = commands.Promote(
                id=f"promote-{trigger}", model=model, timestamp=at, type="promote", version=version
            )
            self._waiting.append((when, promote))

    def _send(self, now: Micros) -> None:
        """Hand over the commands of before a moment, in the order of time."""
        self._waiting.sort(key=lambda one: one[0])
        while self._waiting and self._waiting[0][0] < now:
            _, command = self._waiting.pop(0)
            self._state, outputs = self._monitor.command(self._state, command)
            self._hear(outputs)


def _version(candidate: Candidate) -> str:
    """Return a name that sorts in the order of training."""
    return f"retrained-{candidate.point:04d}-{candidate.begin}"
