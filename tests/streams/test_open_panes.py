"""The open panes of one source partition: which rows go where, and what a restart brings back.

Panes are asked of a whole `SourcePartition`: what goes into them is what the join returns. That the counts and samples
are those of plain counting, whatever happens, is proved in `test_join.py`.
"""

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from detectors.layouts import Layouts
from detectors.row_shape import RowShape
from detectors.summary import PaneKey, PaneSummary
from schemas.spec import MonitorSpec
from streams import pane_samples
from streams.messages import summary_message
from streams.partition import SourcePartition
from streams.records import ROLES, Role

from .join_oracle import tiny
from .world import HOUR, MINUTE, T0, feedback, layouts_of, log_of, open_source, prediction, spec_of, watermark

SPEC = spec_of()
LAYOUTS = layouts_of(SPEC)
SHAPE = RowShape(SPEC.models["m"])


def source_of(path: Path, spec: MonitorSpec = SPEC, layouts: Layouts = LAYOUTS) -> SourcePartition:
    return open_source(spec, layouts, path)


def take(source: SourcePartition, role: Role, events: Sequence[dict[str, Any]]) -> None:
    source.process(role, log_of(events, start=source.position[role] or 0))


def checkpoint(source: SourcePartition) -> None:
    source.checkpoint()
    source.sent()


def panes(source: SourcePartition) -> list[PaneSummary]:
    source._panes.count()
    return list(source._panes.summaries(source._panes.keys))


def packed(source: SourcePartition) -> list[bytes]:
    return [msgspec.msgpack.encode(summary_message(one, 0, {})) for one in panes(source)]


def rows(summary: PaneSummary) -> int:
    layout = LAYOUTS.of(summary.key.model, summary.key.version).families[summary.key.family]
    return int(layout.view(summary.counts, "n")[0])


