"""Ranking metrics of a histogram are those of the rows, where rows of a bin are ties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.score_curves import average_precision, estimated_roc_auc, roc_auc

HISTOGRAMS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6)


def rows_of(histogram: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Scores and outcomes of rows, one by one."""
    scores = [bin_ for bin_, (negatives, positives) in enumerate(histogram) for _ in range(negatives + positives)]
    truth = [one for negatives, positives in histogram for one in [0] * negatives + [1] * positives]
    return np.array(scores), np.array(truth)


@given(HISTOGRAMS)
def test_roc_auc_is_the_share_of_pairs_in_the_right_order(histogram: list[tuple[int, int]]) -> None:
    scores, truth = rows_of(histogram)
    negatives, positives = np.array(histogram, dtype=float).T
    area = roc_auc(negatives, positives)
    if not truth.size or truth.min() == truth.max():
        assert area is None
        return
    difference = scores[truth == 1][:, None] - scores[truth == 0][None, :]
    assert area == pytest.approx(((difference > 0) + 0.5 * (difference == 0)).mean())


@given(HISTOGRAMS)
def test_average_precision_is_the_sum_over_thresholds(histogram: list[tuple[int, int]]) -> None:
    scores, truth = rows_of(histogram)
    negatives, positives = np.array(histogram, dtype=float).T
    found = average_precision(negatives, positives)
    if not truth.sum():
        assert found is None
        return
    expected, recall = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = truth[scores >= threshold]
        expected += taken.mean() * (taken.sum() / truth.sum() - recall)
        recall = taken.sum() / truth.sum()
    assert found == pytest.approx(expected)


def test_an_estimate_counts_a_row_as_much_of_each_class_as_its_bin_says() -> None:
    # 10 rows at .2 and 10 at .9: 2 + 9 positives; a positive of the upper bin beats the 8 negatives of the lower one
    assert estimated_roc_auc([10, 10], [0.2, 0.9]) == pytest.approx((9 * 8 + (9 * 1 + 2 * 8) / 2) / (11 * 9))
    assert estimated_roc_auc([10, 10], [1.0, 1.0]) is None
    assert estimated_roc_auc([0, 0], [0.2, 0.9]) is None
