"""`ClassifierBets`: a sequential classifier two-sample test, with bets on how often new rows are taken for new.

Order matters: each pane is tested before it is learnt. No I/O, no clock, no randomness.
"""

from functools import partial

import numpy as np
import numpy.typing as npt

from detectors.bet import Verdict
from detectors.bounds import CONFIDENCE, upper_bound
from detectors.moving_bets import MovingBets
from detectors.state import register
from schemas.event_time import Micros

Floats = npt.NDArray[np.float64]

RATE = 0.05
SHRINKAGE = 0.05  # most columns say nothing: weights forget within a few panes what does not recur
STANDS_OUT = 3.0  # times the median weight: of weights that are noise, one in twenty
BATCH = 20  # rows of each kind in a step: a row at a time would take ten times as long
PASSES = 3  # over a pane
VOTES = 2


@register
class ClassifierBets:
    """Learns to tell current from reference rows, and bets that it can.

    Parameters
    ----------
    width
        Columns of a row.
    weight, budget
        As for `MovingBets`.
    dispersion
        φ of the current rows.

    Notes
    -----
    g is 1 where the classifier, which has learnt the panes before, takes a row for a current one. It votes twice, and
    half of the share is staked on each vote: with all its weights, which sees a change of many columns, and with those
    that stand out, which sees one of a few among much noise. Whatever it has learnt, the mean of g over current rows
    exceeds that over reference rows by at most their distance in total variation. The null is that this excess is at
    most τ. The baseline of a pane is the upper bound (Clopper and Pearson, 95 % for both votes together) of the mean of
    g over held-out reference rows, which the classifier never learns, plus τ: known before the pane is.

    References
    ----------
    Lopez-Paz and Oquab, "Revisiting classifier two-sample tests", ICLR 2017. Pandeva, Forré, Ramdas and Shekhar, "Deep
    anytime-valid hypothesis testing", AISTATS 2024: betting on a classifier that learns as it goes.
    """

    def __init__(self, width: int, weight: float, budget: float, dispersion: float) -> None:
        from river import linear_model, optim  # here, for those without joint drift: it takes 80 MB

        self._model = linear_model.LogisticRegression(optimizer=optim.SGD(RATE), intercept_lr=RATE, l2=SHRINKAGE)
        self._width = width
        self._bets = MovingBets(weight, budget, np.full(VOTES, dispersion))
        self._next = 0
        """Training rows that had their turn so far."""
        self.learnt = 0
        """Current rows learnt so far."""

    def votes(self, rows: Floats) -> npt.NDArray[np.bool_]:
        """Return by which of the two votes rows, shape (rows, width), are taken for current ones: shape (rows, 2)."""
        weights = self._model._weights.to_numpy(self._names)
        sizes = np.abs(weights)
        clear = np.where(sizes >= STANDS_OUT * np.median(sizes), weights, 0.0)
        voted: npt.NDArray[np.bool_] = rows @ np.stack([weights, clear], axis=1) + self._model.intercept > 0.0
        return voted

    def test(
        self, current: Floats, held_out: Floats, tolerance: float, dispersion: float, start: Micros, end: Micros
    ) -> tuple[Verdict, float, float]:
        """Bet on the rows of a pane; return the verdict, and the means of g over current and over held-out rows.

        The means are those of the vote with more evidence.

        Parameters
        ----------
        dispersion
            φ of the held-out rows.
        """
        taken = self.votes(current).sum(axis=0).astype(np.float64)
        mistaken = self.votes(held_out).sum(axis=0).astype(np.float64)
        bounds = upper_bound(mistaken, float(len(held_out)), 1 - (1 - CONFIDENCE) / VOTES, dispersion)
        verdict = self._bets.close(np.minimum(bounds + tolerance, 1.0), taken, float(len(current)), start, end)
        vote = verdict.judgement.bet
        return verdict, float(taken[vote] / len(current)), float(mistaken[vote] / len(held_out))

    def turns(self, current: int, reference: int) -> npt.NDArray[np.intp]:
        """Return which of some reference rows to learn beside some current ones: those whose turn it is."""
        return (self._next + np.arange(PASSES * current)) % reference

    def train(self, current: Floats, reference: Floats) -> None:
        """Learn rows of a pane, shape (rows, width), beside the reference rows whose `turns` it is."""
        for number in range(PASSES):
            for first in range(0, len(current), BATCH):
                new = current[first : first + BATCH]
                start = number * len(current) + first
                self._learn(np.concatenate([new, reference[start : start + len(new)]]), len(new))
        self.learnt += len(current)
        self._next += len(reference)

    @property
    def _names(self) -> range:
        return range(self._width)

    def _learn(self, rows: Floats, current: int) -> None:
        """Take one step of River's mini-batch learning; `learn_many` itself wants a table, which takes longer."""
        outcomes = np.arange(len(rows)) < current
        model, names = self._model, self._names
        weights = model._enter_learn_mode(set(names))
        try:
            model._fit(names, outcomes, 1.0, partial(model._eval_gradient_many, rows))
        finally:
            model._exit_learn_mode(weights)
