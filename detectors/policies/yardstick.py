"""`Yardstick`: what loss is held against and what it costs: prices, and upper bounds of what is put up with. Pure."""

from typing import NamedTuple

from detectors.bounds import upper_bound, upper_bound_of_bounded_mean, upper_bound_of_mean
from detectors.costs import COST, costed, largest_cost
from detectors.history import Cohort
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.reference import loss_name, moments, vector
from detectors.signals.loss import NAMES
from detectors.signals.signal import Grounds

ASSUMED_PREDICTIONS = 2_000  # whose loss a retraining is taken to be worth where nobody says what it costs


class Told(NamedTuple):
    """What a cohort tells, in the unit that is judged."""

    n: int
    loss: float
    squares: float | None


class Yardstick(NamedTuple):
    """Prices and bounds of one model version."""

    signal: str
    """Whose mean is judged: the loss, or the cost by the declared matrix."""
    price: float
    """Cost of a unit of what is judged."""
    retraining: float | None
    """Price of a retraining; None where neither the monitor file nor a reference says."""
    assumed: bool
    """Whether it was not declared."""
    scale: float | None
    """Largest value of a row; None where losses are not counted."""
    dispersion: float
    """φ of the reference; 1 where it does not tell."""
    reference: float | None
    """Upper bound of the mean in the reference; None where it has none that can be relied on."""

    @property
    def priced(self) -> bool:
        """Whether it is the cost matrix that counts."""
        return self.signal == COST

    def told(self, cohort: Cohort) -> Told:
        """Return what a cohort tells."""
        if self.priced:
            return Told(cohort.costed, cohort.cost, None)
        return Told(cohort.labelled, cohort.loss, cohort.squares)

    def held_out(self, mean: float, rows: int, confidence: float) -> float | None:
        """Return the upper bound of a mean loss on held-out rows; None where another unit is judged."""
        if self.priced or self.scale is None or rows < 1:
            return None
        share = min(max(mean / self.scale, 0.0), 1.0)
        return upper_bound_of_bounded_mean(share * rows, rows, confidence, self.dispersion) * self.scale


def yardstick_of(layout: Layout, confidence: float) -> Yardstick:
    """Return what the loss of a version is held against.

    Parameters
    ----------
    confidence
        Of the upper bound of the reference's mean.
    """
    costs, grounds, largest = layout.spec.costs, Grounds(layout), largest_cost(layout)
    signal, price = NAMES[layout.spec.task], 1.0 if costs.loss is None else costs.loss
    scale, name = layout.loss_scale, loss_name(None, 0)
    if largest is not None:
        signal, price, scale, name = COST, 1.0, largest, COST
    problem = grounds.problem_of(name)
    phi = 1.0 if problem is not None else grounds.dispersion(name)
    bound = None if scale is None or layout.profile is None else _bound(layout, confidence, phi)
    retraining = costs.retraining
    if retraining is None and bound is not None and price > 0:
        retraining = ASSUMED_PREDICTIONS * price * bound
    return Yardstick(
        signal, price, retraining, costs.retraining is None, scale, phi, bound if problem is None else None
    )


def _bound(layout: Layout, confidence: float, phi: float) -> float | None:
    """Return the upper bound of the reference's mean loss or cost, in its unit; None where it has no labels."""
    counts, largest = vector(layout, "cohort"), largest_cost(layout)
    if largest is not None:
        found = costed(layout, counts)
        if found is None or found.n == 0:
            return None
        return upper_bound_of_mean(found.total, found.squares, found.n, confidence, phi) * largest
    losses, sums = loss_histogram(layout, counts, "cohort")
    n, total, squares = moments(losses, sums)
    if n == 0 or layout.loss_scale is None:
        return None
    if layout.loss_bins == 1:
        return float(upper_bound(total, n, confidence, phi)) * layout.loss_scale
    return upper_bound_of_mean(total, squares, n, confidence, phi) * layout.loss_scale
