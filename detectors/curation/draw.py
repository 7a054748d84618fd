"""Which rows of a traffic pane are asked for, and why each: rules, the random draw, strategies in turn."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from detectors.curation.budget import shares_of
from detectors.curation.disagreement import disagreement
from detectors.curation.drifted import drifted
from detectors.curation.errors import errors
from detectors.curation.known import Known, Ranking, RowKey, key_of
from detectors.curation.picking import rules_of
from detectors.curation.random import random_draw
from detectors.curation.rare import rare
from detectors.curation.rules import rules
from detectors.curation.uncertainty import uncertainty
from detectors.sampled_row import SampledRow
from schemas.label_request import Reason
from schemas.label_request_spec import Strategy

STRATEGIES: dict[Strategy, Callable[[Known], Ranking]] = {
    "uncertainty": uncertainty,
    "disagreement": disagreement,
    "drifted": drifted,
    "rare": rare,
    "errors": errors,
}
"""All but `random`, which draws from all rows and not from those that are left."""


class Wanted(NamedTuple):
    """A row that is asked for."""

    sampled: SampledRow
    reason: Reason
    detail: str
    rule: str | None = None
    probability: float | None = None


class Drawn(NamedTuple):
    """What is asked for of a traffic pane."""

    wanted: list[Wanted]
    idle: dict[str, str]
    """Strategies that had nothing to go by, and why."""


def draw(known: Known) -> Drawn:
    """Return the rows that are asked for, at most `per_pane`, each once and for the first reason that applies.

    A row that a rule asks for and that the random draw holds as well carries the probability of the draw: the rows with
    a probability are the whole draw, whatever else they were wanted for.
    """
    pane, spec = known.pane, known.pane.layout.spec.label_requests
    rankings = [(name, STRATEGIES[name](known)) for name in spec.strategies if name != "random"]
    usable = [(name, ranking) for name, ranking in rankings if ranking.problem is None]
    matched = {key_of(sampled) for name in rules_of(pane.layout.spec) for sampled in pane.picked.get(name, [])}
    shares = shares_of(spec, len(matched), len(usable))
    drawn = random_draw(pane, shares.random)
    wanted: dict[RowKey, Wanted] = {}

    def ask(one: Wanted, most: int) -> None:
        key = key_of(one.sampled)
        if len(wanted) < most and key not in wanted:
            wanted[key] = one._replace(probability=drawn.probability if key in drawn.keys else None)

    for rule, choice in rules(known):
        ask(Wanted(choice.sampled, "rule", choice.detail, rule), shares.rules)
    for sampled in known.rows:
        if key_of(sampled) in drawn.keys:
            ask(Wanted(sampled, "random", drawn.detail), spec.per_pane)
    waiting = deque((name, iter(ranking.choices)) for name, ranking in usable)
    while waiting and len(wanted) < spec.per_pane:  # each in turn has its best that nobody has asked for
        name, choices = waiting.popleft()
        best = next((one for one in choices if key_of(one.sampled) not in wanted), None)
        if best is not None:
            ask(Wanted(best.sampled, name, best.detail), spec.per_pane)
            waiting.append((name, choices))
    return Drawn(list(wanted.values()), {name: said.problem for name, said in rankings if said.problem is not None})
