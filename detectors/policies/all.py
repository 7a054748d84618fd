"""`all`: calls when every one of its policies has called within a stretch of event time."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from detectors.policies.any import merged
from detectors.policies.policy import Policy, PolicyCall
from detectors.policies.state import PolicyState, node
from detectors.situation import Situation
from detectors.state import register
from schemas.decision import Verdict
from schemas.event_time import Micros, format_duration
from schemas.policy_spec import AllPolicy as AllSpec
from schemas.trigger import PolicyName


@register
@dataclass
class AllState:
    """The newest call of each policy for one version, and when it was."""

    calls: dict[int, tuple[Micros, PolicyCall]] = field(default_factory=dict)


class All:
    """Each has to call, not all at the same moment.

    Parameters
    ----------
    spec
        Its settings.
    place, path
        Where it stands in the tree, by number and by name.
    of
        Its policies.
    """

    name: PolicyName = "all"

    def __init__(self, spec: AllSpec, place: str, path: str, of: Sequence[Policy]) -> None:
        self._spec, self._place, self._path, self._of = spec, place, path, of

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return whether each has called; the first that goes by no calendar says since when, and why."""
        parts = tuple(policy.judge(state, situation) for policy in self._of)
        own, within = self._state(state, situation), self._spec.within
        for number, part in enumerate(parts):
            if part.verdict == "trigger":
                own.calls[number] = (situation.now, replace(part, parts=()))
        own.calls = {number: one for number, one in own.calls.items() if situation.now - one[0] <= within}
        missing = [part for number, part in enumerate(parts) if number not in own.calls]
        numbers: dict[str, float | None] = {"calling": float(len(own.calls)), "of": float(len(parts))}
        standing = all(part.standing or number in own.calls for number, part in enumerate(parts))
        if missing:
            reason = f"{len(own.calls)} of {len(parts)} called within {format_duration(within)}: "
            reason += "; ".join(f"{part.path}: {part.reason}" for part in missing)
            changes = " and ".join(f"{part.path}: {part.would_change or 'a call'}" for part in missing)
            verdict = _least(missing)
            return PolicyCall(self.name, self._path, verdict, reason, numbers, changes, standing=standing, parts=parts)
        calls = [call for _, (_, call) in sorted(own.calls.items())]
        main = min(calls, key=lambda call: (call.clocked, call.refits is not None))  # the first of equals
        return PolicyCall(
            self.name,
            self._path,
            "trigger",
            "; ".join(call.reason for call in calls),
            numbers,
            "one of them without a call",
            main.since,
            merged(call.causes for call in calls),
            main.tier,
            main.signal,
            main.how,
            paced=any(call.paced for call in calls),
            clocked=all(call.clocked for call in calls),
            refits=main.refits,
            parts=parts,
        )

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Pass it on; calls that led to a trigger are used up."""
        own = self._state(state, situation)
        for number, policy in enumerate(self._of):
            policy.fired(state, situation, called=called and number in own.calls)
        if called:
            own.calls = {}

    def _state(self, state: PolicyState, situation: Situation) -> AllState:
        nodes = state.of(situation.layout.version).nodes
        return node(nodes, self._place, AllState, self._spec.model_dump_json(), AllState)


def _least(missing: Sequence[PolicyCall]) -> Verdict:
    """Return what is said where some do not call: one that says no is enough for a no."""
    order: tuple[Verdict, ...] = ("no", "held_back", "unknown")
    return next(each for each in order if any(part.verdict == each for part in missing))
