"""Level 2 closes the same panes in one order however messages interleave, and only on the word of all partitions."""

import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.merge import MergeState, Missing, Panes, Watermark, make_room
from detectors.pane import ClosedPane
from detectors.sample import Sample
from detectors.summary import PaneKey, PaneSummary
from schemas.event_time import Micros

from .builders import (
    DAY,
    START,
    days,
    key_of,
    labelled_row,
    layout_of,
    layouts_of,
    model_spec,
    panes_of,
    profile_of,
    summary_of,
)

SPEC = model_spec(features={"income": "numeric"})
LAYOUT = layout_of(SPEC, None)


def panes(state: MergeState | None = None) -> Panes:
    return Panes(SPEC, layouts_of(SPEC, None), state)


def summary(key: PaneKey, names: list[str]) -> PaneSummary:
    rng = random.Random(0)
    return summary_of(LAYOUT, key, [labelled_row(SPEC, rng, key.start + int(name), name) for name in names])


def advance(table: Panes, partition: int, complete: Micros | None, partitions: int = 1, idle: bool = False) -> None:
    table.advance(partition, partitions, Watermark(complete, idle))


def test_a_summary_that_read_further_replaces_the_one_before() -> None:
    table, key = panes(), key_of("traffic")
    table.add(0, (3, 0), summary(key, ["1", "2"]), 0, fresh=True)
    table.add(0, (9, 0), summary(key, ["1", "2", "3"]), 1, fresh=True)
    table.add(0, (9, 0), summary(key, ["1", "2", "3"]), 2, fresh=True)  # sent again after a crash
    table.add(0, (5, 0), summary(key, ["1", "2"]), 3, fresh=True)  # from a worker that lost the partition
    advance(table, 0, START + DAY)
    assert [pane.n for pane in table.close()] == [3]


def test_summaries_of_different_partitions_are_added() -> None:
    table, key = panes(), key_of("cohort")
    for partition in range(3):
        table.add(
            partition, (1, 1), summary(key, [str(10 * partition), str(10 * partition + 1)]), partition, fresh=True
        )
        advance(table, partition, START + 3 * DAY, partitions=3)
    (pane,) = table.close()
    assert (pane.n, len(pane.sample), pane.complete, sorted(pane.offsets)) == (6, 6, True, [0, 1, 2])


def test_nothing_closes_before_every_partition_has_spoken() -> None:
    table = panes()
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    for partition in (0, 2):
        advance(table, partition, START + 9 * DAY, partitions=3)
        assert list(table.close()) == []
    advance(table, 1, None, partitions=3)
    assert list(table.close()) == []  # it has spoken, but has seen no event yet, and is not idle
    advance(table, 1, START + DAY, partitions=3)
    assert len(list(table.close())) == 1


def test_the_slowest_partition_decides() -> None:
    table = panes()
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    advance(table, 0, START + 9 * DAY, partitions=2)
    advance(table, 1, START + DAY - 1, partitions=2)
    assert list(table.close()) == []
    advance(table, 1, START + DAY, partitions=2)
    assert len(list(table.close())) == 1


def test_an_idle_partition_holds_nothing_up() -> None:
    table = panes()
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    advance(table, 0, START + DAY, partitions=3)
    advance(table, 1, START - DAY, partitions=3, idle=True)
    advance(table, 2, None, partitions=3, idle=True)
    assert len(list(table.close())) == 1


def test_when_all_are_idle_what_was_seen_is_complete() -> None:
    table = panes()
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    table.add(0, (1, 0), summary(key_of("traffic", START + DAY), ["2"]), 0, fresh=True)
    advance(table, 0, START + DAY, partitions=2, idle=True)
    advance(table, 1, None, partitions=2, idle=True)
    assert [pane.start for pane in table.close()] == [START]


def test_a_watermark_never_goes_back() -> None:
    table = panes()
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    advance(table, 0, START + DAY)
    advance(table, 0, START - 50 * DAY)
    advance(table, 0, None)
    assert len(list(table.close())) == 1
    assert table.state.watermarks[0].complete == START + DAY


