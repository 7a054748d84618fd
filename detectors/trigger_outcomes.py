"""What became of each trigger: whether the retraining helped, what it cost and what it saved. Pure.

A trigger is open until its new version has served `guard_labels` labelled rows. Its outcome is told when something is
known (nobody answers, no version came, it was refused, it has `stage_labels`), and again, with the same id, when more
is: at `guard_labels`, and, where these came in the shadow, once so many rows are served.
"""

from dataclasses import dataclass, field

from detectors.history import Cohort
from detectors.outcome_comparison import held_against
from detectors.policies.yardstick import yardstick_of
from detectors.rollout import Change, RolloutState
from detectors.state import register
from detectors.version_past import Past
from detectors.wording import value_text
from schemas.contract import deterministic_id
from schemas.event_time import Micros, format_duration, from_micros, rfc3339, to_micros
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from schemas.trigger_outcome import TriggerOutcome

REMEMBERED = 100  # triggers whose outcome may still change
CONFIDENCE = 0.95


@register
@dataclass
class OpenTrigger:
    """One trigger whose outcome may still change."""

    version: str
    time: Micros
    since: Micros
    """Start of the change that it is about."""
    started: Micros | None = None
    new_version: str | None = None
    born: Micros | None = None
    """When the new version was reported, or first named."""
    tried: bool = False
    """It has been in shadow: until it serves, its answers save nothing."""
    served: Micros | None = None
    """Since when it answers at least a share."""
    labels: int = 0
    """Labelled rows of the new version that the newest outcome rests on."""
    of_served: int = 0
    """Those among them that it served."""
    status: str | None = None
    """That was told last."""


@register
@dataclass
class OutcomeState:
    """Triggers of one model by id, oldest first."""

    triggers: dict[str, OpenTrigger] = field(default_factory=dict)
    settled: dict[str, int] = field(default_factory=dict)
    """How many were told for good, by status; those that are remembered are not among them."""

    @property
    def open(self) -> int:
        """Triggers of which nothing is known yet."""
        return sum(asked.status is None for asked in self.triggers.values())