def test_a_prediction_goes_into_the_traffic_and_cohort_panes_of_its_time_model_and_version(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    take(
        source,
        "predictions",
        [prediction("c", T0, version="2"), prediction("a", T0 + HOUR - 1), prediction("b", T0 + HOUR)],
    )
    found = {(one.key.version, one.key.family, one.key.start): rows(one) for one in panes(source)}
    assert found == {
        (version, family, start): 1
        for version, start in [("1", T0), ("1", T0 + HOUR), ("2", T0)]
        for family in ("traffic", "cohort")
    }


def test_panes_are_in_the_order_in_which_they_are_due(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    for n in range(20, 0, -1):  # no two in the same order as their times
        take(source, "predictions", [prediction(str(n), T0 + n * MINUTE, "mr"[n % 2], version=str(n % 5))])
    take(source, "feedback", [feedback(str(n), T0 + 3 * HOUR + n) for n in range(21)])
    due = [one.key.due(SPEC.models[one.key.model]) for one in panes(source)]
    assert due == sorted(due)
    assert len(due) == len(set(source._panes.keys)) == 10 * 3


def test_a_label_goes_into_the_pane_of_when_it_was_known_and_into_the_cohort_of_its_prediction(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    take(source, "predictions", [prediction("a", T0, output={"label": "0"})])
    take(source, "feedback", [*[feedback("nobody", T0)] * 9, feedback("a", T0 + 2 * HOUR)])
    found = {(one.key.family, one.key.start): one for one in panes(source)}
    label, cohort = found["label", T0 + 2 * HOUR], found["cohort", T0]
    assert rows(label) == 1
    assert label.offsets == {"feedback": (9, 9)}
    assert cohort.offsets == {"predictions": (0, 0), "feedback": (9, 9)}
    layout = LAYOUTS.of("m", "1").families["cohort"]
    assert layout.view(cohort.counts, "losses").sum() == 1
    assert [one.loss for one in cohort.sample.rows(SHAPE)] == [1.0]


def test_a_label_before_its_prediction_is_known_from_the_prediction_on(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    take(source, "predictions", [prediction("a", T0 + HOUR)])
    take(source, "feedback", [feedback("a", T0 + HOUR - 1)])
    assert {one.key.start for one in panes(source) if one.key.family == "label"} == {T0 + HOUR}


def test_what_comes_after_the_judgement_is_not_added_to_the_cohort(tmp_path: Path) -> None:
    source, due = source_of(tmp_path), T0 + 4 * HOUR  # a pane of 1 h and a maturity of 3 h
    take(source, "feedback", [feedback("a", due, prediction=prediction("a", T0))])
    assert {one.key.family for one in panes(source)} == {"label"}
    take(source, "feedback", [feedback("b", due - 1, prediction=prediction("b", T0))])
    assert {one.key.family for one in panes(source)} == {"label", "cohort"}
    cohort = next(one for one in panes(source) if one.key.family == "cohort")
    assert rows(cohort) == 1


def test_a_label_after_the_judgement_is_not_in_the_sample_of_a_cohort_that_is_still_open(tmp_path: Path) -> None:
    """It is open while the other topic lags."""
    source = source_of(tmp_path)
    take(source, "predictions", [prediction("a", T0), prediction("b", T0)])
    take(source, "feedback", [feedback("a", T0 + 4 * HOUR - 1), feedback("b", T0 + 4 * HOUR)])
    for _ in range(2):
        cohort = next(one for one in panes(source) if one.key.family == "cohort")
        assert {one.row.id: one.label is None for one in cohort.sample.rows(SHAPE)} == {"a": False, "b": True}
        checkpoint(source)
        source.close()
        source = source_of(tmp_path)


def busy(seed: int = 1, count: int = 150) -> list[tuple[Role, dict[str, Any]]]:
    rng = random.Random(seed)
    events: list[tuple[Role, dict[str, Any]]] = []
    for n in range(count):
        time = T0 + n * MINUTE
        events.append(("predictions", prediction(str(n), time, rng.choice("mr"), rng.choice("12"))))
        if rng.random() < 0.7:
            said = {"label": rng.choice("01"), "value": rng.gauss(10, 3)}
            events.append(("feedback", feedback(str(rng.randrange(n + 1)), time + rng.randrange(HOUR), **said)))
        if rng.random() < 0.1:
            own = prediction(f"own {n}", time, "m")
            events.append(("feedback", feedback(f"own {n}", time, prediction=own, label="1")))
    return events


def blocks(small: bool) -> AbstractContextManager[None]:
    return tiny() if small else nullcontext()


@pytest.mark.parametrize("small", [True, False], ids=["small blocks", "blocks"])
def test_what_was_saved_is_there_after_a_restart_and_counts_on(tmp_path: Path, small: bool) -> None:
    events = busy()
    straight, restarted = source_of(tmp_path / "straight"), source_of(tmp_path / "restarted")
    with blocks(small):
        for start in range(0, len(events), 30):
            for number, (role, event) in enumerate(events[start : start + 30]):
                take(straight, role, [event])
                take(restarted, role, [event])
                if number % 7 == 0:
                    checkpoint(restarted)
            checkpoint(restarted)
            for role, event in events[start + 30 : start + 40]:  # never saved: as if it had not been
                take(restarted, role, [event])
            restarted.close()
            restarted = source_of(tmp_path / "restarted")
        assert packed(restarted) == packed(straight)
        assert len(packed(straight)) > 12


@pytest.mark.parametrize("small", [True, False], ids=["small blocks", "blocks"])
def test_a_sample_that_has_overflowed_stays_the_smallest_hashes_after_a_restart(tmp_path: Path, small: bool) -> None:
    spec = spec_of(m={**SPEC.models["m"].model_dump(mode="json"), "sample": 5, "traffic_sample": 7})
    layouts = layouts_of(spec)
    predictions = [prediction(str(n), T0 + n) for n in range(60)]
    labels = [feedback(str(n), T0 + n) for n in range(60)]
    with blocks(small):
        straight = source_of(tmp_path / "a", spec, layouts)
        take(straight, "predictions", predictions)
        take(straight, "feedback", labels)
        for half in (slice(0, 30), slice(30, 60)):
            source = source_of(tmp_path / "b", spec, layouts)
            take(source, "predictions", predictions[half])
            take(source, "feedback", labels[half])
            checkpoint(source)
            source.close()
        restarted = source_of(tmp_path / "b", spec, layouts)
        assert packed(restarted) == packed(straight)
        sizes = {one.key.family: len(one.sample) for one in panes(restarted)}
        assert sizes == {"traffic": 7, "label": 5, "cohort": 5}


@pytest.mark.parametrize("most", [1, 12, 1_000])
def test_what_several_panes_sample_is_the_same_however_many_are_read_in_one_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(pane_samples, "MOST_ROWS", most)
    source = source_of(tmp_path)
    for role, event in busy(3):
        take(source, role, [event])
    checkpoint(source)
    source._panes.count()
    keys = source._panes.keys
    alone = [next(source._panes.summaries([key])) for key in keys]
    assert len(alone) > 3
    together = source._panes.summaries(keys)
    for one, other in zip(alone, together, strict=True):
        assert summary_message(one, 0, {}) == summary_message(other, 0, {})


def test_a_finished_pane_is_forgotten_here_and_in_the_store(tmp_path: Path) -> None:
    source = source_of(tmp_path)
    take(source, "predictions", [prediction("a", T0)])
    checkpoint(source)
    key = PaneKey("m", "1", "traffic", T0)
    [finished] = source._panes.finish([key])
    assert (finished.key, rows(finished)) == (key, 1)
    source._changed = True
    checkpoint(source)
    assert {one.key.family for one in panes(source)} == {"cohort"}
    source.close()
    assert {one.key.family for one in panes(source_of(tmp_path))} == {"cohort"}


def test_a_chunk_adds_what_its_rows_add_one_by_one(tmp_path: Path) -> None:
    events = busy(2)
    at_once, one_by_one = source_of(tmp_path / "a"), source_of(tmp_path / "b")
    for role in ROLES:
        chunk = [event for of, event in events if of == role]
        take(at_once, role, chunk)
        for event in chunk:
            take(one_by_one, role, [event])
            one_by_one._panes.count()
    assert packed(at_once) == packed(one_by_one)
    assert sum(int(np.abs(one.counts).sum()) for one in panes(at_once)) > 0


@pytest.mark.parametrize("small", [True, False], ids=["small blocks", "blocks"])
@pytest.mark.parametrize("gone", ["m", "r", "n"])
def test_a_model_that_goes_leaves_the_panes_of_the_others_as_they_were(tmp_path: Path, small: bool, gone: str) -> None:
    """All three share the ids; `m` and `n` share a log, in which `m` alone has segments."""
    models = {name: one.model_dump(mode="json") for name, one in SPEC.models.items()}
    late = {"lateness": "30m"}  # as r: the lateness of feedback is the largest
    all_ = spec_of(**models, n={**models["m"], **late, "segments": []})
    profiles = {**LAYOUTS._profiles, "n": LAYOUTS._profiles["m"]}
    left = spec_of(**{name: one.model_dump(mode="json") for name, one in all_.models.items() if name != gone})
    layouts, fewer = Layouts(dict(all_.models), profiles), Layouts(dict(left.models), profiles)
    with blocks(small):
        source = source_of(tmp_path, all_, layouts)
        for n in range(40):
            events = [prediction(str(n // 2), T0 + n * MINUTE, name, str(n % 2), output=OUTPUT[name]) for name in "nmr"]
            random.Random(n).shuffle(events)
            take(source, "predictions", events)
            take(source, "feedback", [feedback(str(n // 3), T0 + n * MINUTE, label="1", value=3.0, version=str(n % 2))])
            if n % 9 == 0:
                checkpoint(source)
        checkpoint(source)
        before = [msgspec.msgpack.encode(summary_message(one, 0, {})) for one in panes(source) if one.key.model != gone]
        source.close()
        for turn in range(2):
            source = source_of(tmp_path, left, fewer)
            assert packed(source) == before, turn
            source._changed = True
            checkpoint(source)
            source.close()
        source = source_of(tmp_path, left, fewer)
        more = [
            prediction(str(n), T0 + 41 * MINUTE, name, "1", output=OUTPUT[name]) for n in range(20) for name in "nmr"
        ]
        take(source, "predictions", [one for one in more if one["model"] != gone])
        counts = source.counts()["predictions"]
        assert counts["duplicate"] == 40, "those that stay know their ids"
        take(source, "feedback", [feedback(str(n), T0 + 42 * MINUTE, rating=0.5) for n in range(20)])
        checkpoint(source)
        for role in ROLES:
            take(source, role, [watermark(T0 + 500 * HOUR)])
        checkpoint(source)
        assert source._panes.keys == []


OUTPUT: dict[str, dict[str, Any]] = {"m": {"label": "1"}, "n": {"label": "0"}, "r": {"value": 2.0}}
