"""From the declared policies to their behaviour. New policies are entered here."""

from collections.abc import Sequence

from detectors.policies.all import All
from detectors.policies.any import Any
from detectors.policies.cost import Cost
from detectors.policies.drift import Drift
from detectors.policies.first import First
from detectors.policies.performance import Performance
from detectors.policies.policy import Policy
from detectors.policies.schedule import Schedule
from schemas import policy_spec as declared


def policies_of(specs: Sequence[declared.Policy], place: str = "", path: str = "") -> list[Policy]:
    """Return the behaviour of declared policies.

    Parameters
    ----------
    place, path
        Of the combination that they are in: numbers such as `0.1.`, names such as `any/all/`.
    """
    return [_policy(spec, f"{place}{number}", f"{path}{spec.type}") for number, spec in enumerate(specs)]


def _policy(spec: declared.Policy, place: str, path: str) -> Policy:
    match spec:
        case declared.CostPolicy():
            return Cost(spec, place, path)
        case declared.PerformancePolicy():
            return Performance(spec, path)
        case declared.DriftPolicy():
            return Drift(spec, path)
        case declared.SchedulePolicy():
            return Schedule(spec, place, path)
        case declared.AnyPolicy():
            return Any(path, policies_of(spec.of, f"{place}.", f"{path}/"))
        case declared.AllPolicy():
            return All(spec, place, path, policies_of(spec.of, f"{place}.", f"{path}/"))
        case declared.FirstPolicy():
            return First(path, policies_of(spec.of, f"{place}.", f"{path}/"))


def places_of(specs: Sequence[declared.Policy], place: str = "") -> set[str]:
    """Return the places of declared policies and of those that they combine: what may have a state."""
    found = set()
    for number, spec in enumerate(specs):
        found.add(f"{place}{number}")
        if isinstance(spec, declared.AnyPolicy | declared.AllPolicy | declared.FirstPolicy):
            found |= places_of(spec.of, f"{place}{number}.")
    return found
