"""Expectations of a model version: how many rows break each, in a pane or the reference, and how many may."""

from dataclasses import dataclass, field

import numpy as np

from detectors.bounds import upper_bound
from detectors.indicators import Indicators
from detectors.layout import Counts, Layout
from detectors.quality_sections import section_of
from detectors.reference import vector
from detectors.signals.signal import Grounds
from schemas.expectation import Expectation

NOT_COUNTED = "the reference profile does not have this rule; build it again with: streamgauge reference"
NEVER_APPLIED = "the rule says nothing of any row of the reference"


def of_expectation(layout: Layout, counts: Counts, rule: str) -> Indicators:
    """Return how many rows break a rule, of those that it applies to, in the vector of a traffic pane."""
    failed, applicable = layout.families["traffic"].view(counts, section_of(rule))
    return Indicators(np.array([float(failed)]), float(applicable))


@dataclass(frozen=True)
class Allowed:
    """What the reference and the monitor file allow of an expectation."""

    layout: Layout
    expectation: Expectation
    problem: str | None = field(init=False)
    """Why it cannot be judged, or None."""
    reference: float | None = field(init=False)
    """Share of the reference's rows that break it."""
    dispersion: float = field(init=False)
    bound: float = field(init=False)
    """Share of rows that may break it: the reference's upper bound, or 1 - at_least where that is more."""

    def __post_init__(self) -> None:
        layout, rule = self.layout, self.expectation.rule
        grounds = Grounds(layout)
        totals, n = of_expectation(layout, vector(layout, "traffic"), rule)
        problem = grounds.problem_of(section_of(rule))
        if grounds.problem is None and not n:
            known = layout.profile is not None and section_of(rule) in layout.profile.counts.get("traffic", {})
            problem = NEVER_APPLIED if known else NOT_COUNTED
        dispersion = grounds.dispersion(section_of(rule))
        bound = float(upper_bound(totals, n, dispersion=dispersion)[0]) if n else 0.0
        set_ = object.__setattr__  # the dataclass is frozen for everybody else
        set_(self, "problem", problem)
        set_(self, "reference", float(totals[0] / n) if n else None)
        set_(self, "dispersion", dispersion)
        set_(self, "bound", max(bound, 1 - (1.0 if self.expectation.at_least is None else self.expectation.at_least)))
