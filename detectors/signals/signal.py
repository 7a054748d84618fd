"""`Signal`: the contract of all signals, and what they find."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from detectors.bounds import MINIMUM_PANES
from detectors.layout import Layout
from detectors.pane import ClosedPane
from schemas.event_time import Micros
from schemas.reading import Family, Reading

HOPELESS = "the upper bound of the reference is so near 1 that no rise could be told; more reference rows may lower it"
"""Why a bet that can never win says nothing."""


@dataclass(frozen=True)
class Firing:
    """A detector fired: what an alert is made of. Values are in the unit of the signal."""

    severity: Literal["alarm", "notice"]
    since: Micros
    what: str
    """What moved, such as `error rate of salary_range=0 - 20K €`."""
    value: float
    """Mean since the change."""
    n: int
    """Rows since the change."""
    reference: float | None = None
    baseline: float | None = None
    minimum_effect: float | None = None
    weight: float | None = None
    since_low: Micros | None = None
    """Lower end of the start's 95 % interval, where it has one."""
    since_high: Micros | None = None
    """Upper end of that interval."""


@dataclass(frozen=True)
class Finding:
    """A reading, with what came of it."""

    reading: Reading
    firing: Firing | None = None
    recovered: bool = False
    """The change that this signal last fired for is over."""


class Signal(Protocol):
    """Reads closed panes of one model version, in the total order of level 2.

    A signal is made when its version is first seen. Its state is part of the snapshot: only registered classes.
    `read` is called for each closed pane of one of `families`; it must not raise for any pane.
    """

    families: frozenset[Family]

    def read(self, pane: ClosedPane) -> Iterable[Finding]:
        """Return what the pane says, unknown included."""
        ...


@dataclass(frozen=True)
class Grounds:
    """Whether the reference allows for alarms."""

    layout: Layout
    problem: str | None = field(init=False)
    """Why nothing can be judged, or None."""

    def __post_init__(self) -> None:
        profile, problem = self.layout.profile, None
        if profile is None:
            problem = f"no reference profile for version {self.layout.version}"
        elif profile.pane != self.layout.spec.pane:
            problem = "the reference profile was made with another pane width; build it again"
        elif profile.panes < MINIMUM_PANES:
            problem = f"the reference has {profile.panes} panes; {MINIMUM_PANES} are needed to know how much they vary"
        object.__setattr__(self, "problem", problem)

    def problem_of(self, name: str) -> str | None:
        """Return why an indicator cannot be judged, or None."""
        few = self.layout.profile.few_panes.get(name) if self.layout.profile else None
        if self.problem is None and few is not None:
            return (
                f"the reference has {few} panes with rows of it; {MINIMUM_PANES} are needed to know how much they vary"
            )
        return self.problem

    def dispersion(self, name: str) -> float:
        """Return φ of an indicator."""
        return self.layout.profile.dispersion.get(name, 1.0) if self.layout.profile else 1.0
