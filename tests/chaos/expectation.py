"""What an undisturbed run says of a plan: both levels over it in one partition and one process, as `replay` does."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detectors.layouts import Layouts
from schemas.archive_spec import ArchiveSpec
from schemas.spec import MonitorSpec
from streams.accounting import adds_up
from streams.archive import Archive
from streams.monitoring import MonitorPartition
from streams.open_archive import open_archive
from streams.partition import SourcePartition
from streams.records import ROLES, Outgoing, Record, Role
from streams.store import Store

from .workload import Plan

OUTPUTS = ("alerts", "triggers", "decisions", "pane_reports", "label_requests")
CHUNK = 500
LATEST = 2**60
"""Event time that no row has."""

Values = dict[str, dict[str, Any]]
"""By topic (its field in the monitor file) and id, without what depends on how the topics were cut."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come of a plan, wherever and however often it is done."""

    outputs: Values
    accounting: dict[Role, dict[str, int]]
    letters: dict[int, str]
    """Reason of each dead letter by the event's place in the plan."""
    archived: dict[str, list[dict[str, Any]]]
    """Rows in the archive, by model."""


def without_provenance(value: bytes) -> dict[str, Any]:
    """Return an output as readers compare it."""
    content: dict[str, Any] = json.loads(value)
    content.pop("provenance", None)
    return content


def expect(plan: Plan, spec: MonitorSpec, layouts: Layouts, scratch: Path) -> Expectation:
    """Run a plan through both levels without an accident."""
    kept = ArchiveSpec(url=str(scratch / "archive"))
    archive = open_archive(spec.model_copy(update={"archive": kept}), scratch, 0, 1, durable=False)
    source = SourcePartition(0, 1, spec, layouts, Store(scratch / "store"), None, archive)
    monitors = MonitorPartition(spec, layouts)
    places: dict[Role, list[int]] = {role: [] for role in ROLES}
    outputs: Values = {name: {} for name in OUTPUTS}
    letters: dict[int, str] = {}
    summaries = 0

    def take(sending: Iterable[Outgoing]) -> None:
        nonlocal summaries
        records = []
        for one in sending:
            if one.destination == "summaries":
                records.append(Record(summaries, -1, one.key, one.value, one.headers))
                summaries += 1
            elif one.destination == "dead_letters":
                _note_letter(one, spec, places, letters)
        for one in monitors.process(records):
            if one.destination not in outputs:
                continue
            identifier = dict(one.headers)["ce_id"].decode()
            assert identifier not in outputs[one.destination], f"{one.destination}: {identifier} is not unique"
            outputs[one.destination][identifier] = without_provenance(one.value or b"")

    for start in range(0, len(plan.events), CHUNK):
        chunk: dict[Role, list[Record]] = {role: [] for role in ROLES}
        for place, one in enumerate(plan.events[start : start + CHUNK], start):
            chunk[one.role].append(Record(len(places[one.role]), -1, one.key, one.value))
            places[one.role].append(place)
        for role in ROLES:
            source.process(role, chunk[role])
        take(source.checkpoint())
        source.sent()
    for role in ROLES:
        source.process(role, [Record(len(places[role]), -1, None, plan.watermark)])
    take(source.checkpoint())
    counts = source.counts()
    source.close()
    _is_worth_comparing(outputs, counts, letters, monitors)
    return Expectation(outputs, counts, letters, archived_rows(spec, kept, scratch))


def archived_rows(spec: MonitorSpec, place: ArchiveSpec, base: Path) -> dict[str, list[dict[str, Any]]]:
    """Return all rows of an archive by model, without what depends on how the topics were cut."""
    archive = Archive(place, base)
    return {
        model: archive.rows(model, settings, 0, LATEST).drop_columns(["partition", "prediction_offset"]).to_pylist()
        for model, settings in spec.models.items()
    }


def _note_letter(letter: Outgoing, spec: MonitorSpec, places: dict[Role, list[int]], letters: dict[int, str]) -> None:
    headers = dict(letter.headers)
    roles: dict[str, Role] = {getattr(spec.kafka.topics, role): role for role in ROLES}
    role = roles[headers["__streams.errors.topic"].decode()]
    place = places[role][int(headers["__streams.errors.offset"])]
    letters[place] = headers["__streams.errors.exception"].decode()


def _is_worth_comparing(
    outputs: Values, counts: dict[Role, dict[str, int]], letters: dict[int, str], monitors: MonitorPartition
) -> None:
    """See to it that a loss would show, and that the plan keeps what it promises."""
    for name in OUTPUTS:
        assert outputs[name], f"the plan yields no {name}"
    assert any(alert["severity"] == "alarm" for alert in outputs["alerts"].values()), "the plan yields no alarm"
    assert letters, "the plan holds nothing that is refused"
    for role in ROLES:
        assert adds_up(counts[role]), counts[role]
        assert counts[role]["late"] == 0, f"{role}: late events, so outputs depend on the cut: {counts[role]}"
        assert counts[role]["duplicate"] > 0, counts[role]
    for bin_ in ("orphaned", "conflicting", "corrected"):
        assert counts["feedback"][bin_] > 0, (bin_, counts["feedback"])
    assert set(monitors.late.values()) == {0}, monitors.late
