"""What the cost policy can lose to hindsight where newer models are never worse, and how much more where they can be.

Time goes in panes 0, 1, ... A version v is trained at the end of a pane and serves from the next one on; training costs
C. On pane s it loses y(v, s) >= 0 more than the least that any model could there, φ(s). The policy holds version v
against u(v), with n u(v) >= φ(s) on each pane of n rows: nobody can do better than what is put up with. Then

    if  y(v', s) <= y(v, s)  for all v' > v      (a newer version is never worse)

    Σ y(policy) + C k  <=  2 (Σ y(best) + C m)  +  Σ (S - C)⁺  +  Σ over panes (n u - φ)

where the best decisions in hindsight train m times, and S is the excess at which the policy trained, k times, or at
which the record ends. S - C is less than what the last pane before it cost: one pane each. The last term is what was
put up with: 0 where u is exact. The last interval, after the last training, is bounded like the others.

Proof, by intervals from one training of the policy to its next. What a pane costs is at most what it adds to S, and
n u - φ; so an interval costs the policy at most S + Σ (n u - φ), and C for the training. If the best decisions do not
train in it before its last pane, their version is no newer than the policy's: they pay at least what S has risen by
since the change point, which is all of it. Else they pay at least C. In an interval that ends with a training, S >= C:
the policy pays S + C, which is at most 2 S in the first case, and 2 C and S - C in the second. In the last one it pays
S, which is at most what they pay, or C and (S - C)⁺. Each pane falls into one interval, and so does each of their
trainings: into the one that it lies in or opens.

Where concepts come back, an older version can be the better one, and nothing of this holds: the worst case is 4 times.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.excess_cost import ExcessCost

ROWS = 10  # of a pane
NEVER = 10**9  # labels: a burn-in that tells nothing, as u is known
Floats = np.ndarray[tuple[int, int], np.dtype[np.float64]]


@dataclass
class World:
    """What each version would lose on each pane, and what a training costs."""

    floor: np.ndarray[tuple[int], np.dtype[np.float64]]
    """φ, shape (panes,)."""
    above: Floats
    """y, shape (versions, panes): version v is trained after pane v - 1; what lies before is not used."""
    margin: list[float]
    """By version, how far u lies above the least that it could be."""
    training: float

    @property
    def panes(self) -> int:
        return len(self.floor)


@dataclass
class Paid:
    excess: float = 0.0
    trainings: int = 0
    overshoot: float = 0.0
    put_up_with: float = 0.0
    rollbacks: int = 0

    def cost(self, world: World) -> float:
        return self.excess + world.training * self.trainings


def watch(world: World, version: int) -> ExcessCost:
    bound = float(world.floor.max()) / ROWS + world.margin[version]
    return ExcessCost(1.0, world.training, NEVER, bound=bound, scale=1e9)


def run_policy(world: World) -> Paid:
    paid, version = Paid(), 0
    cost = watch(world, version)
    for pane in range(world.panes):
        assert cost.bound is not None
        paid.excess += world.above[version, pane]
        paid.put_up_with += ROWS * cost.bound - world.floor[pane]
        cost.update(pane, pane + 1, ROWS, float(world.floor[pane] + world.above[version, pane]))
        if cost.called and pane + 1 < world.panes:
            paid.trainings += 1
            paid.overshoot += cost.excess - world.training
            version = pane + 1
            cost = watch(world, version)
    paid.overshoot += max(0.0, cost.excess - world.training)
    return paid


def best_in_hindsight(world: World) -> float:
    """Return the least that any schedule of trainings would have cost."""
    least = [0.0] * (world.panes + 1)
    for version in range(world.panes - 1, -1, -1):
        served = np.cumsum(world.above[version, version:])
        until = [
            float(served[end - version - 1]) + (0.0 if end == world.panes else world.training + least[end])
            for end in range(version + 1, world.panes + 1)
        ]
        least[version] = min(until)
    return least[0]


amounts = st.floats(0, 30).map(lambda value: round(value, 2))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Newer is never worse: each version loses what the next newer one does, and something on top."""
    panes = draw(st.integers(1, 8))
    steps = np.array(draw(st.lists(st.just(0.0) | amounts, min_size=panes * panes, max_size=panes * panes)))
    above = np.triu(steps.reshape(panes, panes))
    floor = np.array(draw(st.lists(amounts, min_size=panes, max_size=panes)))
    if draw(st.booleans()):
        floor[:] = floor[0]
    margin = draw(st.lists(st.just(0.0) | st.floats(0, 2), min_size=panes, max_size=panes))
    return World(floor, above[::-1].cumsum(axis=0)[::-1], margin, draw(st.floats(1, 60)))


