"""Merging summaries is exact: however rows are cut, ordered and gathered, the whole is the same."""

import random
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.layout import Layout
from detectors.summary import PaneKey, PaneSummary, pane_start
from schemas.reading import Family

from .builders import (
    DAY,
    START,
    TASKS,
    LabelledRow,
    key_of,
    labelled_row,
    layout_of,
    model_spec,
    profile_of,
    summary_of,
)
from .strategies import row_lists

FAMILIES: tuple[Family, ...] = ("traffic", "label", "cohort")
SPECS = {task: model_spec(task, segments=["region"], sample=5) for task in TASKS}


def same(a: PaneSummary, b: PaneSummary) -> bool:
    return np.array_equal(a.counts, b.counts) and packed(a) == packed(b)


def packed(summary: PaneSummary) -> object:
    rows, hashes = summary.sample.packed()
    return rows, hashes.tolist()


def merged(layout: Layout, key: PaneKey, parts: list[PaneSummary]) -> PaneSummary:
    whole = PaneSummary.empty(key, layout)
    for part in parts:
        whole.merge(part)
    return whole


@st.composite
def cut_rows(draw: st.DrawFn) -> tuple[Layout, Family, list[LabelledRow], list[list[LabelledRow]]]:
    """Rows, and the same rows in another order, cut into parts."""
    task = draw(st.sampled_from(TASKS))
    spec = SPECS[task]
    layout = layout_of(spec, draw(st.sampled_from([None, profile_of(spec)])))
    rows = draw(row_lists(spec, max_size=14))
    shuffled = list(rows)
    random.Random(draw(st.integers(0, 2**16))).shuffle(shuffled)
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    bounds = [0, *cuts, len(rows)]
    return (
        layout,
        draw(st.sampled_from(FAMILIES)),
        rows,
        [shuffled[a:b] for a, b in pairwise(bounds)],
    )


@settings(max_examples=150, deadline=None)
@given(cut_rows())
def test_parts_merge_to_the_count_of_all(
    case: tuple[Layout, Family, list[LabelledRow], list[list[LabelledRow]]],
) -> None:
    layout, family, rows, parts = case
    key = key_of(family)
    assert same(summary_of(layout, key, rows), merged(layout, key, [summary_of(layout, key, part) for part in parts]))


@settings(max_examples=80, deadline=None)
@given(cut_rows())
def test_merging_is_commutative(case: tuple[Layout, Family, list[LabelledRow], list[list[LabelledRow]]]) -> None:
    layout, family, _, parts = case
    key = key_of(family)
    summaries = [summary_of(layout, key, part) for part in parts[:3]]
    results = [merged(layout, key, list(order)) for order in permutations(summaries)]
    assert all(same(results[0], other) for other in results[1:])


@settings(max_examples=80, deadline=None)
@given(cut_rows())
def test_merging_is_associative(case: tuple[Layout, Family, list[LabelledRow], list[list[LabelledRow]]]) -> None:
    layout, family, _, parts = case
    key = key_of(family)
    a, b, c = (summary_of(layout, key, part) for part in (*parts, [], [])[:3])
    left, right = merged(layout, key, [a, b]), merged(layout, key, [b, c])
    left.merge(c)
    whole = merged(layout, key, [a])
    whole.merge(right)
    assert same(left, whole)


@settings(max_examples=80, deadline=None)
@given(cut_rows(), st.integers(1, 5))
def test_the_size_of_chunks_does_not_matter(
    case: tuple[Layout, Family, list[LabelledRow], list[list[LabelledRow]]], chunk: int
) -> None:
    layout, family, rows, _ = case
    key = key_of(family)
    assert same(summary_of(layout, key, rows), summary_of(layout, key, rows, chunk))


def test_merging_leaves_the_other_summary_alone() -> None:
    layout = layout_of(SPECS["binary"], profile_of(SPECS["binary"]))
    rows = row_list(40)
    part, other = (summary_of(layout, key_of("cohort"), half) for half in (rows[:20], rows[20:]))
    before = (other.counts.copy(), packed(other))
    part.merge(other)
    part.merge(summary_of(layout, key_of("cohort"), rows[:0]))
    assert np.array_equal(other.counts, before[0])
    assert packed(other) == before[1]


def row_list(n: int) -> list[LabelledRow]:
    rng = random.Random(0)
    return [labelled_row(SPECS["binary"], rng, START + i, str(i)) for i in range(n)]


@pytest.mark.parametrize("change", ["start", "family", "version", "layout"])
def test_what_is_not_of_one_pane_and_layout_does_not_merge(change: str) -> None:
    spec = SPECS["binary"]
    with_profile, without = layout_of(spec, profile_of(spec)), layout_of(spec, None)
    one = PaneSummary.empty(key_of("cohort"), with_profile)
    key = {
        "start": key_of("cohort", START + DAY),
        "family": key_of("label"),
        "version": key_of("cohort", version="2"),
        "layout": key_of("cohort"),
    }[change]
    with pytest.raises(ValueError, match="do not merge"):
        one.merge(PaneSummary.empty(key, without if change == "layout" else with_profile))


def test_a_cohort_is_due_when_its_labels_are_mature() -> None:
    spec = SPECS["binary"]
    assert key_of("traffic").due(spec) == key_of("label").due(spec) == START + DAY
    assert key_of("cohort").due(spec) == START + 3 * DAY


@given(st.integers(-(10**17), 10**17))
def test_every_moment_lies_in_one_pane(time: int) -> None:
    spec = model_spec(pane="7h")
    start = pane_start(time, spec)
    assert start <= time < start + spec.pane
    assert start % spec.pane == 0


def test_offsets_cover_first_and_last() -> None:
    summary = PaneSummary.empty(key_of("cohort"), layout_of(SPECS["binary"], None))
    for offset in (7, 3, 9):
        summary.cover("predictions", offset)
    summary.cover("feedback", 2)
    assert summary.offsets == {"predictions": (3, 9), "feedback": (2, 2)}