def test_a_partition_that_wakes_up_late_does_not_open_what_was_closed() -> None:
    table = panes()
    advance(table, 0, START + 5 * DAY, partitions=2)
    advance(table, 1, None, partitions=2, idle=True)
    list(table.close())
    table.add(1, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    table.add(1, (1, 0), summary(key_of("cohort", START + 3 * DAY), ["1"]), 0, fresh=True)  # due in two days
    advance(table, 1, START, partitions=2)
    assert list(table.close()) == []
    assert table.state.mark == START + 5 * DAY
    assert table.state.late == 1


def test_late_summaries_are_counted_once_and_not_when_read_again() -> None:
    table = panes()
    advance(table, 0, None, partitions=2, idle=True)
    advance(table, 1, START + DAY, partitions=2)
    list(table.close())
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 7, fresh=False)
    assert table.state.late == 0
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 7, fresh=True)
    assert table.state.late == 1
    assert list(table.close()) == []


def test_what_a_partition_sends_again_after_it_was_through_with_a_pane_is_not_late() -> None:
    """A killed worker's successor may have read the two topics in other turns: `through` tells nothing."""
    table, key = panes(), key_of("traffic")
    table.add(0, (7, 2), summary(key, ["1"]), 0, fresh=True)
    advance(table, 0, START + DAY)
    assert len(list(table.close())) == 1
    table.add(0, (7, 2), summary(key, ["1"]), 1, fresh=True)
    table.add(0, (6, 9), summary(key, ["1"]), 2, fresh=True)
    assert table.state.late == 0


