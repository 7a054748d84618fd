"""Ad hoc: somebody asks for a retraining. It is a command and no policy of the monitor file; nothing holds it back."""

from detectors.policies.policy import PolicyCall
from detectors.policies.whole_data import an_alarm
from detectors.situation import Situation
from schemas.event_time import rfc3339


def ad_hoc(situation: Situation, reason: str) -> PolicyCall:
    """Return the call of a command: for all that came since the oldest open episode, or all there is."""
    since = min((e.evidence_since for e in situation.episodes.values()), default=situation.beginning)
    text = f"Asked for: {reason}" if reason else "Asked for by a command"
    cohorts = situation.history.since(since)
    rows = sum(cohort.trainable for cohort in cohorts)
    if rows and not any(cohort.trainable for cohort in situation.whole(cohorts)):
        text += (
            f"; data was broken in all {rows:,} labelled rows since {rfc3339(since)}, so that none is left to train on"
        )
        text += "" if situation.defect is None else f": {an_alarm(situation.defect)}"
    return PolicyCall("ad_hoc", "ad_hoc", "trigger", text, {}, None, since, paced=True, clocked=True)
