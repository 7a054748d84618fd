"""Proxies in the vector of a traffic pane: what signals bet on, and what the profile's dispersion was measured on."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.indicators import Indicators
from detectors.layout import FIXED, Counts, Layout
from detectors.proxy_sections import TEXTS, UNIT_VALUES

Floats = npt.NDArray[np.float64]

REPEATED = "proxy:repeated"
"""Name in the profile's dispersion; the others are `proxy_name`."""


def proxy_name(proxy: str) -> str:
    """Return the name of a proxy in the profile's dispersion."""
    return f"proxy:{proxy}"


def proxies_of(layout: Layout) -> tuple[str, ...]:
    """Return the proxies whose mean is watched: sections of values in [0, 1], and what texts can be told to be."""
    if layout.spec.task != "text":
        return UNIT_VALUES[layout.spec.task]
    asked = {
        "oversized": layout.longest_text is not None,
        "listed": layout.spec.text is not None and bool(layout.spec.text.words),
    }
    return (*UNIT_VALUES["text"], *(name for name in TEXTS if asked.get(name, True)))


def proxy_histogram(layout: Layout, counts: Counts, proxy: str) -> tuple[Floats, Floats]:
    """Return rows and sums of a proxy in [0, 1] by equal bins; a share has one bin. The larger, the worse."""
    view = layout.families["traffic"].view
    if proxy in TEXTS:
        return view(counts, "n").astype(np.float64), view(counts, "texts")[[TEXTS.index(proxy)]].astype(np.float64)
    return view(counts, proxy).astype(np.float64), view(counts, f"{proxy}_sums") / FIXED


def proxy_mean(layout: Layout, counts: Counts, proxy: str) -> Indicators:
    """Return the sum of a proxy, and the rows that have it."""
    bins, sums = proxy_histogram(layout, counts, proxy)
    return Indicators(np.array([sums.sum()]), float(bins.sum()))


def margin(layout: Layout, counts: Counts) -> tuple[float | None, int]:
    """Return the mean distance from the largest probability to the next, and the rows that have it."""
    n, total = (int(part) for part in layout.families["traffic"].view(counts, "margin"))
    return (total / FIXED / n if n else None), n


def outputs(layout: Layout, counts: Counts) -> Indicators:
    """Return the rows of each output: of a class, or of a hashed bucket of texts or numbers."""
    view = layout.families["traffic"].view
    section = "classes" if layout.spec.task in ("binary", "multiclass") else "outputs"
    return Indicators(view(counts, section).astype(np.float64), float(view(counts, "n")[0]))


def most_frequent(layout: Layout, panes: Sequence[Counts]) -> list[Indicators]:
    """Return in each pane the rows of the output that is the most frequent of all of them together."""
    found = [outputs(layout, counts) for counts in panes]
    top = int(np.sum([totals for totals, _ in found], axis=0).argmax())
    return [Indicators(totals[[top]], n) for totals, n in found]
