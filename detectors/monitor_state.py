"""`MonitorState`: all that level 2 knows of one model, and `Output`: what it says. Snapshots hold the former."""

from collections import deque
from dataclasses import dataclass, field

from detectors.curation.curation import Curation
from detectors.episodes import Episode, EpisodeKey
from detectors.history import History
from detectors.incidents import Incident
from detectors.loss_rows import LossRows
from detectors.own_reference import OwnReference
from detectors.policies.state import PolicyState
from detectors.rollouts import RolloutsState
from detectors.schema_changes import SchemaWatch
from detectors.signals.signal import Signal
from detectors.signals.skew import NewestTraffic
from detectors.situation import Broken
from detectors.state import register
from schemas.advice import Advice
from schemas.alert import Alert
from schemas.decision import RetrainingDecision
from schemas.event_time import Micros
from schemas.label_request import LabelRequest
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
COMMANDS = 1_000  # newest ids of commands that were carried out


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
    curation: Curation = field(default_factory=Curation)
    schema: SchemaWatch = field(default_factory=SchemaWatch)
    broken: list[Broken] = field(default_factory=list)
    effects: dict[str, float] = field(default_factory=dict)
    """Smoothed PSI by feature, less what chance gives."""
    ends: dict[str, Micros] = field(default_factory=dict)
    """End of the newest closed pane by family."""
    began: Micros | None = None
    """Start of its first pane; None where a state does not tell."""
    own: OwnReference | None = None
    """What it was while it was tried, once it has been."""


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
    rollouts: RolloutsState = field(default_factory=RolloutsState)
    evicted: int = 0
    """Versions that made room for others."""
