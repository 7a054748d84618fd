"""From changes of episodes to `Alert`s."""

from detectors.episodes import Change
from detectors.history import History, segment_means
from detectors.indicators import loss_histogram
from detectors.layout import Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.signals.loss import NAMES
from detectors.wording import ACTIONS, moved, value_text
from schemas.alert import Alert, Mover, Pane
from schemas.contract import deterministic_id
from schemas.event_time import from_micros, rfc3339

MOVERS = 5
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
        summary = (
            f"{what} is back: {value_text(reading.signal, value)} in this pane, "
            f"{value_text(reading.signal, episode.value)} during the change since {rfc3339(episode.since)}."
        )
        action = "Nothing; the episode is over."
    else:
        value = firing.value
        summary = moved(reading.signal, firing.what, firing.value, firing.reference, firing.n, firing.since) + "."
        summary = summary[0].upper() + summary[1:]
        action = ACTIONS[reading.tier]
    budget = spec.false_alarms if episode.severity == "alarm" else spec.notice_budget
    parts = (pane.key.model, pane.key.version, pane.key.family, pane.start, *change.key)
    return Alert(
        id=deterministic_id("alert", severity, *parts),
        episode=episode.id,
        model=pane.key.model,
        version=pane.key.version,
        severity=severity,
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
        effect=None if value is None or episode.reference is None else value - episode.reference,
        minimum_effect=None if firing is None else firing.minimum_effect,
        n=reading.n if firing is None else firing.n,
        evidence=reading.evidence,
        weight=None if firing is None else firing.weight,
        budget=str(budget) if firing is not None and firing.weight is not None else None,
        movers=[] if firing is None else movers(pane.layout, history, effects, firing.since),
        summary=summary,
        action=action,
    )


def movers(layout: Layout, history: History, effects: dict[str, float], since: int) -> list[Mover]:
    """Return the segments whose loss rose most since a moment, and the features that drifted most."""
    found = []
    for segment, (n, mean) in segment_means(history.since(since)).items():
        before = reference_loss(layout, segment)
        if before is not None and mean > before:
            text = (
                f"{NAMES[layout.spec.task].replace('_', ' ')} of {segment}: {_both(layout, before, mean)}, {n:,} rows"
            )
            found.append(Mover(segment=segment, effect=mean - before, description=text))
    found.sort(key=lambda mover: (-mover.effect, mover.segment or ""))
    drifted = [
        Mover(feature=name, effect=psi, description=f"{name}: PSI {psi:.3f} of late, beyond chance")
        for name, psi in effects.items()
        if psi >= NOTEWORTHY_PSI
    ]
    drifted.sort(key=lambda mover: (-mover.effect, mover.feature or ""))
    return [*found[:MOVERS], *drifted[:MOVERS]]


def reference_loss(layout: Layout, segment: str) -> float | None:
    """Return the mean loss of a segment, `feature=value`, in the reference; None where it has none."""
    feature, _, value = segment.partition("=")
    if layout.profile is None or layout.loss_scale is None or value not in layout.codes.get(feature, {}):
        return None
    cell = layout.codes[feature][value]
    counts, sums = loss_histogram(layout, vector(layout, "cohort"), "cohort", feature, cell)
    return float(sums.sum() / counts.sum()) * layout.loss_scale if counts.sum() else None


def _both(layout: Layout, before: float, after: float) -> str:
    name = NAMES[layout.spec.task]
    return f"{value_text(name, before)} → {value_text(name, after)}"
