"""Creates the topics of a monitor, and says what is wrong with those that are there.

What would lose data is refused; what only would if a disk were lost as well, or might, is a warning in the log.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from schemas.event_time import Micros, format_duration
from schemas.kafka_spec import Topics
from schemas.spec import ModelSpec, MonitorSpec
from streams.client import administer, reaching
from streams.errors import UserError
from streams.framing import FRAME_BYTES

log = logging.getLogger(__name__)

SOURCES = ("predictions", "feedback")
COMPACTED = ("progress", "snapshots", "serving")
FRAMED = ("summaries", "progress", "snapshots")
MILLISECOND = 1_000  # microseconds
DAY = 86_400_000  # milliseconds
LARGEST_OUTPUT = 8 << 20  # bytes
ENVELOPE = 65_536
"""What a dead letter adds to the event it carries: its headers."""
COMPACTION_LAG = 3_600_000
"""Milliseconds for which a compacted topic keeps every record: a worker that is reading one is never overtaken."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it is on the broker."""

    name: str
    partitions: int
    replication: int
    configs: Mapping[str, str]

    @property
    def policy(self) -> set[str]:
        """`delete`, `compact`, or both."""
        return {part.strip() for part in self.configs.get("cleanup.policy", "delete").split(",") if part.strip()}

    @property
    def retention(self) -> int | None:
        """Milliseconds for which records are kept; None is for ever."""
        kept = int(self.configs.get("retention.ms", 7 * DAY))
        return None if kept < 0 else kept

    @property
    def most_bytes(self) -> int | None:
        """Bytes of a partition that are kept; None: however many there are."""
        kept = int(self.configs.get("retention.bytes", -1))
        return None if kept < 0 else kept

    @property
    def max_message(self) -> int:
        """Largest batch the broker takes, in bytes."""
        return int(self.configs.get("max.message.bytes", 1_048_588))


def create(spec: MonitorSpec, base: Path) -> list[str]:
    """Create the topics that are missing and return their names; those that are there stay as they are.

    A missing partner of an existing topic gets its number of partitions.
    """
    made: dict[str, None] = {}

    def make(admin: KafkaAdminClient) -> None:
        found = _describe(admin, spec)
        missing = {name: role for role, name in _names(spec).items() if role not in found}
        wanted = {name: _wanted(spec, role, found) for name, role in missing.items()}
        made.update(dict.fromkeys(wanted))
        if wanted:
            admin.create_topics(wanted, wait_for_metadata=True)

    with reaching(spec.kafka):
        administer(spec.kafka, base, make)
    return list(made)


def check(spec: MonitorSpec, base: Path) -> list[str]:
    """Return what is wrong with the topics: where, what, and what to do. An empty list is good."""
    with reaching(spec.kafka):
        found = administer(spec.kafka, base, lambda admin: _describe(admin, spec))
    return problems(spec, found)


def require(spec: MonitorSpec, base: Path) -> None:
    """Raise UserError where `check` finds something; log what is doubtful."""
    with reaching(spec.kafka):
        found = administer(spec.kafka, base, lambda admin: _describe(admin, spec))
    if lines := problems(spec, found):
        raise UserError("\n".join(lines))
    for line in doubts(spec, found):
        log.warning("%s", line)


def partition_counts(spec: MonitorSpec, base: Path) -> dict[str, int]:
    """Return how many partitions each topic has, by name."""
    with reaching(spec.kafka):
        found = administer(spec.kafka, base, lambda admin: _describe(admin, spec))
    return {topic.name: topic.partitions for topic in found.values()}


def problems(spec: MonitorSpec, found: Mapping[str, Topic]) -> list[str]:
    """Judge topics, given by the field of `Topics` that names them."""
    names = _names(spec)
    lines = [
        f"kafka.topics.{role}: topic {name} does not exist; make it with: streamgauge topics create"
        for role, name in names.items()
        if role not in found
    ]
    for role, partner, why in (
        ("feedback", "predictions", "the join needs the same number"),
        ("progress", "predictions", "each source partition has its own"),
        ("snapshots", "summaries", "each partition of summaries has its own"),
    ):
        if role in found and partner in found and found[role].partitions != found[partner].partitions:
            lines.append(
                f"topic {found[partner].name} has {found[partner].partitions} partitions and {found[role].name} has "
                f"{found[role].partitions}: {why}. Create {found[role].name} again"
            )
    for role, topic in found.items():
        lines += _cleanup(role, topic)
    lines += _retention(spec, found)
    letters = found.get("dead_letters")
    for role in SOURCES:
        if letters is not None and role in found and letters.max_message < found[role].max_message + ENVELOPE:
            lines.append(
                f"topic {letters.name}: max.message.bytes {letters.max_message} is too small for an event of "
                f"{found[role].name} (up to {found[role].max_message}) with its headers: set it to "
                f"{found[role].max_message + ENVELOPE} or more"
            )
            break
    for role in FRAMED:
        if role in found and found[role].max_message < FRAME_BYTES + ENVELOPE:
            lines.append(
                f"topic {found[role].name}: max.message.bytes {found[role].max_message} is too small for what is sent "
                f"there: set it to {FRAME_BYTES + ENVELOPE} or more"
            )
    return lines


