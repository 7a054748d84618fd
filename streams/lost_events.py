"""`LostEvents`: events that no pane will count: deleted before they were read, or of versions there is no room for.

What they might have been in is marked in `Incomplete`, and is not judged.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from schemas.event_time import Micros, to_micros
from schemas.prediction import Prediction
from schemas.spec import MonitorSpec
from streams.decode import Refusal, decode
from streams.incomplete import Incomplete
from streams.records import RecordBatch, Role


class Evicted(NamedTuple):
    """A prediction for whose version there is no room, or feedback with such a prediction inside."""

    position: int
    time: Micros
    model: str
    predicted: Micros
    """Time of the prediction."""


class LostEvents:
    """Marks the panes of one source partition that events are missing from.

    Parameters
    ----------
    unknown
        Topics of which records were deleted unread, and nothing has come yet that says up to when.
    """

    def __init__(self, spec: MonitorSpec, incomplete: Incomplete, unknown: Iterable[Role]) -> None:
        self._spec = spec
        self._incomplete = incomplete
        self._unknown: set[Role] = set(unknown)

    def note(self, role: Role) -> None:
        """Note that records of a topic were deleted before they were read; what comes next says up to when."""
        self._unknown.add(role)

    def unknown(self) -> list[Role]:
        """Return the topics of which nothing has come since records were lost."""
        return sorted(self._unknown)

    def unheard(self, time: Micros) -> None:
        """Note that topics of which nothing has come since are silent: anything up to `time` may be missing."""
        for role in sorted(self._unknown):
            self.lost_until(role, time)
            self._unknown.add(role)

    def heard(self, role: Role, times: Sequence[Micros]) -> None:
        """Take the times of the first events of a topic that came since."""
        if role in self._unknown and times:
            self.lost_until(role, min(times))

    def lost_until(self, role: Role, time: Micros) -> None:
        """Note that what stood before an event of `time` was lost; event times are out of order by the lateness."""
        self._unknown.discard(role)
        for name, model in self._spec.models.items():
            if role == "predictions":
                self._incomplete.predictions_lost(name, model, time + model.lateness)
            else:
                self._incomplete.feedback_lost(name, time + self._spec.feedback_lateness)

    def evicted(self, events: Iterable[Evicted]) -> None:
        """Note events for whose versions there is no room."""
        for one in events:
            self._incomplete.predictions_lost(one.model, self._spec.models[one.model], one.predicted)

    def evicted_by(self, time: Micros) -> None:
        """Note that there was no room for events up to `time` of which nothing more is known."""
        for name, model in self._spec.models.items():
            self._incomplete.predictions_lost(name, model, time)


def evicted_events(role: Role, positions: list[int], records: RecordBatch, spec: MonitorSpec) -> list[Evicted]:
    """Return what is known of the events for whose versions there is no room. They move event time on all the same.

    Else a topic with no other events would stand still, and no row would ever make room.
    """
    evicted = []
    for position in positions:
        event = decode(role, records[position], spec)
        inside = event if isinstance(event, Prediction) else getattr(event, "prediction", None)
        if inside is not None and not isinstance(event, Refusal):
            time, predicted = to_micros(event.timestamp), to_micros(inside.timestamp)
            evicted.append(Evicted(position, time, inside.model, predicted))
    return evicted
