"""The odd rows of a pane are the same however rows are ordered, cut and merged; and they are few."""

import random

from hypothesis import given
from hypothesis import strategies as st

from detectors.odd_features import NAMES, ROWS, OddRow, odd_row, smallest
from detectors.summary import PaneSummary

from .builders import key_of, layout_of, model_spec

FOUND = st.lists(
    st.builds(
        odd_row,
        st.integers(0, 60),
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["text", "numeric"])), max_size=3),
    ),
    max_size=50,
)


@given(FOUND, st.integers(0, 50), st.integers(0, 50), st.integers(0, 2**16))
def test_parts_merge_to_the_sample_of_all(rows: list[OddRow], first: int, second: int, seed: int) -> None:
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    a, b = sorted((first, second))
    parts = [smallest(part) for part in (shuffled[:a], shuffled[a:b], shuffled[b:])]
    left = smallest([*smallest([*parts[0], *parts[1]]), *parts[2]])
    right = smallest([*parts[2], *smallest([*parts[1], *parts[0]])])
    assert left == right == smallest(rows)
    assert smallest([*left, *left]) == left


@given(FOUND, FOUND)
def test_summaries_merge_them(first: list[OddRow], second: list[OddRow]) -> None:
    layout = layout_of(model_spec(), None)

    def summary(rows: list[OddRow]) -> PaneSummary:
        one = PaneSummary.empty(key_of("traffic"), layout)
        one.odd = smallest(rows)
        return one

    whole, other = summary(first), summary(second)
    whole.merge(other)
    other.merge(summary(first))
    assert whole.odd == other.odd == smallest([*first, *second])


def test_they_are_bounded() -> None:
    many = odd_row(1, [(f"{number:04}", "text") for number in range(1_000)])
    assert [name for name, _ in many[1]] == [f"{number:04}" for number in range(NAMES)]
    assert len(smallest(odd_row(number, []) for number in range(1_000))) == ROWS
