"""`any`: calls when one of its policies does; all that call give their evidence to the trigger."""

from collections.abc import Iterable, Sequence

from detectors.policies.policy import Cause, Policy, PolicyCall
from detectors.policies.state import PolicyState
from detectors.situation import Situation
from schemas.decision import Verdict
from schemas.trigger import PolicyName

BY_WEIGHT: tuple[Verdict, ...] = ("trigger", "held_back", "unknown", "no")
"""What is unknown might be a call: only where every policy says no, the answer is no."""


class Any:
    """One is enough.

    Parameters
    ----------
    path
        Its name, with those of the combinations above it.
    of
        Its policies.
    """

    name: PolicyName = "any"

    def __init__(self, path: str, of: Sequence[Policy]) -> None:
        self._path, self._of = path, of

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return the weightiest answer; the first policy that gave it says why."""
        parts = tuple(policy.judge(state, situation) for policy in self._of)
        verdict = next(each for each in BY_WEIGHT if any(part.verdict == each for part in parts))
        said = [part for part in parts if part.verdict == verdict]
        main = next((part for part in said if part.refits is None), said[0])
        return PolicyCall(
            self.name,
            self._path,
            verdict,
            "; ".join(part.reason for part in said),
            {"calling": float(len(said) if verdict == "trigger" else 0), "of": float(len(parts))},
            None if verdict == "trigger" else "one of them that calls",
            main.since,
            merged(part.causes for part in said),
            main.tier,
            main.signal,
            main.how,
            standing=any(part.standing for part in parts),
            paced=main.paced,
            clocked=main.clocked,
            refits=main.refits,
            parts=parts,
        )

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Pass it on: those that call by now are answered."""
        for policy in self._of:
            policy.fired(state, situation, called=called and policy.judge(state, situation).verdict == "trigger")


def merged(causes: Iterable[list[Cause]]) -> list[Cause]:
    """Return the causes of several policies, each once, in their order."""
    return list({key: (key, episode) for each in causes for key, episode in each}.values())
