"""Times of predictions by model and id."""

from typing import Any

import numpy as np
import pytest

from streams import prediction_times
from streams.moment_columns import Times, times_of
from streams.prediction_times import PredictionTimes


def known(*rows: tuple[Any, Any, int | None]) -> PredictionTimes:
    times = PredictionTimes(wanted=True)
    for model, id, time in rows:
        times.add([model], [id], times_of([time]))
    return times


def test_the_first_time_of_an_id_counts_and_another_model_has_its_own() -> None:
    times = known(("a", "x", 1), ("a", "x", 2), ("b", "x", 3), ("b", "y", 4))
    assert times.of(["a", "b", "b", None, None, "c"], ["x", "x", "y", "x", "y", "x"]).cells() == [1, 3, 4, 1, 4, None]


def test_what_is_no_id_or_has_no_time_is_not_known() -> None:
    times = known(("a", None, 1), ("a", 7, 1), (None, "x", 1), ("a", "z", None), ([], "x", 1))
    assert times.of(["a", "a", None, "a", []], [None, 7, "x", "z", "x"]).cells() == [None] * 5


def test_predictions_may_be_added_after_a_look() -> None:
    times = known(("a", "x", 1))
    assert times.of(["a"], ["y"]).cells() == [None]
    times.add(["a", "a"], ["y", "x"], Times(np.array([5, 6]), np.array([True, True])))
    assert times.of(["a", "a"], ["y", "x"]).cells() == [5, 1]


def test_ids_that_share_half_of_their_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(ids: list[str]) -> Any:
        return np.array([(1, ord(id)) for id in ids], dtype=np.uint64)

    monkeypatch.setattr(prediction_times, "id_hashes", half)
    times = known(*(("a", id, time) for time, id in enumerate("xyzxy")))
    assert times.of(["a"] * 4, ["x", "y", "z", "w"]).cells() == [0, 1, 2, None]


def test_ids_come_once_only_where_all_rows_are_of_one_model_and_known() -> None:
    times = known(("a", "x", 1), ("a", "y", 1))
    assert times.once("a", 2)
    assert times.once(None, 2)
    assert not times.once("a", 3), "a row had no id, no time or another model"
    assert not times.once("b", 2)
    assert not known(("a", "x", 1), ("a", "x", 1)).once("a", 2)
    assert not known(("a", "x", 1), ("b", "y", 1)).once(None, 2)
    assert not known().once(None, 0)
    times.clear()
    assert times.of(["a"], ["x"]).cells() == [None]
