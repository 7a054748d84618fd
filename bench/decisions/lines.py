"""What is told of the policies: each line is its figures and a table."""

from collections.abc import Iterator, Mapping
from functools import partial
from statistics import mean
from typing import Any, NamedTuple

from bench.decisions.cost import CostPolicy, Setting
from bench.decisions.matrix import Matrix
from bench.decisions.oracle import oracle, oracle_with_older_versions
from bench.decisions.policies import ADWIN_FRESH, COST, OLDER, OLDER_VERSIONS, STARTS, paid_by_all
from bench.decisions.policy import Paid, pay
from bench.decisions.protocol import BURN_INS, CONFIDENCES, OTHER_PRICES, PRICE

Matrices = Mapping[str, Matrix]
Line = dict[str, Any]


class Scores(NamedTuple):
    """What all policies and the oracle pay, by stream."""

    paid: dict[str, dict[str, Paid]]
    least: dict[str, float]

    def regrets(self, policy: str) -> dict[str, float]:
        return {stream: paid[policy].cost - self.least[stream] for stream, paid in self.paid.items()}

    def regret(self, policy: str) -> float:
        """Return the mean over the streams."""
        return mean(self.regrets(policy).values())

    def shown(self) -> list[str]:
        """Return the policies of a table, best first: of each kind of period, the one that is best over all streams."""
        names = [*STARTS]
        for kind in ("last window", "fresh"):
            periods = [name for name in self._policies if name.startswith("every") and name.endswith(kind)]
            names.append(min(periods, key=self.regret))
        return sorted(names, key=self.regret)

    @property
    def _policies(self) -> list[str]:
        return [*next(iter(self.paid.values()))]


def scores(matrices: Matrices, price: float = PRICE) -> Scores:
    """Return what all policies pay on some streams at a price."""
    return Scores(
        {name: paid_by_all(matrix, price) for name, matrix in matrices.items()},
        {name: oracle(matrix, price) for name, matrix in matrices.items()},
    )


def regret(found: Scores) -> Line:
    """Regret by policy and stream; the targets look here."""
    ours, adwin = found.regret(COST), found.regret(ADWIN_FRESH)
    return {
        "cost": ours,
        "adwin_fresh": adwin,
        "against_adwin": ours / adwin,
        "beside": [{"policy": name, **found.regrets(name), "mean": found.regret(name)} for name in found.shown()],
    }


def errors(found: Scores) -> Line:
    """What the regret is made of."""
    rows: list[dict[str, Any]] = [
        {"policy": name} | {stream: _error_and_trainings(paid[name]) for stream, paid in found.paid.items()}
        for name in found.shown()
    ]
    least = {stream: f"cost {cost:.3f}" for stream, cost in found.least.items()}
    return {"beside": [{"policy": "best in hindsight"} | least, *rows]}


def _error_and_trainings(paid: Paid) -> str:
    return f"{paid.error:.3f}, {paid.trainings:.3g}"


def winners(found: Scores) -> Line:
    """Which policy would have been best on each stream, had one known."""
    rows = []
    for stream, paid in found.paid.items():
        best = min(paid, key=lambda name: paid[name].cost)
        least = found.least[stream]
        rows.append(
            {
                "stream": stream,
                "best policy": best,
                "its regret": paid[best].cost - least,
                "cost policy": paid[COST].cost - least,
                "never": paid["never"].cost - least,
                "ADWIN + fresh": paid[ADWIN_FRESH].cost - least,
            }
        )
    return {"beside": rows}


def prices(matrices: Matrices, found: Scores) -> Line:
    """Mean regret where a training costs less, or more."""
    by_price = {price: scores(matrices, price) for price in OTHER_PRICES} | {PRICE: found}
    names = found.shown()
    return {
        "beside": [
            {"policy": name} | {f"a = {price:g}": by_price[price].regret(name) for price in sorted(by_price)}
            for name in names
        ]
    }


def sensitivity(matrices: Matrices, found: Scores) -> Line:
    """Mean regret of the cost policy under other settings."""
    rows = []
    for burn_in in BURN_INS:
        row: dict[str, Any] = {"burn-in, rows": burn_in}
        for confidence in CONFIDENCES:
            start = partial(CostPolicy, setting=Setting(burn_in=burn_in, confidence=confidence))
            row[f"confidence {confidence:g}"] = mean(
                pay(matrix, start, PRICE).cost - found.least[name] for name, matrix in matrices.items()
            )
        rows.append(row)
    return {"beside": rows}


def older(matrices: Matrices, found: Scores) -> Line:
    """The cost policy where a model that has served before may serve again, for nothing."""
    rows = []
    for name, matrix in matrices.items():
        paid, least = pay(matrix, OLDER_VERSIONS, PRICE), oracle_with_older_versions(matrix, PRICE)
        rows.append(
            {
                "stream": name,
                "cost policy": found.paid[name][COST].cost,
                OLDER: paid.cost,
                "trainings": f"{found.paid[name][COST].trainings:g} → {paid.trainings:g}",
                "best in hindsight": found.least[name],
                "best in hindsight, older versions too": least,
            }
        )
    return {"beside": rows}


def measured(name: str, matrices: Matrices, whole: bool) -> Iterator[tuple[str, Line]]:
    """Yield the lines of some streams with their names.

    Parameters
    ----------
    name
        "scored", or what else it is.
    whole
        Whether all of them are there: a mean over some is not what a target speaks of.
    """
    found = scores(matrices)
    if name != "scored":
        yield name, regret(found)
        return
    yield "regret", regret(found) if whole else {"beside": regret(found)["beside"]}
    yield "winners", winners(found)
    yield "errors", errors(found)
    yield "prices", prices(matrices, found)
    yield "sensitivity", sensitivity(matrices, found)
    yield "older_versions", older(matrices, found)
