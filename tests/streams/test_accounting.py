"""Whatever is sent, every event stands in exactly one bin, and nothing stops either level."""

import base64
import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from streams.accounting import BINS, Accounting, adds_up
from streams.monitoring import MonitorPartition
from streams.records import ROLES, Headers, Record

from .world import (
    MINUTE,
    MODEL,
    OTHER,
    T0,
    Logs,
    Told,
    feedback,
    layouts_of,
    open_source,
    prediction,
    read_on,
    spec_of,
    steps,
    summaries_log,
    watermark,
)

EVENTS = 10_000

WEIRD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(2**70), 10**300, 1.5, -0.0, 1e308, float("nan"), float("inf"),
    float("-inf"), "", " ", "nan", "1e400", "\x00", "ä" * 200, "x" * 600, "1", "🦆", [], {}, [[]], {"a": {}}, [1, "2"],
]  # fmt: skip
WILD = [
    "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00",
    "1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "now", 1767225600,
    "2025-01-01T00:00:00Z", "2026-01-01T05:00:00.123456+05:30", "8999-12-31T23:59:59Z", "1000-01-01T00:00:00Z",
]  # fmt: skip


def test_it_adds_up_while_events_wait_and_after() -> None:
    accounting = Accounting()
    accounting.read("feedback", 3)
    accounting.read("feedback", 0)
    accounting.settle("feedback", "orphaned", 2)
    accounting.settle("feedback", "expired", 0)
    counts = accounting.counts["feedback"]
    assert (counts["read"], counts["orphaned"], counts["waiting"]) == (3, 2, 1)
    assert adds_up(counts)
    assert not adds_up({**counts, "read": 4})


def test_details_say_more_of_a_bin_and_are_none() -> None:
    accounting = Accounting()
    accounting.read("feedback", 2)
    accounting.settle("feedback", "duplicate", 2)
    accounting.note("feedback", "corrected", 2)
    assert accounting.counts["feedback"]["corrected"] == 2
    assert accounting.counts["feedback"]["waiting"] == 0
    assert adds_up(accounting.counts["feedback"])


def test_it_goes_on_from_counts_that_lack_a_bin() -> None:
    accounting = Accounting({"feedback": {"read": 3, "summarised": 3}})
    assert accounting.counts["feedback"]["late"] == 0
    assert adds_up(accounting.counts["feedback"])
    assert accounting.counts["predictions"] == dict.fromkeys(accounting.counts["predictions"], 0)


def paths(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths to all values inside an event."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, one in inside for path in [(*at, key), *paths(one, (*at, key))]]


@st.composite
def events(draw: st.DrawFn) -> tuple[bool, int, dict[str, Any]]:
    """Draw a good event: whether it is a prediction, when it arrives (in minutes), and the event."""
    number = random.Random(draw(st.integers(0, 2**64 - 1))).randrange(1_500)  # Hypothesis likes small numbers
    id, time = f"p{number}", T0 + number * MINUTE
    model = draw(st.sampled_from(["m", "r", "t", "k"] * 4 + ["nobody"]))
    output: dict[str, Any] = {
        "t": {"text": "a text"},
        "k": {"probabilities": {"red": 0.5, "green": 0.3, "blue": 0.2}},
    }.get(model, prediction(id, time, model)["output"])
    event = prediction(id, time, model, version=draw(st.sampled_from(["1", "1", "2"])), output=output)
    if draw(st.booleans()):
        return True, number + draw(st.integers(0, 15)), event
    said: dict[str, Any] = draw(
        st.sampled_from(
            [{"label": "1", "value": 9.0}, {"label": "red", "rating": 0.5}, {"correction": "nan"}, {"value": 1e308},
             {"correction": "1e999"}, {"correction": "12.5"}, {"rating": 1}]
        )
    )  # fmt: skip
    delay = draw(st.sampled_from([0, 1, 60, 200, 400, 700]))
    known = time + delay * MINUTE
    extra: dict[str, Any] = draw(st.sampled_from([{}, {}, {"model": model}, {"version": "2"}, {"prediction": event}]))
    return False, number + delay + draw(st.sampled_from([0, 10, 10, 40])), feedback(id, known, **said, **extra)


Drawn = tuple[bool, int, bytes | None, Headers, int]
"""Whether a prediction, when it arrives, value, headers, Kafka timestamp."""

KAFKA = T0 // 1_000 + 2 * 86_400_000


@st.composite
def mutated(draw: st.DrawFn) -> Drawn:
    """Draw a record that began as a good event."""
    is_prediction, arrives, event = deepcopy(draw(events()))
    if draw(st.integers(0, 60)) == 0:
        is_prediction = not is_prediction
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 1, 1, 2, 4]))):
        path = draw(st.sampled_from(paths(event) or [("new",)]))
        holder: Any = event
        for key in path[:-1]:
            holder = holder[key]
        what = draw(st.sampled_from(["swap", "swap", "drop", "wild", "nest"]))
        if what == "drop" and path[-1] != "new":
            del holder[path[-1]]
        elif what == "nest":
            holder[path[-1]] = {"deep": [deepcopy(event.get("features"))]}
        else:
            holder[path[-1]] = deepcopy(draw(st.sampled_from(WILD if what == "wild" else WEIRD)))
    value = json.dumps(event).encode()
    headers: list[tuple[str, Any]] = []
    envelope = {"specversion": "1.0", "id": "1", "source": "s", "type": "t"}
    match draw(st.integers(0, 30)):
        case 0:
            headers = [("ce_specversion", b"0.1")]
        case 1:
            headers = [("ce_specversion", b"1.0"), ("content-type", b"x")]
        case 2:
            headers = [("content-type", b"application/cloudevents+json")]
        case 3:
            headers = [("ce_id", None), ("x", b"\xff")]
        case 4 | 5:
            headers = [("ce_specversion", b"1.0")]
        case 6 | 7:
            value = json.dumps({**envelope, "data": event}).encode()
        case 8:
            value = json.dumps({**envelope, "data_base64": base64.b64encode(value).decode()}).encode()
    match draw(st.integers(0, 60)):
        case 0:
            return is_prediction, arrives, None, headers, KAFKA
        case 1 | 2 | 3 | 4:
            place = draw(st.integers(0, len(value) - 1))
            value = value[:place] + draw(st.binary(max_size=4)) + value[place + draw(st.integers(0, 6)) :]
        case 5:
            value = value.replace(b'"p', b'"\\ud800p')
        case 6:
            value = b'{"features":' * draw(st.sampled_from([10, 300, 20_000])) + value
        case 7:
            value = json.dumps(watermark(T0 + arrives * MINUTE)).encode()
    return is_prediction, arrives, value, headers, draw(st.sampled_from([*[KAFKA] * 20, -1, 0, 2**62]))


