"""What a policy is here, what it comes to pay on a matrix, and the policies that look at the clock alone."""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from bench.decisions.matrix import Bits, Kind, Matrix, Model


class Policy(Protocol):
    """Told after each batch how the serving model erred on it; says which model is to serve from the next batch on."""

    def after(self, batch: int, errors: Bits, /) -> Model | None:
        """Return the next model, or None to go on with this one.

        Parameters
        ----------
        batch
            Its number.
        errors
            Of the serving model on its rows, in their order.
        """
        ...


Start = Callable[[Matrix, float], Policy]
"""Makes a policy for a matrix and the price of a training. Of the matrix it may look up what it could have known."""


class Paid(NamedTuple):
    """What a policy came to, by batch."""

    error: float
    trainings: float
    """In all, the first model not counted; a mean where there were several runs."""
    cost: float


def pay(matrix: Matrix, start: Start, price: float) -> Paid:
    """Let a policy decide, batch by batch.

    A model is paid for once: one that has served before may serve again. One that could serve no batch is not trained.
    """
    policy, serving = start(matrix, price), matrix.first
    error, trained = 0.0, {serving}
    for batch in matrix.served:
        error += matrix.mean(serving, batch)
        chosen = policy.after(batch, matrix.errors(serving, batch))
        if chosen is not None and batch + 1 in matrix.served:
            assert chosen in trained or chosen.born == batch, f"{chosen} was not trained when it could be, at {batch}"
            serving = chosen
            trained.add(chosen)
    count, served = len(trained) - 1, len(matrix.served)
    return Paid(error / served, count, (error + price * count) / served)


def mean_of(found: list[Paid]) -> Paid:
    """Return the mean of several runs."""
    return Paid(*(sum(column) / len(found) for column in zip(*found, strict=True)))


class Periodic:
    """Another model every so many batches, the first one after `phase` batches; never without a period."""

    def __init__(self, matrix: Matrix, period: int | None, phase: int, kind: Kind) -> None:
        self._first = matrix.first.born + phase
        self._period = period
        self._kind = kind

    def after(self, batch: int, _: Bits) -> Model | None:
        if self._period is None:
            return None
        due = batch >= self._first and (batch - self._first) % self._period == 0
        return Model(self._kind, batch) if due else None


def periodic(matrix: Matrix, period: int, kind: Kind, price: float) -> Paid:
    """Return the mean over the phases of a period: who picks a period does not know where the changes lie."""

    def start(phase: int) -> Start:
        return lambda matrix, _: Periodic(matrix, period, phase, kind)

    return mean_of([pay(matrix, start(phase), price) for phase in range(1, period + 1)])
