"""`OwnReference`: what a version was while it was tried, gathered until that makes a reference of its own. Pure.

Bins stay those of the reference that it is counted by; how many rows are in them, and how much panes vary, is its own.
"""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from detectors.bounds import MINIMUM_PANES
from detectors.isotonic import isotonic
from detectors.layout import Counts, Layout
from detectors.metrics import hits_by_score
from detectors.pane import ClosedPane
from detectors.profile_dispersion import dispersions
from detectors.reliability import is_group
from detectors.row_codes import RowCodes
from detectors.signals.labels import too_few_labels
from detectors.situation import Broken
from detectors.state import register
from detectors.top_bottom import tails_of_codes
from detectors.tried_panes import KEPT, TriedPanes, Whole
from detectors.tried_rows import TriedRows
from schemas.event_time import SECOND, Micros, from_micros, to_micros
from schemas.profile import ReferenceProfile
from schemas.reading import Family

SHORTEST = 7 * 86_400 * SECOND  # any night would be a change against a few hours
LARGEST = 1 << 28  # bytes of a profile


@register
class OwnReference:
    """Gathers what a version is while it is tried, and keeps the reference that came of it.

    Parameters
    ----------
    layout
        What the version is counted by.
    since
        From when on it is tried.
    before
        The adopted profile, packed, of the version that it is tried beside; None where that one has none.

    Attributes
    ----------
    fingerprint
        Of that layout: under another one, nothing of this means anything.
    through
        Event time up to which panes were taken.
    """

    def __init__(self, layout: Layout, since: Micros, before: bytes | None = None) -> None:
        self.fingerprint = layout.fingerprint
        self.since = since
        self.through: Micros = 0
        self._panes: dict[Family, TriedPanes] = {name: TriedPanes(one.size) for name, one in layout.families.items()}
        self._rows = TriedRows()
        self._before = before
        self._adopted: bytes | None = None
        """The profile, as packed JSON."""

    @property
    def adopted(self) -> bytes | None:
        """The adopted profile, packed; None before there is one."""
        return self._adopted

    @property
    def judging(self) -> bytes | None:
        """The profile that the version is judged by, packed: its own, else that of the one that it is tried beside."""
        return self._adopted or self._before

    def take(self, pane: ClosedPane, broken: Sequence[Broken]) -> None:
        """Take a closed pane of the version, where it can be judged and nothing says that its data is broken."""
        self.through = max(self.through, pane.due)
        if self._adopted is not None or pane.end <= self.since or pane.judging_problem is not None:
            return
        family, maturity = pane.key.family, pane.layout.spec.maturity
        if family == "label" and pane.start < self.since + maturity:
            return  # of its first rows, only what becomes known soonest is known
        if family == "cohort" and too_few_labels(pane.layout, int(pane.view("losses").sum()), pane.n):
            return
        self._panes[family].add(pane.start, pane.counts, _whole(family, pane.layout, broken))
        if family == "traffic":
            self._rows.add(pane)

    def adopt(self, layout: Layout, broken: Sequence[Broken]) -> bool:
        """Make what was gathered the reference, and keep nothing else; False while that is too little.

        It takes 30 judged cohorts, and a week, unless the reference that it takes the place of was shorter. What that
        one can judge and this one could not, for want of panes with rows of it, makes it wait for as many panes as are
        kept; but for groups of scores, which are others by another calibration.
        """
        wholes: dict[Family, Whole] = {name: _whole(name, layout, broken) for name in self._panes}
        cohorts = self._panes["cohort"].starts(wholes["cohort"])
        if min(len(cohorts), len(self._panes["traffic"].starts(wholes["traffic"]))) < MINIMUM_PANES:
            return False
        panes = {name: kept.newest(wholes[name]) for name, kept in self._panes.items()}
        judged = {start: counts for start, counts in panes["traffic"].items() if start <= cohorts[-1]}
        if len(judged) >= MINIMUM_PANES:  # of what came later, nobody knows yet whether it was answered as well
            panes["traffic"] = judged
        first = min(each.first for each in self._panes.values() if each.first is not None)
        end = max(panes["traffic"]) + layout.spec.pane
        replaced = layout.profile
        assert replaced is not None
        if end - first < min(SHORTEST, to_micros(replaced.end) - to_micros(replaced.start)):
            return False
        found = self._profile(layout, panes, first, end, broken)
        lost = {name for name in found.few_panes.keys() - replaced.few_panes.keys() if not is_group(name)}
        if lost and len(cohorts) + self._panes["cohort"].older[1] < KEPT:
            return False
        self._adopted = zlib.compress(found.model_dump_json().encode(), 6)
        self._panes, self._rows, self._before = {}, TriedRows(), None
        return True

    def _profile(
        self,
        layout: Layout,
        panes: dict[Family, dict[Micros, Counts]],
        first: Micros,
        end: Micros,
        broken: Sequence[Broken],
    ) -> ReferenceProfile:
        older = {name: kept.older for name, kept in self._panes.items()}
        totals: dict[Family, Counts] = {name: sum(panes[name].values(), older[name][0]) for name in panes}
        views = {name: lay.view for name, lay in layout.families.items()}
        assert layout.profile is not None
        blank = layout.profile.model_copy(
            update={
                "version": layout.version,
                "start": from_micros(first),
                "end": from_micros(end),
                "panes": len(panes["traffic"]) + older["traffic"][1],
                "rows": int(views["traffic"](totals["traffic"], "n")[0]),
                "labelled": int(views["cohort"](totals["cohort"], "losses").sum()),
                "calibration": _calibration(layout, totals["cohort"]),
            }
        )
        own = Layout(layout.model, layout.version, layout.spec, blank)
        dispersion, few_panes = dispersions(own, {name: list(found.values()) for name, found in panes.items()})
        coder = RowCodes(own)
        codes, scores = self._rows.within(first, end, [(one.since, one.until) for one in broken])
        return blank.model_copy(
            update={
                "counts": {
                    name: {section: views[name](totals[name], section).tolist() for section in lay.sections}
                    for name, lay in own.families.items()
                },
                "dispersion": dispersion,
                "few_panes": few_panes,
                "sample": {name: codes[:, place].tobytes().hex() for place, name in enumerate(coder.names)},
                "tails": None if layout.spec.task == "text" else tails_of_codes(coder, codes, scores),
            }
        )


def unpacked_profile(packed: bytes) -> ReferenceProfile:
    """Return an adopted profile."""
    return ReferenceProfile.model_validate_json(zlib.decompressobj().decompress(packed, LARGEST))


def _whole(family: Family, layout: Layout, broken: Sequence[Broken]) -> Callable[[Micros], bool]:
    """Return what says of the start of a pane whether no row of it is of a stretch in which data was broken."""
    width, late = layout.spec.pane, layout.spec.maturity if family == "label" else 0
    return lambda start: (
        not any(one.since < start + width and (one.until is None or one.until + late > start) for one in broken)
    )


def _calibration(layout: Layout, cohort: Counts) -> list[float]:
    """Return the probability of a hit by score bin, as `detectors.score_bins` does; as it was, where no row tells."""
    assert layout.profile is not None
    if "hit_scores" not in layout.families["cohort"].sections:
        return layout.profile.calibration
    misses, hits = hits_by_score(layout, cohort)
    n = misses + hits
    seen = n > 0
    if not seen.any() or not layout.profile.calibration:
        return layout.profile.calibration
    fitted = isotonic(hits[seen] / n[seen], n[seen])
    return [float(p) for p in np.clip(np.interp(np.arange(len(n)), np.flatnonzero(seen), fitted), 0, 1)]
