"""The end of an alert whose version is held from now on against what it was while it was tried. Pure."""

from detectors.alerting import recovered, signal_text
from detectors.incidents import Incident
from detectors.pane import ClosedPane
from schemas.alert import Alert
from schemas.event_time import rfc3339, to_micros
from schemas.profile import ReferenceProfile


def alert_of_end(incident: Incident, pane: ClosedPane, profile: ReferenceProfile) -> Alert:
    """Return the alert that an incident is told of no more: nothing is back, it is held against something else."""
    since, version = rfc3339(incident.since), pane.key.version
    start, end = rfc3339(to_micros(profile.start)), rfc3339(to_micros(profile.end))
    what = signal_text(incident.lead)
    others = len(incident.members) - 1
    along = f" and {others} other signal{'s' if others > 1 else ''}" if others else ""
    return recovered(incident, pane).model_copy(
        update={
            # what the signals read by the reference before is nothing that they are back to
            "value": None,
            "effect": None,
            "n": 0,
            "evidence": None,
            "along": [],
            "along_more": 0,
            "summary": (
                f"{what[0].upper()}{what[1:]}{along}: told of no more. Version {version} is held from now on against "
                f"what it was itself while it was tried, from {start} to {end}, and no longer against the reference by "
                f"which this had changed on {since}."
            ),
            "action": "Nothing; a rise above what the version was while it was tried is told as one.",
        }
    )
