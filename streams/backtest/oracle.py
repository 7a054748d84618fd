"""The best decision in hindsight: which trainings, at which points, would have cost least. Exact for what it may do.

It may do all that any compared policy may: at each point train one of the models that were fitted there, at the price
of a retraining, or go back, for nothing, to the model before or to the recorded one. So no policy costs less.
"""

from dataclasses import dataclass

import numpy as np

from streams.backtest.candidates import RECORDED, Candidate, Candidates
from streams.backtest.history import Floats


@dataclass(frozen=True)
class Best:
    """The cheapest course."""

    serving: list[Candidate]
    """By stretch."""
    trained: list[int]
    """Points at which it trains."""
    losses: Floats
    """By stretch, as in `training`."""
    training: Floats

    @property
    def total(self) -> float:
        """Loss and trainings."""
        return float(self.losses.sum() + self.training.sum())


def best_in_hindsight(candidates: Candidates) -> Best:
    """Return the cheapest course over all models that were fitted so far.

    Notes
    -----
    Dynamic programming over pairs (serving, the one before), since going back depends on both: O(points · models²).
    """
    models = candidates.fitted
    points, price = len(candidates.points), candidates.prices.retraining
    costs = np.stack([candidates.costs(one) for one in models])
    born = [[place for place, one in enumerate(models) if one.point == point] for point in range(points)]
    recorded = models.index(RECORDED)
    value = np.full((len(models), len(models)), np.inf)
    value[recorded, recorded] = costs[recorded, 0]
    before: list[Floats] = []
    for point in range(points):
        before.append(value)
        value = np.minimum(value, value.T)
        value[recorded] = np.minimum(value[recorded], before[-1].min(axis=1))
        for new in born[point]:
            value[new] = np.minimum(value[new], before[-1].min(axis=1) + price)
        value = value + costs[:, point + 1][:, np.newaxis]
    serving, last = np.unravel_index(int(np.argmin(value)), value.shape)
    path, trained = [int(serving)], []
    now, previous = int(serving), int(last)
    for point in reversed(range(points)):
        earlier = before[point]
        steps = [
            (float(earlier[now, previous]), now, previous, False),
            (float(earlier[previous, now]), previous, now, False),
        ]
        if now == recorded:
            steps.append((float(earlier[previous].min()), previous, int(earlier[previous].argmin()), False))
        if now in born[point]:
            steps.append((float(earlier[previous].min()) + price, previous, int(earlier[previous].argmin()), True))
        _, now, previous, paid = min(steps, key=lambda step: step[0])
        path.append(now)
        if paid:
            trained.append(point)
    path.reverse()
    spent = np.zeros(points + 1)
    for point in trained:
        spent[point + 1] = price
    losses = np.array([costs[model, stretch] for stretch, model in enumerate(path)])
    return Best([models[model] for model in path], sorted(trained), losses, spent)
