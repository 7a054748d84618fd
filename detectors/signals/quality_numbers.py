"""Six numbers of data quality for each pane: accuracy, completeness, consistency, timeliness, validity, integrity.

Each is a share between 0 and 1 of checks that were passed, with the names of what fails. They are readings: alarms rest
on each feature and each expectation by itself (`detectors.signals.quality`).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from detectors.bounds import upper_bound
from detectors.expectations import Allowed, of_expectation
from detectors.intervals import of_proportion
from detectors.layout import INVALID, MISSING, OUT_OF_RANGE, QUALITY, UNSEEN, Counts, Layout
from detectors.pane import ClosedPane
from detectors.quality_sections import DUPLICATE, LATE, REFUSED
from detectors.reference import vector
from detectors.signals.signal import Finding, Grounds, Signal
from detectors.state import register
from schemas.expectation import DIMENSIONS, Dimension
from schemas.reading import Family, Reading

ENOUGH = 30  # rows of a producer in a pane, before it is compared with others
MOST_FAILING = 20  # names in a reading


class Check(NamedTuple):
    """Something that values or rows pass or fail."""

    name: str
    failed: float
    n: float
    adds: float
    """What it adds to the checks that the number is a share of: each value is valid once, whatever may be wrong."""


def quality_numbers(layout: Layout) -> list[Signal]:
    """Return the numbers of a version; they spend nothing."""
    return [QualityNumbers(layout), LabelTimeliness(layout)]


@register
class QualityNumbers:
    """The six numbers of traffic panes."""

    families: frozenset[Family] = frozenset({"traffic"})

    def __init__(self, layout: Layout) -> None:
        self._allowed: dict[str, tuple[float, float]] = {}
        """By check: the share that may fail, and φ."""
        self._reference: dict[str, float] = {}
        """By dimension."""
        counts = vector(layout, "traffic")
        rows = float(layout.families["traffic"].view(counts, "n")[0])
        if rows:
            for dimension, checks in _checks(layout, counts).items():
                share = _passed(checks)
                if share is not None:
                    self._reference[dimension] = share
                if Grounds(layout).problem is None:
                    for check in checks:
                        self._allow(layout, check)
        for expectation in layout.spec.expectations:
            self._allowed.pop(expectation.name, None)  # it has a φ of its own
            allowed = Allowed(layout, expectation)
            if allowed.problem is None or expectation.at_least is not None:
                effect = layout.spec.minimum_effect.quality
                self._allowed[expectation.name] = (allowed.bound + effect, allowed.dispersion)
        found = _producers(layout, counts)
        self._difference = None if found is None else found[0]
        if self._difference is not None:
            self._reference["consistency"] = min(self._reference.get("consistency", 1.0), 1 - self._difference)

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the six numbers; those of accuracy and consistency need rules, or producers, to be declared."""
        for dimension, checks in _checks(pane.layout, pane.counts).items():
            value, failing = _passed(checks), self._failing(checks)
            judged = any(check.name in self._allowed for check in checks)
            n = max((check.n for check in checks), default=0.0)
            if dimension == "consistency" and (found := _producers(pane.layout, pane.counts)) is not None:
                difference, words = found
                value = 1 - difference if value is None else min(value, 1 - difference)
                n = max(n, float(pane.n))
                allowed = (self._difference or 0.0) + pane.layout.spec.minimum_effect.quality
                judged = True
                if difference > allowed:
                    failing.append(words)
            if not checks and value is None and not (dimension == "consistency" and pane.layout.spec.producer):
                continue  # nobody has said what it is
            reason = pane.problem or ("no rows" if value is None else None)
            reference = self._reference.get(dimension)
            low, high = _interval(value, n) if value is not None and n and reason is None else (None, None)
            yield Finding(
                Reading(
                    signal=f"quality_{dimension}",
                    tier="quality",
                    value=value,
                    low=low,
                    high=high,
                    n=int(n),
                    status="ok" if reason is None else "unknown",
                    reason=reason,
                    reference=reference,
                    effect=None if value is None or reference is None else value - reference,
                    failing=failing if judged and pane.judging_problem is None and reason is None else None,
                )
            )

    def _allow(self, layout: Layout, check: Check) -> None:
        feature, _, kind = check.name.rpartition(" ")
        grounds, effect = Grounds(layout), layout.spec.minimum_effect
        rejected = check.name in (LATE_ONES, DUPLICATES, REFUSED_ONES)
        phi = 1.0 if rejected else grounds.dispersion(f"quality:{feature}:{kind}")
        bound = float(upper_bound(check.failed, check.n, dispersion=phi)) if check.n else 0.0
        if kind == QUALITY[MISSING] and feature in layout.spec.features and not layout.spec.features[feature].nullable:
            bound = 0.0
        self._allowed[check.name] = (bound + (effect.rejected if rejected else effect.quality), phi)

    def _failing(self, checks: list[Check]) -> list[str]:
        """Return the names of checks of which surely more fail than may, the worst first."""
        found = []
        for check in checks:
            allowed, phi = self._allowed.get(check.name, (1.0, 1.0))
            if check.n and check.failed / check.n > allowed:
                surely = 1 - float(upper_bound(check.n - check.failed, check.n, dispersion=phi))
                if surely > allowed:
                    found.append((allowed - check.failed / check.n, check.name))
        return [name for _, name in sorted(found)[:MOST_FAILING]]


