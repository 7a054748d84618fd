"""Which signals a model version has. New signals are entered here."""

import hashlib
import json

from detectors.layout import Layout
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.confusion import Confusion
from detectors.signals.detected_loss import detected_losses
from detectors.signals.drift import drifts
from detectors.signals.estimate import EstimatedAccuracy
from detectors.signals.labels import Coverage, LabelDelay, Rating
from detectors.signals.loss import losses
from detectors.signals.quality import qualities
from detectors.signals.signal import Signal
from detectors.signals.system import Latency, Volume


def signals_of(layout: Layout) -> list[Signal]:
    """Return fresh signals of a model version, in the order in which they read a pane."""
    spec = layout.spec
    signals: list[Signal] = [*losses(layout), Coverage()]
    if spec.task in ("binary", "multiclass"):
        signals += [Confusion(), EstimatedAccuracy(layout)]
    signals += [Rating(layout), *detected_losses(layout), LabelDelay()]
    if spec.challenger and spec.task != "text":
        signals.append(ChallengerLoss(layout))
    signals += [*qualities(layout), *drifts(layout), Volume(), Latency(layout)]
    return signals


def settings_of(layout: Layout) -> str:
    """Return a fingerprint of what `signals_of` depends on: settings, reference profile, and the signals there are."""
    spec = layout.spec.model_dump(mode="json", exclude={"retraining", "costs", "label_requests", "reference"})
    profile = None if layout.profile is None else layout.profile.model_dump(mode="json")
    names = [type(signal).__qualname__ for signal in signals_of(layout)]
    text = json.dumps([spec, profile, names], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
