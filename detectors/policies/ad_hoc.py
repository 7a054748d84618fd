"""Ad hoc: somebody asks for a retraining. It is a command and no policy of the monitor file; nothing holds it back."""

from detectors.policies.policy import PolicyCall
from detectors.situation import Situation


def ad_hoc(situation: Situation, reason: str) -> PolicyCall:
    """Return the call of a command: for all that came since the oldest open episode, or all there is."""
    since = min((e.evidence_since for e in situation.episodes.values()), default=situation.beginning)
    text = f"Asked for: {reason}" if reason else "Asked for by a command"
    return PolicyCall("ad_hoc", "ad_hoc", "trigger", text, {}, None, since, paced=True, clocked=True)
