"""Codes of rows are the bins that counting has, and every code has words."""

import math
from typing import Any

import numpy as np
import pytest

from detectors.counting import count_traffic
from detectors.layout import UNSEEN_BUCKETS
from detectors.row import Row
from detectors.row_codes import RowCodes
from detectors.row_shape import RowShape

from .builders import START, days, layout_of, model_spec, profile_of

SPEC = model_spec(features={"note": "text", "owner": "boolean", "income": "numeric", "region": "categorical"})
LAYOUT = layout_of(SPEC, profile_of(SPEC))


def rows(*features: Any) -> list[Row]:
    """Rows of note, owner, income, region."""
    return [Row(START, str(i), list(each), label="yes", score=0.7) for i, each in enumerate(features)]


def test_features_without_bins_are_left_out() -> None:
    codes = RowCodes(LAYOUT)
    assert codes.names == ["owner", "income", "region"]
    assert codes.sizes == [4, len(LAYOUT.edges["income"]) + 2, len(LAYOUT.codes["region"]) + 2]


def test_codes_are_the_bins_of_the_counts() -> None:
    several = [row for row, _ in days(SPEC, 3, seed=5)]
    counts = np.zeros(LAYOUT.families["traffic"].size, dtype=np.int64)
    count_traffic(LAYOUT, counts, RowShape(SPEC).columns_of(several))
    view, codes = LAYOUT.families["traffic"].view, RowCodes(LAYOUT)
    found = codes.of(several)
    for place, name in enumerate(codes.names):
        histogram = view(counts, f"histogram:{name}")
        if not codes.ordered(name):
            histogram = np.append(histogram[:-UNSEEN_BUCKETS], histogram[-UNSEEN_BUCKETS:].sum())
        assert np.bincount(found[:, place], minlength=codes.sizes[place])[:-1].tolist() == histogram.tolist()


@pytest.mark.parametrize("broken", [None, math.nan, math.inf, -math.inf, "text"])
def test_missing_and_invalid_values_share_the_last_code(broken: Any) -> None:
    codes = RowCodes(LAYOUT)
    found = codes.of(rows(["a", None if broken == "text" else broken, broken, None]))
    assert found[0].tolist() == [size - 1 for size in codes.sizes]


def test_every_code_has_words() -> None:
    codes, edges = RowCodes(LAYOUT), [f"{edge:.6g}" for edge in LAYOUT.edges["income"]]
    last = codes.sizes[1] - 2
    assert codes.describe(1, 0, 2) == f"income <= {edges[2]}"
    assert codes.describe(1, 3, last) == f"income > {edges[2]}"
    assert codes.describe(1, 2, 3) == f"{edges[1]} < income <= {edges[3]}"
    assert codes.describe(1, last + 1, last + 1) == "income missing or invalid"
    known = list(LAYOUT.codes["region"])
    assert codes.describe(2, 0, 0) == f"region = {known[0]}"
    assert codes.describe(2, len(known), len(known)) == "region = any other value"
    assert codes.describe(0, 1, 1) == "owner = true"


def test_without_a_reference_there_is_one_bin_of_numbers() -> None:
    codes = RowCodes(layout_of(SPEC, None))
    assert codes.sizes == [4, 2, 2]
    assert codes.of(rows(["a", True, 5.0, "west"])).tolist() == [[1, 0, 0]]
    assert codes.describe(1, 0, 0) == "income is a number"


def test_no_rows_have_no_codes() -> None:
    assert RowCodes(LAYOUT).of([]).shape == (0, 3)
