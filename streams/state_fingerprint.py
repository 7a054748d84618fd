"""What of the monitor file the state depends on, by model and version: other panes, another state."""

import hashlib
import json

from detectors.layout import Layouts
from schemas.spec import MonitorSpec

Fingerprints = dict[str, str]
"""By what they are of: a model, a profile of it, or the lateness of the feedback topic."""

_SHAPING = {"task", "features", "classes", "positive_label", "threshold", "segments", "pane", "lateness"}
_SHAPING |= {"label_horizon", "label_maturity", "sample"}


def state_fingerprints(spec: MonitorSpec, layouts: Layouts) -> Fingerprints:
    """Return fingerprints of the settings and reference profiles that shape summaries, joins and event time."""
    found = {"lateness of feedback": str(spec.feedback_lateness)}
    for name, model in spec.models.items():
        found[f"models.{name}"] = _digest(model.model_dump(mode="json", include=_SHAPING))
        for version, profile in layouts.profiles(name).items():
            found[f"models.{name}.reference ({version or 'all versions'})"] = _digest(profile.model_dump(mode="json"))
    return found


def changed(then: Fingerprints, now: Fingerprints) -> list[str]:
    """Return what has changed; models and versions that are new, or gone, change nothing for the others."""
    return sorted(name for name in then.keys() & now.keys() if then[name] != now[name])


def _digest(part: object) -> str:
    return hashlib.blake2b(json.dumps(part, sort_keys=True).encode(), digest_size=8).hexdigest()
