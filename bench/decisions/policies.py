"""The policies that are scored, by name."""

from collections.abc import Mapping
from functools import partial

from bench.decisions.adwin import AdwinPolicy
from bench.decisions.cost import CostPolicy, Setting
from bench.decisions.matrix import KINDS, Matrix
from bench.decisions.policy import Paid, Periodic, Start, pay, periodic
from bench.decisions.protocol import PERIODS

COST = "cost"
ADWIN_FRESH = "ADWIN + fresh"
OLDER = "cost, older versions too"

STARTS: Mapping[str, Start] = {
    "never": lambda matrix, _: Periodic(matrix, None, 0, "fresh"),
    "always, last window": lambda matrix, _: Periodic(matrix, 1, 1, "last window"),
    "always, fresh": lambda matrix, _: Periodic(matrix, 1, 1, "fresh"),
    "ADWIN + last window": lambda *_: AdwinPolicy("last window"),
    ADWIN_FRESH: lambda *_: AdwinPolicy("fresh"),
    "ADWIN + fresh, one refit": lambda matrix, _: AdwinPolicy("fresh", matrix.stream.window),
    "cost, no refit": partial(CostPolicy, setting=Setting(refit=False)),
    COST: CostPolicy,
}
"""As River ships it, ADWIN knows no price; only the cost policy does."""
OLDER_VERSIONS: Start = partial(CostPolicy, setting=Setting(older=True))


def paid_by_all(matrix: Matrix, price: float) -> dict[str, Paid]:
    """Return what each policy pays on a matrix, periods among them: `every 5, fresh`."""
    found = {name: pay(matrix, start, price) for name, start in STARTS.items()}
    for kind in KINDS:
        for period in PERIODS:
            found[f"every {period}, {kind}"] = periodic(matrix, period, kind, price)
    return found
