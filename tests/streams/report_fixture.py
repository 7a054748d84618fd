"""A directory as `replay` leaves it, made of the contracts alone."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas.alert import Alert, Mover, Pane
from schemas.dead_letter import DeadLetter
from schemas.label_request import LabelRequest
from schemas.pane_report import PaneReport
from schemas.reading import Family, Reading
from schemas.spec import MonitorSpec
from schemas.trigger import Evidence, RetrainingTrigger, Slice, TrainingData, WaitingCost, Window
from streams.accounting import BINS

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def spec(*names: str, task: str = "binary", **changes: Any) -> MonitorSpec:
    model: dict[str, Any] = {
        "task": task,
        "features": {"income": "numeric", "region": "categorical"},
        "segments": ["region"],
        "pane": "1d",
        "label_horizon": "7d",
        "false_alarms": "1 per 90d",
        "reference": "profile.json",
    }
    if task == "binary":
        model["positive_label"] = "1"
    return MonitorSpec.model_validate({"models": dict.fromkeys(names or ("credit",), model | changes)})


def reading(signal: str = "error_rate", value: float | None = 0.05, **fields: Any) -> Reading:
    given: dict[str, Any] = {"tier": "performance", "n": 100, "status": "ok", **fields}
    return Reading(signal=signal, value=value, **given)


def pane(day: int, readings: list[Reading], family: Family = "cohort", **fields: Any) -> PaneReport:
    start = START + day * DAY
    given: dict[str, Any] = {"model": "credit", "version": "1", "n": 100, **fields}
    return PaneReport(
        id=f"{given['model']}-{given['version']}-{family}-{day}",
        pane=Pane(family=family, start=start, end=start + DAY),
        time=start + DAY,
        readings=readings,
        **given,
    )


def judged(day: int, value: float, **fields: Any) -> PaneReport:
    """Return a cohort whose error rate was judged."""
    given = {"detector": "e_detector", "reference": 0.05, "baseline": 0.06, "evidence": 0.01, **fields}
    return pane(day, [reading(value=value, **given)])


def alert(day: int = 20, **fields: Any) -> Alert:
    given: dict[str, Any] = {
        "id": f"alert-{day}-{fields.get('severity', 'alarm')}",
        "episode": "episode",
        "model": "credit",
        "version": "1",
        "severity": "alarm",
        "tier": "performance",
        "signal": "error_rate",
        "detector": "e_detector",
        "time": START + (day + 8) * DAY,
        "since": START + (day - 1) * DAY,
        "pane": Pane(family="cohort", start=START + day * DAY, end=START + (day + 1) * DAY),
        "value": 0.09,
        "reference": 0.05,
        "baseline": 0.06,
        "n": 200,
        "evidence": 1.7,
        "weight": 0.25,
        "budget": "1 per 90d",
        "movers": [Mover(segment="region=north", effect=0.1, description="error rate of region=north: 5 % → 15 %")],
        "summary": "Error rate rose from 5.00 % to 9.00 % over 200 rows since 2026-01-20T00:00:00Z.",
        "action": "See the trigger for what to train on.",
        **fields,
    }
    return Alert(**given)


def trigger(day: int = 20, **fields: Any) -> RetrainingTrigger:
    given: dict[str, Any] = {
        "id": f"trigger-{day}",
        "model": "credit",
        "version": "1",
        "policy": "performance",
        "tier": "performance",
        "signal": "error_rate",
        "time": START + (day + 8) * DAY,
        "since": START + (day - 1) * DAY,
        "reason": "Error rate rose from 5.00 % to 9.00 % over 200 rows since 2026-01-20T00:00:00Z.",
        "evidence": [
            Evidence(
                severity="alarm",
                tier="performance",
                signal="error_rate",
                detector="e_detector",
                value=0.09,
                reference=0.05,
                n=200,
                evidence=1.7,
                since=START + (day - 1) * DAY,
            )
        ],
        "waiting": WaitingCost(excess_loss_per_day=4.2, cost_per_day=5040.0, predictions_per_day=140.0),
        "train_on": TrainingData(
            window=Window(start=START + (day - 1) * DAY, end=START + (day + 1) * DAY),
            labelled_rows=1234,
            slices=[Slice(segment="region=north", reason="loss 5.00 % → 15.00 %", rows=321)],
        ),
        "how": "full",
        **fields,
    }
    return RetrainingTrigger(**given)


def label_request(**fields: Any) -> LabelRequest:
    given: dict[str, Any] = {
        "id": "request",
        "model": "credit",
        "version": "1",
        "prediction_id": "p",
        "prediction_time": START,
        "time": START + 8 * DAY,
        "deadline": START + 30 * DAY,
        "reason": "coverage",
        "inclusion_probability": 0.5,
        "features": {},
        "output": {},
        **fields,
    }
    return LabelRequest(**given)


def dead_letter(offset: int = 0, **fields: Any) -> DeadLetter:
    given: dict[str, Any] = {
        "id": f"letter-{offset}",
        "topic": "predictions",
        "partition": 0,
        "offset": offset,
        "reason": "contract",
        "message": "timestamp: no time zone",
        **fields,
    }
    return DeadLetter(**given)


def accounting(read: int = 1000, **bins: int) -> dict[str, Any]:
    counts = {"read": read, **dict.fromkeys(BINS, 0), "waiting": 0, "corrected": 0, "conflicting": 0, **bins}
    counts["summarised"] = read - sum(bins.get(name, 0) for name in (*BINS, "waiting"))
    return {"events": {"predictions": counts, "feedback": dict(counts)}, "adds_up": True, "outputs": {"alerts": 0}}


def write(
    out: Path,
    *,
    panes: Iterable[BaseModel] = (),
    alerts: Iterable[BaseModel] = (),
    triggers: Iterable[BaseModel] = (),
    dead_letters: Iterable[BaseModel] = (),
    label_requests: Iterable[BaseModel] = (),
    schema_changes: Iterable[BaseModel] = (),
    counts: dict[str, Any] | None = None,
) -> Path:
    """Write the files of a run into `out`."""
    named = {
        "panes": panes,
        "alerts": alerts,
        "triggers": triggers,
        "dead_letters": dead_letters,
        "label_requests": label_requests,
        "schema_changes": schema_changes,
    }
    for name, records in named.items():
        (out / f"{name}.jsonl").write_text("".join(record.model_dump_json() + "\n" for record in records))
    (out / "accounting.json").write_text(json.dumps(accounting() if counts is None else counts))
    return out


def a_bad_month(out: Path) -> Path:
    """Write a month in which the error rate rises on the 20th day."""
    panes = [judged(day, 0.05) for day in range(20)]
    panes += [
        judged(day, 0.09, evidence=1.7 if day == 20 else 0.2, status="alarm" if day == 20 else "ok")
        for day in range(20, 30)
    ]
    return write(out, panes=panes, alerts=[alert()], triggers=[trigger()])
