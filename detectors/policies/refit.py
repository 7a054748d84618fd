"""The one later refit: a version that was trained on few rows since a change is trained once more when more are there.

A training at once is worth its price because waiting costs more; with more rows of the same world it does better.
"""

from typing import NamedTuple

from detectors.lineage import Lineage, lineage
from detectors.policies.policy import PolicyCall
from detectors.policies.state import PolicyState
from detectors.situation import Situation
from detectors.wording import amount
from schemas.event_time import Micros, rfc3339


class Refit(NamedTuple):
    """A refit that is still to come."""

    trigger: str
    """That the version which serves came of."""
    since: Micros
    """Start of the change that it was about."""
    trained: int
    """Labelled rows that it named."""
    rows: int
    """Labelled rows since the change, over both versions."""
    wanted: int
    waits: str | None
    """Why it is not due though the rows were there; None where nothing stands against it."""

    @property
    def due(self) -> bool:
        """Whether it is time."""
        return self.rows >= self.wanted and self.waits is None


def refit_of(state: PolicyState, situation: Situation, times: int | None, excess: float) -> Refit | None:
    """Return the refit that the version which serves has before it; None where there is none.

    There is one for each change at most, whatever became of it, and none once the version has called by itself: what it
    learnt is of the past then.

    Parameters
    ----------
    times
        minimum_labels that are enough; None for never.
    excess
        S of the version. While its loss is above what it was, the rows since the change may not be of one world.
    """
    version = situation.layout.version
    born = state.born_of(version)
    if times is None or born is None or not situation.primary:
        return None
    id_, asked = born
    wanted = times * situation.minimum_labels
    ids = list(state.triggers)
    later = [state.triggers[one] for one in ids[ids.index(id_) + 1 :]]
    newer = any(one.version == version and not one.planned for one in later)
    if asked.planned or asked.rows >= wanted or newer or any(one.refits == id_ for one in later):
        return None
    known = lineage(situation, asked.version).situation
    rows = sum(cohort.trainable for cohort in known.whole(known.history.since(asked.since)))
    return Refit(id_, asked.since, asked.rows, rows, wanted, _waits(state, situation, excess))


def told(refit: Refit | None) -> dict[str, float | None]:
    """Return its numbers for a decision."""
    if refit is None:
        return {"refit_rows": None, "refit_wanted": None}
    return {"refit_rows": float(refit.rows), "refit_wanted": float(refit.wanted)}


def reason_of(refit: Refit, times: int, version: str) -> str:
    """Return why it is time, in numbers."""
    return (
        f"version {version} was trained on {refit.trained:,} labelled rows since {rfc3339(refit.since)}, and there are "
        f"{refit.rows:,} by now: once more on all of them ({times} times minimum_labels are {refit.wanted:,})"
    )


def still_needed(refit: Refit | None) -> str:
    """Return what it lacks, to be put behind what else would call; empty where none is before the version."""
    if refit is None:
        return ""
    if refit.rows < refit.wanted:
        return f"; or {refit.wanted - refit.rows:,} more labelled rows since {rfc3339(refit.since)}, for its refit"
    return f"; its refit waits: {refit.waits}" if refit.waits else ""


def grounds_of(state: PolicyState, situation: Situation, call: PolicyCall) -> Lineage:
    """Return what a call rests on: of a refit, also the panes of the version that the change was seen on."""
    asked = state.triggers.get(call.refits or "")
    return Lineage(situation) if asked is None else lineage(situation, asked.version)


def _waits(state: PolicyState, situation: Situation, excess: float) -> str | None:
    asked = state.open_trigger(situation.layout.version)
    if asked is not None:
        return f"the trigger of {rfc3339(asked[1].time)} is open"
    if situation.tried is not None:
        return f"version {situation.tried} is being tried"
    return f"the excess cost is {amount(excess)}, and has to be 0" if excess > 0 else None
