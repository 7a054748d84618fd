"""`EventClock`: how far event time has come in the two topics of one source partition. Reads no clock of its own."""

from collections.abc import Mapping

import msgspec

from schemas.event_time import Micros
from schemas.spec import ModelSpec, MonitorSpec
from streams.records import ROLES, Role

OTHER: dict[Role, Role] = {"predictions": "feedback", "feedback": "predictions"}


class EventClock(msgspec.Struct):
    """Largest event times, and which topics are silent.

    A silent topic follows the other one, but only as often as it is said to be silent, and as far as the other had come
    when it began to be: what is on its way in both topics at once must not be late in one of them.
    """

    times: dict[Role, Micros] = msgspec.field(default_factory=dict)
    idle: list[Role] = msgspec.field(default_factory=list)

    @property
    def asleep(self) -> bool:
        """Whether both topics are silent."""
        return len(self.idle) == len(ROLES)

    def advance(self, role: Role, time: Micros) -> None:
        """Note an event time of a topic."""
        self.times[role] = max(self.times.get(role, time), time)

    def silence(self, role: Role, heard: Mapping[Role, Micros] | None = None) -> bool:
        """Note that a topic is silent, also if it was already; return whether anything has changed by that.

        Parameters
        ----------
        heard
            How far both topics had come at a moment since which this one has been silent; None: as far as now.
        """
        news = role not in self.idle
        if news:
            self.idle.append(role)
        before = self.times.get(role)
        other = (self.times if heard is None else heard).get(OTHER[role])
        if other is not None:
            self.times[role] = max(self.times.get(role, other), other)
        return news or self.times.get(role) != before

    def speak(self, role: Role) -> None:
        """Note that a topic has records again."""
        if role in self.idle:
            self.idle.remove(role)

    def resume(self, other: "EventClock") -> None:
        """Go on from where another clock has come, which may know of silences that this one does not."""
        for role, time in other.times.items():
            self.times[role] = max(self.times.get(role, time), time)
        self.idle[:] = other.idle

    def watermark(self, role: Role, lateness: Micros) -> Micros | None:
        """Return up to where a topic is complete; None before its first event."""
        return self.times[role] - lateness if role in self.times else None

    def complete(self, model: ModelSpec, spec: MonitorSpec) -> Micros | None:
        """Return up to where both topics are complete for a model; None before the first event of either."""
        return complete(self.times, model, spec)


def complete(times: dict[Role, Micros], model: ModelSpec, spec: MonitorSpec) -> Micros | None:
    """Return up to where two topics with these largest event times are complete for a model."""
    if any(role not in times for role in ROLES):
        return None
    return min(times["predictions"] - model.lateness, times["feedback"] - spec.feedback_lateness)