LATE_ONES, DUPLICATES, REFUSED_ONES = "late predictions", "duplicate predictions", "refused predictions"


def _checks(layout: Layout, counts: Counts) -> dict[Dimension, list[Check]]:
    """Return what is checked in the vector of a traffic pane, by dimension, in their order."""
    found: dict[Dimension, list[Check]] = {dimension: [] for dimension in DIMENSIONS}
    view = layout.families["traffic"].view
    rows = float(view(counts, "n")[0])
    for name in layout.spec.features:
        defects = [float(count) for count in view(counts, f"quality:{name}")]
        found["completeness"].append(Check(f"{name} {QUALITY[MISSING]}", defects[MISSING], rows, rows))
        present = rows - defects[MISSING]
        first = True
        for kind in (INVALID, OUT_OF_RANGE, UNSEEN):
            if kind in layout.quality_kinds(name):
                check = Check(f"{name} {QUALITY[kind]}", defects[kind], present, present if first else 0.0)
                found["validity"].append(check)
                first = False
    duplicates, late, refused = (float(view(counts, "rejected")[kind]) for kind in (DUPLICATE, LATE, REFUSED))
    found["timeliness"].append(Check(LATE_ONES, late, rows + late, rows + late))
    sent = rows + duplicates + refused
    found["integrity"] += [Check(DUPLICATES, duplicates, sent, sent), Check(REFUSED_ONES, refused, sent, 0.0)]
    for expectation in layout.spec.expectations:
        failed, n = of_expectation(layout, counts, expectation.rule)
        found[expectation.dimension].append(Check(expectation.name, float(failed[0]), n, n))
    return found


def _interval(value: float, n: float) -> tuple[float, float]:
    """Return the interval of a share of as many rows, the share within it."""
    low, high = of_proportion(value * n, n)
    return min(low, value), max(high, value)


def _passed(checks: list[Check]) -> float | None:
    """Return the share of checks that were passed; None where nothing was checked."""
    of = sum(check.adds for check in checks)
    return 1 - sum(check.failed for check in checks) / of if of else None


def _producers(layout: Layout, counts: Counts) -> tuple[float, str] | None:
    """Return the largest difference between producers in the share of defects, and which it is between."""
    producer = layout.spec.producer
    others = len(layout.spec.features) - 1
    if producer is None or not others:
        return None
    rows, defects = layout.families["traffic"].view(counts, "producers").reshape(2, -1)
    enough = np.flatnonzero(rows >= ENOUGH)
    if len(enough) < 2:
        return None
    names = [*layout.codes[producer], "any other"]
    shares = defects[enough] / (rows[enough] * others)
    best, worst = int(shares.argmin()), int(shares.argmax())
    difference = float(shares[worst] - shares[best])
    words = (
        f"{producer}: {100 * shares[worst]:.1f} % of the values of {names[enough[worst]]} are defective, "
        f"{100 * shares[best]:.1f} % of {names[enough[best]]}"
    )
    return difference, words


@register
class LabelTimeliness:
    """How many labels came within the maturity of their cohort."""

    families: frozenset[Family] = frozenset({"label"})

    def __init__(self, layout: Layout) -> None:
        timely, n = _timely(layout, vector(layout, "label"))
        self._reference = timely / n if n else None

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return the share of the labels of the pane that did not come too late to be judged by."""
        timely, n = _timely(pane.layout, pane.counts)
        value = timely / n if n else None
        reason = pane.problem or (None if n else "no labels")
        low, high = _interval(value, n) if value is not None and reason is None else (None, None)
        yield Finding(
            Reading(
                signal="label_timeliness",
                tier="quality",
                value=value,
                low=low,
                high=high,
                n=int(n),
                status="ok" if reason is None else "unknown",
                reason=reason,
                reference=self._reference,
                effect=None if value is None or self._reference is None else value - self._reference,
            )
        )


def _timely(layout: Layout, counts: Counts) -> tuple[float, float]:
    view = layout.families["label"].view
    return float(view(counts, "timely")[0]), float(view(counts, "delay").sum())
