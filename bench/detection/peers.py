"""What we are compared with: River's detectors at the same realised rate, and two dummies.

KSWIN is not among them: it compares samples of real values, and at 180 µs an observation a million takes three minutes.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Any

from river import drift
from river.drift import binary as errors

from bench.detection.protocol import (
    HALVINGS,
    LENGTH,
    OWN_RUNS,
    REFERENCE,
    TUNING_LENGTH,
    TUNING_LENGTH_OF_OTHERS,
    Scale,
    Stream,
)
from bench.detection.streams import Bits, stationary
from bench.detection.watched import GATED, error_reference


@dataclass(frozen=True)
class Peer:
    """A detector of River's on a stream of errors, with the one setting by which it is made quiet or loud."""

    name: str
    make: Callable[[float], Any]
    quietest: float
    loudest: float
    default: float
    """River's own."""
    correct_is_one: bool = False
    two_sided: bool = False
    """It also tells of falls: those are not counted, for or against it."""

    def alarms(self, setting: float, values: Bits) -> Iterator[int]:
        """Yield after how many values it alarms. River's detectors start anew by themselves after an alarm."""
        return (at for at, rises in self.detections(setting, values) if rises)

    def detections(self, setting: float, values: Bits) -> Iterator[tuple[int, bool]]:
        """Yield after how many values it tells of a change, and whether it is a rise."""
        detector = self.make(setting)
        update = detector.update
        bits = (values == 0 if self.correct_is_one else values == 1).tolist()
        if not self.two_sided:
            for number, bit in enumerate(bits, start=1):
                update(bit)
                if detector.drift_detected:
                    yield number, True
            return
        for number, bit in enumerate(bits, start=1):
            before = detector.estimation
            update(bit)
            if detector.drift_detected:
                yield number, detector.estimation > before


ADWIN = Peer("ADWIN", lambda delta: drift.ADWIN(delta=delta), 1e-12, 0.9, 0.002, two_sided=True)
PEERS = (
    ADWIN,
    Peer("PageHinkley", lambda threshold: drift.PageHinkley(threshold=threshold, mode="up"), 10_000, 1, 50),
    Peer("DDM", lambda threshold: errors.DDM(drift_threshold=threshold), 20, 1, 3),
    Peer("EDDM", lambda beta: errors.EDDM(beta=beta), 0.1, 0.94, 0.9),
    Peer("FHDDM", lambda level: errors.FHDDM(confidence_level=level), 1e-30, 0.1, 1e-6, correct_is_one=True),
    Peer("HDDMA", lambda level: errors.HDDMA(drift_confidence=level), 1e-30, 0.004, 0.001),
    Peer("HDDMW", lambda level: errors.HDDMW(drift_confidence=level), 1e-30, 0.004, 0.001),
)


def never(_: Bits) -> Iterator[int]:
    """Yield nothing: the dummy that meets every target of false alarms, and no other."""
    return iter(())


def always(values: Bits) -> Iterator[int]:
    """Yield every value: the dummy that meets every target of delay, and no other."""
    return iter(range(1, len(values) + 1))


DUMMIES: dict[str, Callable[[Bits], Iterator[int]]] = {"never fires": never, "always fires": always}


@dataclass(frozen=True)
class Tuned:
    """A peer at a setting: the one that came nearest to a rate, or River's own."""

    peer: Peer
    setting: float

    def alarms(self, values: Bits) -> Iterator[int]:
        return self.peer.alarms(self.setting, values)

    def falls(self, values: Bits) -> int:
        """Return how often it tells of a fall."""
        return sum(not rises for _, rises in self.peer.detections(self.setting, values))


def as_shipped() -> tuple[Tuned, ...]:
    """Return all peers at River's own settings, as most people run them."""
    return tuple(Tuned(peer, peer.default) for peer in PEERS)


def tune(peer: Peer, values: Bits, wanted: float) -> Tuned:
    """Return the loudest setting with at most `wanted` alarms in a million (and one in all) on a stationary stream.

    Halves the range on a logarithmic scale. A peer that is too loud even at its quietest stays there, and its rate
    shows it.
    """
    limit = max(1, round(wanted * len(values) / 1e6))
    quiet, loud = math.log(peer.quietest), math.log(peer.loudest)
    for _ in range(HALVINGS):
        middle = (quiet + loud) / 2
        found = sum(1 for _ in islice(peer.alarms(math.exp(middle), values), limit + 1))  # no need to see more
        quiet, loud = (middle, loud) if found <= limit else (quiet, middle)
    return Tuned(peer, math.exp(quiet))


@cache
def own_rate(stream: Stream, scale: Scale) -> float:
    """Return the false alarms in a million of our detector, on streams that nothing is scored on."""
    runs, found = scale.of(OWN_RUNS), 0
    for run in range(runs):
        rng = scale.generator(f"own rate, {stream.name}", run)
        reference = error_reference(stationary(rng, stream, REFERENCE), stream.mean)
        found += sum(1 for _ in reference.alarms(GATED, stationary(rng, stream, LENGTH)))
    return found / (runs * LENGTH) * 1e6


@cache
def tuned(stream: Stream, scale: Scale) -> tuple[Tuned, ...]:
    """Return all peers, tuned on a stream to the rate that we realise on such streams."""
    wanted = own_rate(stream, scale)
    return tuple(tune(peer, _tuning_stream(peer, stream, scale), wanted) for peer in PEERS)


@cache
def realised(tuned: Tuned, stream: Stream, scale: Scale) -> float:
    """Return the alarms in a million of a tuned peer on the streams for tuning."""
    values = _tuning_stream(tuned.peer, stream, scale)
    return sum(1 for _ in tuned.alarms(values)) / len(values) * 1e6


def _tuning_stream(peer: Peer, stream: Stream, scale: Scale) -> Bits:
    length = TUNING_LENGTH.get(peer.name, TUNING_LENGTH_OF_OTHERS)
    return stationary(scale.generator(f"tuning, {stream.name}"), stream, scale.of(length))
