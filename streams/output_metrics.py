"""Counts what level 2 has published, by reading it as anybody else would."""

from collections.abc import Iterable

import msgspec

from streams import metrics
from streams.records import Outgoing


class _Alert(msgspec.Struct):
    model: str
    severity: str
    signal: str


class _Trigger(msgspec.Struct):
    model: str
    policy: str


class _SchemaChange(msgspec.Struct):
    model: str
    kind: str
    over: bool = False


class _Decision(msgspec.Struct):
    model: str
    verdict: str


class _Advice(msgspec.Struct):
    model: str
    fallback: str


class _Outcome(msgspec.Struct):
    model: str
    status: str


class _LabelRequest(msgspec.Struct):
    model: str


class _Reading(msgspec.Struct):
    signal: str
    status: str


class _Pane(msgspec.Struct):
    family: str


class _PaneReport(msgspec.Struct):
    model: str
    pane: _Pane
    readings: list[_Reading]


_ALERT = msgspec.json.Decoder(_Alert)
_TRIGGER = msgspec.json.Decoder(_Trigger)
_SCHEMA_CHANGE = msgspec.json.Decoder(_SchemaChange)
_DECISION = msgspec.json.Decoder(_Decision)
_ADVICE = msgspec.json.Decoder(_Advice)
_OUTCOME = msgspec.json.Decoder(_Outcome)
_LABEL_REQUEST = msgspec.json.Decoder(_LabelRequest)
_PANE_REPORT = msgspec.json.Decoder(_PaneReport)


def count_outputs(outputs: Iterable[Outgoing]) -> None:
    """Count alerts, triggers, decisions, advice, outcomes, schema changes, label requests and readings."""
    for one in outputs:
        value = one.value or b"null"
        match one.destination:
            case "alerts":
                alert = _ALERT.decode(value)
                metrics.ALERTS.labels(alert.model, alert.severity, alert.signal).inc()
            case "triggers":
                trigger = _TRIGGER.decode(value)
                metrics.TRIGGERS.labels(trigger.model, trigger.policy).inc()
            case "schema_changes":
                change = _SCHEMA_CHANGE.decode(value)
                metrics.SCHEMA_CHANGES.labels(change.model, "over" if change.over else change.kind).inc()
            case "decisions":
                decision = _DECISION.decode(value)
                metrics.DECISIONS.labels(decision.model, decision.verdict).inc()
            case "advice":
                advice = _ADVICE.decode(value)
                metrics.ADVICE.labels(advice.model, advice.fallback).inc()
            case "outcomes":
                outcome = _OUTCOME.decode(value)
                metrics.OUTCOMES.labels(outcome.model, outcome.status).inc()
            case "label_requests":
                metrics.LABEL_REQUESTS.labels(_LABEL_REQUEST.decode(value).model).inc()
            case "pane_reports":
                _count_readings(_PANE_REPORT.decode(value))
            case _:
                pass


def _count_readings(report: _PaneReport) -> None:
    metrics.PANES_CLOSED.labels(report.model, report.pane.family).inc()
    for reading in report.readings:
        metrics.READINGS.labels(report.model, reading.signal, reading.status).inc()
        if reading.status == "unknown":
            metrics.READINGS_UNKNOWN.labels(report.model).inc()
