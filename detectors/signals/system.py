"""System: what the serving side does, whatever the model says."""

from detectors.layout import Layout
from detectors.reference import slow_share, vector
from detectors.signals.freshness import Freshness, ReferenceAge
from detectors.signals.latency import Latency
from detectors.signals.rejected import Rejected
from detectors.signals.signal import Signal
from detectors.signals.volume import Volume


def systems(layout: Layout, weight: float) -> list[Signal]:
    """Return the signals of the serving side; those that can be judged share their weight evenly."""
    counted = "rejected" in layout.families["traffic"].sections
    timed = slow_share(layout, vector(layout, "traffic")).n > 0
    share = weight / max(1, timed + counted)
    signals: list[Signal] = [Volume(layout), Latency(layout, share)]
    if counted:
        signals.append(Rejected(layout, share))
    return [*signals, Freshness(), ReferenceAge()]
