"""`Outputs`: what a replay has written, read back for the reports, line by line: panes.jsonl may be large.

Files that are missing count as empty: a run that stopped early still has a report.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from schemas.advice import Advice
from schemas.alert import Alert
from schemas.event_time import Micros, to_micros
from schemas.reading import Family, Status, Tier
from schemas.schema_change import SchemaChange
from schemas.serving import Serving
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome
from streams.output_files import ACCOUNTING
from streams.report_dead_letters import DeadLetter, DeadLetters, note
from streams.report_references import AdoptedReference
from streams.report_series import Key, Point, Series

Named = tuple[str, str | None, str | None]
"""Signal, feature, segment."""


# Mirrors of the contracts with the fields that are read here: pydantic would take minutes over a large panes.jsonl.
class _Reading(msgspec.Struct, gc=False):
    signal: str
    tier: Tier
    n: int
    status: Status
    feature: str | None = None
    segment: str | None = None
    detector: str | None = None
    value: float | None = None
    reason: str | None = None
    reference: float | None = None
    baseline: float | None = None
    evidence: float | None = None


class _Pane(msgspec.Struct, gc=False):
    family: Family
    start: datetime
    end: datetime


class _Joined(msgspec.Struct, gc=False):
    episode: str
    signal: str
    feature: str | None = None
    segment: str | None = None
    other_version: str | None = None


class _PaneReport(msgspec.Struct, gc=False):
    model: str
    version: str
    pane: _Pane
    n: int
    readings: list[_Reading]
    joined: list[_Joined] = []
    held_back: str | None = None
    reference_adopted: AdoptedReference | None = None


class _LabelRequest(msgspec.Struct, gc=False):
    model: str
    version: str
    reason: str
    time: datetime
    deadline: datetime


@dataclass
class Version:
    """Panes of one model version."""

    model: str
    version: str
    start: Micros
    end: Micros
    panes: dict[Family, int] = field(default_factory=dict)
    rows: dict[Family, int] = field(default_factory=dict)
    series: dict[Key, Series] = field(default_factory=dict)
    held_back: str | None = None
    """Why the trigger that a policy called for at the newest of its panes was not raised."""
    adopted: tuple[datetime, AdoptedReference] | None = None
    """Start of the first pane that a reference of its own has judged, and that reference."""


@dataclass
class LabelRequests:
    """Labelling requests of one model version with one reason."""

    model: str
    version: str
    reason: str
    count: int = 0
    first: Micros | None = None
    last: Micros | None = None
    deadline: Micros | None = None


@dataclass
class Outputs:
    """Everything that the reports are made of."""

    versions: dict[tuple[str, str], Version] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    advice: list[Advice] = field(default_factory=list)
    triggers: list[RetrainingTrigger] = field(default_factory=list)
    schema_changes: list[SchemaChange] = field(default_factory=list)
    joined: dict[str, dict[Named, None]] = field(default_factory=dict)
    """By episode: the signals that joined it without an alert, in their order."""
    dead_letters: dict[tuple[str, str], DeadLetters] = field(default_factory=dict)
    label_requests: dict[tuple[str, str, str], LabelRequests] = field(default_factory=dict)
    accounting: dict[str, Any] = field(default_factory=dict)
    outcomes: dict[str, TriggerOutcome] = field(default_factory=dict)
    """The newest by trigger."""
    serving: dict[str, Serving] = field(default_factory=dict)
    """The newest by model."""

    @property
    def span(self) -> tuple[Micros, Micros] | None:
        """Event time of all panes, or None where there is none."""
        versions = self.versions.values()
        return (min(v.start for v in versions), max(v.end for v in versions)) if versions else None

    @property
    def shares(self) -> dict[tuple[str, str | None], str]:
        """Which share of rows a drift moved, by the id of its alert and the feature (None: the prediction)."""
        found: dict[tuple[str, str | None], str] = {}
        for alert in self.alerts:
            found |= {(alert.id, each.feature): each.what for each in alert.along if each.tier == "drift"}
            said = SHARE.match(alert.summary)
            if alert.tier == "drift" and said:
                found[alert.id, alert.feature] = said[1]
        return found

    @property
    def panes(self) -> int:
        """Closed panes of all models and families."""
        return sum(sum(version.panes.values()) for version in self.versions.values())

    @property
    def topics(self) -> dict[str, dict[str, int]]:
        """Counts by topic, where accounting.json has them."""
        topics = self.accounting.get("events")
        return {
            str(name): {str(bin_): count for bin_, count in counts.items() if isinstance(count, int)}
            for name, counts in (topics.items() if isinstance(topics, dict) else ())
            if isinstance(counts, dict) and isinstance(counts.get("read"), int)
        }

    @property
    def events(self) -> int:
        """Events that were read from all topics; watermarks are none of anybody's."""
        return sum(counts["read"] - counts.get("control", 0) for counts in self.topics.values())


