import doctest

import numpy as np
import pytest

import streams.effective_rows
from streams.effective_rows import effective_rows, in_words, too_few


def test_its_examples_are_right():
    assert doctest.testmod(streams.effective_rows, extraglobs={"np": np}).failed == 0


def test_rows_of_equal_weight_are_worth_their_number_whatever_the_weight():
    for weight in (1e-9, 1.0, 7.3, 1e12):
        weights = np.full(127, weight)
        assert effective_rows(weights) == 127
        assert not too_few(weights, 127)
        assert in_words(weights) == ""


def test_two_heavy_rows_among_many_are_worth_few():
    weights = np.r_[np.ones(125), 118.0, 118.0]
    assert effective_rows(weights) == pytest.approx(361**2 / (125 + 2 * 118**2), abs=0.1)
    assert too_few(weights, 0)
    assert in_words(weights) == " (by their weights worth 5)"


def test_what_is_needed_is_no_more_than_there_is():
    assert not too_few(np.ones(10), 50)
    assert too_few(np.r_[np.ones(40), np.full(20, 5.0)], 50)
    assert effective_rows(np.zeros(0)) == 0
