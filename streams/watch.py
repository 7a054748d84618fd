"""`streamgauge watch`: shows alerts, advice, triggers, who serves and what came of it, each once by its id."""

import json
import re
import sys
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from detectors.wording import brief
from schemas.spec import MonitorSpec
from streams.client import consumer, partitions, reaching
from streams.errors import UserError
from streams.report_text import clean, number

SEEN = 100_000  # ids kept, oldest out first: what comes again after so many others is shown again
POLL_MS = 500
NAMED = 4  # signals that moved along; of more it is said how many

_FRACTION = re.compile(r"(T\d\d:\d\d:\d\d)\.\d+", re.ASCII)
_STYLES = {"alarm": "bold red", "notice": "yellow", "recovered": "green", "trigger": "bold magenta"}
_STYLES |= {"advice": "bold red", "schema": "cyan", "serving": "bold cyan", "outcome": "magenta"}


def watch(spec: MonitorSpec, base: Path, *, as_json: bool = False, from_beginning: bool = False) -> None:
    """Follow the topics of alerts, advice, triggers, schema changes, who serves and outcomes until interrupted.

    Parameters
    ----------
    as_json
        Write each event as one JSON line, as it stands on the topic, instead of for people.
    from_beginning
        Start with the oldest event there is, instead of with what comes from now on.

    Raises
    ------
    UserError
        When a topic is missing or the broker cannot be reached.
    """
    names = spec.kafka.topics
    topics = {names.alerts: "alert", names.triggers: "trigger", names.schema_changes: "schema"}
    topics |= {names.advice: "advice", names.serving: "serving", names.outcomes: "outcome"}
    show = _json_line if as_json else _Screen()
    with reaching(spec.kafka):
        counts = partitions(spec.kafka, base, list(topics))
        for name, count in counts.items():
            if count is None:
                raise UserError(
                    f"topic {name} does not exist at {spec.kafka.bootstrap}: streamgauge topics create MONITOR"
                )
        parts = [TopicPartition(name, number) for name, count in counts.items() for number in range(count or 0)]
        with consumer(spec.kafka, base) as client:
            for topic, event, value in _follow(client, parts, from_beginning=from_beginning):
                show(topics[topic], event, value)


def _follow(
    client: KafkaConsumer, parts: list[TopicPartition], *, from_beginning: bool
) -> Iterator[tuple[str, dict[str, Any], bytes]]:
    """Yield (topic, event, its bytes) without end, each id once."""
    client.assign(parts)
    if from_beginning:
        client.seek_to_beginning(*parts)
    else:
        for part, end in client.end_offsets(parts).items():
            client.seek(part, end)  # at once: an event that comes before the first poll belongs to "from now on"
    seen: OrderedDict[str, None] = OrderedDict()
    while True:
        records = [record for batch in client.poll(timeout_ms=POLL_MS).values() for record in batch]
        for record in sorted(records, key=lambda record: record.timestamp):  # stable: a partition keeps its order
            event = _parse(record.value)
            if event is None:
                continue
            id = f"{event.get('id')} {event.get('time')}"  # an outcome that is known better comes again with its id
            if id in seen:
                continue
            seen[id] = None
            if len(seen) > SEEN:
                seen.popitem(last=False)
            yield record.topic, event, record.value


def _parse(value: bytes | None) -> dict[str, Any] | None:
    """Return the event, or None for what is none: nothing but workers writes here, and a stranger stops nothing."""
    try:
        event = json.loads(value or b"null")
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _json_line(_kind: str, event: dict[str, Any], value: bytes) -> None:
    line = value.decode() if b"\n" not in value else json.dumps(event, ensure_ascii=False)
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


class _Screen:
    """Writes an event as two or three lines that fit on a narrow terminal."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)

    def __call__(self, kind: str, event: dict[str, Any], _value: bytes) -> None:
        from rich.padding import Padding
        from rich.text import Text

        severity = str(event.get("severity", "alert")) if kind == "alert" else kind
        head = Text.assemble(
            f"{_short(event.get('time'))}  ",
            (f"{'RETRAIN' if kind == 'trigger' else severity.upper():<9}", _STYLES.get(severity, "")),
            _said(f"  {event.get('model')} {event.get('version')}"),
        )
        self._console.print(head)
        lines = _LINES[kind](event)
        for line, style in zip(lines, ("", *("dim" for _ in lines[1:])), strict=True):
            if line:
                self._console.print(Padding(Text(_said(line), style=style), (0, 0, 0, 2)))


def _alert_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what an alert says, where, what moved along, what to do, and by what name to acknowledge it."""
    along = [each for each in event.get("along") or [] if isinstance(each, dict)]
    names = dict.fromkeys(str(each.get("what")) for each in along)
    more = len(names) - NAMED
    with_it = f"With it: {', '.join(list(names)[:NAMED])}" + (f" and {more} more" if more > 0 else "") if names else ""
    return str(event.get("summary") or ""), _where(event), with_it, str(event.get("action") or ""), _episode(event)


