"""The end of an alert whose version is held from now on against what it was while it was tried. Pure."""

from detectors.alerting import pane_of, signal_text
from detectors.incidents import Incident
from detectors.pane import ClosedPane
from schemas.alert import Alert
from schemas.event_time import from_micros, rfc3339, to_micros
from schemas.profile import ReferenceProfile


def alert_of_end(incident: Incident, pane: ClosedPane, profile: ReferenceProfile) -> Alert:
    """Return the alert that an incident is told of no more: nothing is back, it is held against something else."""
    signal, feature, segment, detector, _ = incident.lead
    version, since = pane.key.version, rfc3339(incident.since)
    start, end = rfc3339(to_micros(profile.start)), rfc3339(to_micros(profile.end))
    what = signal_text(incident.lead)
    others = len(incident.members) - 1
    along = f" and {others} other signal{'s' if others > 1 else ''}" if others else ""
    return Alert(
        id=incident.alert,
        episode=incident.id,
        model=pane.key.model,
        version=version,
        severity="recovered",
        recovered_from=incident.severity,
        tier=incident.tier,
        signal=signal,
        feature=feature,
        segment=segment,
        detector=detector or "none",
        time=from_micros(pane.due),
        since=from_micros(incident.since),
        pane=pane_of(pane),
        value=None,
        reference=incident.reference,
        baseline=incident.baseline,
        n=0,
        summary=(
            f"{what[0].upper()}{what[1:]}{along}: told of no more. Version {version} is held from now on against what "
            f"it was itself while it was tried, from {start} to {end}, and no longer against the reference by which "
            f"this had changed on {since}."
        ),
        action="Nothing; a rise above what the version was while it was tried is told as one.",
    )
