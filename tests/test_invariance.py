"""Partition invariance: one stream, however it is cut, chunked and interleaved, comes out the same byte for byte."""

import json
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from streams.accounting import adds_up
from streams.monitoring import MonitorPartition
from streams.records import ROLES, Outgoing, Role

from .streams.world import (
    HOUR,
    MINUTE,
    MODEL,
    OTHER,
    T0,
    Logs,
    feedback,
    layouts_of,
    log_of,
    open_source,
    prediction,
    read_on,
    spec_of,
    steps,
    summaries_log,
    watermark,
)

MOVED = {"type": "all", "of": [{"type": "drift", "features": 1}, {"type": "schedule", "every_labels": 300}]}
COMBINED = {"policies": [{"type": "any", "of": [{"type": "performance"}, MOVED]}], "cooldown": "2d"}
COSTS = {"costs": {"loss": 1, "retraining": 40}, "retraining": {"cooldown": "1d", "minimum_labels": 50}}
ASK = {"strategies": ["uncertainty", "disagreement", "drifted", "rare", "errors"]}
RULES = [{"name": "high", "when": "x > 1"}, {"name": "a", "when": 'c == "a"'}]
SPEC = spec_of(
    m={  # panes hold more rows than the samples
        **MODEL,
        "retraining": {**COMBINED, "minimum_labels": 50},
        "challenger": True,
        "sample": 20,
        "traffic_sample": 20,
        "label_requests": {**ASK, "per_pane": 10, "rules": RULES},
    },
    r={**OTHER, **COSTS, "challenger": True, "label_requests": ASK},
)
LAYOUTS = layouts_of(SPEC, rows=3_000)
HOURS, PER_HOUR = 110, 60
CHANGE = T0 + 55 * HOUR

Events = dict[Role, list[tuple[bytes, dict[str, Any] | bytes]]]


def events() -> Events:
    """Return a stream in which no event is late, and after CHANGE the models err and a feature has moved."""
    generator = random.Random(11)
    found: dict[Role, list[tuple[int, bytes, dict[str, Any] | bytes]]] = {role: [] for role in ROLES}
    for number in range(HOURS * PER_HOUR):
        time = T0 + number * HOUR // PER_HOUR
        id, model = f"p{number}", generator.choice("mmr")
        event = prediction(id, time, model, version="2" if number % 7 == 0 else "1")
        wrong = generator.random() < (0.35 if time >= CHANGE else 0.1)
        if time >= CHANGE:
            event["features"]["x"] = round(event["features"]["x"] + 1.5, 3)
            event["features"][f"new{number % 3}"] = "a"
        found["predictions"].append((time, id.encode(), event))
        if number % 50 == 0:
            found["predictions"].append((time, id.encode(), event))  # a duplicate
            found["predictions"].append((time, b"bad", b"not an event"))
            found["feedback"].append((time, b"nobody", feedback(f"nobody{number}", time)))
        if model == "m":
            right = event["output"]["label"]
            said: dict[str, Any] = {"label": {"0": "1", "1": "0"}[right] if wrong else right}
        else:
            said = {"value": round(event["output"]["value"] + generator.gauss(0, 4 if time >= CHANGE else 1), 3)}
        known = time + int(generator.expovariate(1 / (40 * MINUTE)))
        inside = {"prediction": prediction(f"own{id}", time, model)} if number % 41 == 0 else {}
        name = f"own{id}" if inside else id
        found["feedback"].append((known, name.encode(), feedback(name, known, **said, **inside)))
        if number % 29 == 0:
            found["feedback"].append((time + HOUR, name.encode(), feedback(name, time + HOUR, rating=0.1)))
        if number % 23 == 0:
            again = known + HOUR
            found["feedback"].append((again, name.encode(), feedback(name, again, label="0", value=1.0)))
    return {
        role: [(key, event) for _, key, event in sorted(rows, key=lambda row: row[0])] for role, rows in found.items()
    }


EVENTS = events()


def cut(partitions: int) -> list[Logs]:
    """Return the stream cut by the hash of the key, with a watermark at the end of every partition of both topics."""
    end = watermark(T0 + (HOURS + 20) * HOUR)
    logs: list[Logs] = []
    for number in range(partitions):
        mine = {
            role: [event for key, event in EVENTS[role] if zlib.crc32(key) % partitions == number] for role in ROLES
        }
        logs.append({role: log_of([*mine[role], end]) for role in ROLES})
    return logs


