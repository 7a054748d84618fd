"""Proxies counted one row at a time, as a person would say them."""

import math
import struct
import zlib
from bisect import bisect_left
from collections import Counter

from detectors.layout import FIXED, INVALID, MISSING, OUT_OF_RANGE, Layout
from detectors.proxy_sections import ACTIVITY_CELLS, EMPTY, LISTED, OVERSIZED, REFUSED, UNIT_BINS
from detectors.row import Row
from schemas.proxy_spec import attached

Cells = Counter[tuple[str, int]]


def proxies(layout: Layout, row: Row) -> Cells:
    """What a row adds to the proxies of a traffic pane."""
    spec, pane = layout.spec, layout.spec.pane
    found: Cells = Counter({("activity", row.time % pane * ACTIVITY_CELLS // pane): 1})
    extras = dict(zip([*spec.scores, "entropy", "margin"], row.extras, strict=False))
    for name in spec.scores:
        found.update(score(layout, attached(name), extras.get(name)))
    if spec.task == "binary" and row.score is not None:
        p = row.score
        entropy = sum(-q * math.log(q) for q in (p, 1 - p) if q > 0) / math.log(2)
        found.update(unit("doubt", min(p, 1 - p)) + unit("entropy", entropy) + margin(abs(2 * p - 1)))
    elif spec.task == "multiclass":
        if row.score is not None:
            found.update(unit("doubt", 1 - row.score))
        if (known := extras.get("entropy")) is not None:
            found.update(unit("entropy", known))
        if (known := extras.get("margin")) is not None:
            found.update(margin(known))
    elif spec.task == "regression":
        assert row.value is not None
        (number,) = struct.unpack("<Q", struct.pack("<d", row.value + 0.0))
        found["outputs", ((number ^ number >> 32) * 0x9E3779B97F4A7C15 % 2**64) >> 56] += 1
    elif spec.task == "text":
        found.update(text(layout, row.text or "", row.text_length))
    return found


def score(layout: Layout, name: str, value: float | None) -> Cells:
    if value is None:
        return Counter({(f"quality:{name}", MISSING): 1})
    if math.isinf(value):
        return Counter({(f"quality:{name}", INVALID): 1})
    low, high = layout.range_of(name)
    found: Cells = Counter({(f"histogram:{name}", bisect_left(layout.edges[name].tolist(), value)): 1})
    found[f"quality:{name}", OUT_OF_RANGE] += not low <= value <= high
    bounds = layout.profile.ranges.get(name) if layout.profile else None
    if bounds is not None:
        scale = 4 * max(abs(bounds[0]), abs(bounds[1]), 1e-300)
        found[f"sum:{name}", 0] += round(max(-1.0, min(1.0, value / scale)) * FIXED)
    return found


def text(layout: Layout, text: str, length: int) -> Cells:
    found: Cells = Counter({("outputs", zlib.crc32(text.encode(errors="surrogatepass")) % 256): 1})
    found["texts", OVERSIZED] += layout.longest_text is not None and length > layout.longest_text
    if not any(one.isprintable() and not one.isspace() for one in text):
        return found + Counter({("texts", EMPTY): 1})
    declared = layout.spec.text
    refusals = ["i'm sorry, but i can"] if declared is None else declared.refusals
    found["texts", REFUSED] += any(text.lower().startswith(refusal) for refusal in refusals)
    found["texts", LISTED] += declared is not None and any(word in text.lower().split() for word in declared.words)
    words = text.split()
    if len(words) >= 5:
        groups = [tuple(words[at : at + 3]) for at in range(len(words) - 2)]
        found.update(unit("repetition", (len(groups) - len(set(groups))) / len(groups)))
    return found


def unit(name: str, value: float) -> Cells:
    return Counter({(name, min(int(value * UNIT_BINS), UNIT_BINS - 1)): 1, (f"{name}_sums", 0): 0}) + Counter(
        {(f"{name}_sums", min(int(value * UNIT_BINS), UNIT_BINS - 1)): round(value * FIXED)}
    )


def margin(value: float) -> Cells:
    return Counter({("margin", 0): 1, ("margin", 1): round(value * FIXED)})
