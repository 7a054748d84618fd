"""Predictions that are no rows count where people look for them, whatever the chunks; and what is odd is noted."""

import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from detectors.quality_sections import DUPLICATE, LATE, REFUSED, REJECTED
from detectors.summary import PaneSummary
from schemas.event_time import Micros
from streams.messages import summary_of
from streams.odd_features import odd_features
from streams.records import Record

from .world import HOUR, MINUTE, MODEL, T0, Log, layouts_of, log_of, prediction, run, spec_of, watermark

SPEC = spec_of(m=MODEL)
LAYOUTS = layouts_of(SPEC)
TRAFFIC = LAYOUTS.of("m", "1").families["traffic"]
END = watermark(T0 + 50 * HOUR)
UNFIT = {"output": {"label": "no class"}}


def panes(path: Path, events: Log, chunk: int = 1_000, partition: int = 0) -> dict[tuple[str, Micros], PaneSummary]:
    """Traffic panes by version and start, in hours after T0."""
    steps = [("predictions", chunk)] * (len(events) // chunk + 1)
    told = run(SPEC, LAYOUTS, {"predictions": events, "feedback": log_of([END])}, path, steps, partition)  # type: ignore[arg-type]
    found = [summary_of(message) for message in told.summaries() if message.family == "traffic"]
    return {(one.key.version, (one.key.start - T0) // HOUR): one for one in found}


def rejected(found: dict[tuple[str, Micros], PaneSummary], start: int, version: str = "1") -> dict[str, int]:
    counts = TRAFFIC.view(found[version, start].counts, "rejected").tolist()
    return {name: count for name, count in zip(REJECTED, counts, strict=True) if count}


def test_each_counts_in_a_pane_that_is_still_open(tmp_path: Path) -> None:
    first = prediction("a", T0 + 30 * MINUTE)
    found = panes(
        tmp_path,
        log_of(
            [
                first,
                first,  # in the pane of its own time
                prediction("b", T0 + 75 * MINUTE),
                prediction("c", T0 + 40 * MINUTE),  # late; the watermark stands at 65 minutes
                prediction("d", T0 + 70 * MINUTE, **UNFIT),
                prediction("e", T0 + 20 * MINUTE, **UNFIT),  # refused, and late besides
                prediction("f", T0 + 70 * MINUTE, version="2", **UNFIT),  # of a version without a row
                b'{"model": "m", "timestamp": "2026-01-01T01:10:00Z"}',
                END,
            ]
        ),
    )
    assert rejected(found, 0) == {"duplicate": 1}
    assert rejected(found, 1) == {"late": 1, "refused": 3}
    assert rejected(found, 1, "2") == {"refused": 1}
    assert TRAFFIC.view(found["2", 1].counts, "n")[0] == 0


@pytest.mark.parametrize(
    "value",
    [
        b"no event",
        None,
        b"[]",
        b'{"model": "nobody", "timestamp": "2026-01-01T00:10:00Z"}',
        b'{"model": "m", "timestamp": "yesterday"}',
        b'{"model": "m"}',
        b'{"model": "m", "timestamp": "2026-01-01T00:10:00Z", "version": ""}',
        b'{"model": "m", "timestamp": "2026-01-01T00:10:00Z", "version": 3}',
        b'{"model": "m", "timestamp": "2026-01-01T00:10:00Z", "pad": "' + b"x" * 1_000_000 + b'"}',
    ],
)
def test_what_does_not_say_where_it_belongs_counts_nowhere(tmp_path: Path, value: bytes | None) -> None:
    found = panes(tmp_path, log_of([prediction("a", T0), value, END]))
    assert list(found) == [("1", 0)]
    assert rejected(found, 0) == {}


def test_a_refused_time_far_ahead_opens_no_pane(tmp_path: Path) -> None:
    ahead = log_of([prediction("b", T0 + 40 * HOUR)], 1, timestamp=T0 // 1_000)
    found = panes(tmp_path, [*log_of([prediction("a", T0)]), *ahead, *log_of([END], 2)])
    assert list(found) == [("1", 0)]


def stream(seed: int, late: bool) -> list[tuple[bytes, dict[str, Any]]]:
    """Events of five hours with duplicates, refused ones and odd ones; in order, unless some are late."""
    generator, events = random.Random(seed), []
    for number in range(300):
        time = T0 + number * MINUTE
        event = prediction(f"p{number}", time, version=generator.choice("12"))
        kind = generator.random()
        if kind < 0.1:
            event["output"] = {"label": "no class"}
        elif kind < 0.3:
            event["features"][f"new{generator.randrange(3)}"] = generator.choice([1, "a", None])
        elif kind < 0.4:
            event["features"]["x"] = "one"
        events.append((time, event))
        if kind > 0.9:
            events.append((time + generator.randrange(8) * MINUTE, event))
        elif kind > 0.8 and late:
            events.append((time + generator.randrange(90) * MINUTE, prediction(f"l{number}", time)))
    ordered = sorted(events, key=lambda pair: pair[0])
    return [(event["prediction_id"].encode(), event) for _, event in ordered]


@pytest.mark.parametrize("seed", range(3))
def test_chunks_make_no_difference(tmp_path: Path, seed: int) -> None:
    events = log_of([*(event for _, event in stream(seed, late=True)), END])
    whole, pieces = panes(tmp_path / "whole", events), panes(tmp_path / "pieces", events, chunk=7)
    assert whole.keys() == pieces.keys()
    for key, one in whole.items():
        assert one.counts.tolist() == pieces[key].counts.tolist()
        assert one.odd == pieces[key].odd
    counted = sum(TRAFFIC.view(one.counts, "rejected") for one in whole.values())
    assert all(counted[kind] for kind in (DUPLICATE, LATE, REFUSED))


@pytest.mark.parametrize("seed", range(3))
def test_neither_do_partitions_where_nothing_is_late(tmp_path: Path, seed: int) -> None:
    events = stream(seed, late=False)
    whole = panes(tmp_path / "whole", log_of([*(event for _, event in events), END]))
    merged: dict[tuple[str, Micros], PaneSummary] = {}
    for number in range(3):
        mine = [event for key, event in events if zlib.crc32(key) % 3 == number]
        for key, one in panes(tmp_path / str(number), log_of([*mine, END])).items():
            if key in merged:
                merged[key].merge(one)
            else:
                merged[key] = one
    assert whole.keys() == merged.keys()
    for key, one in whole.items():
        assert one.counts.tolist() == merged[key].counts.tolist()
        assert one.odd == merged[key].odd
    assert any(one.odd for one in whole.values())


# Odd features


def found_in(features: Any, **more: Any) -> list[tuple[str, str]]:
    (record,) = log_of([prediction("a", T0, features=features, **more)])
    return odd_features(record, SPEC.models["m"])


def test_what_is_not_as_declared_is_found_with_its_type() -> None:
    features = {"x": "one", "c": 3, "new": "a", "old": 1.5, "flag": True, "none": None}
    expected = [("x", "text"), ("new", "text"), ("old", "numeric"), ("flag", "boolean"), ("none", "null")]
    assert found_in(features) == expected
    assert found_in({"x": -1, "c": "a"}) == found_in({"x": None}) == []


def test_a_record_that_cannot_be_read_again_has_nothing_odd() -> None:
    for value in (None, b"", b"{", b'{"features": 3}'):
        assert odd_features(Record(0, -1, None, value), SPEC.models["m"]) == []


def test_the_odd_rows_of_a_pane_are_those_that_were_accepted(tmp_path: Path) -> None:
    new = {"features": {"x": 1.0, "c": "a", "new": 1}}
    bad = {"features": {"x": True}}
    events = [prediction("a", T0, **new), prediction("a", T0, **bad), prediction("b", T0), prediction("c", T0, **bad)]
    events.append(prediction("d", T0, **UNFIT, **new))
    (pane,) = panes(tmp_path, log_of([*events, END])).values()
    assert sorted(odd for _, odd in pane.odd) == [(("new", "numeric"),), (("x", "boolean"),)]
