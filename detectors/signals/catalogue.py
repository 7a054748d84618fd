"""Which signals a model version has. New signals are entered here."""

from detectors.layout import Layout
from detectors.signals.adwin import adwins
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.confusion import Confusion
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
    signals += [Rating(layout), *adwins(layout), LabelDelay()]
    if spec.challenger and spec.task != "text":
        signals.append(ChallengerLoss(layout))
    signals += [*qualities(layout), *drifts(layout), Volume(), Latency(layout)]
    return signals
