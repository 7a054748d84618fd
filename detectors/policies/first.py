"""`first`: asks in order of priority; the first policy that can tell decides, be it yes or no."""

from collections.abc import Sequence
from dataclasses import replace

from detectors.policies.policy import Policy, PolicyCall
from detectors.policies.state import PolicyState
from detectors.situation import Situation
from schemas.trigger import PolicyName


class First:
    """The first whose answer is not unknown.

    Parameters
    ----------
    path
        Its name, with those of the combinations above it.
    of
        Its policies, the one that counts most first.
    """

    name: PolicyName = "first"

    def __init__(self, path: str, of: Sequence[Policy]) -> None:
        self._path, self._of = path, of

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return what the first that can tell says; all are asked, so that none misses anything."""
        parts = tuple(policy.judge(state, situation) for policy in self._of)
        number = _decides(parts)
        if number is None:
            reason = "none can tell: " + "; ".join(f"{part.path}: {part.reason}" for part in parts)
            return PolicyCall(self.name, self._path, "unknown", reason, {}, "one of them that can tell", parts=parts)
        main = parts[number]
        return replace(
            main,
            name=self.name,
            path=self._path,
            reason=f"{main.reason}" if main.verdict == "trigger" else f"{main.path} decides: {main.reason}",
            numbers={"decides": float(number + 1), "of": float(len(parts))},
            parts=parts,
        )

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Pass it on: the one that decided is answered."""
        number = _decides(tuple(policy.judge(state, situation) for policy in self._of))
        for place, policy in enumerate(self._of):
            policy.fired(state, situation, called=called and place == number)


def _decides(parts: Sequence[PolicyCall]) -> int | None:
    return next((number for number, part in enumerate(parts) if part.verdict != "unknown"), None)
