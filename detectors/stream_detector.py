"""`StreamDetector`: what all detectors of River's are here, and how to make one. Order matters; pure."""

from typing import Protocol

from detectors.adwin import GuardedAdwin
from schemas.detector_spec import AdwinSpec, AnyDetector


class StreamDetector(Protocol):
    """Watches one stream of losses for a change. Larger is worse.

    What would silence or mislead it (NaN, infinities, values beyond ±1e100; anything but 0 and 1 where it is `binary`)
    is never fed: it is counted in `skipped`, and rows are numbered as if it were not there. After an alarm it starts
    anew at the next row. Its state is part of the snapshot: only registered classes.
    """

    @property
    def binary(self) -> bool:
        """Whether it asks for right (0) or wrong (1): other losses are not to be fed to it."""
        ...

    @property
    def two_sided(self) -> bool:
        """Whether it sees falls as it sees rises."""
        ...

    @property
    def position(self) -> int:
        """Rows fed so far."""
        ...

    @property
    def skipped(self) -> int:
        """Values refused so far."""
        ...

    @property
    def alarms(self) -> int:
        """Alarms so far."""
        ...

    @property
    def rose(self) -> bool | None:
        """Whether the loss rose at the last alarm; None where the detector cannot tell."""
        ...

    def update(self, value: float) -> bool:
        """Feed one loss; return whether a change was detected at this row."""
        ...


def stream_detector(spec: AnyDetector) -> StreamDetector:
    """Return a fresh detector.

    Examples
    --------
    >>> from schemas.detector_spec import DdmSpec
    >>> detector = stream_detector(DdmSpec(type="ddm"))
    >>> [i for i in range(2_000) if detector.update(float(i % (10 if i < 1_000 else 2) == 0))]
    [1048]
    """
    if isinstance(spec, AdwinSpec):
        return GuardedAdwin(spec.delta)
    from detectors.river_detectors import river_detector  # here, for those with ADWIN alone: it takes 80 MB

    return river_detector(spec)
