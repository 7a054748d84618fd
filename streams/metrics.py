"""Every metric of Streamgauge, in this one place: its name, its labels and a sentence on what it says.

All names begin with `streamgauge_`. They live in a registry of their own, so that nothing else appears on `/metrics`.
"""

from collections.abc import Mapping
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from streams.accounting import BINS, DETAILS

REGISTRY: Final = CollectorRegistry()


def _counter(name: str, sentence: str, *labels: str) -> Counter:
    return Counter(f"streamgauge_{name}", sentence, labels, registry=REGISTRY)


def _gauge(name: str, sentence: str, *labels: str) -> Gauge:
    return Gauge(f"streamgauge_{name}", sentence, labels, registry=REGISTRY)


EVENTS_READ = _gauge(
    "events_read", "Events of a source partition that were read since its state began.", "topic", "partition"
)
EVENTS = _gauge(
    "events",
    "The same events by the one bin each ended in: summarised, dead_lettered, duplicate, late, expired, orphaned, "
    "evicted, control. With those that wait they add up to events_read.",
    "topic",
    "partition",
    "bin",
)
EVENTS_WAITING = _gauge("events_waiting", "Events that wait for their counterpart.", "topic", "partition")
DUPLICATES = _gauge(
    "duplicates", "Duplicates that say something else: corrected or conflicting.", "topic", "partition", "kind"
)
FORGOTTEN = _gauge(
    "forgotten",
    "Predictions evicted while their label could still come (limits.max_pending): readings of their panes are unknown.",
    "topic",
    "partition",
)
UNARCHIVED = _gauge(
    "unarchived",
    "Rows evicted before their cohort was archived (limits.max_pending): they are missing in the archive.",
    "topic",
    "partition",
)
WATERMARK_LAG = _gauge(
    "watermark_lag_seconds",
    "Wall clock less the event time that a source topic-partition last told level 2.",
    "topic",
    "partition",
)
POSITION = _gauge("position", "Next offset to be processed.", "topic", "partition")
LAG = _gauge("lag", "Records of the log that have not been processed yet.", "topic", "partition")
OFFSET_GAPS = _counter(
    "offset_gaps",
    "Offsets without a record: retention overtook the worker, or transactions and compaction left holes.",
    "topic",
    "partition",
)
ASSIGNED = _gauge("assigned_partitions", "Topic-partitions that this worker owns.", "topic")
REBALANCES = _counter("rebalances", "Times that partitions were assigned anew.")
CHECKPOINTS = _counter("checkpoints", "Checkpoints made durable.", "level")
CHECKPOINT_SECONDS = Histogram(
    "streamgauge_checkpoint_seconds",
    "How long a checkpoint took: local transaction, sends acknowledged by all replicas, acks.",
    ("level",),
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
RECORDS_SENT = _counter("records_sent", "Records that all replicas have acknowledged, by topic.", "topic")
ALERTS = _counter("alerts", "Alerts published; a replay after a crash counts again.", "model", "severity", "signal")
TRIGGERS = _counter("triggers", "Retraining triggers published.", "model", "policy")
SCHEMA_CHANGES = _counter(
    "schema_changes",
    "Features that appeared, vanished or were retyped, and those as declared again (over).",
    "model",
    "kind",
)
LABEL_REQUESTS = _counter("label_requests", "Labels asked for.", "model")
READINGS = _counter("readings", "Readings of closed panes by their status.", "model", "signal", "status")
READINGS_UNKNOWN = _counter("readings_unknown", "Readings whose verdict is unknown: the monitor cannot tell.", "model")
PANES_CLOSED = _counter("panes_closed", "Panes that level 2 has closed.", "model", "family")
LATE_SUMMARIES = _gauge(
    "late_summaries", "Summaries that came for a pane already closed; their events are in no reading.", "model"
)
EVICTED_PANES = _gauge("evicted_panes", "Open panes that level 2 had no room for and dropped unjudged.", "model")
STALLS = _counter(
    "stalls", "Times a partition with lag brought nothing for a minute and was fetched anew.", "topic", "partition"
)
BROKER_AWAY = _gauge("broker_away_seconds", "For how long no broker has answered; 0 while one does.")
UNANSWERED = _counter(
    "unanswered", "Questions on partitions being loaded that no broker answered and that were asked again."
)
COMMANDS = _counter(
    "commands",
    "Records of the commands topic: forwarded; refused, by the contract; not_carried_out, since they made no sense; "
    "passed_over, since they were for the monitor before.",
    "result",
)
DECISIONS = _counter("decisions", "Decisions about retraining, by what they came to.", "model", "verdict")
ADVICE = _counter("advice", "Times that a fallback was advised at once.", "model", "fallback")
OUTCOMES = _counter(
    "retraining_outcomes", "Outcomes of triggers published; one that is known better counts again.", "model", "status"
)
OPEN_TRIGGERS = _gauge("open_triggers", "Retraining triggers of which nothing is known to have come yet.", "model")
SERVING = _gauge(
    "serving_info",
    "1 for the version that a command or a rollout lets serve, and for the one that is tried beside it: by role, "
    "serving or candidate.",
    "model",
    "version",
    "role",
)
ROLLOUT_STAGE = _gauge(
    "rollout_stage", "How far a new version is: 0 nobody is tried, 1 shadow, 2 canary, 3 serves, on guard.", "model"
)
ROLLOUT_SHARE = _gauge("rollout_share", "Part of the traffic that the candidate answers.", "model")
ROLLOUT_EVIDENCE = _gauge(
    "rollout_evidence", "Evidence that the new version is worse than the old one; at 1 it is shown to be.", "model"
)


def set_accounting(topic: str, partition: int, counts: Mapping[str, int]) -> None:
    """Publish the accounting of one source topic-partition, as `streams.accounting` keeps it."""
    for name, count in counts.items():
        if name in BINS:
            EVENTS.labels(topic, partition, name).set(count)
        elif name == "forgotten":
            FORGOTTEN.labels(topic, partition).set(count)
        elif name == "unarchived":
            UNARCHIVED.labels(topic, partition).set(count)
        elif name in DETAILS:
            DUPLICATES.labels(topic, partition, name).set(count)
        elif name == "waiting":
            EVENTS_WAITING.labels(topic, partition).set(count)
        elif name == "read":
            EVENTS_READ.labels(topic, partition).set(count)


def forget_partition(topic: str, partition: int) -> None:
    """Drop the series of a topic-partition that another worker owns now."""
    evicted = (FORGOTTEN, UNARCHIVED)
    for metric in (EVENTS_READ, EVENTS, EVENTS_WAITING, DUPLICATES, *evicted, WATERMARK_LAG, POSITION, LAG):
        metric.remove_by_labels({"topic": topic, "partition": str(partition)})
