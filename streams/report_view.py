"""What report.html shows, ready for its template: verdicts first, then each model version, then the accounting."""

from dataclasses import dataclass, field
from typing import Any, Literal

from detectors.units import unit_of
from schemas.event_time import format_duration, to_micros
from schemas.schema_change import SchemaChange
from schemas.spec import ModelSpec, MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.accounting import BINS
from streams.report_axes import Tick, TimeAxis
from streams.report_cards import (
    Fact,
    Movement,
    Shares,
    certainty,
    held_back,
    movement,
    no_pane,
    subject,
    trigger_facts,
)
from streams.report_changes import Episode, episodes, explained, raised
from streams.report_charts import Mark
from streams.report_data import LabelRequests, Outputs, Version
from streams.report_dead_letters import DeadLetters
from streams.report_panels import Panels, Section
from streams.report_text import clean, moment, plural, ratio_text, sentence, title_of, value_text
from streams.report_unknown import Unknown, partly, performance
from streams.retraining_report import advice_lines, outcome_facts, retraining_lines

EPISODES = 60  # changes shown for a model
NUMBERS = 200  # rows of the table of key numbers
State = Literal["retrain", "alarm", "notice", "quiet", "unknown"]


@dataclass
class TriggerView:
    """A card that says what to do."""

    trigger: RetrainingTrigger
    moved: Movement | None
    facts: list[Fact]


@dataclass
class EpisodeView:
    """A change as a row, with its place on the model's time axis in per cent."""

    episode: Episode
    what: str
    moved: Movement | None
    when: str
    sure: str
    explained: list[str]
    """What moved with it, where it sits, and the reasons, a sentence each."""
    left: float
    told: float
    right: float


@dataclass
class VersionView:
    """Everything about one model version."""

    anchor: str
    version: str
    span: str
    counts: list[str]
    sections: list[Section]
    unknowns: list[tuple[str, str, str, str]]
    """What is unknown, why, in how many panes, when."""
    numbers: list[list[str]]
    more_numbers: int


@dataclass
class ModelView:
    """Everything about one model."""

    name: str
    anchor: str
    state: State
    verdict: str
    detail: str
    facts: list[str]
    held_back: list[str] = field(default_factory=list)
    not_known: list[str] = field(default_factory=list)
    """What the verdict does not say of performance that nobody knows."""
    triggers: list[TriggerView] = field(default_factory=list)
    episodes: list[EpisodeView] = field(default_factory=list)
    more_episodes: int = 0
    schema_changes: list[SchemaChange] = field(default_factory=list)
    more_schema_changes: int = 0
    ticks: list[Tick] = field(default_factory=list)
    versions: list[VersionView] = field(default_factory=list)
    requests: list[LabelRequests] = field(default_factory=list)


@dataclass
class View:
    """The whole page."""

    title: str
    subtitle: list[str]
    models: list[ModelView]
    bins: list[tuple[str, list[int], bool]]
    """Bin, count by topic, and whether it is part of the sum."""
    topics: list[str]
    adds_up: list[bool]
    dead_letters: list[DeadLetters]
    other_counts: list[tuple[str, str]]


def view(outputs: Outputs, spec: MonitorSpec) -> View:
    """Return what the page shows of `outputs`."""
    names = list(dict.fromkeys([*spec.models, *(model for model, _ in outputs.versions)]))
    topics = outputs.topics
    span = outputs.span
    subtitle = [plural(outputs.events, "event"), plural(outputs.panes, "closed pane")]
    if span:
        subtitle.insert(0, f"{moment(span[0])} to {moment(span[1])} (event time, UTC)")
    bins = ["read", *BINS, "waiting"]
    details = list(dict.fromkeys(name for counts in topics.values() for name in counts if name not in bins))
    return View(
        title=", ".join(clean(name) for name in names[:4]) + (" and others" if len(names) > 4 else ""),
        subtitle=subtitle,
        models=[_model(place, name, outputs, spec.models.get(name)) for place, name in enumerate(names)],
        bins=[
            (name.replace("_", " "), [counts.get(name, 0) for counts in topics.values()], name in bins)
            for name in [*bins, *details]
        ],
        topics=[clean(name) for name in topics],
        adds_up=[counts["read"] == sum(counts.get(name, 0) for name in bins[1:]) for counts in topics.values()],
        dead_letters=sorted(outputs.dead_letters.values(), key=lambda d: (-d.count, d.topic, d.reason)),
        other_counts=_other_counts(outputs.accounting),
    )


