"""Drifted slices: rows of categories and bins whose share has risen most against the reference."""

import numpy as np

from detectors.curation.cells import cells_of
from detectors.curation.known import Choice, Known, Ranking
from detectors.reference import vector
from detectors.row_codes import RowCodes

CLEARLY = 2.5  # standard errors: of a hundred cells that have not moved, about one is named

NOT_RISEN = (
    "no category and no bin has a larger share than in the reference, by more than chance and the minimum effect"
)


def drifted(known: Known) -> Ranking:
    """Rank rows by the rise of the share of their cell, of that feature where it rose most.

    Shares are those of all rows of the pane, not of the sample. A rise counts beyond `minimum_effect.drift` and chance.
    Values that are missing or broken are no slice: data quality tells of them, and a label does not mend them.
    """
    pane, layout = known.pane, known.pane.layout
    problem = pane.judging_problem or (None if layout.profile is not None else "there is no reference profile")
    if problem is not None:
        return Ranking([], problem)
    codes = RowCodes(layout)
    rises = []
    for now, before in zip(
        cells_of(layout, pane.counts, codes), cells_of(layout, vector(layout, "traffic"), codes), strict=True
    ):
        n, reference_n = max(now.sum(), 1.0), max(before.sum(), 1.0)
        share, was = now / n, before / reference_n
        error = np.sqrt(share * (1 - share) / n + was * (1 - was) / reference_n)
        rise = np.where(share - was > layout.spec.minimum_effect.drift + CLEARLY * error, share - was, 0.0)
        rises.append((np.append(rise, 0.0), share, was))
    if not any(rise.any() for rise, _, _ in rises):
        return Ranking([], NOT_RISEN)
    found = []
    for sampled, own in zip(known.rows, codes.of([one.row for one in known.rows]).tolist(), strict=True):
        most = [float(rises[place][0][code]) for place, code in enumerate(own)]
        place = int(np.argmax(most))
        if most[place] > 0:
            code, (_, share, was) = own[place], rises[place]
            words = codes.describe(place, code, code)
            detail = f"{words}: {100 * share[code]:.1f} % of the pane, {100 * was[code]:.1f} % of the reference"
            found.append((-most[place], Choice(sampled, detail)))
    return Ranking([choice for _, choice in sorted(found, key=lambda one: one[0])])
