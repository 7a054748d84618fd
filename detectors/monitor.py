"""`Monitor`: level 2 of one model. One closed pane in, what people and machines are told out. Pure."""

from collections.abc import Sequence
from dataclasses import replace

from detectors.acknowledgement import acknowledge
from detectors.alerting import Known, alert_of, firing_of, pane_of
from detectors.broken_data import name_incidents, note, stretches
from detectors.episodes import Change, begin_anew, unwatched, update
from detectors.incidents import take
from detectors.known_changes import known_changes
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.loss_rows import LossRows
from detectors.monitor_state import COMMANDS, VERSIONS, MonitorState, Output, VersionState
from detectors.own_references import OwnReferences
from detectors.pane import ClosedPane
from detectors.policies import answers
from detectors.policies.decide import decide, decide_ad_hoc
from detectors.rollout_alert import as_notice
from detectors.rollout_stages import SIGNAL as VERSION_DIFFERENCE
from detectors.rollouts import Rollouts, Seen
from detectors.signals.catalogue import settings_of, signals_of
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.signal import Finding
from detectors.signals.top_bottom import TopBottom
from detectors.situation import Situation
from detectors.snoozing import is_snoozed, snooze
from schemas import command as commands
from schemas.alert import Alert
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros, to_micros
from schemas.pane_report import Joined as JoinedFiring
from schemas.pane_report import PaneReport
from schemas.reading import Family
from schemas.trigger_outcome import TriggerOutcome

__all__ = ["COMMANDS", "VERSIONS", "Monitor", "MonitorState", "Output"]

RECENT_COHORTS = 30  # by which versions are compared in size
SMOOTHING = 0.9  # of the PSI that explains an alert: a pane's own is noise


