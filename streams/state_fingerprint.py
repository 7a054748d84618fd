"""What of the monitor file the state depends on, as one short text: other panes, another state."""

import hashlib
import json

from detectors.layout import Layouts
from schemas.spec import MonitorSpec

_SHAPING = {"task", "features", "classes", "positive_label", "threshold", "segments", "pane", "lateness"}
_SHAPING |= {"label_horizon", "label_maturity", "sample"}


def state_fingerprint(spec: MonitorSpec, layouts: Layouts) -> str:
    """Return a fingerprint of the settings and reference profiles that shape summaries, joins and event time."""
    models = {name: model.model_dump(mode="json", include=_SHAPING) for name, model in sorted(spec.models.items())}
    text = json.dumps([models, layouts.fingerprint()], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
