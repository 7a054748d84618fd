"""Where a change of the loss sits: the slice of the rows, by one or two features, that carries most of it.

All sums are of whole numbers (`detectors.loss_rows`), so that the order of rows makes no difference to the last bit.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

from detectors.indicators import of_losses
from detectors.layout import Layout
from detectors.loss_rows import SCALE, Floats, LossRows, Rows
from detectors.reference import vector
from detectors.row_codes import RowCodes
from schemas.alert import ChangeSlice
from schemas.event_time import Micros

FEWEST_ROWS = 50  # since the change, or there is nothing to search; and before it, or the reference stands in
FEWEST_INSIDE = 15  # rows of a slice, and outside of it, below which the normal approximation says little
PRIOR = 20.0  # rows that the overall loss counts for in what a slice lost before
SHARE = 0.5  # of the excess that a slice has to carry
SIGNIFICANCE = 0.05
PAIR_GAIN = 1.5  # standard errors by which two conditions must beat one: noise alone gains about one
PAIRED = 16  # features that are tried in pairs: those that are best alone
GROUPS = 6  # of bins in the first search of pairs; the best pair is searched again in full


class _Condition(NamedTuple):
    place: int
    first: int
    last: int


class _Found(NamedTuple):
    score: float
    conditions: tuple[_Condition, ...]
    n: int
    excess: float
    loss: float
    before: float


def worst_slice(
    layout: Layout,
    kept: LossRows,
    since: Micros,
    sure: Micros | None = None,
    name: str = "loss",
    segment: str | None = None,
) -> ChangeSlice | None:
    """Return the slice that carries most of a rise of the loss; None where too little is known to look for one.

    Parameters
    ----------
    since, sure
        Estimated start of the change, and the moment until which it had surely not begun.
    name
        What the loss is called.
    segment
        `feature=value`: only its rows are looked at, and the slice is one of them.

    Notes
    -----
    Slices are single conditions and pairs of them: a range of a numeric feature's bins, or a category. What a slice
    exceeds is its losses since the change less what it lost before on as many rows. Of the slices that carry at least
    half of the whole excess, that one is named whose loss rose most clearly above that of all other rows, in standard
    errors: of nested ones it is the smallest that still holds the excess, as rows without excess only dilute it, while
    "the fewest rows" would cut every slice in two. It is named only if it is significant (5 %, Bonferroni over all
    slices tried); else the change is spread over all rows. Two conditions are named only where they are clearly better
    than one.

    References
    ----------
    Kulldorff, "A spatial scan statistic", Communications in Statistics 26(6), 1997.
    """
    before, after = kept.split(since, since if sure is None else sure, layout.spec.pane)
    cell = None if segment is None else _cell(layout, segment)
    if segment is not None and cell is None:
        return None
    if cell is not None:
        before, after = (_within(layout, rows, *cell) for rows in (before, after))
    search = _search_of(layout, before, after, cell)
    if search is None:
        return None
    best = search.best()
    rows, scale = int(after.n), layout.loss_scale or 1.0
    unit = scale / SCALE
    if best is None:
        mean = after.loss / after.n * unit
        return ChangeSlice(
            conditions=[],
            rows=rows,
            of=rows,
            share=1.0,
            loss=mean,
            before=search.reference * unit,
            description=f"spread over all rows, as far as {rows:,} of them tell"
            if segment is None
            else f"within {segment}: spread over all its rows, as far as {rows:,} of them tell",
        )
    words = [RowCodes(layout).describe(*condition) for condition in best.conditions]
    inside, outside = best.loss / best.n * unit, (after.loss - best.loss) / (after.n - best.n) * unit
    share = min(1.0, best.excess / search.excess)
    return ChangeSlice(
        conditions=words,
        rows=best.n,
        of=rows,
        share=share,
        loss=inside,
        before=best.before * unit,
        outside=outside,
        description=f"{' and '.join(words)}: {100 * share:.0f} % of the rise of the {name} in "
        f"{100 * best.n / rows:.0f} % of the labelled rows{'' if segment is None else f' of {segment}'}",
    )


def _cell(layout: Layout, segment: str) -> tuple[str, int] | None:
    """Return the feature and the cell of a segment that is named `feature=value`; None: it is one of the scores."""
    cells = ((feature, cell) for feature in layout.spec.segments for cell in range(len(layout.segment_cells(feature))))
    return next((each for each in cells if segment == f"{each[0]}={layout.segment_cells(each[0])[each[1]]}"), None)


def _within(layout: Layout, rows: Rows, feature: str, cell: int) -> Rows:
    """Return the rows of a cell of a segment; one too far for a code of its own is not told from its neighbours."""
    codes = RowCodes(layout)
    place = codes.names.index(feature)
    known = min(len(layout.segment_values(feature)), codes.sizes[place] - 2)
    return rows.chosen(rows.codes[:, place] == cell if cell < known else rows.codes[:, place] >= known)


def _search_of(layout: Layout, before: Rows, after: Rows, cell: tuple[str, int] | None) -> "_Search | None":
    if after.n < FEWEST_ROWS:
        return None
    if before.n >= FEWEST_ROWS:
        reference = before.loss / before.n
    else:
        totals, n = of_losses(layout, vector(layout, "cohort"), "cohort", *(cell or ()))
        if not n:
            return None
        before = Rows(before.codes[:0].astype(np.uint8), np.zeros(0, dtype=np.uint16))
        reference = float(totals[0]) / n * SCALE
    search = _Search(RowCodes(layout), before, after, reference, binary=layout.loss_bins == 1)
    return search if search.excess > 0 else None


class _Search:
    """Scores slices by how clearly the loss rose inside against outside."""

    def __init__(self, codes: RowCodes, before: Rows, after: Rows, reference: float, *, binary: bool) -> None:
        self._codes, self._before, self._after, self._binary = codes, before, after, binary
        self.reference = reference
        self.excess = after.loss - after.n * reference
        self._tried = 0
        self._variance = _variance(after)
        self._variance_before = _variance(before) if before.n else 0.0

    def best(self) -> _Found | None:
        """Return the clearest slice that carries enough of the excess, if it is significant."""
        alone = [self._single(place) for place in range(len(self._codes.names))]
        single = max((found for _, found in alone if found), key=_clearness, default=None)
        promising = sorted(range(len(alone)), key=lambda place: (-alone[place][0], place))[:PAIRED]
        pairs = [pair for places in combinations(sorted(promising), 2) if (pair := self._pair(places, GROUPS))]
        double = None
        if pairs:
            rough = max(pairs, key=_clearness)
            places = (rough.conditions[0].place, rough.conditions[1].place)
            double = max([rough, *filter(None, [self._pair(places, None)])], key=_clearness)
        best = single
        if double is not None and (single is None or double.score > single.score + PAIR_GAIN):
            best = double
        needed = -float(ndtri(SIGNIFICANCE / max(1, self._tried)))
        return best if best is not None and best.score >= needed else None

    def _single(self, place: int) -> tuple[float, _Found | None]:
        """Return how clear the best condition on a feature is, and the best of those that carry enough."""
        size = self._codes.sizes[place]
        spans = list(self._spans(place, size - 1))
        if not spans:
            return -np.inf, None
        sums = [_over(each, spans) for rows in (self._after, self._before) for each in rows.histogram(place, size)]
        scores, excess, was = self._score(*sums)
        carrying = np.where(excess >= SHARE * self.excess, scores, -np.inf)
        best = int(carrying.argmax())
        found = None
        if np.isfinite(carrying[best]):
            condition = _Condition(place, *spans[best])
            found = _Found(
                float(carrying[best]),
                (condition,),
                int(sums[0][best]),
                float(excess[best]),
                float(sums[1][best]),
                float(was[best]),
            )
        return float(scores.max()), found

    def _pair(self, places: tuple[int, int], groups: int | None) -> _Found | None:
        """Return the best pair of conditions on two features that carries enough."""
        maps, spans, bounds = [], [], []
        for place in places:
            size = self._codes.sizes[place]
            bins = size - 1
            few = bins if groups is None or not self._codes.ordered(self._codes.names[place]) else min(groups, bins)
            to_group = np.append(np.arange(bins) * few // bins, few)
            maps.append(to_group)
            spans.append(list(self._spans(place, few)))
            first = np.searchsorted(to_group, np.arange(few + 1), side="left")
            bounds.append((first, np.append(first[1:], size) - 1))
        if not all(spans):
            return None
        sums = [
            _over(_over(table, spans[0]).T, spans[1]).T.ravel()
            for rows in (self._after, self._before)
            for table in rows.table(places, (maps[0], maps[1]))
        ]
        scores, excess, was = self._score(*sums)
        scores = np.where(excess >= SHARE * self.excess, scores, -np.inf)
        best = int(scores.argmax())
        if not np.isfinite(scores[best]):
            return None
        chosen = divmod(best, len(spans[1]))
        conditions = tuple(
            _Condition(place, int(first[span[0]]), int(last[span[1]]))
            for place, span, (first, last) in zip(
                places, (spans[0][chosen[0]], spans[1][chosen[1]]), bounds, strict=True
            )
        )
        return _Found(
            float(scores[best]),
            conditions,
            int(sums[0][best]),
            float(excess[best]),
            float(sums[1][best]),
            float(was[best]),
        )

    def _spans(self, place: int, bins: int) -> Iterator[tuple[int, int]]:
        """Yield the first and last code of each condition on a feature that has `bins` codes, and one for missing."""
        yield bins, bins
        if self._codes.ordered(self._codes.names[place]):
            yield from ((i, j) for i in range(bins) for j in range(i, bins) if j - i < bins - 1)
        else:
            yield from ((i, i) for i in range(bins))

    def _score(self, n: Floats, loss: Floats, n_before: Floats, loss_before: Floats) -> tuple[Floats, Floats, Floats]:
        """Return how clear slices are, what they exceed, and what a row in them lost before; shapes are (slices,)."""
        after, before = self._after, self._before
        self._tried += len(n)
        was = (loss_before + PRIOR * self.reference) / (n_before + PRIOR)
        others = after.n - n
        was_others = (before.loss - loss_before + PRIOR * self.reference) / (before.n - n_before + PRIOR)
        enough = (n >= FEWEST_INSIDE) & (others >= FEWEST_INSIDE)
        n, others = np.maximum(n, 1), np.maximum(others, 1)
        mean, mean_others = loss / n, (after.loss - loss) / others
        variance, variance_others = (self._spread(each) for each in (mean, mean_others))
        error = variance / n + variance_others / others
        error += self._variance_before * (1 / (n_before + PRIOR) + 1 / (before.n - n_before + PRIOR))
        rise = (mean - was) - (mean_others - was_others)
        scores = np.where(enough, rise / np.sqrt(np.maximum(error, 1e-300)), -np.inf)
        return scores, loss - n * was, was

    def _spread(self, mean: Floats) -> Floats:
        """Return the variance of losses with this mean: no less than that of all rows."""
        return np.maximum(self._variance, mean * (SCALE - mean)) if self._binary else np.full(len(mean), self._variance)


def _over(table: Floats, spans: list[tuple[int, int]]) -> Floats:
    """Return the sums of a table's rows over each span of them."""
    bounds = np.array(spans)
    sums = np.concatenate((np.zeros((1, *table.shape[1:])), np.cumsum(table, axis=0)))
    found: Floats = sums[bounds[:, 1] + 1] - sums[bounds[:, 0]]
    return found


def _variance(rows: Rows) -> float:
    return max(float((rows.losses**2).sum()) / rows.n - (rows.loss / rows.n) ** 2, 0.0)


def _clearness(found: _Found) -> tuple[float, int]:
    return (found.score, -found.n)
