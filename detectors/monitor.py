"""`Monitor`: level 2 of one model. One closed pane in, what people and machines are told out. Pure."""

from collections import deque
from dataclasses import dataclass, field, replace

from detectors.alerting import Known, alert_of, pane_of
from detectors.episodes import Change, Episode, EpisodeKey, update
from detectors.history import History
from detectors.incidents import Incident, Joined, acknowledge, take
from detectors.labelling import label_requests
from detectors.layout import Layout
from detectors.layouts import Layouts
from detectors.loss_rows import LossRows
from detectors.pane import ClosedPane
from detectors.policy import Decision, HeldBack, PolicyState, ad_hoc, decide, failed, note
from detectors.schema_changes import SchemaWatch
from detectors.signals.catalogue import settings_of, signals_of
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.signal import Finding, Signal
from detectors.signals.skew import NewestTraffic
from detectors.signals.top_bottom import TopBottom
from detectors.situation import Broken, Situation
from detectors.state import register
from schemas import command as commands
from schemas.advice import Advice
from schemas.alert import Alert
from schemas.contract import deterministic_id
from schemas.decision import RetrainingDecision
from schemas.event_time import Micros, from_micros, to_micros
from schemas.label_request import LabelRequest
from schemas.pane_report import Joined as JoinedFiring
from schemas.pane_report import PaneReport
from schemas.schema_change import SchemaChange
from schemas.serving import Serving
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

Output = (
    PaneReport
    | Alert
    | RetrainingTrigger
    | LabelRequest
    | SchemaChange
    | RetrainingDecision
    | Advice
    | TriggerOutcome
    | Serving
)

VERSIONS = 32  # of one model that are remembered; the one unseen longest makes room, and says so
SNOOZES = 100
COMMANDS = 1_000  # newest ids of commands that were carried out
RECENT_COHORTS = 30  # by which versions are compared in size
SMOOTHING = 0.9  # of the PSI that explains an alert: a pane's own is noise


@register
@dataclass
class VersionState:
    """What level 2 knows of one model version."""

    signals: list[Signal]
    settings: str
    """What the signals were made from; they begin anew when it changes, episodes and history go on."""
    episodes: dict[EpisodeKey, Episode] = field(default_factory=dict)
    incidents: list[Incident] = field(default_factory=list)
    """Open ones, oldest first: what people were told of the episodes."""
    history: History = field(default_factory=History)
    losses: LossRows = field(default_factory=LossRows)
    schema: SchemaWatch = field(default_factory=SchemaWatch)
    broken: list[Broken] = field(default_factory=list)
    effects: dict[str, float] = field(default_factory=dict)
    """Smoothed PSI by feature, less what chance gives."""
    ends: dict[str, Micros] = field(default_factory=dict)
    """End of the newest closed pane by family."""


