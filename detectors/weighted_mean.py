"""River's compiled exponentially weighted mean, taken apart: its numbers are checked before River sees them.

The layout is that of River 0.26 (rust_src/ewmean.rs), little-endian.
"""

import struct
from math import isfinite

from river._river_rust.stats import RsEWMean

from detectors.state_error import StateError

_STATE = struct.Struct("<ddd?d")  # mean, fading factor, 1 - fading factor, whether there is a mean, fading factor


def mean_numbers(mean: RsEWMean) -> tuple[float, float, bool]:
    """Return mean, fading factor and whether it was ever fed; raises `StateError` for a NaN or infinity."""
    value, factor, _, fed, _ = _STATE.unpack(mean.__getstate__())
    return _checked(value, factor, fed)


def mean_from(value: object, factor: object, fed: object) -> RsEWMean:
    """Return a weighted mean from its numbers; raises `StateError` for any that are none."""
    value, factor, fed = _checked(value, factor, fed)
    mean = RsEWMean(factor)
    mean.__setstate__(_STATE.pack(value, factor, 1.0 - factor, fed, factor))
    return mean


def _checked(value: object, factor: object, fed: object) -> tuple[float, float, bool]:
    if not (isinstance(value, float) and isfinite(value) and isinstance(fed, bool)):
        raise StateError("a weighted mean is damaged")
    if not (isinstance(factor, float) and 0 <= factor <= 1):
        raise StateError("a weighted mean is damaged: its fading factor")
    return value, factor, fed
