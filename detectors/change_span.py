"""`Span`: where the start of a change lies that a signal fired for. Pure."""

from typing import NamedTuple

from detectors.pane import ClosedPane
from detectors.signals.signal import Firing
from schemas.event_time import Micros

UNSURE = 4  # a start without an interval may be off by a quarter of the time that it took to find the change

_LEARNT = frozenset({"joint_drift"})
"""Signals that learn what a change looks like before they can bet on it: theirs begins late, by up to what it took."""


class Span(NamedTuple):
    """Where the start of a change lies, both ends included."""

    low: Micros
    high: Micros


def span_of(signal: str, firing: Firing, pane: ClosedPane) -> Span:
    """Return where the start of a change lies: its interval, or where there is none, a part of the time it took.

    How long a change takes to be found and how well its start is known go by the same divergence, so the one is a
    measure of the other. Label panes go by when labels became known: what they see began up to the maturity before.
    What a signal had to learn first may have begun as long before its estimated start as it was found after it.
    """
    took = max(0, pane.end - firing.since)
    slack = took // UNSURE
    low = firing.since - (took if signal in _LEARNT else slack) if firing.since_low is None else firing.since_low
    high = firing.since + slack if firing.since_high is None else firing.since_high
    if pane.key.family == "label":
        low -= pane.layout.spec.maturity
    return Span(min(low, firing.since), max(high, firing.since))