class Monitor:
    """Level 2 of one model.

    Examples
    --------
    A pane's way: `state, outputs = monitor.close(state, pane)`; the same panes in the same order give the same bytes.
    """

    def __init__(self, model: str, layouts: Layouts) -> None:
        self._model = model
        self._layouts = layouts
        self._settings: dict[str, tuple[Layout, str]] = {}
        self._rollouts = Rollouts(model, layouts)
        self._own = OwnReferences(model, layouts)

    def close(self, state: MonitorState, pane: ClosedPane) -> tuple[MonitorState, list[Output]]:
        """Read a closed pane; return the next state and the outputs, the pane's report first."""
        counted = pane
        adopted = self._own.adopt(state, counted)
        pane = replace(counted, layout=self._own.layout(state, counted.layout))
        version = self._version(state, pane)
        findings = [
            finding for signal in version.signals if pane.key.family in signal.families for finding in signal.read(pane)
        ]
        if pane.key.family == "traffic":
            findings += state.traffic.read(pane)
        step = self._rollouts.read(state.rollouts, pane, self._seen(state))
        findings += step.findings
        report = self._report(version, pane, findings)
        if pane.key.family == "cohort":
            version.history.add(pane)
            version.losses.add(pane)
        self._remember_effects(version, findings)
        alerts, joined = self._alerts(state, version, pane, findings)
        if adopted is not None:
            report = report.model_copy(update={"reference_adopted": adopted.told})
            alerts = [*adopted.alerts, *alerts]
        if joined:
            report = report.model_copy(update={"joined": joined})
        others = [one.curation for one in state.versions.values() if one is not version]
        requests, idle = version.curation.close(pane, version.signals, version.losses, others)
        if idle:
            report = report.model_copy(update={"idle_strategies": idle})
        if pane.key.family == "label":
            version.history.compare(pane, report.readings)
        situation = self._situation(state, version, counted.layout, pane.due, (pane.key.family, pane.start))
        decided = decide(state.policy, situation)
        if decided.held_back is not None:
            report = report.model_copy(update={"held_back": decided.held_back})
        outputs: list[Output] = [report, *alerts, *requests, *version.schema.read(pane)]
        outputs += [each for each in (decided.advice, decided.decision, decided.trigger) if each is not None]
        if decided.trigger is not None:
            self._rollouts.asked(state.rollouts, decided.trigger, pane.due, self._seen(state))
        incidents = {name: each.incidents for name, each in state.versions.items()}
        quiet = is_snoozed(state.snoozed, VERSION_DIFFERENCE, pane.due)
        told = self._rollouts.concluded(state.rollouts, step, pane, self._seen(state), incidents, quiet=quiet)
        self._own.take(state, counted)
        return state, [*outputs, *self._noted(state, told)]

    def command(self, state: MonitorState, command: commands.Command) -> tuple[MonitorState, list[Output]]:
        """Carry out a command, once for each id."""
        if command.id in state.commands:
            return state, []
        state.commands.append(command.id)
        now = to_micros(command.timestamp)
        outputs: list[Output] = []
        refused: str | None = None
        match command:
            case commands.Trigger():
                name = command.version or self._primary(state) or "1"
                if name in state.versions or not state.versions:  # not so for a version that nobody has seen
                    version = state.versions.get(name) or VersionState(signals=[], settings="")
                    situation = self._situation(state, version, self._layouts.of(self._model, name), now)
                    # a sender's clock may be wrong; the cooldown counts from the event time that the monitor knows
                    noted = min(now, max(version.ends.values(), default=now))
                    decided = decide_ad_hoc(state.policy, situation, command.id, command.reason, noted)
                    outputs += [each for each in (decided.decision, decided.trigger) if each is not None]
                    if decided.trigger is not None:
                        self._rollouts.asked(state.rollouts, decided.trigger, noted, self._seen(state))
                else:
                    refused = f"version {name} has never predicted"
            case commands.Acknowledge():
                refused = acknowledge(state.versions, command, self._rollouts.warned(state.rollouts))
            case commands.Snooze():
                named = state.versions or [self._primary(state) or "1"]
                refused = snooze(state.snoozed, command, [self._layouts.of(self._model, name) for name in named])
            case commands.RetrainingFailed():
                refused = self._unknown(state, command.trigger)
                answers.failed(state.policy, command.trigger)
            case commands.RetrainingStarted():
                refused = self._unknown(state, command.trigger)
                answers.started(state.policy, command.trigger)
            case commands.RetrainingFinished():
                unknown = self._unknown(state, command.trigger)
                if unknown is not None:  # others may have trained it: it can be tried all the same
                    taken = f"version {command.new_version} is taken note of all the same"
                    refused = f"{unknown}; {taken}, and tried if its checks passed and no other is in a trial"
                answers.finished(state.policy, command)
            case _:
                pass
        if refused is not None:
            self._rollouts.refuse(state.rollouts, command.id, refused)
        if not isinstance(command, commands.Trigger | commands.Acknowledge | commands.Snooze):
            # likewise, or cohorts of the past would count for nothing in a rollout that began in the future
            known = [end for version in state.versions.values() for end in version.ends.values()]
            told = self._rollouts.command(state.rollouts, command, min(now, max(known, default=now)), self._seen(state))
            outputs += self._noted(state, told)
        return state, outputs

    def _unknown(self, state: MonitorState, trigger: str) -> str | None:
        """Return that no trigger of an id is known, or None."""
        if trigger in state.policy.triggers or trigger in state.rollouts.outcomes.triggers:
            return None
        return f"no trigger {trigger!r}: none by that id was raised here, or it is no longer remembered"

    def _seen(self, state: MonitorState) -> Seen:
        histories = {name: version.history for name, version in state.versions.items()}
        return Seen(histories, self._primary(state), self._own.adopted(state))

    def _noted(self, state: MonitorState, told: Sequence[Output]) -> Sequence[Output]:
        """Let the policies know which retrainings helped."""
        for each in told:
            if isinstance(each, TriggerOutcome):
                answers.note_outcome(state.policy, each)
        return told

    def _version(self, state: MonitorState, pane: ClosedPane) -> VersionState:
        layout = pane.layout
        version = state.versions.pop(layout.version, None)
        settings = self._settings_of(layout)
        if version is not None and version.settings != settings:
            version.signals, version.settings = signals_of(layout), settings  # the monitor file or the profile changed
            version.losses = LossRows()  # their codes are those of the old bins
            begin_anew(version.episodes)
        if version is None:
            version = VersionState(signals=signals_of(layout), settings=settings, began=pane.start)
            if len(state.versions) >= VERSIONS:
                del state.versions[next(iter(state.versions))]
                state.evicted += 1
        state.versions[layout.version] = version
        return version

    def _settings_of(self, layout: Layout) -> str:
        known = self._settings.get(layout.version)
        if known is None or known[0].profile is not layout.profile:
            if len(self._settings) >= VERSIONS:
                self._settings.clear()
            known = self._settings[layout.version] = (layout, settings_of(layout))
        return known[1]

    def _report(self, version: VersionState, pane: ClosedPane, findings: list[Finding]) -> PaneReport:
        family = pane.key.family
        last = version.ends.get(family)
        version.ends[family] = pane.end
        return PaneReport(
            id=deterministic_id("pane", self._model, pane.key.version, family, pane.start),
            model=self._model,
            version=pane.key.version,
            pane=pane_of(pane),
            time=from_micros(pane.due),
            n=pane.n,
            empty_before=0 if last is None else max(0, (pane.start - last) // pane.layout.spec.pane),
            chosen_labels=pane.left_out,
            readings=[finding.reading for finding in findings],
            provenance={"offsets": {str(partition): offsets for partition, offsets in pane.offsets.items()}},
        )

    def _alerts(
        self, state: MonitorState, version: VersionState, pane: ClosedPane, findings: list[Finding]
    ) -> tuple[list[Alert], list[JoinedFiring]]:
        changes: list[Change] = []
        found = [change for finding in findings if (change := update(version.episodes, finding, pane)) is not None]
        for change in [*found, *unwatched(version.episodes, pane)]:
            if change.episode.tier == "quality" and change.episode.severity == "alarm":
                self._mark_broken(version, change, pane.due)
            if change.firing is None or not is_snoozed(state.snoozed, change.reading.signal, pane.due):
                changes.append(change)  # the end of one that was never told is in no incident
        if not changes:
            return [], []
        changes, known = known_changes(state, version, changes, pane)
        told, joined = take(version.incidents, changes, pane, version.history)
        name_incidents(version.broken, changes, version.incidents)
        reasons = [reason for signal in version.signals if isinstance(signal, TopBottom) for reason in signal.reasons()]
        context = Known(version.history, version.effects, version.losses, reasons)
        alerts = [alert_of(each, pane, context) for each in told]
        rollout = state.rollouts.rollout
        if rollout.stage == "shadow" and rollout.candidate == pane.key.version:  # nobody sees what it answers
            alerts = [as_notice(each) for each in alerts]
        return alerts, [*known, *map(firing_of, joined)]

    def _mark_broken(self, version: VersionState, change: Change, now: Micros) -> None:
        alarms = [e for e in version.episodes.values() if e.tier == "quality" and e.severity == "alarm"]
        note(version.broken, change, now, still=any(not e.data_is_right for e in alarms))

    def _remember_effects(self, version: VersionState, findings: list[Finding]) -> None:
        for finding in findings:
            reading = finding.reading
            if reading.signal == "feature_drift" and reading.feature is not None and reading.effect is not None:
                known = version.effects.get(reading.feature, reading.effect)
                version.effects[reading.feature] = SMOOTHING * known + (1 - SMOOTHING) * reading.effect

    def _primary(self, state: MonitorState) -> str | None:
        """Return the version that is meant where none is named: the serving one, else the one with most predictions."""
        if state.rollouts.rollout.serving in state.versions:
            return state.rollouts.rollout.serving
        sizes = {
            name: sum(cohort.n for cohort in list(version.history.cohorts)[-RECENT_COHORTS:])
            for name, version in sorted(state.versions.items())
        }
        return max(sizes, key=sizes.__getitem__, default=None)

    def _situation(
        self,
        state: MonitorState,
        version: VersionState,
        layout: Layout,
        now: Micros,
        step: tuple[Family, Micros] | None = None,
    ) -> Situation:
        challengers = [signal for signal in version.signals if isinstance(signal, ChallengerLoss)]
        return Situation(
            layout=self._own.layout(state, layout),
            declared=layout,
            now=now,
            episodes=version.episodes,
            history=version.history,
            broken=stretches(version.broken),
            comparison=challengers[0].comparison() if challengers else None,
            primary=layout.version == self._primary(state),
            step=step,
            others={name: other.history for name, other in state.versions.items() if name != layout.version},
            broken_of={
                name: stretches(other.broken) for name, other in state.versions.items() if name != layout.version
            },
            tried=state.rollouts.rollout.candidate,
            previous=state.rollouts.rollout.previous,
            snoozed=state.snoozed,
            unanswered=version.curation.unanswered,
        )
