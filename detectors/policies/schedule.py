"""The schedule policy: calls at the times of a cron expression in event time, or every so many labels."""

from dataclasses import dataclass

from cronsim import CronSim

from detectors.policies.policy import PolicyCall
from detectors.policies.state import PolicyState, node
from detectors.situation import Situation
from detectors.state import register
from schemas.event_time import Micros, from_micros, rfc3339, to_micros
from schemas.policy_spec import SchedulePolicy as ScheduleSpec
from schemas.trigger import PolicyName


@register
@dataclass
class ScheduleState:
    """How far a calendar, or a count of labels, has been carried out: of the model, whatever version serves."""

    ticked: Micros | None = None
    """Up to here the calendar has been carried out; a tick that is held back waits."""
    labels: int = 0
    """Labelled rows since the last trigger."""
    through: Micros | None = None
    """End of the newest cohort that was counted."""


class Schedule:
    """A cron expression, or a number of labels.

    Parameters
    ----------
    spec
        Its settings.
    place, path
        Where it stands in the tree, by number and by name.
    """

    name: PolicyName = "schedule"

    def __init__(self, spec: ScheduleSpec, place: str, path: str) -> None:
        self._spec, self._place, self._path = spec, place, path

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return whether a tick is due that no trigger has answered, or enough labels have come since the last one."""
        if not situation.primary:
            reason = "calendars are about the version that serves"
            return PolicyCall(self.name, self._path, "no", reason, {}, "that it serves", clocked=True)
        own = self._state(state)
        since = situation.beginning if state.covered is None else state.covered
        if self._spec.cron is not None:
            return self._tick(self._spec.cron, own, since, situation)
        return self._count(self._spec.every_labels or 1, own, since, situation)

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Count labels from here on; the calendar goes on through what others trigger."""
        own = self._state(state)
        own.labels = 0
        if called:
            own.ticked = situation.now

    def _state(self, state: PolicyState) -> ScheduleState:
        return node(state.nodes, self._place, ScheduleState, self._spec.model_dump_json(), ScheduleState)

    def _tick(self, cron: str, own: ScheduleState, since: Micros, situation: Situation) -> PolicyCall:
        if own.ticked is None:
            own.ticked = situation.now
        tick = to_micros(next(CronSim(cron, from_micros(own.ticked))))
        days = (tick - situation.now) / 86_400_000_000
        if tick > situation.now:
            reason = f"the next time of {cron!r} is {rfc3339(tick)}"
            return PolicyCall(
                self.name, self._path, "no", reason, {"days_to_go": days}, f"{rfc3339(tick)}", paced=True, clocked=True
            )
        return self._call(f"Scheduled by {cron!r} for {rfc3339(tick)}", {"days_to_go": days}, since)

    def _count(self, wanted: int, own: ScheduleState, since: Micros, situation: Situation) -> PolicyCall:
        for cohort in situation.history.cohorts:
            if own.through is None or cohort.start >= own.through:
                own.labels += cohort.trainable
                own.through = cohort.end
        numbers: dict[str, float | None] = {"labels": float(own.labels), "wanted": float(wanted)}
        if own.labels < wanted:
            reason = f"{own.labels:,} of {wanted:,} labelled rows since the last trigger"
            more = f"{wanted - own.labels:,} more labelled rows"
            return PolicyCall(self.name, self._path, "no", reason, numbers, more, paced=True, clocked=True)
        reason = f"Scheduled every {wanted:,} labelled rows: {own.labels:,} since the last trigger"
        return self._call(reason, numbers, since)

    def _call(self, reason: str, numbers: dict[str, float | None], since: Micros) -> PolicyCall:
        return PolicyCall(
            self.name, self._path, "trigger", reason, numbers, "another time", since, paced=True, clocked=True
        )