@settings(max_examples=150, deadline=None)
@given(worlds())
def test_where_newer_is_never_worse_the_policy_costs_at_most_twice_the_best_decision_and_a_pane_each(
    world: World,
) -> None:
    paid, best = run_policy(world), best_in_hindsight(world)
    assert paid.cost(world) <= 2 * best + paid.overshoot + paid.put_up_with + 1e-6
    assert paid.overshoot <= (paid.trainings + 1) * world.above.max() + 1e-6


def test_twice_is_not_too_much_and_neither_is_the_pane() -> None:
    """A change after which each version but the newest errs: hindsight trains just before it, the policy just after."""
    panes, training, each = 1_200, 100.0, 1.25
    above = np.zeros((panes, panes))
    for change in range(100, panes, 100):
        above[:change, change:] = each
    world = World(np.zeros(panes), above, [0.0] * panes, training)
    paid, best = run_policy(world), best_in_hindsight(world)
    assert paid.overshoot == 0
    assert paid.cost(world) / best == pytest.approx(2.0, rel=0.01)
    world.above *= training * 1.5 / each  # now one pane costs more than a training, and is lost before it is seen
    paid, best = run_policy(world), best_in_hindsight(world)
    assert paid.overshoot == pytest.approx(paid.trainings * training * 0.5)
    assert paid.cost(world) == pytest.approx(2 * best + paid.overshoot)


def recurring(phases: int, panes: int, training: float) -> World:
    """Two concepts by turns, each as long as the policy takes: version 0 knows the first, and errs on the second."""
    each = training / (panes - 0.6)  # so that the last pane of a phase is the one that calls
    concept = np.array([0, *((at // panes + 1) % 2 for at in range(phases * panes)), phases % 2])
    knows = concept[np.maximum(0, np.arange(len(concept)) - 1)]
    above = np.where(knows[:, None] != concept[None, :], each, 0.0)
    return World(np.zeros(len(concept)), above, [0.0] * len(concept), training)


def run_policy_with_older_versions(world: World, rollback: float) -> Paid:
    """Run the same policy, with what has served before as candidates.

    For each older version a second excess cost is kept, over loss(serving) - loss(older), against the price of a
    roll-back. Whichever calls first is followed; a roll-back needs no training.
    """
    paid, version, served = Paid(), 0, [0]
    cost, others = watch(world, 0), dict[int, ExcessCost]()
    for pane in range(world.panes):
        paid.excess += world.above[version, pane]
        cost.update(pane, pane + 1, ROWS, float(world.floor[pane] + world.above[version, pane]))
        for older, less in others.items():
            less.update(pane, pane + 1, ROWS, float(world.above[version, pane] - world.above[older, pane]))
        better = max((v for v in others if others[v].called), key=lambda v: others[v].excess, default=None)
        if better is not None:
            version = better
            paid.rollbacks += 1
        elif cost.called and pane + 1 < world.panes:
            version = pane + 1
            served.append(version)
            paid.trainings += 1
        else:
            continue
        cost = watch(world, version)
        others = {older: ExcessCost(1.0, rollback, NEVER, bound=0.0) for older in served if older != version}
    return paid


@pytest.mark.parametrize(("panes", "times"), [(2, 3.40), (10, 3.88), (60, 3.98)])
def test_under_recurring_concepts_the_policy_can_cost_up_to_four_times_the_best_decision(
    panes: int, times: float
) -> None:
    """Each phase costs it what a training costs, and then a training, which is of no use from then on.

    Hindsight keeps version 0, and pays for every other phase alone: S against 2 (S + C), with S as little above C as
    panes are short.
    """
    world = recurring(10, panes, training=100.0)
    paid = run_policy(world)
    assert paid.trainings == 10
    assert paid.cost(world) / best_in_hindsight(world) == pytest.approx(times, abs=0.005)


@pytest.mark.parametrize(("panes", "times"), [(10, 0.57), (60, 0.49)])
def test_older_versions_as_candidates_are_the_answer_to_recurring_concepts(panes: int, times: float) -> None:
    """One training, and from then on roll-backs: less than any schedule of trainings could have cost."""
    world = recurring(10, panes, training=100.0)
    paid = run_policy_with_older_versions(world, rollback=5.0)
    assert (paid.trainings, paid.rollbacks) == (1, 9)
    assert paid.cost(world) / best_in_hindsight(world) == pytest.approx(times, abs=0.005)
