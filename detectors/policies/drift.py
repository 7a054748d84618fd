"""The drift policy: calls when enough distributions have moved at once, whether it hurts or not."""

from detectors.policies.episode_calls import call_for, heard
from detectors.policies.policy import PolicyCall
from detectors.policies.state import PolicyState
from detectors.signals.signal import Grounds
from detectors.situation import Situation
from schemas.policy_spec import DriftPolicy as DriftSpec
from schemas.trigger import PolicyName

DRIFT_SIGNALS = ("feature_drift", "prediction_drift")


class Drift:
    """So many features, or the prediction, drift at once.

    Parameters
    ----------
    spec
        Its settings.
    path
        Its name, with those of the combinations above it.
    """

    name: PolicyName = "drift"

    def __init__(self, spec: DriftSpec, path: str) -> None:
        self._spec, self._path = spec, path

    def judge(self, state: PolicyState, situation: Situation) -> PolicyCall:
        """Return whether enough distributions drift that no trigger has answered yet."""
        drifted = {key: episode for key, episode in heard(situation).items() if key[0] in DRIFT_SIGNALS}
        needed = self._spec.features
        numbers: dict[str, float | None] = {"drifted": float(len(drifted)), "needed": float(needed)}
        if len(drifted) >= needed:
            return call_for(state, situation, self.name, self._path, drifted, numbers)
        left = f"{needed - len(drifted)} more that drift at once"
        problem = Grounds(situation.layout).problem
        if problem is not None:
            return PolicyCall(self.name, self._path, "unknown", problem, numbers, left)
        reason = f"{len(drifted)} of {needed} distributions drift"
        return PolicyCall(self.name, self._path, "no", reason, numbers, left)

    def fired(self, state: PolicyState, situation: Situation, *, called: bool) -> None:
        """Nothing to do: the episodes of a trigger name it."""
