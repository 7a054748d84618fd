"""Rare slices: rows of categories and bins of which the reference and recent labels have seen fewest."""

import numpy as np

from detectors.curation.cells import cells_of
from detectors.curation.known import Choice, Known, Ranking
from detectors.reference import vector
from detectors.row_codes import RowCodes

RARE = 0.01  # share of the known rows below which a cell is rare

NOTHING = "there is neither a reference profile nor a labelled row to say what is rare"


def rare(known: Known) -> Ranking:
    """Rank rows by how seldom their rarest cell was seen, in the reference and among recent labelled rows.

    Values that are missing or broken are no slice.
    """
    layout = known.pane.layout
    codes = RowCodes(layout)
    seen = cells_of(layout, vector(layout, "traffic"), codes)
    labelled = known.losses.all()
    if labelled.codes.shape[1] == len(codes.names):
        seen = [cells + labelled.histogram(p, codes.sizes[p])[0][:-1] for p, cells in enumerate(seen)]
    totals = [cells.sum() for cells in seen]
    if not any(totals):
        return Ranking([], NOTHING)
    shares = [np.append(cells / max(total, 1.0), 1.0) for cells, total in zip(seen, totals, strict=True)]
    found = []
    for sampled, own in zip(known.rows, codes.of([one.row for one in known.rows]).tolist(), strict=True):
        share, place = min(((float(shares[p][code]), p) for p, code in enumerate(own) if totals[p]), default=(1.0, 0))
        if share < RARE:
            words, count = codes.describe(place, own[place], own[place]), int(seen[place][own[place]])
            detail = f"{words}: {count:,} of {int(totals[place]):,} rows of the reference and of recent labels"
            found.append((share, Choice(sampled, detail)))
    return Ranking([choice for _, choice in sorted(found, key=lambda one: one[0])])
