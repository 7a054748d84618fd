"""What of the monitor file the state depends on, by model and version: other panes, another state."""

import hashlib
import json

from detectors.layouts import Layouts
from schemas.spec import MonitorSpec

Fingerprints = dict[str, str]
"""By what they are of: a model, a profile of it, or the lateness of the feedback topic."""

_SHAPING = (
    *("task", "features", "classes", "positive_label", "threshold", "segments"),
    *("pane", "lateness", "label_horizon", "label_maturity", "sample", "complaint_rating"),
    *("scores", "text", "expectations", "producer"),
)
_WHOLE, _PART = 16, 4  # hex digits: of a model's settings together, which decide; and of each, to name what differs


def state_fingerprints(spec: MonitorSpec, layouts: Layouts) -> Fingerprints:
    """Return fingerprints of the settings and reference profiles that shape summaries, joins and event time."""
    found = {"lateness of feedback": str(spec.feedback_lateness)}
    for name, model in spec.models.items():
        settings = model.model_dump(mode="json", include=set(_SHAPING))
        settings["expectations"] = [expectation.rule for expectation in model.expectations]  # no more is counted by
        parts = [_digest(settings[setting])[:_PART] for setting in _SHAPING]
        found[f"models.{name}"] = _digest(settings) + "".join(parts)
        for version, profile in layouts.profiles(name).items():
            found[f"models.{name}.reference ({version or 'all versions'})"] = _digest(profile.model_dump(mode="json"))
    return found


def changed(then: Fingerprints, now: Fingerprints) -> list[str]:
    """Return what has changed; models and versions that are new, or gone, change nothing for the others."""
    both = sorted(then.keys() & now.keys())
    return [each for name in both if then[name][:_WHOLE] != now[name][:_WHOLE] for each in _named(name, then, now)]


def _named(name: str, then: Fingerprints, now: Fingerprints) -> list[str]:
    """Return the settings of a model that differ, or `name` itself where there are none to tell apart."""
    old, new = then[name][_WHOLE:], now[name][_WHOLE:]
    if not old or len(old) != len(new):  # no model, or state of a version that did not note its settings
        return [name]
    places = [place * _PART for place in range(len(_SHAPING))]
    found = [
        setting for setting, at in zip(_SHAPING, places, strict=True) if old[at : at + _PART] != new[at : at + _PART]
    ]
    return [f"{name}.{setting}" for setting in found] or [name]


def _digest(part: object) -> str:
    return hashlib.blake2b(json.dumps(part, sort_keys=True).encode(), digest_size=8).hexdigest()
