"""The public contracts by name: what each is called outside, and who writes it.

A contract's name is the same in its schema's URN, its file in `schemas/published` and its CloudEvents type.
"""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from schemas.advice import Advice
from schemas.alert import Alert
from schemas.command import Command
from schemas.dead_letter import DeadLetter
from schemas.decision import RetrainingDecision
from schemas.feedback import Feedback
from schemas.label_request import LabelRequest
from schemas.pane_report import PaneReport
from schemas.prediction import Prediction
from schemas.profile import ReferenceProfile
from schemas.schema_change import SchemaChange
from schemas.serving import Serving
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome
from schemas.watermark import Watermark

Mode = Literal["validation", "serialization"]


@dataclass(frozen=True, slots=True)
class Contract:
    """One public contract.

    `mode` says from which side the schema is seen: `validation` is what we accept from others, `serialization` is what
    others can rely on finding in what we write.
    """

    name: str
    title: str
    type: Any
    mode: Mode
    version: int = 1

    @property
    def urn(self) -> str:
        """The `$id` of its JSON Schema, and the `dataschema` of its CloudEvents."""
        return f"urn:streamgauge:schema:{self.name}:{self.version}"

    @property
    def event_type(self) -> str:
        """The CloudEvents `type`."""
        return f"io.streamgauge.{self.name}.v{self.version}"

    @property
    def adapter(self) -> TypeAdapter[Any]:
        """What validates and serialises it."""
        return TypeAdapter(self.type)


CONTRACTS: dict[str, Contract] = {
    contract.name: contract
    for contract in (
        Contract("prediction", "Prediction", Prediction, "validation"),
        Contract("feedback", "Feedback", Feedback, "validation"),
        Contract("watermark", "Watermark", Watermark, "validation"),
        Contract("command", "Command", Command, "validation"),
        Contract("monitor_spec", "MonitorSpec", MonitorSpec, "validation"),
        Contract("reference_profile", "ReferenceProfile", ReferenceProfile, "validation"),
        Contract("alert", "Alert", Alert, "serialization"),
        Contract("retraining_trigger", "RetrainingTrigger", RetrainingTrigger, "serialization"),
        Contract("label_request", "LabelRequest", LabelRequest, "serialization"),
        Contract("pane_report", "PaneReport", PaneReport, "serialization"),
        Contract("schema_change", "SchemaChange", SchemaChange, "serialization"),
        Contract("retraining_decision", "RetrainingDecision", RetrainingDecision, "serialization"),
        Contract("advice", "Advice", Advice, "serialization"),
        Contract("trigger_outcome", "TriggerOutcome", TriggerOutcome, "serialization"),
        Contract("serving", "Serving", Serving, "serialization"),
        Contract("dead_letter", "DeadLetter", DeadLetter, "serialization"),
    )
}
