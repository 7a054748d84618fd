"""Pending rows: what was appended is read back, from memory, from the store's changes and after restarts."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.row import Row, row_of
from detectors.row_shape import OUTPUT
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.column_log import Numbers
from streams.groups import Groups
from streams.id_index import NONE
from streams.row_log import COHORT, TRAFFIC, RowLog
from streams.store import Store

from .join_oracle import as_rows, stored_rows, tiny
from .world import HOUR, MINUTE, MODEL, OTHER, T0, prediction, spec_of

FEATURES = {"x": "numeric", "c": "categorical", "flag": "boolean", "note": "text", "when": "datetime"}
EVERY = spec_of(
    m={**MODEL, "features": FEATURES},
    r={**OTHER, "features": {"x": "numeric", "y": "numeric"}, "segments": []},
    t={**MODEL, "task": "text", "positive_label": None, "features": {"note": "text"}, "segments": []},
    k={**MODEL, "task": "multiclass", "positive_label": None, "features": {"c": "categorical"}},
)
OUTPUTS: dict[str, list[dict[str, Any]]] = {
    "m": [{"label": "1", "score": 0.25}, {"label": "0"}, {"score": 0.75}],
    "r": [{"value": -1.5}, {"value": 0.0}],
    "t": [{"text": ""}, {"text": "an answer 🦆 " * 300}],
    "k": [{"label": "red"}, {"probabilities": {"red": 0.25, "green": 0.75}}],
}
LIFETIME = 10 * HOUR


def event(number: int, model: str | None = None, id: str | None = None) -> dict[str, Any]:
    rng = random.Random(number)
    model = model or rng.choice("mrtk")
    values: dict[str, list[Any]] = {
        "x": [1.5, -0.0, None, "no number", 2**70, True], "y": [0.1, 10**300], "c": ["a", 3, None, "ä\x00"],
        "flag": [True, False, None], "note": ["", "long " * 90, 5], "when": ["2026-01-01T00:00:00Z", None],
        "not declared": [1],
    }  # fmt: skip
    features = {name: rng.choice(found) for name, found in values.items() if rng.random() < 0.6}
    more = {"latency_ms": rng.choice([None, 0.5]), "output": rng.choice(OUTPUTS[model])}
    name = id or rng.choice(["p%d", "ü%d", "%d" + "x" * 200]) % number
    return prediction(name, T0 + number * MINUTE, model, rng.choice(["1", "2", "v 3"]), features=features, **more)


class Log:
    """A row log, and what is expected to be in it."""

    def __init__(self, path: Path, spec: MonitorSpec = EVERY) -> None:
        self.path, self.spec = path, spec
        self.store = Store(path, durable=False)
        self.expected: dict[int, tuple[str, str, Row]] = {}
        self.open()

    def open(self) -> None:
        self.groups = Groups(self.spec)
        self.log = RowLog(self.store, LIFETIME, self.groups, segments=1)

    def append(self, events: list[dict[str, Any]]) -> Numbers:
        rows = as_rows(self.spec, self.groups, events)
        newest, slots = self.log.index.find(rows.hashes)
        numbers = self.log.append(rows, newest, np.full(len(rows), TRAFFIC | COHORT, dtype=np.uint8))
        self.log.index.replace(slots[newest != NONE], numbers[newest != NONE])
        self.log.index.insert(rows.hashes[newest == NONE], numbers[newest == NONE])
        self.log.set("said", numbers, numbers * 3)
        self.log.set("code", numbers, numbers % 5)
        self.log.set("output", numbers, rows.numbers[:, OUTPUT])
        self.log.columns.column("cells")[numbers - self.log.columns.base, 0] = numbers % 7
        for number, one in zip(numbers.tolist(), events, strict=True):
            found = Prediction.model_validate_json(json.dumps(one))
            self.expected[number] = (found.model, found.version, row_of(found, self.spec.models[found.model]))
        return numbers

    def commit(self) -> None:
        self.log.save()
        self.store.commit()

    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.path, durable=False)
        self.open()

    def check(self) -> None:
        log, columns = self.log, self.log.columns
        numbers = np.arange(columns.first, columns.end)
        assert columns.end == max(self.expected, default=-1) + 1
        rows = stored_rows(log, self.groups, numbers)
        names = [self.groups.names[group] for group in log.of("group", numbers).tolist()]
        assert [(*name, row) for name, row in zip(names, rows, strict=True)] == [
            self.expected[number] for number in numbers.tolist()
        ]
        assert log.of("time", numbers).tolist() == [row.time for row in rows]
        assert (log.of("flags", numbers) & (TRAFFIC | COHORT) == TRAFFIC | COHORT).all()
        assert log.of("said", numbers).tolist() == (numbers * 3).tolist()
        assert log.of("code", numbers).tolist() == (numbers % 5).tolist()
        shapes = [self.groups.shapes[self.groups.model_codes[model]] for model, _ in names]
        outputs = [shape.numbers(row)[OUTPUT] for shape, row in zip(shapes, rows, strict=True)]
        np.testing.assert_array_equal(log.of("output", numbers), outputs)
        assert log.of("cells", numbers)[:, 0].tolist() == (numbers % 7).tolist()
        newest = numbers[-20:]
        assert stored_rows(log, self.groups, newest) == [self.expected[number][2] for number in newest.tolist()]
        self.check_ids()

    def check_ids(self) -> None:
        """The newest row of each id is found, and from it all older ones."""
        by_id: dict[str, list[int]] = {}
        for number in range(self.log.columns.first, self.log.columns.end):
            by_id.setdefault(self.expected[number][2].id, []).append(number)
        if not by_id:
            return
        events = [prediction(id, T0) for id in by_id]
        newest, _ = self.log.index.find(as_rows(spec_of(), Groups(spec_of()), events).hashes)
        for number, numbers in zip(newest.tolist(), by_id.values(), strict=True):
            found = []
            while number >= self.log.columns.first:
                found.append(number)
                number = int(self.log.of("previous", np.array([number]))[0])
            assert found[::-1] == numbers


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("small", [True, False])
def test_rows_are_read_back_whatever_was_saved_sealed_dropped_and_reopened(
    tmp_path: Path, seed: int, small: bool
) -> None:
    rng, number = random.Random(seed), 0
    with tiny() if small else tiny(1_000, 4_000):
        log = Log(tmp_path)
        for _ in range(25):
            count = rng.choice([0, 1, 1, 3, 10, 30])
            ids = [None if rng.random() < 0.7 else f"again {rng.randrange(4)}" for _ in range(count)]
            ids = [id if id is None or ids.index(id) == place else None for place, id in enumerate(ids)]  # not twice
            log.append([event(number + place, id=id) for place, id in enumerate(ids)])
            number += count
            if rng.random() < 0.3:
                log.log.drop(log.log.columns.first + rng.randrange(len(log.log) + 1))
            log.check()
            if rng.random() < 0.7:
                log.commit()
                log.check()
                if rng.random() < 0.6:
                    log.reopen()
                    log.check()
        assert number > 60


def test_rows_that_were_not_committed_are_gone(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append([event(1), event(2)])
    log.commit()
    log.append([event(3)])
    log.log.save()
    log.reopen()
    del log.expected[2]
    log.check()
    assert len(log.log) == 2


def test_large_blocks_are_cut_and_read_back(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append([event(number) for number in range(9_500)])
    log.commit()
    assert [first for first, _ in log.log._blocks.load()] == [0, 4_000, 8_000]
    log.reopen()
    log.check()
    log.log.drop(5_000)
    log.commit()
    log.reopen()
    assert log.log.columns.first == 5_000
    log.check()


def test_a_quiet_topic_leaves_few_blocks_and_all_its_rows(tmp_path: Path) -> None:
    log = Log(tmp_path)
    with tiny(sealed=50, largest=60):
        for number in range(230):
            log.append([event(number)])
            log.commit()
        assert len(list(log.store.items("rows"))) == 5
        log.reopen()
        log.check()
        log.log.drop(120)
        log.commit()
        assert log.log.columns.first == 120
        assert len(list(log.store.items("rows"))) == 3
        log.check()


def test_rows_of_an_unsealed_block_are_dropped_when_it_is_sealed(tmp_path: Path) -> None:
    with tiny(sealed=5):
        log = Log(tmp_path)
        log.append([event(1), event(2)])
        log.commit()
        log.log.drop(2)
        assert len(log.log) == 2
        log.append([event(3), event(4), event(5)])
        log.commit()
        log.log.drop(2)
        assert len(log.log) == 3
        log.expected = dict(zip(range(5), [log.expected[number] for number in range(5)], strict=True))
        log.check()


def without(name: str) -> MonitorSpec:
    return EVERY.model_copy(update={"models": {key: one for key, one in EVERY.models.items() if key != name}})


@pytest.mark.parametrize("sealed", [2, 1_000], ids=["sealed", "unsealed"])
def test_rows_of_a_model_that_is_gone_answer_to_nothing_and_spoil_nothing(tmp_path: Path, sealed: int) -> None:
    """The same ids, by turns of a model that stays and of one that goes."""
    with tiny(sealed, 4_000):
        log = Log(tmp_path)
        for number in range(40):
            log.append([event(number, "rm"[number % 2], id=f"p{number // 4}")])
        log.commit()
        log.spec = without("m")
        for turn in range(3):
            log.reopen()
            columns = log.log.columns
            staying = [n for n in range(columns.first, columns.end) if log.expected[n][0] != "m"]
            assert stored_rows(log.log, log.groups, np.array(staying)) == [log.expected[n][2] for n in staying]
            names = [log.groups.names[group] for group in log.log.of("group", np.array(staying)).tolist()]
            assert names == [log.expected[n][:2] for n in staying]
            gone = np.array([n for n in range(columns.first, columns.end) if log.expected[n][0] == "m"])
            assert not log.log.of("flags", gone).any(), "in no pane"
            for place in range(10):
                rows = as_rows(log.spec, log.groups, [prediction(f"p{place}", T0, "r", features={})])
                (number,) = log.log.index.find(rows.hashes)[0].tolist()
                found = []
                while number >= columns.first:
                    found.append(number)
                    number = int(log.log.of("previous", np.array([number]))[0])
                near = [n for n in found if log.log.of("time", np.array([n]))[0] > 0]
                assert near == [n for n in staying if log.expected[n][2].id == f"p{place}"][::-1]
            log.append([event(1_000 + turn, "r")])
            log.commit()


def test_very_many_rows_of_a_model_that_is_gone_are_loaded_in_no_time(tmp_path: Path) -> None:
    log = Log(tmp_path)
    log.append([prediction(f"p{n}", T0, "r", features={}) for n in range(20_000)])
    log.commit()
    log.spec = without("r")
    log.reopen()
    assert len(log.log) == 20_000


@pytest.mark.parametrize("now", [0, 1, 2, 3, 5])
def test_models_with_more_segments_may_come_and_go(tmp_path: Path, now: int) -> None:
    """Each row keeps the cells of the segments that its model has."""
    store, groups = Store(tmp_path, durable=False), Groups(EVERY)
    log = RowLog(store, LIFETIME, groups, segments=3)
    rows = as_rows(EVERY, groups, [event(n) for n in range(4)])
    numbers = log.append(rows, np.full(4, NONE), np.zeros(4, dtype=np.uint8))
    cells = np.arange(12).reshape(4, 3)
    log.columns.column("cells")[:4] = cells
    log.save()
    store.commit()
    again = RowLog(store, LIFETIME, Groups(EVERY), segments=now)
    found = again.of("cells", numbers)
    assert found.shape == (4, now)
    assert found[:, :3].tolist() == cells[:, :now].tolist()
    assert not found[:, 3:].any()
