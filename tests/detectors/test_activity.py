"""Predictions are counted by sixteenths of their pane, and runs of empty ones are silences."""

import numpy as np
import pytest

from detectors.activity import count_activity, silences

from .builders import DAY, HOUR, START, layout_of, model_spec


def test_each_sixteenth_of_a_pane_is_counted_apart() -> None:
    layout = layout_of(model_spec(), None)
    counts = np.zeros(layout.families["traffic"].size, dtype=np.int64)
    hours = [0, 1.4999, 1.5, 23.9999, 23.9999]
    count_activity(layout, counts, np.array([START + int(hour * HOUR) for hour in hours]))
    count_activity(layout, counts, np.array([START + DAY - 1]))
    cells = layout.families["traffic"].view(counts, "activity")
    assert cells.tolist() == [2, 1, *[0] * 13, 3]


@pytest.mark.parametrize(
    ("cells", "at_end", "longest"),
    [
        ([1] * 16, 0, 0),
        ([0] * 16, 16, 16),
        ([0] * 5 + [1] * 11, 0, 5),
        ([1] * 12 + [0] * 4, 4, 4),
        ([1, *[0] * 7, 1, *[0] * 7], 7, 7),
        ([1, *[0] * 9, 1, 1, 1, 1, 0, 0], 2, 9),
    ],
)
def test_silences_are_runs_of_empty_cells(cells: list[int], at_end: int, longest: int) -> None:
    assert silences(np.array(cells)) == (at_end, longest)
