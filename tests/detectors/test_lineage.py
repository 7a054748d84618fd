"""Two versions' panes as one history: each pane once, of the version that knows more of it, what is broken left out."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from detectors.history import History
from detectors.lineage import Part, lineage
from detectors.situation import Broken, Situation

from .builders import DAY, START
from .situations import COST, cohort, history, situation, spec_of


def two(
    old: History, own: History, broken: list[Broken] | None = None, before: list[Broken] | None = None
) -> Situation:
    spec = spec_of(COST)
    return situation(spec, 40, past=own, version="2", broken=broken, others={"1": old}, broken_of={"1": before or []})


def days_of(one: Situation) -> list[int]:
    return [(cohort.start - START) // DAY for cohort in one.whole(list(one.history.cohorts))]


def part(version: str, first: int, last: int) -> Part:
    return Part(version, START + first * DAY, START + last * DAY)


def test_panes_of_both_are_one_history() -> None:
    found = lineage(two(history(10), history(5, first=10)), "1")
    assert days_of(found.situation) == list(range(15))
    assert found.parts == (part("1", 0, 10), part("2", 10, 15))


def test_a_shadow_repeats_rows_and_its_panes_count_once() -> None:
    found = lineage(two(history(12), history(5, first=10, errors=9.0)), "1")
    assert days_of(found.situation) == list(range(15))
    assert found.parts == (part("1", 0, 10), part("2", 10, 15))
    assert [c.loss for c in found.situation.history.cohorts][9:11] == [5.0, 9.0]


def test_of_a_canary_the_version_with_more_labels_counts() -> None:
    own = history(3, n=10, first=8)
    own.cohorts.extend(history(3, n=50, first=11).cohorts)
    found = lineage(two(history(11, n=40), own), "1")
    assert found.parts == (part("1", 0, 11), part("2", 11, 14))
    assert sum(c.labelled for c in found.situation.history.cohorts) == 11 * 40 + 3 * 50


def test_without_an_older_version_nothing_changes() -> None:
    one = two(history(5), history(5, first=5))
    for name in ("0", "2"):  # unknown, or itself
        assert lineage(one, name).situation is one
        assert lineage(one, name).parts == ()
    unseen = replace(one, others={"1": History()})
    assert lineage(unseen, "1").situation is unseen


def test_broken_stretches_of_the_older_version_stay_left_out_and_end_with_it() -> None:
    before = [Broken(START + 3 * DAY, START + 5 * DAY), Broken(START + 8 * DAY)]  # the second was never closed
    found = lineage(two(history(10), history(5, first=10), before=before), "1").situation
    assert days_of(found) == [0, 1, 2, 5, 6, 7, 10, 11, 12, 13, 14]


def test_broken_stretches_of_the_newer_version_are_its_own() -> None:
    broken = [Broken(START + 2 * DAY, START + 4 * DAY), Broken(START + 13 * DAY)]
    found = lineage(two(history(12), history(6, first=10), broken), "1").situation
    assert days_of(found) == [*range(13)]
    # where the shadow's data was broken and the serving version's was whole, the latter stands in
    shadow = [Broken(START + 10 * DAY, START + 11 * DAY)]
    found = lineage(two(history(12), history(6, first=10), shadow), "1").situation
    assert days_of(found) == [*range(16)]


panes = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 60)), unique_by=lambda one: one[0], min_size=1)
stretches = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5), st.booleans()), max_size=3)


def past_of(rows: list[tuple[int, int]]) -> History:
    found = History()
    found.cohorts.extend(cohort(day, n, 0.0) for day, n in sorted(rows))
    return found


def broken_of(found: list[tuple[int, int, bool]]) -> list[Broken]:
    ends = [(START + day * DAY, START + (day + length) * DAY, closed) for day, length, closed in sorted(found)]
    return [
        Broken(since, until if closed or n < len(ends) - 1 else None) for n, (since, until, closed) in enumerate(ends)
    ]


@given(panes, panes, stretches, stretches)
def test_each_pane_is_counted_once_and_by_a_version_whose_data_was_whole(
    old: list[tuple[int, int]],
    own: list[tuple[int, int]],
    before: list[tuple[int, int, bool]],
    broken: list[tuple[int, int, bool]],
) -> None:
    one = two(past_of(old), past_of(own), broken_of(broken), broken_of(before))
    found = lineage(one, "1")
    starts = [cohort.start for cohort in found.situation.history.cohorts]
    assert starts == sorted(set(starts))
    assert set(starts) == {START + day * DAY for day, _ in old + own}
    assert all(a.end <= b.start for a, b in zip(found.parts, found.parts[1:], strict=False))
    older = replace(one, history=one.others["1"], broken=list(one.broken_of["1"]))
    whole: dict[int, int] = {}
    for each in (older, one):
        for pane in each.whole(list(each.history.cohorts)):
            whole[pane.start] = max(whole.get(pane.start, 0), pane.labelled)
    counted = {pane.start: pane.labelled for pane in found.situation.whole(list(found.situation.history.cohorts))}
    assert counted == whole
