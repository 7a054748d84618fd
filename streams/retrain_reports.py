"""What the retraining side reports on the commands topic: started, then finished or failed, each with an id of its own.

Ids depend on the trigger and the step alone: a report that is sent again is carried out once.
"""

from collections.abc import Iterable
from typing import Literal

from pydantic import ValidationError

from schemas.command import CommandAdapter, RetrainingFailed, RetrainingFinished, RetrainingStarted
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros
from schemas.trigger import RetrainingTrigger
from streams.cloudevents import unwrap
from streams.records import Headers

Report = RetrainingStarted | RetrainingFinished | RetrainingFailed
Checks = Literal["passed", "failed", "unknown", "not_run"]

LONGEST_REASON = 2_000


def started(trigger: RetrainingTrigger, at: Micros, reason: str) -> RetrainingStarted:
    """Return the report that a trigger was taken."""
    return RetrainingStarted(
        type="retraining_started",
        id=report_id(trigger, "started"),
        model=trigger.model,
        timestamp=from_micros(at),
        reason=_cut(reason),
        trigger=trigger.id,
    )


def finished(
    trigger: RetrainingTrigger,
    at: Micros,
    reason: str,
    *,
    new_version: str,
    held_out_loss: float | None,
    held_out_rows: int,
    checks: Checks,
    model_uri: str,
) -> RetrainingFinished:
    """Return the report that a version is there."""
    return RetrainingFinished(
        type="retraining_finished",
        id=report_id(trigger, "finished"),
        model=trigger.model,
        timestamp=from_micros(at),
        reason=_cut(reason),
        trigger=trigger.id,
        new_version=new_version,
        held_out_loss=held_out_loss,
        held_out_rows=held_out_rows,
        checks=checks,
        model_uri=model_uri[:LONGEST_REASON],
    )


def failed(trigger: RetrainingTrigger, at: Micros, reason: str) -> RetrainingFailed:
    """Return the report that no version came of it."""
    return RetrainingFailed(
        type="retraining_failed",
        id=report_id(trigger, "failed"),
        model=trigger.model,
        timestamp=from_micros(at),
        reason=_cut(reason),
        trigger=trigger.id,
    )


def report_id(trigger: RetrainingTrigger, step: str) -> str:
    """Return the id of a report."""
    return deterministic_id("retraining", step, trigger.id)


def encoded(report: Report) -> bytes:
    """Return a report as JSON."""
    return report.model_dump_json(exclude_none=True).encode()


def decoded(value: bytes, headers: Headers = ()) -> Report | None:
    """Return the report that a record of the commands topic is, or None."""
    try:
        command = CommandAdapter.validate_json(unwrap(value, headers))
    except (ValidationError, ValueError):
        return None
    return command if isinstance(command, RetrainingStarted | RetrainingFinished | RetrainingFailed) else None


def final(reports: Iterable[Report]) -> dict[str, Report]:
    """Return the last final report of each trigger that has one, whoever sent it."""
    return {report.trigger: report for report in reports if not isinstance(report, RetrainingStarted)}


def answered(reports: Iterable[Report]) -> set[str]:
    """Return the ids of the triggers that have their final report, whoever sent it."""
    return set(final(reports))


def _cut(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 3]}..."
