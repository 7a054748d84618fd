"""Rows that level 1 picks out of all: by rule from all rows of a pane, and complaints; after restarts too."""

import random
import zlib
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from detectors.id_hash import id_hash
from detectors.layouts import Layouts
from detectors.merge import Panes, Watermark
from detectors.pane import ClosedPane
from detectors.row_shape import RowShape
from detectors.summary import PaneKey
from schemas.event_time import to_micros
from schemas.spec import MonitorSpec
from streams import open_panes
from streams.messages import SummaryMessage, decode_message, summary_of
from streams.partition import SourcePartition
from streams.records import ROLES, Record, Role

from .join_oracle import tiny
from .world import HOUR, MINUTE, MODEL, T0, feedback, layouts_of, log_of, open_source, prediction, spec_of, watermark

MOST = 6
REQUESTS = {
    "per_pane": MOST,
    "strategies": ["errors"],
    "rules": [
        {"name": "high", "when": "x > 1 and score >= 0.2"},
        {"name": "rare", "when": 'c == "a" and x > 1.4'},
        {"name": "all", "when": "x > -100"},
    ],
}
SPEC = spec_of(m={**MODEL, "traffic_sample": 5, "sample": 5, "label_requests": REQUESTS})
LAYOUTS = layouts_of(SPEC)
SHAPE = RowShape(SPEC.models["m"])
ROWS = 100
END = T0 + 20 * HOUR

Events = list[tuple[Role, dict[str, Any]]]


def events() -> Events:
    """An hour of predictions; in the next hours half of them are complained of, some of those labelled as well."""
    rng = random.Random(4)
    found: list[tuple[int, Role, dict[str, Any]]] = []
    for n in range(ROWS):
        time = T0 + n * HOUR // ROWS
        found.append((time, "predictions", prediction(str(n), time)))
        if n % 2:
            rated = time + HOUR + rng.randrange(30 * MINUTE)
            found.append((rated, "feedback", feedback(str(n), rated, rating=0.2 if n % 5 else 0.9)))
            if n % 6 == 1:
                known = rated + rng.choice([-20, 10, 100]) * MINUTE
                found.append((known, "feedback", feedback(str(n), known, label="1")))
    return [(role, event) for _, role, event in sorted(found, key=lambda one: one[0])]


def take(source: SourcePartition, role: Role, event: dict[str, Any]) -> None:
    source.process(role, log_of([event], start=source.position[role] or 0))


def source_of(path: Path, partition: int = 0, partitions: int = 1, spec: MonitorSpec = SPEC) -> SourcePartition:
    return open_source(spec, layouts_of(spec) if spec is not SPEC else LAYOUTS, path, None, partition, partitions)


def send(source: SourcePartition) -> list[SummaryMessage]:
    """Take a checkpoint; return the summaries that are sent."""
    sent = [one for one in source.checkpoint() if one.destination == "summaries"]
    source.sent()
    messages = [decode_message(Record(0, 0, one.key, one.value)) for one in sent]
    return [message for message in messages if isinstance(message, SummaryMessage)]


def finish(source: SourcePartition) -> list[SummaryMessage]:
    """What a partition sends once all its panes are over."""
    for role in ROLES:
        take(source, role, watermark(END))
    return send(source)


def closed(sent: list[list[SummaryMessage]], layouts: Layouts = LAYOUTS) -> dict[PaneKey, ClosedPane]:
    """What level 2 makes of what partitions sent."""
    panes = Panes(SPEC.models["m"], layouts)
    for partition, messages in enumerate(sent):
        for message in messages:
            through = tuple(message.through.get(role, -1) for role in ROLES)
            panes.add(partition, through, summary_of(message), 0, fresh=True)
    for partition in range(len(sent)):
        panes.advance(partition, len(sent), Watermark(END - HOUR, idle=False))
    return {pane.key: pane for pane in panes.close()}


def ids(pane: ClosedPane, name: str) -> set[str]:
    return {sampled.row.id for sampled in pane.picked[name]}


def smallest(names: list[str]) -> set[str]:
    return set(sorted(names, key=id_hash)[:MOST])


def true_of(rule: str) -> list[str]:
    found = []
    for role, event in events():
        if role == "predictions":
            x, c, score = event["features"]["x"], event["features"]["c"], event["output"]["score"]
            kept = {"high": x > 1 and score >= 0.2, "rare": c == "a" and x > 1.4, "all": True}[rule]
            found += [event["prediction_id"]] if kept else []
    return found


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[PaneKey, ClosedPane]:
    source = source_of(tmp_path_factory.mktemp("whole"))
    for role, event in events():
        take(source, role, event)
    return closed([finish(source)])


