"""`EventClock`: how far event time has come in the two topics of one source partition. Reads no clock of its own."""

import msgspec

from schemas.event_time import Micros
from schemas.spec import ModelSpec, MonitorSpec
from streams.records import ROLES, Role

OTHER: dict[Role, Role] = {"predictions": "feedback", "feedback": "predictions"}


class EventClock(msgspec.Struct):
    """Largest event times, and which topics are silent. A silent topic follows the other one."""

    times: dict[Role, Micros] = msgspec.field(default_factory=dict)
    idle: list[Role] = msgspec.field(default_factory=list)

    @property
    def asleep(self) -> bool:
        """Whether both topics are silent."""
        return len(self.idle) == len(ROLES)

    def advance(self, role: Role, time: Micros) -> None:
        """Note an event time of a topic."""
        self.times[role] = max(self.times.get(role, time), time)
        if OTHER[role] in self.idle:
            self._follow(OTHER[role])

    def silence(self, role: Role) -> bool:
        """Note that a topic is silent; False if it was already."""
        if role in self.idle:
            return False
        self.idle.append(role)
        self._follow(role)
        return True

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

    def _follow(self, role: Role) -> None:
        other = self.times.get(OTHER[role])
        if other is not None:
            self.times[role] = max(self.times.get(role, other), other)


def complete(times: dict[Role, Micros], model: ModelSpec, spec: MonitorSpec) -> Micros | None:
    """Return up to where two topics with these largest event times are complete for a model."""
    if any(role not in times for role in ROLES):
        return None
    return min(times["predictions"] - model.lateness, times["feedback"] - spec.feedback_lateness)