def _model(place: int, name: str, outputs: Outputs, spec: ModelSpec | None) -> ModelView:
    versions = [version for (model, _), version in outputs.versions.items() if model == name]
    alerts = [alert for alert in outputs.alerts if alert.model == name]
    triggers = [trigger for trigger in outputs.triggers if trigger.model == name]
    moments = [to_micros(alert.time) for alert in alerts] + [to_micros(trigger.time) for trigger in triggers]
    start = min((version.start for version in versions), default=min(moments, default=0))
    axis = TimeAxis(start, max([*(version.end for version in versions), *moments], default=start))
    changes = episodes(alerts)
    task = None if spec is None else spec.task
    panels = []
    for version in versions:
        marks = [
            Mark("trigger", to_micros(t.time), f"retrain: {sentence(t.reason)}")
            for t in triggers
            if t.version == version.version
        ]
        own = [alert for alert in alerts if alert.version == version.version]
        panels.append(Panels(version, task, axis, own, marks))
    not_known = performance(versions, spec)
    state, verdict, detail = _verdict(name, outputs, spec, panels, changes, triggers, not_known)
    told = 1 if state == "unknown" else 0  # the verdict says the first
    said = outputs.shares
    schema = [change for change in outputs.schema_changes if change.model == name]
    return ModelView(
        name=clean(name),
        anchor=f"model-{place}",
        state=state,
        verdict=verdict,
        detail=detail,
        facts=_about(spec),
        held_back=[*held_back(versions), *advice_lines(outputs, name), *retraining_lines(outputs, name)],
        not_known=[sentence(str(each)) for each in [*not_known[told:], *partly(versions, spec)]],
        triggers=[
            TriggerView(
                t, _moved(t, spec, said), [*trigger_facts(t, spec, said), *outcome_facts(outputs.outcomes.get(t.id))]
            )
            for t in triggers
        ],
        episodes=[_episode(change, axis, spec, outputs) for change in changes[:EPISODES]],
        more_episodes=max(len(changes) - EPISODES, 0),
        schema_changes=schema[:EPISODES],
        more_schema_changes=max(len(schema) - EPISODES, 0),
        ticks=axis.ticks(),
        versions=[
            _version(f"model-{place}-{i}", version, panel, spec)
            for i, (version, panel) in enumerate(zip(versions, panels, strict=True))
        ],
        requests=[request for request in outputs.label_requests.values() if request.model == name],
    )


def _verdict(
    name: str,
    outputs: Outputs,
    spec: ModelSpec | None,
    panels: list[Panels],
    changes: list[Episode],
    triggers: list[RetrainingTrigger],
    not_known: list[Unknown],
) -> tuple[State, str, str]:
    lasting = [change for change in changes if change.severity == "alarm" and change.recovered is None]
    notices = sum(change.severity == "notice" for change in changes)
    aside = f" {plural(notices, 'notice')} besides." if notices else ""
    if triggers:
        return "retrain", f"Retrain {clean(name)}", sentence(triggers[-1].reason)
    if lasting:
        return "alarm", f"{clean(name)}: {plural(len(lasting), 'alarm')}", sentence(lasting[0].told.summary)
    if not panels:
        why = no_pane(spec, outputs) if spec else []
        return "unknown", f"{clean(name)}: no pane closed", " ".join(why)
    if not_known:
        first = not_known[0]
        return "unknown", f"{clean(name)}: {first.headline}", f"{first.why[:1].upper()}{first.why[1:]}.{aside}"
    over = sum(change.severity == "alarm" for change in changes)
    main = [series for panel in panels for series in panel.main]
    strongest = max((s.evidence or 0.0 for s in main), default=0.0)
    sure = f"The strongest evidence on performance was {ratio_text(strongest)}; an alarm needs 1."
    if over:
        return "notice", f"{clean(name)}: {plural(over, 'alarm')}, all over", sure + aside
    if notices:
        return "notice", f"{clean(name)}: no alarm, {plural(notices, 'notice')}", sure
    return "quiet", f"{clean(name)}: quiet", sure


