"""Reading a reference profile: its counts as vectors, and what its dispersion was measured on."""

import json

import numpy as np
import numpy.typing as npt

from detectors import indicators
from detectors.layout import FIXED, Counts, Layout
from schemas.contract import deterministic_id
from schemas.event_time import format_duration
from schemas.proxy_spec import TextSpec
from schemas.reading import Family
from schemas.spec import ModelSpec


def settings(spec: ModelSpec) -> dict[str, str]:
    """Return the settings that a profile depends on, in words."""
    own = {} if spec.costs.matrix is None else {"costs.matrix": json.dumps(spec.costs.matrix, sort_keys=True)}
    if spec.task == "text":
        own["text"] = _checks(spec.text or TextSpec())
    if spec.task == "multiclass" and spec.classes:
        own["classes"] = ", ".join(spec.classes)  # they are counted by their place in the list
    return own | {
        "task": spec.task,
        "positive_label": str(spec.positive_label),
        "threshold": f"{spec.threshold:g}",
        "pane": format_duration(spec.pane),
        "segments": ", ".join(spec.segments),
        "complaint_rating": f"{spec.complaint_rating:g}",
        "features": ", ".join(f"{name} {feature.type}" for name, feature in spec.features.items()),
    }


def _checks(spec: TextSpec) -> str:
    """Return what texts are checked for, lists by what tells one from another."""
    lists = {name: deterministic_id(*getattr(spec, name))[:8] for name in ("refusals", "words") if getattr(spec, name)}
    return ", ".join(f"{name} {value}" for name, value in [("max_length", spec.max_length), *lists.items()])


def vector(layout: Layout, family: Family) -> Counts:
    """Return the reference's counts as a vector of the layout, read-only; zeros where there is no profile."""
    known = layout.reference_counts.get(family)
    if known is not None:
        return known
    counts = np.zeros(layout.families[family].size, dtype=np.int64)
    if layout.profile is not None:
        for name, values in layout.profile.counts.get(family, {}).items():
            section = layout.families[family].sections.get(name)
            if section is not None and section.stop - section.start == len(values):
                counts[section] = values
    counts.flags.writeable = False
    layout.reference_counts[family] = counts
    return counts


def loss_name(segment: str | None, cell: int) -> str:
    """Return the name of a loss in the profile's dispersion."""
    return "loss" if segment is None else f"loss:{segment}:{cell}"


def slow_share(layout: Layout, counts: Counts) -> indicators.Indicators:
    """Return the predictions slower than the reference's 95 %, of those that say how long they took."""
    slow, timed = layout.families["traffic"].view(counts, "slow")
    return indicators.Indicators(np.array([float(slow)]), float(timed))


def rating_shortfall(layout: Layout, counts: Counts) -> indicators.Indicators:
    """Return the sum of 1 - rating, and how many ratings there were, in the vector of a label pane."""
    view = layout.families["label"].view
    n = float(view(counts, "ratings")[0])
    return indicators.Indicators(np.array([n - view(counts, "rating_sum")[0] / FIXED]), n)


def moments(counts: npt.NDArray[np.float64], sums: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Return n, the sum, and an upper bound of the sum of squares, of values in equal bins of [0, 1]."""
    if len(counts) == 1:  # 0 or 1: a value is its own square
        return float(counts[0]), float(sums[0]), float(sums[0])
    left = np.arange(len(counts)) / len(counts)
    right = left + 1 / len(counts)
    # x² lies below its chord over the bin: (l + r) x - l r
    squares = (left + right) * sums - left * right * counts
    return float(counts.sum()), float(sums.sum()), float(squares.sum())
