"""`PaneReport`: everything that was read off one pane when it closed."""

from typing import Any

from pydantic import Field

from schemas.alert import Pane
from schemas.contract import Record
from schemas.event_time import Timestamp
from schemas.reading import Reading


class Joined(Record):
    """A firing that belongs to a change that was told already: it gave no alert of its own."""

    episode: str = Field(description="That of the alerts of the change")
    signal: str
    feature: str | None = None
    segment: str | None = None
    detector: str
    other_version: str | None = Field(
        None, description="Version that the change was told of, where this one is tried beside it and suffers the same"
    )


class ReferenceAdopted(Record):
    """What a version is judged by from this pane on: what it was itself while it was tried."""

    start: Timestamp
    end: Timestamp
    panes: int = Field(ge=0, description="Panes with predictions")
    rows: int = Field(ge=0, description="Predictions")
    labelled: int = Field(ge=0, description="Rows whose loss is known")
    signal: str = Field(description="What their loss is called, such as `error_rate`")
    loss: float | None = Field(None, description="Its mean, in its unit; none where no row is labelled")


class PaneReport(Record):
    """One closed pane of one model version."""

    id: str
    model: str
    version: str
    pane: Pane
    time: Timestamp = Field(
        description="Event time at which the pane was closed: its end, plus the maturity of a cohort"
    )
    n: int = Field(ge=0, description="Predictions (traffic, cohort) or labels (label) in the pane")
    chosen_labels: int = Field(
        0,
        ge=0,
        description="Labelled rows that the readings leave out: curation chose them for what they are (label, cohort)",
    )
    empty_before: int = Field(0, ge=0, description="Panes without any row just before this one")
    readings: list[Reading]
    joined: list[Joined] = Field(default_factory=list, description="Firings that joined a change without an alert")
    held_back: str | None = Field(None, description="Why a trigger that a policy called for is held back")
    idle_strategies: dict[str, str] = Field(
        default_factory=dict, description="Strategies of label_requests that had nothing to go by (traffic), and why"
    )
    reference_adopted: ReferenceAdopted | None = Field(
        None, description="The reference of its own that the version has adopted; the first pane that is judged by it"
    )
    provenance: dict[str, Any] = Field(default_factory=dict)
