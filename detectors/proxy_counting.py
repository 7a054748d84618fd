"""Counting proxies: what outputs say of themselves, into the vector of a traffic pane."""

import numpy as np
import numpy.typing as npt

from detectors.layout import FIXED, Counts, Layout
from detectors.proxy_sections import EMPTY, LISTED, OUTPUT_BUCKETS, OVERSIZED, REFUSED, UNIT_BINS
from detectors.row_shape import ENTROPY, MARGIN, OUTPUT, Columns
from detectors.text_checks import TextChecks, text_buckets

Floats = npt.NDArray[np.float64]

_LN_2 = np.log(2.0)
_MIX = np.uint64(0x9E3779B97F4A7C15)


def count_proxies(layout: Layout, checks: TextChecks | None, counts: Counts, columns: Columns) -> None:
    """Add predictions to the vector of a traffic pane (shape (size,)); `checks` are those of a text model."""
    task = layout.spec.task
    if task == "binary":
        _count_binary(layout, counts, columns.numbers[:, OUTPUT])
    elif task == "multiclass":
        _count_unit(layout, counts, "doubt", 1.0 - _known(columns.numbers[:, OUTPUT]))
        _count_unit(layout, counts, "entropy", _known(columns.numbers[:, ENTROPY]))
        _count_margin(layout, counts, _known(columns.numbers[:, MARGIN]))
    else:
        view = layout.families["traffic"].view
        output = np.ascontiguousarray(columns.numbers[:, OUTPUT])
        buckets = value_buckets(output) if task == "regression" else text_buckets(columns.said, OUTPUT_BUCKETS)
        view(counts, "outputs")[:] += np.bincount(buckets, minlength=OUTPUT_BUCKETS)
        if checks is not None:
            found, texts = checks.look(columns.said), view(counts, "texts")
            texts[EMPTY] += found.empty
            texts[REFUSED] += found.refused
            texts[LISTED] += found.listed
            if layout.longest_text is not None:
                texts[OVERSIZED] += np.count_nonzero(output > layout.longest_text)
            _count_unit(layout, counts, "repetition", found.repetition)


def value_buckets(values: Floats) -> npt.NDArray[np.int64]:
    """Return the hashed bucket of each number (contiguous, with one zero), the same for ever."""
    bits = values.view(np.uint64)
    mixed = (bits ^ (bits >> np.uint64(32))) * _MIX
    return (mixed >> np.uint64(56)).astype(np.int64)  # 8 bits: OUTPUT_BUCKETS


def _count_binary(layout: Layout, counts: Counts, scores: Floats) -> None:
    """Count what follows from the probability of the positive label."""
    doubt = _known(scores)
    doubt = np.minimum(doubt, 1.0 - doubt)
    sure = 1.0 - doubt
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -(doubt * np.log(doubt) + sure * np.log(sure)) / _LN_2
    entropy[doubt == 0] = 0.0
    _count_unit(layout, counts, "doubt", doubt)
    _count_unit(layout, counts, "entropy", entropy)
    _count_margin(layout, counts, sure - doubt)


def _count_unit(layout: Layout, counts: Counts, name: str, values: Floats) -> None:
    """Add values in [0, 1], none of them NaN."""
    if len(values):
        view = layout.families["traffic"].view
        bins = np.minimum((values * UNIT_BINS).astype(np.int64), UNIT_BINS - 1)
        view(counts, name)[:] += np.bincount(bins, minlength=UNIT_BINS)
        np.add.at(view(counts, f"{name}_sums"), bins, np.rint(values * FIXED).astype(np.int64))


def _count_margin(layout: Layout, counts: Counts, margins: Floats) -> None:
    margin = layout.families["traffic"].view(counts, "margin")
    margin[0] += len(margins)
    margin[1] += np.rint(margins * FIXED).astype(np.int64).sum()


def _known(values: Floats) -> Floats:
    return values[~np.isnan(values)]
