"""The classifier two-sample test by itself: it learns as River does, and bets on rows that it has not learnt."""

import numpy as np
import pyarrow as pa
import pytest
from river import linear_model, optim

from detectors.bounds import upper_bound
from detectors.classifier_bets import RATE, SHRINKAGE, ClassifierBets
from detectors.state import decode, encode

from .builders import DAY

WIDTH = 6


def bets_of(weight: float = 1.0) -> ClassifierBets:
    return ClassifierBets(WIDTH, weight, 90.0 * DAY, 1.0)


def rows(rng: np.random.Generator, count: int, shift: float = 0.0) -> np.ndarray:
    return rng.normal(0, 1, (count, WIDTH)) + shift


def test_a_step_is_that_of_rivers_mini_batches() -> None:
    rng, bets = np.random.default_rng(0), bets_of()
    river = linear_model.LogisticRegression(optimizer=optim.SGD(RATE), intercept_lr=RATE, l2=SHRINKAGE)
    for _ in range(5):
        batch = np.concatenate([rows(rng, 10, 0.5), rows(rng, 10)])
        bets._learn(batch, 10)
        table = pa.table({str(column): batch[:, column] for column in range(WIDTH)})
        river.learn_many(table, pa.chunked_array([np.arange(20) < 10]))
    assert [bets._model.weights[column] for column in range(WIDTH)] == pytest.approx(
        [river.weights[str(column)] for column in range(WIDTH)]
    )
    assert bets._model.intercept == pytest.approx(river.intercept)


def test_as_many_reference_rows_are_learnt_each_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    bets, learnt = bets_of(), []
    monkeypatch.setattr(bets, "_learn", lambda batch, current: learnt.append((batch[current:, 0].tolist(), current)))
    reference = np.arange(30.0)[:, None] * np.ones(WIDTH)
    bets.train(np.zeros((25, WIDTH)), reference[bets.turns(25, 30)])
    assert {(len(taken), current) for taken, current in learnt} == {(20, 20), (5, 5)}
    turns = [row for taken, _ in learnt for row in taken]
    assert turns == [float(i % 30) for i in range(len(turns))]
    bets.train(np.zeros((1, WIDTH)), reference[bets.turns(1, 30)])
    assert learnt[-3][0] == [float(len(turns) % 30)]
    assert bets.learnt == 26


def test_the_baseline_is_the_bound_of_the_held_out_rows_and_the_tolerance() -> None:
    rng, bets = np.random.default_rng(1), bets_of()
    reference, held_out = rows(rng, 500), rows(rng, 500)
    for _ in range(3):
        bets.train(rows(rng, 100, 0.6), reference[bets.turns(100, 500)])
    verdict, share, usual = bets.test(rows(rng, 100, 0.6), held_out, 0.05, 1.0, 3 * DAY, 4 * DAY)
    vote = verdict.judgement.bet
    mistaken = bets.votes(held_out)[:, vote].sum()
    assert usual == mistaken / 500
    assert share > usual + 0.3
    assert verdict.baseline == pytest.approx(float(upper_bound(mistaken, 500, 0.975)) + 0.05)


def test_rows_that_differ_less_than_the_tolerance_are_the_same() -> None:
    rng, fired = np.random.default_rng(2), 0
    for _ in range(4):
        bets, reference, held_out = bets_of(), rows(rng, 1_000), rows(rng, 1_000)
        for day in range(100):
            current = rows(rng, 200, 0.02)  # .02 · sqrt(6) standard deviations: 2 % in total variation
            if day:
                fired += bets.test(current, held_out, 0.05, 1.0, day * DAY, (day + 1) * DAY)[0].judgement.fired
            bets.train(current, reference[bets.turns(200, 1_000)])
    assert fired == 0


def test_one_column_among_much_noise_is_seen_by_what_stands_out() -> None:
    rng = np.random.default_rng(3)
    bets = ClassifierBets(120, 0.1, 90.0 * DAY, 1.0)
    reference, held_out = rng.normal(0, 1, (1_000, 120)), rng.normal(0, 1, (1_000, 120))
    shift = np.zeros(120)
    shift[7] = 0.8
    for _ in range(5):
        bets.train(rng.normal(0, 1, (200, 120)) + shift, reference[bets.turns(200, 1_000)])
    excess = bets.votes(rng.normal(0, 1, (5_000, 120)) + shift).mean(axis=0) - bets.votes(held_out).mean(axis=0)
    assert excess[1] > excess[0] + 0.02
    assert excess[1] > 0.25  # .31 is what there is to see: 2 Φ(.4) - 1


def test_nothing_is_learnt_of_no_rows() -> None:
    bets = bets_of()
    bets.train(np.zeros((0, WIDTH)), np.zeros((0, WIDTH)))
    assert len(bets.turns(0, 5)) == 0
    assert bets.learnt == 0
    assert not bets.votes(np.ones((3, WIDTH))).any()


def test_the_state_goes_on_exactly() -> None:
    rng, bets = np.random.default_rng(4), bets_of()
    reference, held_out = rows(rng, 100), rows(rng, 100)
    bets.train(rows(rng, 50, 0.3), reference[bets.turns(50, 100)])
    again: ClassifierBets = decode(encode(bets))
    for day in range(5):
        current = rows(rng, 50, 0.3)
        expected = bets.test(current, held_out, 0.05, 1.0, day * DAY, (day + 1) * DAY)
        assert again.test(current, held_out, 0.05, 1.0, day * DAY, (day + 1) * DAY) == expected
        bets.train(current, reference[bets.turns(50, 100)])
        again.train(current, reference[again.turns(50, 100)])
    assert encode(again) == encode(bets)
