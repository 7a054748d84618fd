"""Which classes of a multiclass model are answered as which: the mistakes of one cohort, few enough to keep. Pure."""

import numpy as np

from detectors.layout import Counts, Layout

MOST = 64  # pairs of classes of a cohort that are kept, the most frequent ones
OTHER = "another class"  # whatever nobody named


def mistakes_of(layout: Layout, counts: Counts) -> dict[int, int] | None:
    """Return rows by place among the confusion counts in the vector of a cohort; None but for multiclass with classes.

    Two classes have two kinds of mistakes, which precision and recall tell apart.
    """
    if layout.spec.task != "multiclass" or not layout.classes:
        return None
    size = len(layout.classes) + 1
    confusion = layout.families["cohort"].view(counts, "confusion").reshape(size, size).copy()
    np.fill_diagonal(confusion, 0)
    rows = confusion.ravel()
    places = np.flatnonzero(rows)
    if len(places) > MOST:
        places = np.sort(places[np.argsort(-rows[places], kind="stable")[:MOST]])
    return dict(zip(places.tolist(), rows[places].tolist(), strict=True))


def mistake_name(layout: Layout, place: int) -> str:
    """Return a place among the confusion counts in words: `tech answered as sales`."""
    names = (*layout.classes, OTHER)
    said, truth = divmod(place, len(names))
    return f"{names[truth]} answered as {names[said]}"
