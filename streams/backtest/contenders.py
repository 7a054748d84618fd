"""`Contender`: a policy with its settings, as it is compared; and those that are, for one model."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from detectors.layouts import Layouts
from schemas.event_time import format_duration
from schemas.policy_spec import CostPolicy, DriftPolicy, PerformancePolicy, Policy, SchedulePolicy
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec
from streams.backtest.adwin_fresh import adwin_fresh
from streams.backtest.candidates import ENOUGH, Candidates
from streams.backtest.course import Course
from streams.backtest.monitored import Monitored
from streams.backtest.periods import by_period, periods_of, phases_of
from streams.backtest.simulated_panes import SimulatedPanes

Profiles = dict[str | None, ReferenceProfile]


@dataclass(frozen=True)
class Contender:
    """One policy with its settings.

    Attributes
    ----------
    run
        Returns its courses: one for each phase of a period, else one.
    settings
        What of `retraining` and `costs` makes a monitor do so; None where no monitor file can say it.
    note
        What its settings do not say.
    """

    name: str
    family: str
    run: Callable[[], list[Course]]
    settings: dict[str, Any] | None = None
    note: str = ""


@dataclass
class Contenders:
    """Makes the contenders of one model."""

    candidates: Candidates
    profiles: Profiles
    price: float
    """Of a retraining."""
    _panes: dict[bool, SimulatedPanes] = field(default_factory=dict)
    _runs: dict[tuple[str, str, bool], Course] = field(default_factory=dict)

    def all(self) -> list[Contender]:
        """Return what is compared, the monitor file's own policies first."""
        spec = self.candidates.history.spec
        own = spec.retraining
        found = [
            Contender(_own_name(own.policies), "own", lambda: self._monitored(spec), _settings(spec, own.policies)),
            Contender("never", "never", lambda: [Course(self.candidates)], {"policies": []}, NEVER),
            *self._by_period(),
            *self._by_labels(max(1, own.minimum_labels)),
            self._with("drift", [DriftPolicy(type="drift")]),
            self._with("performance", [PerformancePolicy(type="performance")]),
            self._with("cost", [CostPolicy(type="cost")]),
            *self._tuned(),
            Contender("ADWIN + fresh", "adwin", lambda: [adwin_fresh(self.candidates)], None, ADWIN),
        ]
        return [one for place, one in enumerate(found) if not place or one.settings != found[0].settings]

    def _spec(self, policies: list[Policy], costs: dict[str, Any] | None = None, **changes: Any) -> ModelSpec:
        spec = self.candidates.history.spec
        return spec.model_copy(
            update={
                "retraining": spec.retraining.model_copy(update={"policies": policies, **changes}),
                "costs": spec.costs.model_copy(update=costs or {}),
            }
        )

    def _with(
        self,
        name: str,
        policies: list[Policy],
        costs: dict[str, Any] | None = None,
        *,
        tuned: bool = False,
        **changes: Any,
    ) -> Contender:
        spec = self._spec(policies, costs, **changes)
        note = DEARER if costs else ""
        return Contender(
            name, policies[0].type, lambda: self._monitored(spec, tuned=tuned), _settings(spec, policies), note
        )

    def _tuned(self) -> list[Contender]:
        """Return the cost policy with one setting at a time moved: those are what people ask about."""
        own, policy = self.candidates.history.spec.retraining, [CostPolicy(type="cost")]
        changes: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
            (f"cost, costs.retraining {factor:g} times", {"retraining": float(f"{factor * self.price:.4g}")}, {})
            for factor in (0.5, 2.0, 4.0)
        ]
        pane = self.candidates.history.spec.pane
        for length in (max(pane, own.cooldown // 4), own.cooldown * 2):
            if length != own.cooldown:
                changes.append((f"cost, cooldown {format_duration(length)}", {}, {"cooldown": length}))
        for least in sorted({own.minimum_labels // 2, own.minimum_labels * 4} - {own.minimum_labels}):
            changes.append((f"cost, minimum_labels {least:,}", {}, {"minimum_labels": least}))
        return [self._with(name, list(policy), costs, tuned=True, **change) for name, costs, change in changes]

    def _by_period(self) -> list[Contender]:
        history, points = self.candidates.history, self.candidates.points
        rows = ENOUGH * max(1, history.spec.retraining.minimum_labels)
        found = []
        for period in periods_of(points, history.end - history.start):
            settings = {"policies": [{"type": "schedule", "cron": period.cron}]}
            for window in (rows, None):
                what = "all rows so far" if window is None else f"newest {rows:,} rows"

                def run(period: Any = period, window: int | None = window) -> list[Course]:
                    return [by_period(self.candidates, period, at, window) for at in phases_of(period, points)]

                note = f"It learns from {what}, labelled ones; a scheduled trigger names those since the one before it."
                found.append(Contender(f"every {period.name}, {what}", "period", run, settings, note))
        return found

    def _by_labels(self, least: int) -> list[Contender]:
        known = int(self.candidates.history.labelled.sum())
        counts = [n for n in (ENOUGH * least, 4 * ENOUGH * least) if n <= known // 2]
        return [self._with(f"every {n:,} labels", [SchedulePolicy(type="schedule", every_labels=n)]) for n in counts]

    def _monitored(self, spec: ModelSpec, *, tuned: bool = False) -> list[Course]:
        sampled = spec.challenger and _asks_the_challenger(spec.retraining.policies)
        if tuned and sampled:
            sampled = self._challenger_decides
        return [self._run(spec, sampled)]

    @cached_property
    def _challenger_decides(self) -> bool:
        """Whether the cost policy as it is would have done anything else without the challenger.

        The challenger learns from single rows, which takes longer than all else that decides. Where it decided nothing,
        what is tried beside goes without it.
        """
        spec = self._spec([CostPolicy(type="cost")])
        with_it, without = (self._run(spec, sampled).retrainings for sampled in (True, False))
        return [(done.moment, done.begin) for done in with_it] != [(done.moment, done.begin) for done in without]

    def _run(self, spec: ModelSpec, sampled: bool) -> Course:
        candidates, model = self.candidates, self.candidates.history.model
        at_once = spec.retraining.rollout.model_copy(update={"automatic": False})  # there is no shadow to wait for
        spec = spec.model_copy(update={"retraining": spec.retraining.model_copy(update={"rollout": at_once})})
        key = (spec.retraining.model_dump_json(), spec.costs.model_dump_json(), sampled)
        if key not in self._runs:
            if sampled not in self._panes:
                self._panes[sampled] = SimulatedPanes(candidates, sampled=sampled)
            layouts = Layouts({model: spec}, {model: self.profiles})
            self._runs[key] = Monitored(candidates, spec, layouts, self._panes[sampled]).run()
        return self._runs[key]


DEARER = "It waits as if a retraining had that price; what was charged is the real one."
NEVER = "An empty list of policies: ad hoc triggers alone."
ADWIN = "Not a policy of the monitor file."


def _asks_the_challenger(policies: list[Policy]) -> bool:
    """Say whether a policy looks at the incremental challenger, which learns from single rows."""
    return any(policy.type == "cost" or _asks_the_challenger(getattr(policy, "of", [])) for policy in policies)


def _own_name(policies: list[Policy]) -> str:
    return f"as in the monitor file: {', '.join(policy.type for policy in policies) or 'never'}"


def _settings(spec: ModelSpec, policies: list[Policy]) -> dict[str, Any]:
    retraining = spec.retraining
    said: dict[str, Any] = {
        "policies": [policy.model_dump(mode="json", exclude_defaults=True, exclude_none=True) for policy in policies],
        "cooldown": format_duration(retraining.cooldown),
        "minimum_labels": retraining.minimum_labels,
    }
    if spec.costs.retraining is not None:
        said["costs.retraining"] = spec.costs.retraining
    return said