def outputs(path: Path, partitions: int, seed: int, chunk: int) -> tuple[list[Outgoing], dict[str, dict[str, int]]]:
    """Run level 1 of each partition and level 2, in random turns; return what was published, and the accounting."""
    generator = random.Random(seed)
    logs = cut(partitions)
    sources = [open_source(SPEC, LAYOUTS, path / str(n), None, n, partitions) for n in range(partitions)]
    turns = [list(steps(generator, log, chunk)) for log in logs]
    sent: list[Outgoing] = []
    while any(turns):
        number = generator.choice([n for n in range(partitions) if turns[n]])
        for role, size in turns[number][: generator.randint(1, 5)]:
            read_on(sources[number], logs[number], role, size)
            turns[number].pop(0)
        sent += sources[number].checkpoint()
        sources[number].sent()
    counts: dict[str, dict[str, int]] = {role: {} for role in ROLES}
    for source in sources:
        for role in ROLES:
            assert adds_up(source.counts()[role])
            for name, count in source.counts()[role].items():
                counts[role][name] = counts[role].get(name, 0) + count
        source.close()
    monitors, log, published = MonitorPartition(SPEC, LAYOUTS), summaries_log(sent), []
    for start in range(0, len(log), 97):
        published += monitors.process(log[start : start + 97])
    assert set(monitors.late.values()) == {0}
    return published, counts


def by_model(published: list[Outgoing]) -> dict[bytes, list[tuple[str, bytes, str]]]:
    """Return destination, id and text of what was published, in order, by model, provenance left out."""
    found: dict[bytes, list[tuple[str, bytes, str]]] = {}
    for one in published:
        content = json.loads(one.value or b"")
        content.pop("provenance", None)  # decisions have none
        text = json.dumps(content)  # keeps the order of keys, and writes a number as it was
        found.setdefault(one.key, []).append((one.destination, dict(one.headers)["ce_id"], text))
    return found


@pytest.fixture(scope="module")
def one_partition(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Outgoing], dict[str, dict[str, int]]]:
    return outputs(tmp_path_factory.mktemp("one"), partitions=1, seed=0, chunk=500)


def test_the_stream_has_something_to_say(one_partition: tuple[list[Outgoing], dict[str, dict[str, int]]]) -> None:
    published, counts = one_partition
    for model, policy in ((b"m", "any"), (b"r", "cost")):
        kinds = [one.destination for one in published if one.key == model]
        triggers = [
            json.loads(one.value or b"") for one in published if (one.key, one.destination) == (model, "triggers")
        ]
        assert {one["policy"] for one in triggers} == {policy}
        assert kinds.count("decisions") > 50
        assert kinds.count("schema_changes") == 6  # three features of two versions
        severities = [json.loads(one.value or b"")["severity"] for one in published if one.destination == "alerts"]
        assert {"alarm", "notice"} <= set(severities)
        assert kinds.count("pane_reports") > 500
        asked = [json.loads(one.value or b"") for one in published if one.destination == "label_requests"]
        reasons = {one["reason"] for one in asked if one["model"] == model.decode()}
        assert reasons >= {"random", "uncertainty", "disagreement", "drifted", "errors"} | (
            {"rule"} if model == b"m" else set()
        )
    assert counts["predictions"]["late"] == counts["feedback"]["late"] == 0
    for bin_ in ("summarised", "duplicate", "orphaned"):
        assert counts["feedback"][bin_] > 0
    sampled = [
        one for one in published if one.destination == "pane_reports" and b'"sampled":true' in (one.value or b"")
    ]
    assert sampled, "some panes hold more rows than their sample"


@pytest.mark.parametrize(("partitions", "seed", "chunk"), [(1, 1, 40), (3, 2, 300), (3, 3, 60), (8, 4, 150)])
def test_alerts_triggers_and_reports_do_not_depend_on_how_the_stream_is_cut(
    tmp_path: Path,
    one_partition: tuple[list[Outgoing], dict[str, dict[str, int]]],
    partitions: int,
    seed: int,
    chunk: int,
) -> None:
    expected, expected_counts = one_partition
    published, counts = outputs(tmp_path, partitions, seed, chunk)
    found, wanted = by_model(published), by_model(expected)
    assert found.keys() == wanted.keys()
    for model in wanted:
        assert found[model] == wanted[model]
    for role in ROLES:
        expected_role = {**expected_counts[role], "read": 0, "control": 0}
        assert {**counts[role], "read": 0, "control": 0} == expected_role
        assert counts[role]["control"] == partitions
