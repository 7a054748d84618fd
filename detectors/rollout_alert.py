"""What people are told of a new version that is worse: an alarm where they have to act, else a notice. Pure.

Rolled back by itself, it is a notice: it is over. In shadow nobody is hurt, so that is a notice, too. Else people have
to roll it back, so it is an alarm; where the version's own loss has raised one already, it belongs to that incident.
"""

from collections.abc import Iterable

from detectors.alerting import pane_of
from detectors.incidents import Incident
from detectors.pane import ClosedPane
from detectors.rollout_stages import SIGNAL, Worse
from schemas.alert import Alert
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros


def alert_of_worse(worse: Worse, pane: ClosedPane, incidents: Iterable[Incident]) -> Alert:
    """Return the alert that a new version has been shown to be worse than the old one."""
    acts = not worse.automatic and worse.stage != "shadow"
    own = deterministic_id("episode", SIGNAL, pane.key.model, worse.new, worse.old, worse.since)
    spec = pane.layout.spec
    if worse.automatic:
        done = f"it was rolled back, and version {worse.old} serves"
        action = f"Nothing at once. Find out why version {worse.new} is worse before the next one comes of the same."
    elif worse.stage == "shadow":
        done = "its answers are not seen by anybody"
        action = f"Do not promote version {worse.new}: streamgauge roll-back ends its shadow."
    else:
        done = "it answers users"
        action = f"Roll it back: streamgauge roll-back MONITOR {pane.key.model}."
    return Alert(
        id=deterministic_id("alert", SIGNAL, pane.key.model, worse.new, worse.old, worse.since, pane.due),
        episode=_incident(incidents, acts) or own,
        model=pane.key.model,
        version=worse.new,
        severity="alarm" if acts else "notice",
        tier="performance",
        signal=SIGNAL,
        detector="betting",
        time=from_micros(pane.due),
        since=from_micros(worse.since),
        pane=pane_of(pane),
        value=worse.value,
        reference=worse.reference,
        baseline=worse.reference + worse.margin,
        effect=worse.value - worse.reference,
        minimum_effect=worse.margin,
        n=worse.n,
        evidence=worse.evidence,
        weight=spec.weights.rollout,
        budget=str(spec.false_alarms),
        summary=f"Version {worse.new} is worse than version {worse.old}: {worse.what}; {done}.",
        action=action,
    )


def over(told: str, now: Micros) -> Alert:
    """Return that it is over: the version was rolled back, or people went on with it. `told` is the alert, as JSON."""
    alert = Alert.model_validate_json(told)
    return alert.model_copy(
        update={
            "id": deterministic_id("alert", "over", alert.id),
            "severity": "recovered",
            "recovered_from": alert.severity,
            "time": from_micros(now),
            "summary": f"Version {alert.version} is no longer tried or on guard: it was rolled back, or kept all the "
            "same.",
            "action": "Nothing; somebody has decided.",
        }
    )


def _incident(incidents: Iterable[Incident], acts: bool) -> str | None:
    """Return the open incident of the version's own performance, which this is another word on."""
    if not acts:
        return None
    graded = [each for each in incidents if each.severity == "alarm" and each.tier in ("outcomes", "performance")]
    return max(graded, key=lambda each: (each.since, each.id)).id if graded else None


def as_notice(alert: Alert) -> Alert:
    """Return what an alert is where nobody sees what the version answers: an alarm is a notice."""
    return alert.model_copy(update={"severity": "notice"}) if alert.severity == "alarm" else alert