class TriggerOutcomes:
    """Grades the triggers of one model.

    Parameters
    ----------
    model, spec
        Whose triggers.
    past
        What is known of a version that has predicted.
    """

    def __init__(self, model: str, spec: ModelSpec, past: Past) -> None:
        self._model, self._spec, self._past = model, spec, past

    def asked(self, state: OutcomeState, trigger: RetrainingTrigger, now: Micros) -> None:
        """Note a trigger, raised at event time `now`."""
        state.triggers[trigger.id] = OpenTrigger(trigger.version, now, to_micros(trigger.since))
        while len(state.triggers) > REMEMBERED:
            self._settle(state, next(iter(state.triggers)))

    def started(self, state: OutcomeState, trigger: str, now: Micros) -> None:
        """Note that the retraining side has taken it."""
        asked = state.triggers.get(trigger)
        if asked is not None:
            asked.started = now

    def failed(self, state: OutcomeState, trigger: str, now: Micros, reason: str) -> list[TriggerOutcome]:
        """Note that no new version came of it."""
        return self._told(
            state, trigger, now, "failed", "No new version came of it" + (f": {reason}" if reason else "")
        )

    def finished(
        self, state: OutcomeState, trigger: str, version: str, now: Micros, *, passed: bool, reason: str
    ) -> list[TriggerOutcome]:
        """Note the new version; where it did not stand its checks, that is the outcome."""
        asked = state.triggers.get(trigger)
        if asked is None:
            return []
        asked.new_version, asked.born, asked.status = version, now, None
        asked.labels = asked.of_served = 0
        if passed:
            return []
        said = f"Version {version} did not stand its checks" + (f": {reason}" if reason else "")
        return self._told(state, trigger, now, "refused", said)

    def changed(self, state: OutcomeState, change: Change, now: Micros) -> list[TriggerOutcome]:
        """Note who serves and who is tried, and what came of the version that made room."""
        serving = change.serving
        asked = state.triggers.get(serving.trigger or "")
        if asked is not None:
            named = serving.candidate or serving.version
            if asked.new_version != named:
                asked.new_version, asked.born, asked.status = named, now, None
                asked.labels = asked.of_served = 0
            asked.tried = asked.tried or serving.stage == "shadow"
            if serving.stage != "shadow" and asked.served is None:
                asked.served = now
        dropped = change.dropped
        known = None if dropped is None or dropped.trigger is None else state.triggers.get(dropped.trigger)
        if dropped is None or dropped.trigger is None or known is None or known.new_version != dropped.version:
            return []
        reason = dropped.reason[0].upper() + dropped.reason[1:]
        after = self._after(known)
        if not after:
            return self._told(state, dropped.trigger, now, "refused", reason)
        known.status = "refused"
        graded = self._grade(dropped.trigger, known, now, after, least=1)
        return [graded.model_copy(update={"status": "refused", "reason": reason.rstrip(".") + "."})]

    def judged(self, state: OutcomeState, rollout: RolloutState, now: Micros) -> list[TriggerOutcome]:
        """Return the outcomes that are known, or known better, with what has been judged by `now`."""
        outcomes: list[TriggerOutcome] = []
        for id_, asked in list(state.triggers.items()):
            if asked.status in ("failed", "refused"):
                continue
            if asked.new_version is None:
                outcomes += self._unanswered(state, id_, asked, now)
            else:
                outcomes += self._graded(state, id_, asked, rollout, now)
        return outcomes

    def _unanswered(self, state: OutcomeState, id_: str, asked: OpenTrigger, now: Micros) -> list[TriggerOutcome]:
        within = self._spec.retraining.answer_within
        if asked.status is not None or now - (asked.started or asked.time) <= within:
            return []
        if asked.started is None:
            return self._told(state, id_, now, "unanswered", f"Nobody reported back within {format_duration(within)}")
        return self._told(
            state, id_, now, "failed", f"It was taken up on {rfc3339(asked.started)}, and nothing came of it since"
        )

    def _graded(
        self, state: OutcomeState, id_: str, asked: OpenTrigger, rollout: RolloutState, now: Micros
    ) -> list[TriggerOutcome]:
        assert asked.new_version is not None
        settings = self._spec.retraining.rollout
        after = self._after(asked)
        labels = sum(cohort.labelled for cohort in after)
        if not labels:
            late = (asked.born or asked.time) + self._spec.retraining.answer_within + self._spec.maturity
            waits = rollout.candidate == asked.new_version or asked.status is not None
            if now <= late or waits:
                return []
            return self._told(state, id_, now, "unanswered", f"Version {asked.new_version} has not predicted")
        best = max(settings.stage_labels, settings.guard_labels)
        served = labels
        if asked.tried or asked.served is not None:  # else nobody says who serves
            served = sum(c.labelled for c in after if asked.served is not None and c.end > asked.served)
        reached = (
            asked.labels < settings.stage_labels <= labels,
            asked.labels < best <= labels,
            asked.of_served < best <= served,
        )
        if not any(reached):
            return []
        outcome = self._grade(id_, asked, now, after, least=settings.stage_labels)
        asked.labels, asked.of_served, asked.status = labels, served, outcome.status
        if served >= best:
            self._settle(state, id_)
        return [outcome]

    def _after(self, asked: OpenTrigger) -> list[Cohort]:
        """Return the cohorts of the new version with labels, since it was reported."""
        known = None if asked.new_version is None else self._past(asked.new_version)
        return [] if known is None else [c for c in known[0].cohorts if c.end > (asked.born or 0) and c.labelled]

    def _grade(self, id_: str, asked: OpenTrigger, now: Micros, after: list[Cohort], *, least: int) -> TriggerOutcome:
        """Return the outcome by the labels that there are."""
        assert asked.new_version is not None
        new, old = self._past(asked.new_version), self._past(asked.version)
        assert new is not None
        measure = yardstick_of(new[1], CONFIDENCE)
        name = asked.new_version
        judged = asked.time - self._spec.maturity
        cohorts = [] if old is None else [c for c in old[0].cohorts if c.labelled]
        if name == asked.version:  # trained anew under its old name: what came later is the new one's
            cohorts = [c for c in cohorts if c.end <= judged]
        held = held_against(measure, after, cohorts, asked.since, judged, asked.time, least)
        found = held.difference
        served_from = asked.served
        if served_from is None and not held.side_by_side and not asked.tried:
            served_from = asked.born  # no command said so, but nobody else answers; beside another it may be a shadow
        rows = 0 if served_from is None else sum(measure.told(c).n for c in after if c.end > served_from)
        values = None if found is None else [value_text(measure.signal, value) for value in found]
        if found is None or values is None:
            status, said = (
                "no_difference",
                f"Nothing is known of version {asked.version} to hold version {name} against",
            )
        else:
            status = "helped" if found.high < 0 else "worse" if found.low > 0 else "no_difference"
            verdict = {"helped": "is better than", "worse": "is worse than", "no_difference": "is no different from"}
            said = (
                f"Version {name} {verdict[status]} version {asked.version} {held.place}: "
                f"{measure.signal.replace('_', ' ')} differs by {values[0]} (95 %: {values[1]} to {values[2]})"
            )
        saved = None if found is None or served_from is None else -found.value * rows * measure.price
        price = measure.retraining
        return TriggerOutcome(
            **self._head(id_, asked, now, status, said),
            before=held.before.performance(asked.version, measure.dispersion),
            without=None
            if held.without is None
            else held.without.performance(asked.version, 1.0 if held.side_by_side else measure.dispersion),
            after=held.after.performance(name, measure.dispersion),
            difference=None if found is None else found.value,
            difference_low=None if found is None else found.low,
            difference_high=None if found is None else found.high,
            served_rows=rows,
            saved=saved,
            regret=None if saved is None or price is None else price - saved,
        )

    def _told(self, state: OutcomeState, id_: str, now: Micros, status: str, reason: str) -> list[TriggerOutcome]:
        """Return an outcome that rests on no labels."""
        asked = state.triggers.get(id_)
        if asked is None:
            return []
        asked.status = status
        return [TriggerOutcome(**self._head(id_, asked, now, status, reason))]

    def _head(self, id_: str, asked: OpenTrigger, now: Micros, status: str, reason: str) -> dict[str, object]:
        known = self._past(asked.version)
        measure = None if known is None else yardstick_of(known[1], CONFIDENCE)
        nothing = status in ("failed", "unanswered") and asked.new_version is None
        price = None if measure is None else measure.retraining
        return {
            "id": deterministic_id("outcome", self._model, id_),
            "trigger": id_,
            "model": self._model,
            "version": asked.version,
            "new_version": asked.new_version,
            "time": from_micros(now),
            "status": status,
            "reason": reason if reason.endswith((".", "!", "?")) else reason + ".",
            "retraining_cost": 0.0 if nothing and asked.started is None else price or 0.0,
            "price_assumed": measure is not None and measure.assumed,
        }

    def _settle(self, state: OutcomeState, id_: str) -> None:
        status = state.triggers.pop(id_).status or "unanswered"
        state.settled[status] = state.settled.get(status, 0) + 1
