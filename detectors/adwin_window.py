"""ADWIN's compiled window, taken apart: its bytes are checked field by field before River sees them.

River's own `__setstate__` trusts the bytes: it panics on short ones, and a wrong index panics at a later update. The
layout is that of River 0.26 (rust_src/adwin.rs), little-endian.
"""

import struct
from math import isfinite

from river._river_rust.drift import AdaptiveWindowing

from detectors.state_error import StateError

_WINDOW = struct.Struct("<diQddddddiiiiQ")
_BUCKET = struct.Struct("<QQQ")
_ARGUMENTS = struct.Struct("<diQii")  # those of the constructor, once more
_COUNT = struct.Struct("<Q")
_MOST_BUCKETS = 1_000
_MOST_LEVELS = 60  # level i holds 2**i values
_INT32 = 2**31 - 1


def window_bytes(window: AdaptiveWindowing) -> bytes:
    """Return the state of ADWIN's window; raises `StateError` when it holds a NaN or infinity."""
    data: bytes = window.__getstate__()
    _check_window(data)
    return data


def window_from(data: object) -> AdaptiveWindowing:
    """Return ADWIN's window from its bytes; raises `StateError` for any that an update could stumble over."""
    if not isinstance(data, bytes):
        raise StateError("ADWIN's window is not bytes")
    _check_window(data)
    window = AdaptiveWindowing()
    window.__setstate__(data)
    return window


def _check_window(data: bytes) -> None:
    try:
        head = _WINDOW.unpack_from(data)
        (delta, clock, most, shortest, grace, total, variance, width, total_width), rest = head[:9], head[9:]
        n_buckets, most_buckets, tick, detections, levels = rest
        _require(0 < delta <= 1 and clock > 0 and 1 <= most <= _MOST_BUCKETS and shortest >= 1, "parameters")
        _require(all(map(isfinite, (shortest, grace, total, variance, width, total_width))), "a NaN or infinity")
        _require(min(n_buckets, most_buckets, tick, detections) >= 0 and tick < _INT32, "counters")
        _require(1 <= levels <= _MOST_LEVELS, "levels")
        offset, counted = _WINDOW.size, 0
        for level in range(levels):
            size, used, n_totals = _BUCKET.unpack_from(data, offset)
            _require(size == most and used <= most and n_totals == most + 1, "bucket")
            _require(used > 0 or levels == 1, "bucket")
            offset += _BUCKET.size
            totals = struct.unpack_from(f"<{n_totals}d", data, offset)
            offset += 8 * n_totals
            (n_variances,) = _COUNT.unpack_from(data, offset)
            _require(n_variances == n_totals, "bucket")
            offset += _COUNT.size
            variances = struct.unpack_from(f"<{n_totals}d", data, offset)
            offset += 8 * n_totals
            _require(all(map(isfinite, totals)) and all(map(isfinite, variances)), "a NaN or infinity")
            counted += used << level
        arguments = _ARGUMENTS.unpack_from(data, offset)
        _require(arguments == (delta, clock, most, shortest, grace), "parameters")
        _require(offset + _ARGUMENTS.size == len(data) and counted == width, "width")
    except struct.error as error:
        raise StateError(f"ADWIN's window is damaged: {error}") from None


def _require(condition: bool, what: str) -> None:
    if not condition:
        raise StateError(f"ADWIN's window is damaged: {what}")