def _about(spec: ModelSpec | None) -> list[str]:
    if spec is None:
        return ["not in the monitor file"]
    return [
        spec.task,
        f"panes of {format_duration(spec.pane)}",
        f"labels mature after {format_duration(spec.maturity)}",
        f"false alarms: {spec.false_alarms}",
    ]


def _moved(trigger: RetrainingTrigger, spec: ModelSpec | None, shares: Shares) -> Movement | None:
    task = None if spec is None else spec.task
    same = [each for each in trigger.evidence if each.signal == trigger.signal]
    overall = sorted(same or trigger.evidence, key=lambda each: (each.segment or "", each.feature or ""))
    return next((moved for each in overall if (moved := movement(each, task, shares))), None)


def _episode(change: Episode, axis: TimeAxis, spec: ModelSpec | None, outputs: Outputs) -> EpisodeView:
    told = change.told
    end = change.recovered
    until = "lasting" if end is None else f"over {moment(end)}"
    return EpisodeView(
        episode=change,
        what=subject(told.signal, told.feature, told.segment),
        moved=movement(told, None if spec is None else spec.task),
        when=f"since {moment(change.since)} · raised {raised(change)} · {until}",
        sure=certainty(told.evidence, told.budget if told.severity == "alarm" else None),
        explained=explained(change, outputs.joined.get(told.episode, ())),
        left=axis.percent(change.since),
        told=axis.percent(change.known),
        right=axis.percent(axis.end if end is None else end),
    )


def _version(anchor: str, version: Version, panels: Panels, spec: ModelSpec | None) -> VersionView:
    task = None if spec is None else spec.task
    unknowns, rows = [], []
    for key, series in version.series.items():
        name = title_of(key.signal) + (f" of {clean(key.part)}" if key.part else "") + f" ({key.family})"
        for reason in series.reasons.values():
            when = f"{moment(reason.first)} to {moment(reason.last)}"
            unknowns.append((reason.panes, name, clean(reason.example), f"{reason.panes:,} of {series.panes:,}", when))
        unit = unit_of(key.signal, task)
        texts = [value_text(each, unit) for each in (series.latest, series.mean, series.reference, series.baseline)]
        evidence = "–" if series.evidence is None else ratio_text(series.evidence)
        counts = [f"{count:,}" if count else "–" for count in (series.panes, series.alarms, series.unknown)]
        rows.append((not series.alarms, key, [name, *texts, evidence, *counts]))
    unknowns.sort(key=lambda row: (-row[0], row[1:]))
    rows.sort(key=lambda row: row[:2])
    return VersionView(
        anchor=anchor,
        version=clean(version.version),
        span=f"{moment(version.start)} to {moment(version.end)}",
        counts=[
            f"{version.panes[family]:,} {family} panes, {version.rows[family]:,} {word}"
            for family, word in (("traffic", "predictions"), ("label", "labels"), ("cohort", "predictions judged"))
            if family in version.panes
        ],
        sections=panels.sections(),
        unknowns=[row[1:] for row in unknowns[:NUMBERS]],
        numbers=[cells for _, _, cells in rows[:NUMBERS]],
        more_numbers=max(len(rows) - NUMBERS, 0),
    )


def _other_counts(accounting: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Return what else accounting.json counts, whatever it is called."""
    found: list[tuple[str, str]] = []
    for name, value in accounting.items():
        label = prefix + clean(str(name)).replace("_", " ")
        if isinstance(value, bool) or (not prefix and name == "events"):
            continue
        if isinstance(value, int | float):
            found.append((label, f"{value:,}"))
        elif isinstance(value, dict) and not prefix:
            found += _other_counts(value, f"{label}: ")
    return found
