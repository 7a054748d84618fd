"""Labels that met rows: read back one by one, and told to the rows again after a restart."""

import random
from pathlib import Path

import numpy as np
import pytest

from detectors.row import Label
from streams.column_log import Numbers
from streams.groups import Groups
from streams.label_log import LabelLog, Labels
from streams.row_log import CORRECTED, LABELLED, NOT_JUDGED, RATED, USER, RowLog
from streams.store import Store

from .join_oracle import as_rows, tiny
from .world import HOUR, T0, prediction, spec_of

SPEC = spec_of()
LIFETIME = 10 * HOUR
Entry = tuple[int, Label, float, int, int]
"""Row, label, loss, kind, truth."""


class Log:
    """Rows with their labels, and what is expected of both."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = Store(path, durable=False)
        self.expected: dict[int, Entry] = {}
        self.kinds: dict[int, int] = {}
        self.rows_end = 0
        self.open()

    def open(self) -> None:
        self.groups = Groups(SPEC)
        self.rows = RowLog(self.store, LIFETIME, self.groups, segments=1)
        self.labels = LabelLog(self.store, LIFETIME, self.rows)

    def reopen(self) -> None:
        self.store.close()
        self.store = Store(self.path, durable=False)
        self.open()

    def append_rows(self, count: int) -> None:
        rows = as_rows(SPEC, self.groups, [prediction(f"p{self.rows_end + n}", T0) for n in range(count)])
        none = np.full(count, -1, dtype=np.int64)
        self.rows.append(rows, none, np.zeros(count, dtype=np.uint8))
        self.rows_end += count

    def append(self, rng: random.Random, rows: list[int]) -> Numbers:
        entries: list[Entry] = []
        for row in rows:
            kind = rng.choice([LABELLED, RATED, LABELLED | RATED, CORRECTED]) & ~self.kinds.get(row, 0)
            if not kind:
                continue
            kind |= rng.choice([0, CORRECTED, USER, CORRECTED | USER]) if kind & LABELLED else 0
            self.kinds[row] = self.kinds.get(row, 0) | kind
            labelled, says = kind & LABELLED, kind & (LABELLED | CORRECTED)
            label = Label(
                T0 + rng.randrange(HOUR),
                rng.choice(["1", "ü", ""]) if says else None,
                rng.choice([1.5, 0.0, None]) if says else None,
                rng.random() if kind & RATED else None,
                bool(kind & CORRECTED),
                bool(kind & USER),
                kind & (LABELLED | CORRECTED) == CORRECTED,
            )
            loss = rng.random() if labelled else float("nan")
            entries.append((row, label, loss, kind, rng.randrange(-(2**63), 2**63) if labelled else 0))

        def floats(values: list[float | None]) -> np.ndarray:
            return np.array(values, dtype=np.float64)

        found = Labels(
            np.array([one[0] for one in entries], dtype=np.int64),
            np.array([one[1].time for one in entries], dtype=np.int64),
            floats([one[1].value for one in entries]),
            floats([one[1].rating for one in entries]),
            floats([one[2] for one in entries]),
            np.array([one[4] for one in entries], dtype=np.int64),
            np.array([one[3] for one in entries], dtype=np.uint8),
            [one[1].label for one in entries],
            floats([rng.choice([None, 0.25]) for _ in entries]),
        )
        numbers = self.labels.append(found)
        # The join has told the rows itself.
        for _, (row, _, _, kind, truth) in zip(numbers, entries, strict=True):
            at = np.array([row])
            self.rows.set("flags", at, self.rows.of("flags", at) | kind)
            if kind & LABELLED:
                self.rows.set("truth", at, truth)
        self.expected.update(zip(numbers.tolist(), entries, strict=True))
        return numbers

    def commit(self) -> None:
        self.rows.save()
        self.labels.save()
        self.store.commit()

    def check(self) -> None:
        first = self.rows.columns.first
        live = [number for number, one in self.expected.items() if one[0] >= first]
        for numbers in (live, live[::3]):
            found = list(self.labels.read(np.array(numbers, dtype=np.int64)))
            assert [(row, label) for row, label, _ in found] == [self.expected[n][:2] for n in numbers]
            np.testing.assert_array_equal([loss for _, _, loss in found], [self.expected[n][2] for n in numbers])
        judged = dict.fromkeys(range(first, self.rows_end), NOT_JUDGED)
        flags = dict.fromkeys(range(first, self.rows_end), 0)
        truths = dict.fromkeys(range(first, self.rows_end), 0)
        for number in live:
            row, _, loss, kind, truth = self.expected[number]
            flags[row] |= kind
            if kind & LABELLED:
                judged[row], truths[row] = number, truth
            assert (loss == loss) == bool(kind & LABELLED)
        rows = np.arange(first, self.rows_end)
        assert self.rows.of("judged", rows).tolist() == list(judged.values())
        assert self.rows.of("flags", rows).tolist() == list(flags.values())
        labelled = (self.rows.of("flags", rows) & LABELLED) != 0
        assert self.rows.of("truth", rows[labelled]).tolist() == [truths[row] for row in rows[labelled].tolist()]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("small", [True, False])
def test_labels_are_read_back_and_rows_know_them_whatever_was_saved_dropped_and_reopened(
    tmp_path: Path, seed: int, small: bool
) -> None:
    rng = random.Random(seed)
    with tiny() if small else tiny(1_000, 4_000):
        log = Log(tmp_path)
        for _ in range(25):
            log.append_rows(rng.randrange(12))
            rows = range(log.rows.columns.first, log.rows_end)
            log.append(rng, rng.sample(rows, min(len(rows), rng.choice([0, 1, 5, 20]))))
            log.check()
            if rng.random() < 0.7:
                log.commit()
                log.check()
                if rng.random() < 0.4:
                    log.rows.drop(log.rows.columns.first + rng.randrange(len(log.rows) + 1))
                    log.labels.drop()
                    log.check()
                    log.append_rows(1)  # a drop alone is saved with the next rows
                    log.commit()
                if rng.random() < 0.6:
                    log.reopen()
                    log.check()
        assert len(log.expected) > 60


def test_all_that_was_committed_is_read_in_order(tmp_path: Path) -> None:
    with tiny():
        log = Log(tmp_path)
        log.append_rows(30)
        log.append(random.Random(1), list(range(20)))
        log.commit()
        log.append(random.Random(2), list(range(20, 30)))
        found = [(number, row) for numbers, labels in log.labels.all() for number, row in zip(
            numbers.tolist(), labels.rows.tolist(), strict=True
        )]  # fmt: skip
        assert found == [(number, log.expected[number][0]) for number in sorted(log.expected)][:20]


def test_a_quiet_topic_leaves_few_blocks(tmp_path: Path) -> None:
    with tiny(sealed=20, largest=40):
        log, rng = Log(tmp_path), random.Random(1)
        log.append_rows(100)
        for row in range(100):
            log.append(rng, [row])
            log.commit()
        assert len(list(log.store.items("labels"))) == 5
        log.reopen()
        log.check()


def test_the_blocks_of_labels_whose_rows_are_gone_are_dropped_and_numbers_go_on(tmp_path: Path) -> None:
    with tiny(sealed=4, largest=8):
        log, rng = Log(tmp_path), random.Random(1)
        log.append_rows(40)
        for start in range(0, 40, 5):
            log.append(rng, list(range(start, start + 5)))
            log.commit()
        log.rows.drop(12)
        log.labels.drop()
        log.append_rows(1)
        log.commit()
        assert len(list(log.store.items("labels"))) == 8 - 2
        log.reopen()
        log.check()
        log.rows.drop(41)
        log.labels.drop()
        log.append_rows(1)
        log.commit()
        log.reopen()
        assert len(list(log.store.items("labels"))) == 1
        assert log.append(rng, [41]).tolist() == [40]
