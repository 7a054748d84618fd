"""Which fault comes when: a list made from a seed, with no more than one broker away at a time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from streams.faust_worker import SESSION_TIMEOUT

from .cluster import BROKER_TIMEOUT

KINDS = {
    "kill": "a worker killed with kill -9, and started again on its disk",
    "kill-away": "the same, but it stays away until others have its partitions: it comes back with an old disk",
    "sigterm": "a worker stopped with SIGTERM and started again",
    "zombie": "a worker stopped with SIGSTOP past the session timeout, then woken with SIGCONT",
    "blink": "a worker stopped with SIGSTOP for less than the session timeout",
    "scale": "a worker more, which then goes again",
    "rolling": "a rolling restart of all workers",
    "power": "all workers killed at once",
    "wipe": "a worker killed and its disk wiped",
    "flap": "a worker killed again and again, each time soon after it has begun",
    "broker": "a broker killed with kill -9 and started again",
    "controller": "the active controller killed: another takes over",
    "broker-stop": "a broker stopped with SIGTERM and started again",
    "frozen": "a broker stopped with SIGSTOP past its session timeout, then woken with SIGCONT",
}
"""What is done to workers and brokers. What producers do is in `workload`, in every run."""

ON_BROKERS = ("broker", "controller", "broker-stop", "frozen")
WORKERS = ("a", "b", "c")
EXTRA = "d"
WARM_UP = 4.0
RUSHED = 0.3
"""Share of faults that come while others are being recovered from, so that nothing moves at the time."""
WORKER_SETTLES = 2.0
BROKER_SETTLES = 8.0
ROLLING_PAUSE = 4.0
FLAPS = 3
FLAP_EVERY = 5.0
"""Seconds from one kill to the next: a worker needs three or four to be in the middle of its work."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens `at` seconds, and is made good `hold` seconds later."""

    at: float
    hold: float
    kind: str
    targets: Sequence[str] = ()
    """Workers; the broker is chosen when it happens, by who leads then."""
    broker: int = 0
    rush: bool = False
    """Whether it comes even while the workers have not recovered from the fault before it."""

    def __str__(self) -> str:
        whom = "+".join(self.targets)
        return f"{self.kind}{f' {whom}' if whom else ''} at {self.at:.1f} for {self.hold:.1f}"


def schedule(seed: int, seconds: float, kinds: Sequence[str] = tuple(KINDS)) -> list[Fault]:
    """Return the faults of a seed: each kind once in random order, then again, as long as there is time."""
    generator = random.Random(f"schedule {seed}")
    bag: list[str] = []
    free = dict.fromkeys([*WORKERS, EXTRA, "brokers"], 0.0)
    faults: list[Fault] = []
    at = WARM_UP
    while True:
        if not bag:
            bag = generator.sample(kinds, len(kinds))
        possible = [kind for kind in bag if _targets(kind, at, free) is not None]
        if not possible:
            at += 0.5
            if at > seconds:
                return faults
            continue
        kind = possible[0]
        bag.remove(kind)
        targets = generator.sample(_targets(kind, at, free) or [], _count(kind))
        hold = _hold(kind, generator)
        if at + hold > seconds:
            if at > seconds or all(at + _hold(other, generator) > seconds for other in kinds):
                return faults
            at += 0.5
            continue
        rush = generator.random() < RUSHED
        faults.append(Fault(round(at, 1), round(hold, 1), kind, targets, generator.randrange(3), rush))
        for one in targets:
            free[one] = at + hold + WORKER_SETTLES
        if kind in ON_BROKERS:
            free["brokers"] = at + hold + BROKER_SETTLES
        at += generator.uniform(1.0, 7.0)


def _count(kind: str) -> int:
    if kind in ON_BROKERS:
        return 0
    return len(WORKERS) if kind in ("rolling", "power") else 1


def _targets(kind: str, at: float, free: dict[str, float]) -> list[str] | None:
    """Return who may be hit by a fault now, None where nobody is left."""
    if kind in ON_BROKERS:
        return [] if free["brokers"] <= at else None
    if kind == "scale":
        return [EXTRA] if free[EXTRA] <= at else None
    idle = [name for name in WORKERS if free[name] <= at]
    return idle if len(idle) >= _count(kind) else None


def _hold(kind: str, generator: random.Random) -> float:
    if kind in ("zombie", "kill-away"):
        return SESSION_TIMEOUT + generator.uniform(1.0, 4.0)
    if kind == "blink":
        return generator.uniform(1.0, 0.7 * SESSION_TIMEOUT)
    if kind == "scale":
        return generator.uniform(6.0, 15.0)
    if kind == "flap":
        return FLAPS * FLAP_EVERY
    if kind == "frozen":
        return BROKER_TIMEOUT + generator.uniform(1.0, 4.0)
    if kind == "rolling":
        return ROLLING_PAUSE * len(WORKERS)
    if kind in ("broker", "controller"):
        return generator.uniform(0.5, 10.0)
    return generator.uniform(0.0, 4.0)