TRAFFIC = PaneKey("m", "1", "traffic", T0)


@pytest.mark.parametrize("rule", ["high", "rare", "all"])
def test_a_rule_sees_every_row_of_the_pane_and_keeps_those_with_the_smallest_hashes(
    whole: dict[PaneKey, ClosedPane], rule: str
) -> None:
    pane = whole[TRAFFIC]
    assert len(pane.sample) == 5 < pane.n == ROWS
    matched = true_of(rule)
    assert ids(pane, rule) == smallest(matched)
    assert len(matched) > 0
    assert ids(pane, "high") - {sampled.row.id for sampled in pane.sample}, "rows that the sample does not have"


def expected_complaints(start: int) -> tuple[list[str], set[str]]:
    """Rows complained of in the pane, and those of them that had a label by its end."""
    complained, labelled = [], set()
    for role, event in events():
        if role == "feedback":
            time = to_micros(datetime.fromisoformat(event["timestamp"]))
            if start <= time < start + HOUR and event.get("rating") == 0.2:
                complained.append(event["prediction_id"])
            if "label" in event and time < start + HOUR:
                labelled.add(event["prediction_id"])
    return complained, labelled


def test_complaints_are_picked_and_say_whether_a_label_came_by_the_end_of_the_pane(
    whole: dict[PaneKey, ClosedPane],
) -> None:
    seen = 0
    for start in (T0 + HOUR, T0 + 2 * HOUR):
        pane = whole[PaneKey("m", "1", "label", start)]
        complained, labelled = expected_complaints(start)
        assert ids(pane, "complaints") == smallest(complained)
        for sampled in pane.picked["complaints"]:
            assert sampled.label is not None
            assert (sampled.label.label is not None) == (sampled.row.id in labelled)
            assert (sampled.loss is not None) == (sampled.row.id in labelled)
            seen += sampled.row.id in labelled
    assert seen > 0


def contents(panes: dict[PaneKey, ClosedPane]) -> dict[PaneKey, Any]:
    return {key: (pane.sample, pane.picked, pane.counts.tolist()) for key, pane in panes.items()}


@pytest.mark.parametrize("partitions", [2, 3, 5])
def test_what_is_picked_does_not_depend_on_how_the_stream_is_cut(
    tmp_path: Path, whole: dict[PaneKey, ClosedPane], partitions: int
) -> None:
    sources = [source_of(tmp_path / str(n), n, partitions) for n in range(partitions)]
    for role, event in events():
        take(sources[zlib.crc32(event["prediction_id"].encode()) % partitions], role, event)
    assert contents(closed([finish(source) for source in sources])) == contents(whole)


@pytest.mark.parametrize("small", [True, False], ids=["small blocks", "blocks"])
def test_what_was_picked_is_picked_again_after_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[PaneKey, ClosedPane], small: bool
) -> None:
    if small:
        monkeypatch.setattr(open_panes, "AT_ONCE", 7)
    with tiny() if small else nullcontext():
        source, sent = source_of(tmp_path), []
        for number, (role, event) in enumerate(events()):
            take(source, role, event)
            if number % 40 == 39:
                sent += send(source)
                source.close()
                source = source_of(tmp_path)
        sent += finish(source)
    assert contents(closed([sent])) == contents(whole)


def test_rules_that_came_with_a_restart_see_the_rows_of_open_panes(tmp_path: Path) -> None:
    before = spec_of(m={**MODEL, "traffic_sample": 5, "sample": 5})
    source = source_of(tmp_path, spec=before)
    for n in range(20):
        take(source, "predictions", prediction(str(n), T0 + n))
    send(source)
    source.close()
    source = source_of(tmp_path)
    panes = closed([finish(source)])
    assert ids(panes[TRAFFIC], "all") == smallest([str(n) for n in range(20)])


def test_without_rules_and_the_strategy_of_errors_nothing_is_picked(tmp_path: Path) -> None:
    spec = spec_of(m={**MODEL, "label_requests": {"strategies": ["random"]}})
    source = source_of(tmp_path, spec=spec)
    for role, event in events():
        take(source, role, event)
    messages = finish(source)
    assert messages
    assert all(one.picked == {} for one in messages)
