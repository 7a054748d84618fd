"""Movers: the segments whose loss rose and the features that drifted along with what an alert is about."""

from typing import NamedTuple

from detectors.history import Cohort, History, segment_means
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.reference import vector
from detectors.signals.loss import NAMES
from detectors.wording import value_text
from schemas.alert import Mover

MOVERS = 5
CLEARLY = 2.5  # standard errors above the reference: of fifty segments that have not moved, a third of one is named
NOTEWORTHY_PSI = 0.02  # smaller ones are not worth an on-call person's time


def movers(layout: Layout, history: History, effects: dict[str, float], since: int) -> list[Mover]:
    """Return the segments whose loss rose most since a moment, and the features that drifted most.

    Parameters
    ----------
    effects
        PSI of each feature beyond what chance gives, smoothed over the newest panes.
    """
    name = NAMES[layout.spec.task]
    found = [
        Mover(
            segment=risen.segment,
            effect=risen.mean - risen.before,
            description=f"{name.replace('_', ' ')} of {risen.segment}: {value_text(name, risen.before)} → "
            f"{value_text(name, risen.mean)}, {risen.n:,} rows",
        )
        for risen in risen_segments(layout, history.since(since))
    ]
    drifted = [
        Mover(feature=name, effect=psi, description=f"{name}: PSI {psi:.3f} of late, beyond chance")
        for name, psi in effects.items()
        if psi >= NOTEWORTHY_PSI
    ]
    drifted.sort(key=lambda mover: (-mover.effect, mover.feature or ""))
    return [*found[:MOVERS], *drifted[:MOVERS]]


class Risen(NamedTuple):
    """A segment whose loss has risen."""

    segment: str
    before: float
    """Mean loss in the reference."""
    mean: float
    """Mean loss now."""
    n: int
    """Labelled rows now."""


def risen_segments(layout: Layout, cohorts: list[Cohort]) -> list[Risen]:
    """Return the segments whose mean loss rose by more than chance would have it, the largest rise first."""
    found, scale = [], layout.loss_scale or 1.0
    for segment, (n, mean) in segment_means(cohorts).items():
        before = reference_loss(layout, segment)
        if before is None:
            continue
        # of values in [0, scale] with this mean, 0/1 ones vary most
        error = (max(mean * (scale - mean), 0.0) / n) ** 0.5
        if mean - before > CLEARLY * error:
            found.append(Risen(segment, before, mean, n))
    return sorted(found, key=lambda risen: (risen.before - risen.mean, risen.segment))


def reference_loss(layout: Layout, segment: str) -> float | None:
    """Return the mean loss of a segment, `feature=value`, in the reference; None where it has none."""
    feature, _, value = segment.partition("=")
    if layout.profile is None or layout.loss_scale is None or value not in layout.codes.get(feature, {}):
        return None
    cell = layout.codes[feature][value]
    counts, sums = loss_histogram(layout, vector(layout, "cohort"), "cohort", feature, cell)
    return float(sums.sum() / counts.sum()) * layout.loss_scale if counts.sum() else None
