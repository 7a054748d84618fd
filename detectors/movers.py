"""Movers: the segments whose loss rose and the features that drifted along with what an alert is about.

Of a rising loss of several classes, also the class that is answered as another more often than before.
"""

from collections import Counter
from typing import NamedTuple

from detectors.class_mistakes import mistake_name
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


def grown_mistake(layout: Layout, cohorts: list[Cohort]) -> Mover | None:
    """Return the mistake of a multiclass model whose share of the labelled rows grew most since the reference.

    None where no class is answered as another more often than chance would have it.
    """
    if layout.spec.task != "multiclass" or layout.profile is None or not layout.classes:
        return None
    reference = layout.families["cohort"].view(vector(layout, "cohort"), "confusion")
    judged = [cohort for cohort in cohorts if cohort.problem is None and cohort.mistakes is not None]
    rows, known = sum(cohort.labelled for cohort in judged), int(reference.sum())
    if not rows or not known:
        return None
    now: Counter[int] = Counter()
    for cohort in judged:
        now.update(cohort.mistakes or {})
    grown: list[tuple[float, int, float, float]] = []
    for place, count in now.items():
        share, before = count / rows, float(reference[place]) / known
        error = (share * (1 - share) / rows + before * (1 - before) / known) ** 0.5
        if share - before > CLEARLY * error:
            grown.append((before - share, place, before, share))
    if not grown:
        return None
    fall, place, before, share = min(grown)
    shares = " → ".join(value_text("error_rate", each) for each in (before, share))
    return Mover(effect=-fall, description=f"{mistake_name(layout, place)}: {shares} of rows")


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