def test_a_partition_that_has_caught_up_after_a_silence_is_late_no_more() -> None:
    table, key = panes(), key_of("traffic")
    advance(table, 0, START + DAY // 2, partitions=2, idle=True)
    advance(table, 1, START + DAY, partitions=2)
    list(table.close())
    advance(table, 0, START + DAY // 2, partitions=2)
    table.add(0, (1, 0), summary(key, ["1"]), 0, fresh=True)
    assert table.state.late == 1
    restored = panes(table.state)
    advance(restored, 0, START + DAY, partitions=2)
    restored.add(0, (1, 0), summary(key, ["1"]), 1, fresh=True)
    assert restored.state.late == 1, "a repetition"


def test_a_partition_that_comes_when_panes_have_closed_is_late_for_them() -> None:
    table, key = panes(), key_of("traffic")
    advance(table, 0, START + DAY)
    list(table.close())
    advance(table, 1, START, partitions=2)
    table.add(1, (1, 0), summary(key, ["1"]), 0, fresh=True)
    assert table.state.late == 1


def test_a_summary_by_another_layout_is_left_out_and_said_to_be() -> None:
    profile = profile_of(SPEC)
    table = Panes(SPEC, layouts_of(SPEC, profile))
    key = key_of("cohort")
    rows = days(SPEC, 1, rows=4)
    table.add(0, (1, 0), summary_of(layout_of(SPEC, profile), key, rows), 0, fresh=True)
    table.add(1, (1, 0), summary(key, ["1", "2", "3"]), 1, fresh=True)
    for partition in range(2):
        advance(table, partition, START + 3 * DAY, partitions=2)
    (pane,) = table.close()
    assert (pane.mismatched, pane.n, sorted(pane.offsets)) == (1, 4, [0])


@pytest.mark.parametrize("what", ["rows", "rows with one hash", "counts"])
def test_what_none_of_ours_sent_is_judged_by_nobody_and_stops_nothing(what: str) -> None:
    table, key = panes(), key_of("cohort")
    good, bad = summary(key, ["1", "2"]), summary(key, ["3"])
    if what == "counts":
        bad.counts = bad.counts[:-1]
    else:
        raws = [msgspec.Raw(b"\xc0"), msgspec.Raw(b"\x93\x01\x02\x03")]
        hashes = np.array([5, 5] if what == "rows with one hash" else [5, 6], dtype=np.uint64)
        bad.sample = Sample(SPEC.sample, raws, hashes)
    table.add(0, (1, 0), good, 0, fresh=True)
    table.add(1, (1, 0), bad, 1, fresh=True)
    for partition in range(2):
        advance(table, partition, START + 3 * DAY, partitions=2)
    (pane,) = table.close()
    assert pane.mismatched == 1
    assert "cannot be read" in (pane.problem or "")


def test_a_sample_that_holds_every_row_says_so_and_one_that_does_not_as_well() -> None:
    spec = model_spec(features={"income": "numeric"}, sample=5)
    layout = layout_of(spec, None)
    found = []
    for n in (5, 6):
        table = Panes(spec, layouts_of(spec, None))
        rows = [labelled_row(spec, random.Random(i), START + i, str(i)) for i in range(n)]
        for family in ("cohort", "label"):
            table.add(0, (1, 1), summary_of(layout, key_of(family), rows), 0, fresh=True)
        advance(table, 0, START + 3 * DAY)
        found.append([(pane.key.family, pane.complete, len(pane.sample)) for pane in table.close()])
    assert found == [
        [("label", True, 5), ("cohort", True, 5)],
        [("label", False, 5), ("cohort", False, 5)],
    ]


def test_a_snapshot_of_the_state_goes_on_where_it_was() -> None:
    table = panes()
    advance(table, 0, START + DAY)
    list(table.close())
    restored = panes(table.state)
    restored.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 0, fresh=True)
    restored.add(0, (1, 0), summary(key_of("traffic", START + DAY), ["1"]), 1, fresh=True)
    assert list(restored.close()) == []
    advance(restored, 0, START + 2 * DAY)
    assert [pane.start for pane in restored.close()] == [START + DAY]
    assert restored.state.late == 0


def test_the_oldest_open_summary_says_where_to_read_on() -> None:
    table = panes()
    assert table.oldest_offset is None
    table.add(0, (1, 0), summary(key_of("traffic"), ["1"]), 5, fresh=True)
    table.add(0, (2, 0), summary(key_of("traffic"), ["1"]), 8, fresh=True)
    table.add(0, (1, 0), summary(key_of("cohort"), ["1"]), 6, fresh=True)
    assert table.oldest_offset == 6
    advance(table, 0, START + DAY)
    list(table.close())
    assert table.oldest_offset == 6
    advance(table, 0, START + 3 * DAY)
    list(table.close())
    assert table.oldest_offset is None


def lost(pane: ClosedPane) -> int:
    assert (pane.problem is None) == (pane.incomplete == 0)
    return pane.incomplete


@given(st.permutations([0, 0, 1, 2, 3]))
def test_what_a_partition_lost_makes_panes_incomplete_whether_it_sends_a_summary_or_not(order: list[int]) -> None:
    """In any order, sent twice, and read again from a snapshot."""
    messages: list[tuple[int, Missing]] = [
        (1, (START + DAY, START + 2 * DAY)),
        (1, (START + 2 * DAY, START + 3 * DAY)),
        (2, (START + 3 * DAY, START + 3 * DAY)),
        (1, (START + 5 * DAY, START + 5 * DAY)),
    ]
    table = panes()
    for number in order[:3]:
        table.lose(messages[number][0], "traffic", messages[number][1])
    table = panes(msgspec.msgpack.decode(msgspec.msgpack.encode(table.state), type=MergeState))
    for day in range(7):
        for family in ("traffic", "cohort"):
            table.add(0, (1, 0), summary(key_of(family, START + day * DAY), ["1"]), day, fresh=True)
    for number in order[3:]:
        table.lose(messages[number][0], "traffic", messages[number][1])
    closed_panes = []
    for day in (2, 30):
        for partition in range(3):
            advance(table, partition, START + day * DAY, partitions=3)
        closed_panes += list(table.close())
    found = {
        family: [lost(one) for one in closed_panes if one.key.family == family] for family in ("traffic", "cohort")
    }
    assert found == {"traffic": [0, 1, 1, 2, 0, 1, 0], "cohort": [0] * 7}
    assert table.state.incomplete == {}, "what is closed is forgotten"
    table.lose(1, "traffic", (START, START + 9 * DAY))
    assert table.state.incomplete == {}, "and stays as it was judged"


def test_one_partition_that_says_it_twice_is_one() -> None:
    table, key = panes(), key_of("traffic")
    one = summary(key, ["1"])
    one.incomplete = True
    table.add(0, (1, 0), one, 0, fresh=True)
    table.lose(0, "traffic", (START, START))
    advance(table, 0, START + DAY)
    assert [lost(pane) for pane in table.close()] == [1]


def test_ranges_are_bounded_and_never_hold_less_than_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.merge.MOST_RANGES", 3)
    table = panes()
    for day in (8, 0, 4, 6, 2):
        table.lose(0, "traffic", (START + day * DAY, START + day * DAY))
    assert table.state.incomplete[0]["traffic"] == [
        (START, START + 4 * DAY),
        (START + 6 * DAY, START + 6 * DAY),
        (START + 8 * DAY, START + 8 * DAY),
    ]


def test_what_there_is_no_room_for_is_closed_in_its_turn_with_nothing_in_it() -> None:
    table = panes()
    for day in (2, 0, 3, 1):
        table.add(0, (1, 0), summary(key_of("traffic", START + day * DAY), ["1"]), day, fresh=True, size=100)
    table.add(0, (2, 0), summary(key_of("traffic", START + 3 * DAY), ["1"]), 4, fresh=True, size=150)
    assert table.size == 450
    table.drop(101)
    assert (table.size, table.state.evicted) == (250, 2)
    table = panes(msgspec.msgpack.decode(msgspec.msgpack.encode(table.state), type=MergeState))
    for day in range(4):  # read again; and another partition's word on what was dropped
        for partition in (0, 1):
            key = key_of("traffic", START + day * DAY)
            table.add(partition, (2, 0), summary(key, ["1"]), 5, fresh=partition == 1, size=10)
    assert table.size == 40
    for partition in (0, 1):
        advance(table, partition, START + 9 * DAY, 2)
    found = [(pane.start, pane.n, pane.dropped, pane.problem is None) for pane in table.close()]
    assert found == [
        (START, 0, True, False),
        (START + DAY, 0, True, False),
        (START + 2 * DAY, 2, False, True),
        (START + 3 * DAY, 2, False, True),
    ]
    assert (table.state.dropped, table.state.late, table.size) == ({}, 0, 0)


def test_dropped_panes_are_remembered_within_bounds_and_none_of_the_same_time_is_judged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("detectors.merge.MOST_DROPPED", 5)
    table = panes()

    def say(partition: int, start: Micros, fresh: bool = True) -> None:
        for version in range(20):
            one = summary(key_of("traffic", start, str(version)), ["1"])
            table.add(partition, (1, 0), one, version, fresh=fresh, size=10)

    say(0, START)
    table.drop(60)
    assert (table.size, len(table.state.dropped), table.state.evicted) == (0, 5, 20), "all or nothing"
    state = msgspec.msgpack.encode(table.state)
    say(0, START, fresh=False)  # read again
    assert (table.size, msgspec.msgpack.encode(table.state)) == (0, state)
    for start in (START, START + DAY):
        say(1, start)
    for partition in (0, 1):
        advance(table, partition, START + 9 * DAY, 2)
    found = [(pane.start, pane.dropped) for pane in table.close()]
    assert found == [(START, True)] * 5 + [(START + DAY, False)] * 20
    assert table.state.crowded == {}


def test_room_is_made_where_most_is_held_whatever_comes() -> None:
    tables = {name: panes() for name in ("a", "b", "c")}
    rng, total = random.Random(3), 0
    for number in range(600):
        name = rng.choice("aaab")
        key = key_of("cohort", START + rng.randrange(9) * DAY, f"v{number}")
        tables[name].add(0, (1, 0), summary(key, ["1"]), number, fresh=True, size=rng.randrange(1, 50))
        if sum(table.size for table in tables.values()) > 1_000:
            assert set(make_room(tables, 1_000)) <= {"a", "b"}
        total = sum(table.size for table in tables.values())
        assert total <= 1_000
        for table in tables.values():
            assert table.size == sum(entry.size for parts in table._open.values() for entry in parts.values())
    assert total > 500
    assert tables["a"].state.evicted > tables["b"].state.evicted
    assert tables["c"].state.evicted == 0
    tables["c"].add(0, (1, 0), summary(key_of("cohort"), ["1"]), 0, fresh=True, size=5_000)
    assert make_room(tables, 1_000)[0] == "c", "even if it is one pane that is too large"
    assert tables["c"].size == 0


Message = tuple[str, Any]
ALL = [("1", 0), ("1", 1), ("1", 3), ("2", 1), ("2", 2)]


def messages(partition: int, partitions: int) -> list[Message]:
    """What one source partition sends: summaries, provisional and final, before the watermark that ends their pane."""
    sent: list[Message] = []
    for day in range(5):
        for version, start in ALL:
            for family in ("traffic", "cohort", "label"):
                key = key_of(family, START + start * DAY, version)
                if key.end(SPEC) == START + (day + 1) * DAY:
                    names = [str(100 * partition + i) for i in range(3)]
                    sent.append(("summary", (partition, (day, 0), summary(key, names[:1]))))
                    sent.append(("summary", (partition, (day, 1), summary(key, names))))
        sent.append(("watermark", (partition, partitions, Watermark(START + (day + 1) * DAY, False))))
    sent.append(("watermark", (partition, partitions, Watermark(START + 30 * DAY, False))))
    return sent


def told(pane: ClosedPane) -> tuple[Any, ...]:
    return pane.key, pane.counts.tobytes(), repr(pane.sample), pane.complete


def play(order: list[Message]) -> list[tuple[Any, ...]]:
    table, closed_panes = panes(), []
    for kind, content in order:
        if kind == "summary":
            partition, through, one = content
            table.add(partition, through, one, 0, fresh=True)
        else:
            table.advance(*content)
            closed_panes += [told(pane) for pane in table.close()]
    assert table.state.late == 0
    return closed_panes


@settings(max_examples=40, deadline=None)
@given(partitions=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_any_interleaving_closes_the_same_panes_in_the_same_order(partitions: int, seed: int) -> None:
    rng = random.Random(seed)
    queues = [messages(partition, partitions) for partition in range(partitions)]
    in_turn = [message for queue in queues for message in queue]
    mixed = []
    while any(queues):
        queue = rng.choice([queue for queue in queues if queue])
        mixed.append(queue.pop(0))
        if rng.random() < 0.2 and mixed[-1][0] == "summary":
            mixed.append(mixed[-1])  # sent twice
    one, other = play(in_turn), play(mixed)
    assert one == other
    keys = [key for key, *_ in one]
    assert keys == sorted(keys, key=lambda key: (key.due(SPEC), key.family, key.version, key.start))
    assert len(keys) == 3 * len(ALL)


@settings(max_examples=25, deadline=None)
@given(parts=st.integers(1, 4), seed=st.integers(0, 2**16))
def test_panes_cut_into_partitions_are_those_of_the_whole(parts: int, seed: int) -> None:
    rng = random.Random(seed)
    rows = days(SPEC, 2, rows=10, seed=seed % 7)
    whole = panes_of(LAYOUT, rows)
    table = panes()
    cut = [rng.randrange(parts) for _ in rows]
    for partition in range(parts):
        mine = [row for row, where in zip(rows, cut, strict=True) if where == partition]
        for pane in panes_of(LAYOUT, mine):
            table.add(partition, (1, 1), summary_for(pane, mine), 0, fresh=True)
        advance(table, partition, START + 40 * DAY, partitions=parts)
    closed_panes = list(table.close())
    assert [told(pane) for pane in closed_panes] == [told(pane) for pane in whole]
    assert all(np.array_equal(a.counts, b.counts) for a, b in zip(closed_panes, whole, strict=True))


def summary_for(pane: ClosedPane, rows: list[Any]) -> PaneSummary:
    """The summary that a pane was made of."""
    key = pane.key
    if key.family == "label":
        mine = [(row, label) for row, label in rows if label.time // DAY * DAY == key.start]
    else:
        mine = [(row, label) for row, label in rows if row.time // DAY * DAY == key.start]
    return summary_of(LAYOUT, key, mine)
