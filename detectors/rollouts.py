"""`Rollouts`: how new versions of one model come to serve, and what came of the triggers that led to them. Pure.

Level 2 asks it at each closed cohort and at each command, in its one order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from detectors.history import History
from detectors.incidents import Incident
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.pane import ClosedPane
from detectors.rollout import (
    Change,
    Moment,
    Refused,
    RolloutState,
    Warned,
    announce,
    promote,
    resume,
    roll_back,
    shadow,
)
from detectors.rollout_alert import alert_of_worse, over
from detectors.rollout_stages import Step, Worse, begin_stage, read
from detectors.state import register
from detectors.trigger_outcomes import OutcomeState, TriggerOutcomes
from detectors.version_past import Past
from schemas import command as commands
from schemas.alert import Alert
from schemas.event_time import Micros
from schemas.serving import Serving
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

REFUSED = 100  # newest commands whose refusal is remembered

Told = Serving | Alert | TriggerOutcome
RolloutCommand = (
    commands.RetrainingStarted
    | commands.RetrainingFinished
    | commands.RetrainingFailed
    | commands.Shadow
    | commands.Promote
    | commands.RollBack
)


@register
@dataclass
class RolloutsState:
    """What is known of rollouts and of triggers of one model."""

    rollout: RolloutState = field(default_factory=RolloutState)
    outcomes: OutcomeState = field(default_factory=OutcomeState)
    refused: dict[str, str] = field(default_factory=dict)
    """Why a command was not carried out, by its id."""


@dataclass(frozen=True)
class Seen:
    """What level 2 knows of the versions of a model."""

    histories: Mapping[str, History]
    primary: str | None
    """The version that is meant where none is named."""
    own: Mapping[str, Layout] = field(default_factory=dict)
    """Layouts of versions that have adopted a reference of their own."""


class Rollouts:
    """Rollouts and outcomes of one model."""

    def __init__(self, model: str, layouts: Layouts) -> None:
        self._model, self._layouts = model, layouts

    def resume(self, state: RolloutsState, serving: Serving) -> None:
        """Go on from who served under a monitor before this one; who is tried is compared from then on.

        Nothing is known of how far the comparison had come, nor whether the serving version was on guard.
        """
        resume(state.rollout, serving)
        spec = self._layouts.of(self._model, serving.version).spec
        begin_stage(state.rollout, spec, lambda _: None, state.rollout.time)

    def asked(self, state: RolloutsState, trigger: RetrainingTrigger, now: Micros, seen: Seen) -> None:
        """Take note of a trigger, raised at event time `now`."""
        self._outcomes(seen).asked(state.outcomes, trigger, now)

    def refuse(self, state: RolloutsState, command: str, reason: str) -> None:
        """Remember why a command was not carried out."""
        state.refused[command] = reason
        while len(state.refused) > REFUSED:
            del state.refused[next(iter(state.refused))]

    def warned(self, state: RolloutsState) -> list[str]:
        """Return the episodes of open alerts that a new version is worse."""
        warned = state.rollout.warned
        return [Alert.model_validate_json(warned.alert).episode] if warned is not None and warned.alert else []

    def read(self, state: RolloutsState, pane: ClosedPane, seen: Seen) -> Step:
        """Take a closed pane; return the reading of a cohort, and what the comparison comes to."""
        if pane.key.family != "cohort":
            return Step([])
        moment = self._moment(state, seen, pane.due, f"{pane.key.version}/{pane.start}")
        since = self._change_of(state)
        return read(state.rollout, moment, pane, self._past(seen), since)

    def concluded(
        self,
        state: RolloutsState,
        step: Step,
        pane: ClosedPane,
        seen: Seen,
        incidents: Mapping[str, Iterable[Incident]],
        *,
        quiet: bool,
    ) -> list[Told]:
        """Return what is to be told after a closed pane. The histories have it by now.

        Parameters
        ----------
        incidents
            Open ones, by version.
        quiet
            Nobody wants alerts of this.
        """
        told: list[Told] = []
        if step.worse is not None:
            alert = self._warn(state.rollout, step.worse, pane, incidents)
            told += [] if quiet else [alert]
        if step.change is not None:
            told += self._changed(state, step.change, seen, pane.due)
        if pane.key.family == "cohort":
            told += self._outcomes(seen).judged(state.outcomes, state.rollout, pane.due)
        return told

    def command(self, state: RolloutsState, command: RolloutCommand, now: Micros, seen: Seen) -> list[Told]:
        """Carry out a command; one that cannot be is refused, and says why in `state`.

        Parameters
        ----------
        now
            Event time of the command: no later than what level 2 has seen.
        """
        outcomes, said = self._outcomes(seen), command.reason
        match command:
            case commands.RetrainingStarted():
                outcomes.started(state.outcomes, command.trigger, now)
                return []
            case commands.RetrainingFailed():
                return list(outcomes.failed(state.outcomes, command.trigger, now, said))
            case commands.RetrainingFinished():
                return self._finished(state, command, now, seen)
        moment = self._moment(state, seen, now, command.id)
        match command:
            case commands.Shadow():
                result = shadow(state.rollout, moment, command.version, command.trigger, said)
            case commands.Promote():
                result = promote(state.rollout, moment, command.version, command.share, command.trigger, said)
            case commands.RollBack():
                result = roll_back(state.rollout, moment, command.version, said)
        return self._result(state, command.id, result, seen, now)

    def _finished(
        self, state: RolloutsState, command: commands.RetrainingFinished, now: Micros, seen: Seen
    ) -> list[Told]:
        version, passed = command.new_version, command.checks != "failed"
        announce(state.rollout, version, command.trigger)
        told: list[Told] = list(
            self._outcomes(seen).finished(
                state.outcomes, command.trigger, version, now, passed=passed, reason=command.reason
            )
        )
        # what somebody trained by themselves takes no trial from a version that is in one
        free = state.rollout.candidate in (None, version) or command.trigger in state.outcomes.triggers
        if command.checks == "passed" and free and self._spec(seen).retraining.rollout.automatic:
            moment = self._moment(state, seen, now, command.id)
            reason = f"version {version} has passed its checks and is tried in shadow"
            result = shadow(state.rollout, moment, version, command.trigger, reason)
            told += self._result(state, command.id, result, seen, now)
        return told

    def _result(self, state: RolloutsState, id_: str, result: Change | Refused, seen: Seen, now: Micros) -> list[Told]:
        if isinstance(result, Refused):
            self.refuse(state, id_, result.reason)
            return []
        begin_stage(state.rollout, self._spec(seen), self._past(seen), now, self._change_of(state))
        return self._changed(state, result, seen, now)

    def _changed(self, state: RolloutsState, change: Change, seen: Seen, now: Micros) -> list[Told]:
        told: list[Told] = [change.serving]
        warned, rollout = state.rollout.warned, state.rollout
        new = None if rollout.pair is None else rollout.pair[0]
        if warned is not None and warned.version != new:
            told += [over(warned.alert, now)] if warned.alert else []
            rollout.warned = None
        return [*told, *self._outcomes(seen).changed(state.outcomes, change, now)]

    def _warn(
        self, rollout: RolloutState, worse: Worse, pane: ClosedPane, incidents: Mapping[str, Iterable[Incident]]
    ) -> Alert:
        known = list(incidents.get(worse.new, ()))
        alert = alert_of_worse(worse, pane, known)
        if not worse.automatic:
            ours = alert.severity == "alarm" and alert.episode not in {each.id for each in known}
            rollout.warned = Warned(worse.new, alert.model_dump_json() if ours else "")
        return alert

    def _moment(self, state: RolloutsState, seen: Seen, now: Micros, id_: str) -> Moment:
        return Moment(self._model, now, id_, seen.histories.keys(), state.rollout.serving or seen.primary)

    def _change_of(self, state: RolloutsState) -> Micros | None:
        """Return the start of the change that the version was trained for which is tried, where that is known."""
        asked = state.outcomes.triggers.get(state.rollout.trigger or "")
        return None if asked is None else asked.since

    def _past(self, seen: Seen) -> Past:
        def past(version: str) -> tuple[History, Layout] | None:
            history = seen.histories.get(version)
            known = seen.own.get(version) or self._layouts.of(self._model, version)
            return None if history is None else (history, known)

        return past

    def _outcomes(self, seen: Seen) -> TriggerOutcomes:
        by_file = Seen(seen.histories, seen.primary)  # what a retraining costs is no matter of who it made
        return TriggerOutcomes(self._model, self._spec(seen), self._past(by_file))

    def _spec(self, seen: Seen) -> ModelSpec:
        return self._layouts.of(self._model, seen.primary or "1").spec