@register
@dataclass
class MonitorState:
    """State of one model. It is handed over: the one passed in is not to be used again."""

    versions: dict[str, VersionState] = field(default_factory=dict)
    """By version, the one seen last at the end."""
    policy: PolicyState = field(default_factory=PolicyState)
    commands: deque[str] = field(default_factory=lambda: deque(maxlen=COMMANDS))
    snoozed: dict[str, Micros] = field(default_factory=dict)
    """By signal; the empty name is all of them."""
    traffic: NewestTraffic = field(default_factory=NewestTraffic)
    serving: str | None = None
    evicted: int = 0
    """Versions that made room for others."""


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

    def close(self, state: MonitorState, pane: ClosedPane) -> tuple[MonitorState, list[Output]]:
        """Read a closed pane; return the next state and the outputs, the pane's report first."""
        version = self._version(state, pane.layout)
        findings = [
            finding for signal in version.signals if pane.key.family in signal.families for finding in signal.read(pane)
        ]
        if pane.key.family == "traffic":
            findings += state.traffic.read(pane)
        report = self._report(version, pane, findings)
        if pane.key.family == "cohort":
            version.history.add(pane)
            version.losses.add(pane)
        self._remember_effects(version, findings)
        alerts, joined = self._alerts(state, version, pane, findings)
        if joined:
            report = report.model_copy(update={"joined": joined})
        requests = label_requests(pane) if pane.key.family == "cohort" else []
        decision: Decision = None
        if not self._is_snoozed(state, "", pane.due):
            situation = self._situation(state, version, pane.layout, pane.due)
            heard = {k: e for k, e in version.episodes.items() if not self._is_snoozed(state, k[0], pane.due)}
            decision = decide(state.policy, replace(situation, episodes=heard))
        if isinstance(decision, HeldBack):
            report = report.model_copy(update={"held_back": decision.reason})
        outputs: list[Output] = [report, *alerts, *requests, *version.schema.read(pane)]
        if isinstance(decision, RetrainingTrigger):
            outputs.append(decision)
        return state, outputs

    def command(self, state: MonitorState, command: commands.Command) -> tuple[MonitorState, list[Output]]:
        """Carry out a command, once for each id."""
        if command.id in state.commands:
            return state, []
        state.commands.append(command.id)
        now = to_micros(command.timestamp)
        outputs: list[Output] = []
        match command:
            case commands.Trigger():
                name = command.version or self._primary(state) or "1"
                if name in state.versions or not state.versions:  # not so for a version that nobody has seen
                    version = state.versions.get(name) or VersionState(signals=[], settings="")
                    situation = self._situation(state, version, self._layouts.of(self._model, name), now)
                    trigger = ad_hoc(situation, command.id, command.reason)
                    # a sender's clock may be wrong; the cooldown counts from the event time that the monitor knows
                    note(state.policy, trigger, min(now, max(version.ends.values(), default=now)))
                    outputs.append(trigger)
            case commands.Acknowledge():
                for version in state.versions.values():
                    together = acknowledge(version.incidents, command.episode)
                    for key, episode in version.episodes.items():
                        episode.acknowledged |= key in together or episode.id == command.episode
            case commands.Snooze():
                state.snoozed = {name: until for name, until in state.snoozed.items() if until > now}
                state.snoozed[command.signal or ""] = to_micros(command.until)
                while len(state.snoozed) > SNOOZES:
                    del state.snoozed[next(iter(state.snoozed))]
            case commands.RetrainingFailed():
                for version in state.versions.values():
                    failed(version.episodes, command.trigger)
            case commands.RetrainingStarted() | commands.RetrainingFinished():
                pass  # the trigger stays answered: the same change does not ask again
            case commands.Promote() | commands.RollBack():
                state.serving = command.version
        return state, outputs

    def _version(self, state: MonitorState, layout: Layout) -> VersionState:
        version = state.versions.pop(layout.version, None)
        settings = self._settings_of(layout)
        if version is not None and version.settings != settings:
            version.signals, version.settings = signals_of(layout), settings  # the monitor file or the profile changed
            version.losses = LossRows()  # their codes are those of the old bins
        if version is None:
            version = VersionState(signals=signals_of(layout), settings=settings)
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
            readings=[finding.reading for finding in findings],
            provenance={"offsets": {str(partition): offsets for partition, offsets in pane.offsets.items()}},
        )

    def _alerts(
        self, state: MonitorState, version: VersionState, pane: ClosedPane, findings: list[Finding]
    ) -> tuple[list[Alert], list[JoinedFiring]]:
        changes: list[Change] = []
        for finding in findings:
            change = update(version.episodes, finding, pane)
            if change is None:
                continue
            if change.episode.tier == "quality" and change.episode.severity == "alarm":
                self._mark_broken(version, change.firing is not None, change.episode.since, pane.due)
            if change.firing is None or not self._is_snoozed(state, change.reading.signal, pane.due):
                changes.append(change)  # the end of one that was never told is in no incident
        if not changes:
            return [], []
        told, joined = take(version.incidents, changes, pane)
        reasons = [reason for signal in version.signals if isinstance(signal, TopBottom) for reason in signal.reasons()]
        known = Known(version.history, version.effects, version.losses, reasons)
        return [alert_of(each, pane, known) for each in told], [_joined(each) for each in joined]

    def _mark_broken(self, version: VersionState, begins: bool, since: Micros, now: Micros) -> None:
        if begins:
            if not version.broken or version.broken[-1].until is not None:
                version.broken.append(Broken(since))
                del version.broken[:-100]
            return
        still = any(e.tier == "quality" and e.severity == "alarm" for e in version.episodes.values())
        if version.broken and not still:
            version.broken[-1].until = now

    def _remember_effects(self, version: VersionState, findings: list[Finding]) -> None:
        for finding in findings:
            reading = finding.reading
            if reading.signal == "feature_drift" and reading.feature is not None and reading.effect is not None:
                known = version.effects.get(reading.feature, reading.effect)
                version.effects[reading.feature] = SMOOTHING * known + (1 - SMOOTHING) * reading.effect

    def _is_snoozed(self, state: MonitorState, signal: str, now: Micros) -> bool:
        return any(state.snoozed.get(name, now) > now for name in {"", signal})

    def _primary(self, state: MonitorState) -> str | None:
        """Return the version that is meant where none is named: the serving one, else the one with most predictions."""
        if state.serving in state.versions:
            return state.serving
        sizes = {
            name: sum(cohort.n for cohort in list(version.history.cohorts)[-RECENT_COHORTS:])
            for name, version in sorted(state.versions.items())
        }
        return max(sizes, key=sizes.__getitem__, default=None)

    def _situation(self, state: MonitorState, version: VersionState, layout: Layout, now: Micros) -> Situation:
        challengers = [signal for signal in version.signals if isinstance(signal, ChallengerLoss)]
        return Situation(
            layout=layout,
            now=now,
            episodes=version.episodes,
            history=version.history,
            broken=version.broken,
            comparison=challengers[0].comparison() if challengers else None,
            primary=layout.version == self._primary(state),
        )


def _joined(each: Joined) -> JoinedFiring:
    signal, feature, segment, detector, _ = each.change.key
    return JoinedFiring(
        episode=each.incident.id, signal=signal, feature=feature, segment=segment, detector=detector or "none"
    )
