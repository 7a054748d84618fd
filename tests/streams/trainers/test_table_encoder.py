import json
import math
from typing import Any

import numpy as np
import pytest

from schemas.spec import ModelSpec
from streams.trainers.table_encoder import CODED, ONE_HOT, TableEncoder, Taken

from ..world import MODEL

TYPES = {"x": "numeric", "c": "categorical", "b": "boolean", "when": "datetime", "note": "text"}
SETTINGS = ModelSpec.model_validate({**MODEL, "features": TYPES, "segments": []})
NAMES = list(TYPES)
COLUMNS: list[list[Any]] = [
    [1.0, 2.0, 3.0, None, 5.0],
    ["a", "b", "a", None, "c"],
    [True, False, None, True, True],
    ["1970-01-01T00:00:10Z", "1970-01-01T00:00:20", None, "1970-01-01T01:00:00+01:00", "soon"],
    ["any", "text", "at", "all", None],
]


def encoder(missing: bool = False, codes: bool = False) -> TableEncoder:
    return TableEncoder.fitted(SETTINGS, COLUMNS, Taken(missing, codes))


def test_numbers_are_scaled_classes_have_columns_and_what_is_missing_is_flagged():
    found = encoder().encode(NAMES, COLUMNS)
    assert found.shape == (5, 9) == (5, encoder().width)
    x, x_missing, a, b, c, owner, owner_missing, when, when_missing = found.T.tolist()
    assert np.isfinite(found).all()
    assert x_missing == [0, 0, 0, 1, 0]
    assert x[3] == 0.0  # the median
    assert sorted(x[:3]) == x[:3]
    assert (a, b, c) == ([1, 0, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 0, 1])
    assert (owner, owner_missing) == ([1, 0, 0, 1, 1], [0, 0, 1, 0, 0])
    assert when_missing == [0, 0, 1, 0, 1]
    assert when[0] == 0.0 > when[3]


def test_an_estimator_that_takes_codes_and_missing_values_gets_them_as_they_are():
    found = encoder(missing=True, codes=True)
    numbers = found.encode(NAMES, COLUMNS)
    assert found.codes == [1]
    np.testing.assert_array_equal(numbers[:, 0], [1, 2, 3, np.nan, 5])
    np.testing.assert_array_equal(numbers[:, 1], [0, 1, 0, np.nan, 2])
    np.testing.assert_array_equal(numbers[:, 3], [10, 20, np.nan, 0, np.nan])


@pytest.mark.parametrize("taken", [(False, False), (True, False), (True, True)])
def test_it_is_plain_data_and_the_same_when_read_back(taken: tuple[bool, bool]):
    found = encoder(*taken)
    back = TableEncoder(json.loads(json.dumps(found.parts)))
    np.testing.assert_array_equal(back.encode(NAMES, COLUMNS), found.encode(NAMES, COLUMNS))


def test_unseen_classes_are_none_of_the_known_and_the_rarest_have_no_column():
    many = [f"c{number}" for number in range(400) for _ in range(1 + (number < 5))]
    settings = ModelSpec.model_validate({**MODEL, "features": {"c": "categorical"}, "segments": []})
    plain = TableEncoder.fitted(settings, [many], Taken(False, False))
    coded = TableEncoder.fitted(settings, [many], Taken(True, True))
    assert plain.width == ONE_HOT
    assert len(coded.parts[0]["classes"]) == CODED
    for each in (plain, coded):
        assert {"c0", "c1", "c2", "c3", "c4"} <= set(each.parts[0]["classes"])
    assert plain.encode(["c"], [["never", None, 5, math.nan]]).sum() == 0
    assert np.isnan(coded.encode(["c"], [["never", None]])).all()


def test_labels_of_other_types_are_the_same_class_as_their_text():
    settings = ModelSpec.model_validate({**MODEL, "features": {"c": "categorical"}, "segments": []})
    found = TableEncoder.fitted(settings, [["1", "1", "true"]], Taken(False, False))
    np.testing.assert_array_equal(found.encode(["c"], [[1, 1.0, True]]), [[1, 0], [1, 0], [0, 1]])


@pytest.mark.parametrize("values", [[7.0] * 5, [None] * 5, [1e308, -1e308, 0.0, 1.0, 2.0], [5e-324, 0.0, 0.0]])
def test_constant_missing_and_extreme_columns_stay_finite(values: list[float | None]):
    settings = ModelSpec.model_validate({**MODEL, "features": {"x": "numeric"}, "segments": []})
    found = TableEncoder.fitted(settings, [values], Taken(False, False))
    numbers = found.encode(["x"], [[*values, 1e308, -1e308, 0.0]])
    assert np.isfinite(numbers).all()
    assert np.isfinite(numbers.astype(np.float32)).all()


def test_a_feature_that_nobody_sends_any_more_is_missing():
    found = encoder().encode(["c"], [["a", "b"]])
    assert found[:, 1].tolist() == [1, 1]
