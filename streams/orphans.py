"""Why much feedback of a replay found no prediction: it is dated before it, or no prediction has such an id.

Tables can be read again, so this is exact, and costs a second reading where something is wrong anyway. Words alone.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layouts import Layouts
from schemas.spec import MonitorSpec
from streams.feedback_columns import FeedbackColumns
from streams.groups import Groups
from streams.records import ROLES, Role
from streams.report_text import length, plural
from streams.table_chunks import TableChunk
from streams.tables import Tables

MANY = 0.1  # of the feedback: with fewer orphans the tables are not read again
CHUNK = 50_000  # events

Numbers = npt.NDArray[np.int64]
_NONE = np.zeros(0, dtype=np.int64)


class Orphans(NamedTuple):
    """Feedback that no prediction can match."""

    unknown: int
    """No prediction has its id."""
    early: int
    """All predictions with its id are dated later than it is, by more than `lateness` allows."""
    by: int
    """Median of by how much, in microseconds."""


def orphan_notes(
    spec: MonitorSpec, tables: Tables, layouts: Layouts, counts: Mapping[Role, Mapping[str, int]]
) -> list[str]:
    """Return notes on feedback without its prediction, where that is much of it.

    Parameters
    ----------
    counts
        Of the accounting, by role.
    """
    feedback = counts["feedback"]
    if feedback["orphaned"] <= MANY * (feedback["read"] - feedback["control"]):
        return []
    lateness = max(model.lateness for model in spec.models.values())
    found = orphans(tables.chunks(layouts, Groups(spec), CHUNK), lateness)
    notes = []
    if found.early:
        notes.append(
            f"warning: {plural(found.early, 'row')} of feedback dated before the prediction of the same id, by about "
            f"{length(found.by)}; look whether all times are of the time zone that they are written with"
        )
    if found.unknown:
        notes.append(
            f"warning: {plural(found.unknown, 'row')} of feedback with an id that no prediction has; look whether "
            "prediction_id names the same thing in both tables"
        )
    return notes


def orphans(chunks: Iterable[TableChunk], lateness: int) -> Orphans:
    """Return how much feedback no prediction of the chunks can match, and why."""
    of_role: dict[Role, list[tuple[Numbers, Numbers]]] = {role: [(_NONE, _NONE)] for role in ROLES}
    for chunk in chunks:
        for role, decoded in chunk.decoded.items():
            events = decoded.events
            ids, times = events.hashes[:, 0].view(np.int64), events.times
            if isinstance(events, FeedbackColumns) and events.inside:  # these bring their predictions along
                alone = np.delete(np.arange(len(events)), list(events.inside))
                ids, times = ids[alone], times[alone]
            of_role[role].append((ids, times))
    made, dated = map(np.concatenate, zip(*of_role["predictions"], strict=True))
    wanted, said = map(np.concatenate, zip(*of_role["feedback"], strict=True))
    order = np.lexsort((dated, made))  # the first of an id is its earliest prediction
    made, dated = np.append(made[order], 0), np.append(dated[order], 0)
    place = np.searchsorted(made[:-1], wanted)
    known = (made[place] == wanted) & (place < len(made) - 1)
    ahead = dated[place[known]] - said[known]
    early = ahead[ahead > lateness]
    return Orphans(int((~known).sum()), len(early), int(np.median(early)) if len(early) else 0)
