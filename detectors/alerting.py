"""From changes of episodes to `Alert`s."""

from typing import NamedTuple

from detectors.episodes import Change
from detectors.history import Cohort, History, segment_means
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.loss import NAMES
from detectors.wording import ACTIONS, NOTICE, moved, value_text
from schemas.alert import Alert, Mover, Pane
from schemas.contract import deterministic_id
from schemas.event_time import from_micros, rfc3339

MOVERS = 5
CLEARLY = 2.5  # standard errors above the reference: of fifty segments that have not moved, a third of one is named
NOTEWORTHY_PSI = 0.02  # smaller ones are not worth an on-call person's time


def pane_of(pane: ClosedPane) -> Pane:
    """Return a pane as outputs name it."""
    return Pane(family=pane.key.family, start=from_micros(pane.start), end=from_micros(pane.end))


def alert_of(change: Change, pane: ClosedPane, history: History, effects: dict[str, float]) -> Alert:
    """Return the alert of a change.

    Parameters
    ----------
    effects
        PSI of each feature beyond what chance gives, smoothed over the newest panes.
    """
    episode, reading, firing = change.episode, change.reading, change.firing
    spec = pane.layout.spec
    severity = "recovered" if firing is None else firing.severity
    detector = reading.detector or "none"
    if firing is None:
        value = reading.value
        what = reading.signal.replace("_", " ") + "".join(f" of {part}" for part in change.key[1:3] if part)
        if reading.tier == "drift":  # the change was told as a share of rows, and a pane's drift is read as PSI
            now, then = f"PSI {0.0 if value is None else value:.3f} in this pane", ""
        else:
            now = f"{value_text(reading.signal, value)} in this pane"
            then = f", {value_text(reading.signal, episode.value)} during the change"
        summary = f"{what} is back: {now}{then}. It had changed on {rfc3339(episode.since)}."
        summary = summary[0].upper() + summary[1:]
        action = "Nothing; the episode is over."
    else:
        value = firing.value
        summary = moved(reading.signal, firing.what, firing.value, firing.reference, firing.n, firing.since) + "."
        summary = summary[0].upper() + summary[1:]
        action = ACTIONS[reading.tier] if firing.severity == "alarm" else NOTICE
    budget = spec.false_alarms if episode.severity == "alarm" else spec.notice_budget
    parts = (pane.key.model, pane.key.version, pane.key.family, pane.start, *change.key)
    return Alert(
        id=deterministic_id("alert", severity, *parts),
        episode=episode.id,
        model=pane.key.model,
        version=pane.key.version,
        severity=severity,
        recovered_from=episode.severity if firing is None else None,
        tier=reading.tier,
        signal=reading.signal,
        feature=reading.feature,
        segment=reading.segment,
        detector=detector,
        time=from_micros(pane.due),
        since=from_micros(episode.since if firing is None else firing.since),
        pane=pane_of(pane),
        value=value,
        reference=episode.reference,
        baseline=episode.baseline,
        effect=_effect(change, value),
        minimum_effect=None if firing is None else firing.minimum_effect,
        n=reading.n if firing is None else firing.n,
        evidence=reading.evidence,
        weight=None if firing is None else firing.weight,
        budget=str(budget) if firing is not None and firing.weight is not None else None,
        movers=[] if firing is None else movers(pane.layout, history, effects, firing.since),
        summary=summary,
        action=action,
    )


def _effect(change: Change, value: float | None) -> float | None:
    if change.reading.tier == "drift":
        return change.reading.effect
    return None if value is None or change.episode.reference is None else value - change.episode.reference


def movers(layout: Layout, history: History, effects: dict[str, float], since: int) -> list[Mover]:
    """Return the segments whose loss rose most since a moment, and the features that drifted most."""
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