def doubts(spec: MonitorSpec, found: Mapping[str, Topic]) -> list[str]:
    """Say what loses data only when something else goes wrong as well, or may do so."""
    lines = []
    name, needed = max(
        ((name, 3 * model.label_horizon + model.lateness) for name, model in spec.models.items()),
        key=lambda item: item[1],
    )
    for role in (*SOURCES, "summaries"):
        topic = found.get(role)
        if topic is None:
            continue
        if role in SOURCES and _shorter(topic, needed):
            lines.append(
                f"topic {topic.name}: {_kept(topic)} is shorter than three label horizons of model {name} "
                f"({format_duration(needed)}): a worker that loses its disk cannot read all of it again, and readings "
                f"of that time would be unknown. Set it to {needed // MILLISECOND} or more"
            )
        if topic.most_bytes is not None:
            lines.append(
                f"topic {topic.name}: retention.bytes {topic.most_bytes} deletes records however young they are, read "
                "or not, when many come; readings of that time would be unknown. Set it to -1, and retention.ms to "
                "what is to be kept"
            )
    return lines


def _shorter(topic: Topic, needed: Micros) -> bool:
    return "delete" in topic.policy and topic.retention is not None and topic.retention < needed // MILLISECOND


def _kept(topic: Topic) -> str:
    return f"retention.ms {topic.retention} ({format_duration((topic.retention or 0) * MILLISECOND)})"


def _cleanup(role: str, topic: Topic) -> list[str]:
    if role in COMPACTED and topic.policy != {"compact"}:
        found = ",".join(sorted(topic.policy))
        return [f"topic {topic.name}: cleanup.policy is {found}, which deletes state still needed: set it to compact"]
    if role not in COMPACTED and "compact" in topic.policy:
        return [
            f"topic {topic.name}: cleanup.policy is {','.join(sorted(topic.policy))}, which drops records of the same "
            "key: set it to delete"
        ]
    return []


def _retention(spec: MonitorSpec, found: Mapping[str, Topic]) -> list[str]:
    name, model = max(spec.models.items(), key=lambda item: item[1].label_horizon + item[1].lateness)
    needed = model.label_horizon + model.lateness
    lines = [
        f"topic {found[role].name}: {_kept(found[role])} is shorter than label_horizon and lateness of model {name} "
        f"({format_duration(needed)}): a new owner of a partition could not rebuild its join. "
        f"Set it to {needed // MILLISECOND} or more"
        for role in SOURCES
        if role in found and _shorter(found[role], needed)
    ]
    name, model = max(spec.models.items(), key=lambda item: _open_for(item[1]))
    if "summaries" in found and _shorter(found["summaries"], needed := _open_for(model)):
        lines.append(
            f"topic {found['summaries'].name}: {_kept(found['summaries'])} is shorter than a pane of model {name} is "
            f"open ({format_duration(needed)}): its summaries would be gone before it is judged. "
            f"Set it to {needed // MILLISECOND} or more"
        )
    return lines


def _open_for(model: ModelSpec) -> Micros:
    return model.pane + model.maturity + model.lateness


def _wanted(spec: MonitorSpec, role: str, found: Mapping[str, Topic]) -> dict[str, object]:
    partners = {
        "predictions": ("feedback", "progress"),
        "feedback": ("predictions", "progress"),
        "progress": SOURCES,
        "summaries": ("snapshots",),
        "snapshots": ("summaries",),
    }.get(role, ())
    partitions = next((found[one].partitions for one in partners if one in found), spec.kafka.partitions)
    return {
        "num_partitions": partitions if partners else (1 if role == "commands" else spec.kafka.partitions),
        "replication_factor": spec.kafka.replication,
        "configs": _configs(spec, role, found),
    }


def _configs(spec: MonitorSpec, role: str, found: Mapping[str, Topic]) -> dict[str, str]:
    if role in COMPACTED:
        return {
            "cleanup.policy": "compact",
            "min.compaction.lag.ms": str(COMPACTION_LAG),
            "segment.ms": str(DAY),
            "min.cleanable.dirty.ratio": "0.1",
        }
    configs = {"cleanup.policy": "delete"}
    horizon = max(model.label_horizon + model.lateness for model in spec.models.values()) // MILLISECOND
    if role in (*SOURCES, "summaries"):
        open_for = max(map(_open_for, spec.models.values())) // MILLISECOND
        configs["retention.ms"] = str(max(7 * DAY, 3 * horizon + horizon // 2, 2 * open_for))
    if role in (
        "alerts",
        "triggers",
        "pane_reports",
        "label_requests",
        "schema_changes",
        "decisions",
        "advice",
        "outcomes",
        "commands",  # answers to triggers, which are as old
    ):
        configs["retention.ms"] = str(max(90 * DAY, horizon))
        configs["max.message.bytes"] = str(LARGEST_OUTPUT)  # a pane report has a reading for each feature
    if role == "dead_letters":
        largest = max((found[one].max_message for one in SOURCES if one in found), default=1_048_588)
        configs["max.message.bytes"] = str(largest + ENVELOPE)
    return configs


def _names(spec: MonitorSpec) -> dict[str, str]:
    return {role: getattr(spec.kafka.topics, role) for role in Topics.model_fields}


def _describe(admin: KafkaAdminClient, spec: MonitorSpec) -> dict[str, Topic]:
    roles = {name: role for role, name in _names(spec).items()}
    there = sorted(roles.keys() & set(admin.list_topics()))
    if not there:
        return {}
    configs = admin.describe_configs([ConfigResource("TOPIC", name) for name in there], config_filter="all")["topic"]
    return {
        roles[topic["name"]]: Topic(
            topic["name"],
            len(topic["partitions"]),
            min((len(part["replica_nodes"]) for part in topic["partitions"]), default=0),
            {key: entry["value"] for key, entry in configs[topic["name"]].items() if entry["value"] is not None},
        )
        for topic in admin.describe_topics(there)
    }