def gathered() -> Logs:
    """Return EVENTS mutated records of both topics, as they arrive; those that no Kafka timestamp guards at the end."""
    everything: list[Drawn] = []

    @settings(
        max_examples=EVENTS // 20,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(mutated(), min_size=20, max_size=20))
    def gather(drawn: list[Drawn]) -> None:
        everything.extend(drawn)

    gather()
    logs: Logs = {"predictions": [], "feedback": []}
    for is_prediction, _, value, headers, timestamp in sorted(everything, key=lambda d: (d[4] in (-1, 2**62), d[1])):
        log = logs["predictions" if is_prediction else "feedback"]
        log.append(Record(len(log), timestamp, b"k", value, headers))
    return logs


def test_ten_thousand_mutated_events_all_end_in_a_bin_and_stop_nothing(tmp_path: Path) -> None:
    spec = spec_of(
        {"max_event_bytes": 50_000},
        m=MODEL,
        r=OTHER,
        t={**MODEL, "task": "text", "positive_label": None, "reference": "t.json"},
        k={**MODEL, "task": "multiclass", "positive_label": None, "classes": ["red", "green", "blue"]},
    )
    layouts = layouts_of(spec_of(m=MODEL, r=OTHER))
    layouts = type(layouts)(dict(spec.models), layouts._profiles)  # t and k have no reference: that too must do
    logs = gathered()
    assert len(logs["predictions"]) + len(logs["feedback"]) >= EVENTS
    source, told = open_source(spec, layouts, tmp_path), Told()
    generator = random.Random(6)
    for role, size in steps(generator, logs, largest=200):
        read_on(source, logs, role, size)
        if generator.random() < 0.3:
            told.take(source.checkpoint())
            source.sent()
        if generator.random() < 0.05:  # whatever is in the outbox survives a restart
            source.close()
            source = open_source(spec, layouts, tmp_path)
    for role in ROLES:
        while read_on(source, logs, role, 500):
            pass
    told.take(source.checkpoint())
    counts = source.counts()
    for role in ROLES:
        assert counts[role]["read"] == len(logs[role])
        assert counts[role]["read"] == sum(counts[role][bin_] for bin_ in BINS) + counts[role]["waiting"]
        assert adds_up(counts[role])
    for bin_ in ("summarised", "dead_lettered", "duplicate", "late", "control"):
        assert counts["predictions"][bin_] > 20, f"the test is weak: few predictions are {bin_}: {counts}"
    for bin_ in ("summarised", "dead_lettered", "duplicate", "late", "expired", "orphaned"):
        assert counts["feedback"][bin_] > 20, f"the test is weak: few labels are {bin_}: {counts}"

    letters = told.letters()
    assert len(letters) == sum(counts[role]["dead_lettered"] for role in ROLES)
    topics = {spec.kafka.topics.predictions: "predictions", spec.kafka.topics.feedback: "feedback"}
    for one in told.to("dead_letters"):
        headers = dict(one.headers)
        role = topics[headers["__streams.errors.topic"].decode()]
        assert one.value == logs[role][int(headers["__streams.errors.offset"])].value  # type: ignore[index]

    monitors = MonitorPartition(spec, layouts)
    outputs = monitors.process(summaries_log(told.sent))
    assert {one.key for one in outputs} >= {b"m", b"r"}
    for one in outputs:
        assert json.loads(one.value or b"")["id"]
    assert monitors.snapshots()