def read_outputs(out: Path, spec: MonitorSpec) -> Outputs:
    """Return what stands in the directory `out`."""
    outputs = Outputs()
    outputs.alerts = [Alert.model_validate_json(line) for line in _lines(out / "alerts.jsonl")]
    outputs.advice = [Advice.model_validate_json(line) for line in _lines(out / "advice.jsonl")]
    outputs.triggers = [RetrainingTrigger.model_validate_json(line) for line in _lines(out / "triggers.jsonl")]
    outputs.schema_changes = [SchemaChange.model_validate_json(line) for line in _lines(out / "schema_changes.jsonl")]
    found = [TriggerOutcome.model_validate_json(line) for line in _lines(out / "outcomes.jsonl")]
    outputs.outcomes = {outcome.trigger: outcome for outcome in found}
    served = [Serving.model_validate_json(line) for line in _lines(out / "serving.jsonl")]
    outputs.serving = {serving.model: serving for serving in served}
    _read_dead_letters(outputs, out / "dead_letters.jsonl")
    _read_label_requests(outputs, out / "label_requests.jsonl")
    if (out / ACCOUNTING).exists():
        accounting = json.loads((out / ACCOUNTING).read_bytes())
        outputs.accounting = accounting if isinstance(accounting, dict) else {}
    _read_panes(outputs, out / "panes.jsonl")
    order = {name: place for place, name in enumerate(spec.models)}
    outputs.versions = dict(
        sorted(outputs.versions.items(), key=lambda item: (order.get(item[0][0], len(order)), item[1].start, item[0]))
    )
    return outputs


def _read_panes(outputs: Outputs, path: Path) -> None:
    decoder = msgspec.json.Decoder(_PaneReport)
    for line in _lines(path):
        report = decoder.decode(line)
        start, end = to_micros(report.pane.start), to_micros(report.pane.end)
        version = _version(outputs, report)
        version.held_back = report.held_back
        if report.reference_adopted is not None:
            version.adopted = report.pane.start, report.reference_adopted
        for each in report.joined:
            if each.other_version is not None:  # what it is told of is another version's, which has it by itself
                continue
            named = (each.signal, each.feature, each.segment)
            outputs.joined.setdefault(each.episode, {})[named] = None
        seen = set()
        for reading in report.readings:
            family = report.pane.family
            key = Key(reading.tier, reading.signal, family, reading.feature or "", reading.segment or "")
            if key in seen:  # another detector on the same signal
                key = key._replace(detector=reading.detector or "")
            seen.add(key)
            series = version.series.get(key)
            if series is None:
                series = version.series[key] = Series(key, max(end - start, 1))
            kind = "" if reading.reason is None else _NUMBER.sub("#", reading.reason)
            point = Point(
                start,
                end,
                reading.value,
                reading.n,
                reading.status,
                reading.reason,
                reading.reference,
                reading.baseline,
                reading.evidence,
            )
            series.add(point, kind)


_NUMBER = re.compile(r"\d+(?:\.\d+)?")
SHARE = re.compile(r"(Share of .*?) (?:rose|fell) from ")
"""What of an alert's sentence says which share of rows moved."""


def _version(outputs: Outputs, report: _PaneReport) -> Version:
    start, end = to_micros(report.pane.start), to_micros(report.pane.end)
    version = outputs.versions.get((report.model, report.version))
    if version is None:
        version = Version(report.model, report.version, start, end)
        outputs.versions[(report.model, report.version)] = version
    version.start, version.end = min(version.start, start), max(version.end, end)
    family = report.pane.family
    version.panes[family] = version.panes.get(family, 0) + 1
    version.rows[family] = version.rows.get(family, 0) + report.n
    return version


def _read_dead_letters(outputs: Outputs, path: Path) -> None:
    decoder = msgspec.json.Decoder(DeadLetter)
    for line in _lines(path):
        note(outputs.dead_letters, decoder.decode(line))


def _read_label_requests(outputs: Outputs, path: Path) -> None:
    decoder = msgspec.json.Decoder(_LabelRequest)
    for line in _lines(path):
        request = decoder.decode(line)
        key = (request.model, request.version, request.reason)
        requests = outputs.label_requests.setdefault(key, LabelRequests(*key))
        time, deadline = to_micros(request.time), to_micros(request.deadline)
        requests.count += 1
        requests.first = time if requests.first is None else min(requests.first, time)
        requests.last = time if requests.last is None else max(requests.last, time)
        requests.deadline = deadline if requests.deadline is None else max(requests.deadline, deadline)


def _lines(path: Path) -> Iterator[bytes]:
    if not path.exists():
        return
    with path.open("rb") as lines:
        for line in lines:
            if line.strip():
                yield line
