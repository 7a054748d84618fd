"""The rows that are kept of a trial are a uniform sample of all of them, as a reference built of rows has it."""

import numpy as np
import pytest

from detectors.build_profile import _sample
from detectors.id_hash import id_hashes
from detectors.row_codes import RowCodes
from detectors.tried_rows import SAMPLED, TriedRows

from .builders import DAY, START, days, layout_of, model_spec, panes_of, profile_of


def gathered(rows_a_day: int, count: int, **settings: object) -> tuple[TriedRows, list[object]]:
    spec = model_spec(**settings)
    layout, rows = layout_of(spec, profile_of(spec)), days(spec, count, rows=rows_a_day)
    kept = TriedRows()
    for pane in panes_of(layout, rows):
        if pane.key.family == "traffic":
            kept.add(pane)
    return kept, [layout, rows]


@pytest.mark.parametrize(("rows_a_day", "count"), [(50, 10), (300, 12)])
def test_where_panes_know_all_their_rows_it_is_the_sample_of_all_rows(rows_a_day: int, count: int) -> None:
    kept, (layout, rows) = gathered(rows_a_day, count)
    codes, scores = kept.within(START, START + count * DAY, [])
    expected = _sample(layout, rows)  # type: ignore[arg-type]
    names = RowCodes(layout).names  # type: ignore[arg-type]
    assert {name: codes[:, place].tobytes().hex() for place, name in enumerate(names)} == expected
    assert len(scores) == min(SAMPLED, rows_a_day * count)


def test_a_pane_whose_sample_is_a_part_of_it_is_not_passed_over() -> None:
    kept, (_, rows) = gathered(400, 6, traffic_sample=100)
    _, scores = kept.within(START, START + 6 * DAY, [])
    hashes = np.sort(id_hashes([row.id for row, _ in rows])[:, 0])  # type: ignore[attr-defined]
    # all rows up to the smallest of the panes' largest hashes, and no more: about a quarter of 2,400
    assert 400 < len(scores) < 620
    assert kept._hashes.tolist() == hashes[: len(scores)].tolist()


def test_rows_outside_of_the_panes_or_of_broken_stretches_are_left_out() -> None:
    kept, _ = gathered(50, 10)
    whole, _ = kept.within(START + DAY, START + 9 * DAY, [])
    assert len(whole) == 8 * 50
    broken = [(START + 2 * DAY, START + 3 * DAY), (START + 7 * DAY, None)]
    codes, scores = kept.within(START + DAY, START + 9 * DAY, broken)
    assert len(codes) == len(scores) == 5 * 50
