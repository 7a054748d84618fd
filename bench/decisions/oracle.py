"""The least that could have been paid, in hindsight."""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from bench.decisions.matrix import KINDS, Floats, Kind, Matrix


def oracle(matrix: Matrix, price: float, kinds: tuple[Kind, ...] = KINDS) -> float:
    """Return the least cost a batch of any sequence of models, each serving until the next one does.

    Dynamic programming, from the end: `least[i]` is the least cost of what comes after batch i for who trains after it.
    """
    first, end = matrix.first.born, matrix.batches
    least = {end - 1: 0.0}
    for born in range(end - 2, first - 1, -1):
        # the first model is of the last window, whatever one might have liked
        of = ("last window",) if born == first else kinds
        tails = np.array([0.0 if at == end - 1 else price + least[at] for at in range(born + 1, end)])
        least[born] = min(float((np.cumsum(matrix.means(kind)[born - first, born + 1 :]) + tails).min()) for kind in of)
    return least[first] / len(matrix.served)


def oracle_with_older_versions(matrix: Matrix, price: float) -> float:
    """Return the least cost a batch where a model that was trained once may serve again at any time, for nothing.

    Which models to train is a facility location problem, solved by mixed-integer programming: a model is opened (1) or
    not, each batch is served by models that are open and born before it, and the least is paid.
    """
    first = matrix.first.born
    batches = np.array(matrix.served)
    costs = np.concatenate([matrix.means(kind) for kind in KINDS])[:, batches]
    births = np.tile(np.arange(first, matrix.batches - 1), len(KINDS))
    keep = (births > first) | (np.arange(len(births)) == KINDS.index("last window") * (len(births) // len(KINDS)))
    return _located(costs[keep], births[keep][:, None] < batches, np.where(births[keep] == first, 0.0, price))


def _located(costs: Floats, usable: np.ndarray, prices: Floats) -> float:
    """Return the least cost a batch, shape of `costs` and `usable` (models, batches), of `prices` (models,)."""
    models, batches = np.nonzero(usable)
    pairs, count = len(models), len(prices)
    at = np.arange(pairs)
    each_is_served = coo_array((np.ones(pairs), (batches, count + at)), shape=(costs.shape[1], count + pairs))
    by_open_ones = coo_array(
        (np.concatenate([np.ones(pairs), -np.ones(pairs)]), (np.tile(at, 2), np.concatenate([count + at, models]))),
        shape=(pairs, count + pairs),
    )
    found = milp(
        np.concatenate([prices, costs[models, batches]]),
        integrality=np.concatenate([np.ones(count), np.zeros(pairs)]),
        bounds=Bounds(0, 1),
        constraints=[LinearConstraint(each_is_served, 1, 1), LinearConstraint(by_open_ones, -np.inf, 0)],
        options={"mip_rel_gap": 1e-6},
    )
    if not found.success:
        raise RuntimeError(f"the oracle found no optimum: {found.message}")
    return float(found.fun / costs.shape[1])