def _where(event: dict[str, Any]) -> str:
    """Return the slice that carries most of it, else the segment that the alert is of; nothing where it has neither."""
    found, segment = event.get("slice"), event.get("segment")
    conditions = (found.get("conditions") or []) if isinstance(found, dict) else []
    if not isinstance(found, dict) or not conditions:
        return f"Where: {segment}." if segment else ""
    rows, share = f"{found.get('rows')} of {found.get('of')} rows", found.get("share")
    carries = f" with {share:.0%} of the rise" if isinstance(share, int | float) else ""
    return f"Where: {' and '.join(map(str, conditions))}, {rows}{carries}."


def _episode(event: dict[str, Any]) -> str:
    """Return the episode as `acknowledge` takes it, and since when it is, with the interval where it has one."""
    low, high = event.get("since_low"), event.get("since_high")
    between = f" ({_short(low)} to {_short(high)})" if low and high and low != high else ""
    return f"Episode {brief(str(event.get('episode')))}, since {_short(event.get('since'))}{between}"


def _trigger_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return why, what waiting costs, and what to train on."""
    train_on = event.get("train_on") or {}
    window = train_on.get("window") or {}
    rows = train_on.get("labelled_rows")
    return (
        str(event.get("reason", "")),
        _waiting(event.get("waiting")),
        (
            f"Train on {_short(window.get('start'))} to {_short(window.get('end'))}, {rows} labelled rows "
            f"({event.get('how')}); id {event.get('id')}"
        ),
    )


def _waiting(waiting: object) -> str:
    """Return what a day of waiting costs; nothing where a trigger does not say."""
    if not isinstance(waiting, dict):
        return ""
    cost, loss = waiting.get("cost_per_day"), waiting.get("excess_loss_per_day")
    said = [f"{number(cost)} a day"] if isinstance(cost, int | float) else []
    said += [f"{number(loss)} more loss a day than in the reference"] if isinstance(loss, int | float) else []
    return f"Waiting costs {', '.join(said)}." if said else ""


def _advice_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what to do at once, and why."""
    return (str(event.get("reason") or ""),)


def _schema_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what a schema change says, whom it breaks, and what to do."""
    breaks = "; ".join(str(each) for each in event.get("breaks") or [])
    fits = f"Compatibility: {event.get('compatibility')}" + (f" ({breaks})" if breaks else "") + "."
    return str(event.get("summary") or ""), fits, str(event.get("action") or "")


def _serving_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return why, and who serves or is tried now."""
    share = event.get("share")
    answers = f" answers {share:.0%}" if isinstance(share, int | float) and share else " in shadow"
    tried = f"; version {event.get('candidate')}{answers}" if event.get("candidate") else ""
    return str(event.get("reason") or ""), f"Version {event.get('version')} serves{tried}."


def _outcome_lines(event: dict[str, Any]) -> tuple[str, ...]:
    """Return what came of a trigger, and what it cost and saved."""
    cost, saved = event.get("retraining_cost"), event.get("saved")
    told = f"Trigger {event.get('trigger')}: {str(event.get('status')).replace('_', ' ')}"
    if isinstance(cost, int | float) and isinstance(saved, int | float):
        told += f"; cost {number(cost)}, saved {number(saved)} so far"
    return str(event.get("reason") or ""), f"{told}."


_LINES = {"alert": _alert_lines, "trigger": _trigger_lines, "schema": _schema_lines}
_LINES |= {"advice": _advice_lines, "serving": _serving_lines, "outcome": _outcome_lines}


def _said(text: object) -> str:
    """Return a text for a terminal: on one line, its times without fractions of a second."""
    return clean(_FRACTION.sub(r"\1", str(text)))


def _short(time: object) -> str:
    """Return an RFC 3339 time without its `T`, seconds of zero and zone: all of ours are in UTC."""
    text = _said(time).removesuffix("Z").replace("T", " ")
    return text.removesuffix(":00") if text.count(":") == 2 else text
