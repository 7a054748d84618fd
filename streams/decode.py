"""Bytes of a record → `Prediction`, `Feedback` or `Watermark`, or a `Refusal` that says what is wrong and where."""

import json
from dataclasses import dataclass

import pydantic

from schemas.dead_letter import DeadLetterReason
from schemas.event_time import EARLIEST, LATEST, SECOND, to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.cloudevents import unwrap
from streams.records import Record, Role

Decoded = Prediction | Feedback | Watermark

FOUND = 80  # characters of what was found that a refusal shows

_WATERMARK = b'"watermark"'
_CONTRACTS: dict[Role, type[Prediction] | type[Feedback]] = {"predictions": Prediction, "feedback": Feedback}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record is dead-lettered."""

    reason: DeadLetterReason
    message: str


def decode(role: Role, record: Record, spec: MonitorSpec) -> Decoded | Refusal:
    """Return the event of a record of a source topic, or why it is none. Never raises."""
    if record.value is None:
        return Refusal("missing_value", "the record has no value; events are JSON objects")
    if len(record.value) > spec.limits.max_event_bytes:
        limit = spec.limits.max_event_bytes
        return Refusal("too_large", f"{len(record.value)} bytes; limits.max_event_bytes is {limit}")
    try:
        data = unwrap(record.value, record.headers)
    except ValueError as error:
        return Refusal("contract", str(error))
    try:
        event = _validate(role, data)
    except pydantic.ValidationError as error:
        return _refusal(error)
    except (ValueError, RecursionError) as error:  # text that UTF-8 cannot hold, nesting without end
        return Refusal("not_json", f"the value cannot be read: {error}")
    time = to_micros(event.timestamp)
    if not EARLIEST <= time < LATEST:
        return Refusal("contract", f"timestamp: {event.timestamp.isoformat()} is not between the years 1000 and 9000")
    if record.timestamp >= 0:
        ahead = time - record.timestamp * (SECOND // 1000)
        if ahead > spec.limits.max_skew:
            return Refusal(
                "future_timestamp",
                f"timestamp: {event.timestamp.isoformat()} is {ahead / SECOND:.0f} s ahead of the record's own time; "
                f"limits.max_skew allows {spec.limits.max_skew / SECOND:.0f} s",
            )
    return event


def _validate(role: Role, data: bytes) -> Decoded:
    if _WATERMARK in data:
        try:
            return Watermark.model_validate_json(data)
        except pydantic.ValidationError as error:
            if not any(problem["loc"][:1] == ("type",) for problem in error.errors()):
                raise
            # else it is text somewhere in an ordinary event
    return _CONTRACTS[role].model_validate_json(data)


def _refusal(error: pydantic.ValidationError) -> Refusal:
    lines: dict[str, str] = {}
    for problem in error.errors(include_url=False, include_context=False):
        if problem["type"] == "json_invalid":
            return Refusal("not_json", f"the value is not JSON: {problem['msg'].removeprefix('Invalid JSON: ')}")
        path = [str(part) for part in problem["loc"]]
        feature = path.index("features") + 2 if "features" in path[:2] else len(path)
        if problem["type"] == "missing":
            lines[".".join(path)] = "is missing"
        elif path[-1:] == ["[key]"]:
            lines[".".join(path[:-2])] = f"{problem['msg']}, found the name {_shown(problem['input'])}"
        elif len(path) > feature:  # one entry for each type that a feature may have
            allowed = "a feature is a number, text, a boolean or null"
            lines[".".join(path[:feature])] = f"{allowed}, found {_shown(problem['input'])}"
        else:
            allowed = problem["msg"].removeprefix("Value error, ")
            lines[".".join(path) or "event"] = f"{allowed}, found {_shown(problem['input'])}"
    return Refusal("contract", "; ".join(f"{path}: {text}" for path, text in lines.items())[:2_000])


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= FOUND else f"{text[:FOUND]}…"
