"""Outputs of level 2 as records: where each kind goes, by which key, with which CloudEvents headers."""

from detectors.monitor import Output
from schemas.advice import Advice
from schemas.alert import Alert
from schemas.decision import RetrainingDecision
from schemas.event_time import rfc3339, to_micros
from schemas.label_request import LabelRequest
from schemas.pane_report import PaneReport
from schemas.schema_change import SchemaChange
from schemas.serving import Serving
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome
from streams.cloudevents import headers
from streams.records import Destination, Outgoing

_KINDS: dict[type, tuple[Destination, str]] = {
    Alert: ("alerts", "alert"),
    RetrainingTrigger: ("triggers", "retraining_trigger"),
    LabelRequest: ("label_requests", "label_request"),
    PaneReport: ("pane_reports", "pane_report"),
    SchemaChange: ("schema_changes", "schema_change"),
    RetrainingDecision: ("decisions", "retraining_decision"),
    Advice: ("advice", "advice"),
    TriggerOutcome: ("outcomes", "trigger_outcome"),
    Serving: ("serving", "serving"),
}


def outgoing_of(output: Output) -> Outgoing:
    """Return the record of an output; its key is the model, its `ce_id` the deterministic id."""
    destination, kind = _KINDS[type(output)]
    time = rfc3339(to_micros(output.time))
    return Outgoing(
        destination,
        output.model.encode(),
        output.model_dump_json().encode(),
        headers(kind, output.id, time, output.model),
    )
