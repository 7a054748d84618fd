"""`Recommendation`: which contender was cheapest, how sure that is, and whether choosing so would have held up."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from streams.backtest.history import Floats
from streams.backtest.result import Outcome

DRAWS = 1_000
SEED = 0
_FIRST = {"own": 0, "never": 1}  # of equals, what is there already

CAVEAT = (
    "All of this is hindsight over one history: the cheapest of many settings is cheapest partly by luck, and the next "
    "change need not look like the last. Rather than the winner of one half, take what is close to the best on both."
)


@dataclass(frozen=True)
class Standing:
    """How sure the rank of a contender is."""

    name: str
    cheapest: float
    """Share of resampled histories in which it is the cheapest."""
    low: float
    """Its total less that of the chosen one: 5th percentile over resampled histories."""
    high: float
    """95th percentile."""


@dataclass(frozen=True)
class Recommendation:
    """What to set, and how far to trust it."""

    name: str
    yaml: str | None
    """What to paste; None where no monitor file can say it."""
    note: str
    standings: list[Standing]
    """In the order of the totals."""
    chosen_on_first: str
    """The cheapest on the first half; of equals the monitor file's own, else never, else the first by name."""
    tied_on_first: int
    """How many were as cheap there: where nothing happened in it, it tells nothing."""
    second_half: float
    """What that one cost on the second half."""
    second_best: str
    second_best_cost: float
    second_rank: int
    contenders: int
    caveat: str = CAVEAT

    @property
    def close(self) -> list[str]:
        """Contenders that cannot be told from the recommended one: their interval holds 0."""
        return [one.name for one in self.standings if one.name != self.name and one.low <= 0]


def recommend(outcomes: Sequence[Outcome], model: str) -> Recommendation:
    """Return the cheapest contender that a monitor file can name, and what is known of its rank.

    Notes
    -----
    Ranks are taken over a circular block bootstrap of the stretches (Politis and Romano, 1992), so that a change that
    lasts is drawn as one; a block is about the square root of the stretches long. It says how much the rank rests on
    single stretches. It does not run the policies again, and cannot say what they would do in another world.
    """
    settable = [one for one in outcomes if one.settings is not None]
    ranked = sorted(settable, key=lambda one: (one.total, one.name))
    chosen = ranked[0]
    costs = np.stack([one.by_stretch for one in ranked])
    drawn = _drawn(costs)
    cheapest = np.bincount(drawn.argmin(axis=0), minlength=len(ranked)) / drawn.shape[1]
    gaps = np.quantile(drawn - drawn[0], (0.05, 0.95), axis=1)
    half = costs.shape[1] // 2
    first, second = costs[:, :half].sum(axis=1), costs[:, half:].sum(axis=1)
    tied = np.flatnonzero(first <= first.min() + 1e-9 * abs(first.min())).tolist()
    pick = min(tied, key=lambda at: (_FIRST.get(ranked[at].family, len(_FIRST)), ranked[at].name))
    best = int(second.argmin())
    return Recommendation(
        name=chosen.name,
        yaml=block(model, chosen),
        note=chosen.note,
        standings=[
            Standing(one.name, float(cheapest[at]), float(gaps[0, at]), float(gaps[1, at]))
            for at, one in enumerate(ranked)
        ],
        chosen_on_first=ranked[pick].name,
        tied_on_first=len(tied),
        second_half=float(second[pick]),
        second_best=ranked[best].name,
        second_best_cost=float(second[best]),
        second_rank=1 + int((second < second[pick]).sum()),
        contenders=len(ranked),
    )


def block(model: str, outcome: Outcome) -> str | None:
    """Return the lines of the monitor file that make a contender; None where there are none."""
    if outcome.settings is None:
        return None
    retraining = {name: value for name, value in outcome.settings.items() if not name.startswith("costs.")}
    settings: dict[str, Any] = {"retraining": retraining}
    costs = {name.removeprefix("costs."): value for name, value in outcome.settings.items() if name not in retraining}
    if costs:
        settings = {"costs": costs, **settings}
    text: str = yaml.safe_dump({"models": {model: settings}}, sort_keys=False, allow_unicode=True)
    return text


def _drawn(costs: Floats) -> Floats:
    """Return totals over resampled stretches, shape (contenders, draws)."""
    rng = np.random.default_rng(SEED)
    stretches = costs.shape[1]
    length = max(1, round(stretches**0.5))
    blocks = -(-stretches // length)
    starts = rng.integers(0, stretches, size=(DRAWS, blocks))
    places = (starts[:, :, np.newaxis] + np.arange(length)) % stretches
    chosen = places.reshape(DRAWS, -1)[:, :stretches]
    totals: Floats = costs[:, chosen].sum(axis=2)
    return totals
