"""Errors: rows that somebody complained of, then rows on which a large loss is to be expected."""

import numpy as np

from detectors.curation.known import Choice, Known, Ranking
from detectors.row_codes import RowCodes
from detectors.slices import PRIOR

FEWEST = 200  # labelled rows below which nothing is said of which rows go wrong
LEARNT = 1_000  # rows, as for `EstimatedLoss`

TOO_FEW = f"nobody complained, and fewer than {FEWEST} rows have a label to tell from which rows go wrong"


def errors(known: Known) -> Ranking:
    """Rank complaints, newest first, then rows by the loss to expect of them, if it is above the mean.

    Regression: what the incremental regressor of the loss expects. Else, and before that has learnt: the recent mean
    loss, plus what the row's bins and categories lost more or less than that, each shrunk towards it.
    """
    complained = [
        Choice(one, f"rated {one.label.rating:.2g}, and nobody has said what is right")
        for one in known.complaints
        if one.label is not None and one.label.rating is not None
    ]
    if known.regressor is not None and known.regressor.learnt >= LEARNT:
        return Ranking([*complained, *_by_regressor(known)])
    expected = _by_cells(known)
    if expected is None:
        return Ranking(complained, None if complained else TOO_FEW)
    return Ranking([*complained, *expected])


def _by_regressor(known: Known) -> list[Choice]:
    assert known.regressor is not None
    found = []
    for sampled in known.rows:
        loss = known.regressor.predict(sampled.row.features, sampled.row.value)
        found.append((-loss, Choice(sampled, f"an absolute error of {loss:.3g} is to be expected")))
    return [choice for _, choice in sorted(found, key=lambda one: one[0])]


def _by_cells(known: Known) -> list[Choice] | None:
    """Rank rows by the sum of what their cells lost beyond the mean; None where too few rows say so."""
    layout, rows = known.pane.layout, known.losses.all()
    codes = RowCodes(layout)
    if rows.n < FEWEST or rows.codes.shape[1] != len(codes.names):
        return None
    mean, beyond = rows.loss / rows.n, []
    for place, size in enumerate(codes.sizes):
        counts, losses = rows.histogram(place, size)
        beyond.append((losses - counts * mean) / (counts + PRIOR))
    found = []
    for sampled, own in zip(known.rows, codes.of([one.row for one in known.rows]).tolist(), strict=True):
        parts = [float(beyond[place][code]) for place, code in enumerate(own)]
        expected = float(np.sum(parts))
        if expected > 0:
            place = int(np.argmax(parts))
            words = codes.describe(place, own[place], own[place])
            found.append((-expected, Choice(sampled, f"{words}: of late, losses there are above the mean")))
    return [choice for _, choice in sorted(found, key=lambda one: one[0])]
