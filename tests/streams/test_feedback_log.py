"""Waiting feedback: what was appended and settled is there again after restarts, whatever was dropped meanwhile."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streams.column_log import Numbers
from streams.feedback_columns import NO_MODEL, SOURCES
from streams.feedback_log import FeedbackLog
from streams.groups import Groups, version_hash
from streams.id_index import NONE
from streams.store import Store

from .join_oracle import as_feedback, tiny
from .world import MINUTE, MODEL, OTHER, T0, feedback, spec_of

SPEC = spec_of(m=MODEL, n=MODEL, r=OTHER)


def event(number: int, **more: Any) -> dict[str, Any]:
    rng = random.Random(number)
    said: dict[str, Any] = rng.choice([{"label": "ü"}, {"value": -1.5}, {"rating": 0.25}, {"correction": "7"}])
    aimed: dict[str, Any] = rng.choice([{}, {"model": "m"}, {"model": "r", "version": "2"}])
    source = rng.choice(["outcome", "user", "annotator"])
    return feedback(f"p{rng.randrange(9)}", T0 + number * MINUTE, **{**said, **aimed, "source": source, **more})


class Log:
    """A feedback log, and what is expected to be in it."""

    def __init__(self, path: Path, models: list[str]) -> None:
        self.path, self.models = path, models
        self.store = Store(path, durable=False)
        self.expected: list[dict[str, Any]] = []
        self.settled: set[int] = set()
        self.open()

    def open(self) -> None:
        self.log = FeedbackLog(self.store, self.models)

    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.path, durable=False)
        self.open()

    def append(self, events: list[dict[str, Any]]) -> None:
        for one in events:  # an id comes once in an append
            columns = as_feedback(Groups(SPEC), [one], len(self.expected))
            newest, slots = self.log.index.find(columns.hashes)
            numbers = self.log.append(columns, np.array([len(self.expected) * 7]), newest)
            if newest[0] == NONE:
                self.log.index.insert(columns.hashes, numbers)
            else:
                self.log.index.replace(slots, numbers)
            assert numbers.tolist() == [len(self.expected)]
            self.expected.append(one)

    def append_at_once(self, events: list[dict[str, Any]]) -> None:
        columns = as_feedback(Groups(SPEC), events, len(self.expected))
        numbers = self.log.append(columns, np.arange(len(events)) * 7, np.full(len(events), NONE))
        self.log.index.insert(columns.hashes, numbers)
        self.expected += events

    def settle(self, numbers: list[int]) -> None:
        self.log.settle(np.array(numbers, dtype=np.int64))
        self.settled |= set(numbers)

    def commit(self) -> None:
        self.log.save()
        self.store.commit()

    @property
    def live(self) -> Numbers:
        return np.arange(self.log.columns.first, self.log.columns.end)

    def check(self) -> None:
        log, numbers = self.log, self.live
        assert log.columns.end == len(self.expected)
        expected = [self.expected[number] for number in numbers.tolist()]
        again = as_feedback(Groups(SPEC), expected)
        assert log.of("time", numbers).tolist() == again.times.tolist()
        assert log.of("offset", numbers).tolist() == numbers.tolist()
        assert [SOURCES[code] for code in log.of("source", numbers)] == [SOURCES[code] for code in again.sources]
        assert log.of("version", numbers).tolist() == again.versions.tolist()
        np.testing.assert_array_equal(log.of("value", numbers), again.values)
        np.testing.assert_array_equal(log.of("rating", numbers), again.ratings)
        assert log.labels(numbers) == again.labels
        assert log.of("settled", numbers).tolist() == [number in self.settled for number in numbers.tolist()]
        models = [None if code == NO_MODEL else code for code in log.of("model", numbers).tolist()]
        assert models == [
            None if (name := one.get("model")) is None else self.models.index(name) if name in self.models else -2
            for one in expected
        ]
        for id in {one["prediction_id"] for one in expected}:
            (newest,) = log.index.find(as_feedback(Groups(SPEC), [feedback(id, T0)]).hashes)[0].tolist()
            found = []
            while newest >= log.columns.first:
                found.append(newest)
                newest = int(log.of("previous", np.array([newest]))[0])
            assert found[::-1] == [n for n in numbers.tolist() if self.expected[n]["prediction_id"] == id]


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("small", [True, False])
def test_feedback_is_read_back_whatever_was_saved_settled_dropped_and_reopened(
    tmp_path: Path, seed: int, small: bool
) -> None:
    rng = random.Random(seed)
    with tiny() if small else tiny(1_000, 4_000):
        log = Log(tmp_path, list(SPEC.models))
        for _ in range(30):
            start = len(log.expected)
            log.append([event(start + n) for n in range(rng.choice([0, 1, 1, 5, 25]))])
            log.settle(rng.sample(log.live.tolist(), len(log.live) // 5))
            if rng.random() < 0.4:
                log.log.drop(log.log.columns.first + rng.randrange(len(log.log) + 1))
            log.check()
            if rng.random() < 0.7:
                log.commit()
                log.check()
                if rng.random() < 0.6:
                    log.reopen()
                    log.check()
        assert len(log.expected) > 80


@pytest.mark.parametrize("kept", [0, 1, 900, 3_500])
def test_what_comes_and_goes_between_two_checkpoints_leaves_the_numbers_as_they_are(tmp_path: Path, kept: int) -> None:
    """More than a block of it: a replay reads a whole log, and the watermark at its end, in one go."""
    log = Log(tmp_path, list(SPEC.models))
    log.append([event(0)])
    log.commit()
    log.append_at_once([event(n, label="1") | {"prediction_id": f"q{n}"} for n in range(1, 9_001)])
    log.log.drop(9_001 - kept)
    log.commit()
    for _ in range(2):
        log.reopen()
        assert len(log.log) == kept
        log.check()
        log.append([event(9_001)])
        log.commit()
        kept += 1


def test_an_event_that_is_settled_later_is_settled_after_a_restart(tmp_path: Path) -> None:
    with tiny(sealed=4):
        log = Log(tmp_path, list(SPEC.models))
        log.append([event(n) for n in range(20)])
        log.commit()
        log.settle([1, 2, 17])
        log.log.drop(2)
        log.commit()
        log.reopen()
        assert log.log.columns.first == 2
        log.check()
        log.settle([5])  # and not committed
        log.reopen()
        assert log.log.of("settled", np.array([5])).tolist() == [0]


def test_a_quiet_topic_leaves_few_blocks_and_dropped_ones_are_gone(tmp_path: Path) -> None:
    with tiny(sealed=20, largest=40):
        log = Log(tmp_path, list(SPEC.models))
        for number in range(100):
            log.append([event(number)])
            log.commit()
        assert len(list(log.store.items("feedback"))) == 5
        log.log.drop(55)
        log.commit()
        assert len(list(log.store.items("feedback"))) == 3
        log.reopen()
        log.check()


@pytest.mark.parametrize("models", [["n", "m"], ["r"], ["n"]])
def test_feedback_on_a_model_that_is_gone_stays_on_nobody_however_often_it_is_loaded(
    tmp_path: Path, models: list[str]
) -> None:
    log = Log(tmp_path, list(SPEC.models))
    log.append([event(n, model=("m", "r")[n % 2]) for n in range(10)])
    log.append([event(n) for n in range(10, 20)])
    log.commit()
    log.models = models
    for number in range(3):
        log.reopen()
        log.check()
        log.settle([number])
        log.append([event(100 + number, model=None)])
        log.commit()


def test_depths_say_how_many_came_before(tmp_path: Path) -> None:
    log = Log(tmp_path, list(SPEC.models))
    log.append([feedback("a", T0 + n) for n in range(4)])
    log.append([feedback("b", T0)])
    assert log.log.of("depth", log.live).tolist() == [0, 1, 2, 3, 0]


def test_a_version_is_known_by_its_hash_after_a_restart(tmp_path: Path) -> None:
    log = Log(tmp_path, list(SPEC.models))
    log.append([feedback("a", T0, version="v 3"), feedback("a", T0)])
    log.commit()
    log.reopen()
    assert log.log.of("version", log.live).tolist() == [version_hash("v 3"), 0]
