"""The performance policy: calls for a change that hurts, or for a loss that is clearly above a floor."""

from detectors.bounds import upper_bound, upper_bound_of_mean
from detectors.history import Cohort
from detectors.policies.episode_calls import call_for, heard
from detectors.policies.policy import Cause, PolicyCall
from detectors.policies.state import PolicyState
from detectors.reference import loss_name
from detectors.signals.loss import NAMES
from detectors.signals.signal import Grounds
from detectors.situation import Situation
from detectors.triggering import reference_mean
from detectors.wording import value_text
from schemas.event_time import Micros, rfc3339
from schemas.policy_spec import PerformancePolicy as PerformanceSpec
from schemas.trigger import PolicyName


def hurting(situation: Situation) -> list[Cause]:
    """Return the open alarms of performance and outcomes, but for those of signals that are snoozed by name."""
    return [
        (key, episode)
        for key, episode in heard(situation).items()
        if episode.severity == "alarm" and episode.tier in ("outcomes", "performance")
    ]


class Performance:
    """Alarms of performance and outcomes; with a floor, the loss of the newest rows instead.

    Parameters
    ----------
    spec
        Its settings.
    path
        Its name, with those of the combinations above it.
    """

    name: PolicyName = "performance"

    def __init__(self, spec: PerformanceSpec, path: str) -> None:
        self._spec, self._path = spec, path

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return whether a change hurts that no trigger has answered yet, or the loss is above the floor."""
        if self._spec.floor is not None:
            return self._above(self._spec.floor, state, situation)
        causes = dict(hurting(situation))
        numbers: dict[str, float | None] = {"alarms": float(len(causes))}
        if causes:
            return call_for(state, situation, self.name, self._path, causes, numbers)
        wanted = "an alarm of performance or outcomes"
        newest = situation.history.cohorts[-1] if situation.history.cohorts else None
        problem = Grounds(situation.layout).problem_of(loss_name(None, 0)) or (newest and newest.problem)
        if newest is None or problem:
            return PolicyCall(self.name, self._path, "unknown", problem or "no cohort is judged yet", numbers, wanted)
        numbers |= {"loss": newest.loss / newest.labelled, "reference": reference_mean(situation.layout)}
        return PolicyCall(self.name, self._path, "no", "no alarm of performance or outcomes is open", numbers, wanted)

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Nothing to do: the episodes of a trigger name it."""

    def _above(self, floor: float, state: PolicyState, situation: Situation) -> PolicyCall:
        layout, cohorts, rows = situation.layout, [], 0
        signal = NAMES[layout.spec.task]
        for cohort in reversed(situation.whole([c for c in situation.history.cohorts if c.problem is None])):
            if rows >= self._spec.over:
                break
            cohorts.append(cohort)
            rows += cohort.labelled
        numbers: dict[str, float | None] = {"floor": floor, "rows": float(rows)}
        if rows < self._spec.over or layout.loss_scale is None:
            reason = f"{rows:,} of the {self._spec.over:,} labelled rows that are held against the floor"
            left = f"{max(0, self._spec.over - rows):,} more labelled rows"
            return PolicyCall(self.name, self._path, "unknown", reason, numbers, left)
        mean, low = sum(cohort.loss for cohort in cohorts) / rows, _lower_bound(situation, cohorts)
        numbers |= {"loss": mean, "low": low}
        told = f"{signal.replace('_', ' ')} {value_text(signal, mean)} (at least {value_text(signal, low)})"
        if low <= floor:
            reason = (
                f"{told} over the newest {rows:,} rows is not clearly above the floor of {value_text(signal, floor)}"
            )
            more = f"{value_text(signal, floor - low)} more of it" if low < floor else "any more of it"
            return PolicyCall(self.name, self._path, "no", reason, numbers, more)
        since = situation.whole_since(_last_below(situation, floor))
        reason = f"{told} over the newest {rows:,} rows is above the floor of {value_text(signal, floor)}"
        asked = state.open_trigger(layout.version)
        if asked is not None:
            reason += f"; the trigger of {rfc3339(asked[1].time)} is open"
            return PolicyCall(self.name, self._path, "no", reason, numbers, "that this one fails", standing=True)
        return PolicyCall(
            self.name,
            self._path,
            "trigger",
            f"{reason} since {rfc3339(since)}",
            numbers,
            f"a loss below {value_text(signal, mean - (low - floor))}",
            since,
            hurting(situation),
            "performance",
            signal,
        )


def _lower_bound(situation: Situation, cohorts: list[Cohort]) -> float:
    """Return the lower bound (95 %) of the mean loss over some cohorts, in its unit."""
    layout, name = situation.layout, loss_name(None, 0)
    scale, grounds = layout.loss_scale or 1.0, Grounds(layout)
    phi = 1.0 if grounds.problem_of(name) else grounds.dispersion(name)
    n = float(sum(cohort.labelled for cohort in cohorts))
    total = min(sum(cohort.loss for cohort in cohorts) / scale, n)
    if layout.loss_bins == 1:
        return (1 - float(upper_bound(n - total, n, dispersion=phi))) * scale
    known = [cohort.squares for cohort in cohorts if cohort.squares is not None]
    squares = sum(known) / scale**2 if len(known) == len(cohorts) else total
    # of 1 - x, whose squares are n - 2 Σx + Σx²
    return (1 - upper_bound_of_mean(n - total, max(0.0, n - 2 * total + squares), n, dispersion=phi)) * scale


def _last_below(situation: Situation, floor: float) -> Micros:
    """Return since when the loss is above the floor: the last time its sum above it was 0."""
    since, above = situation.beginning, 0.0
    for cohort in situation.whole([c for c in situation.history.cohorts if c.problem is None]):
        above = max(0.0, above + cohort.loss - cohort.labelled * floor)
        if above == 0:
            since = cohort.end
    return since
