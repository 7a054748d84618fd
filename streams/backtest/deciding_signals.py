"""Which signals of a model version can change a decision of a policy: a backtest computes those alone.

`Monitor` uses all signals of a version to tell people; decisions rest on few of what they find. Read there:

- alarms of data quality (`Situation.broken`): they hold back any policy;
- alarms of performance and outcomes (`hurting`): the performance policy alone calls for them. Others name them as
  causes, or with advice, of which no retraining depends;
- drift of features and predictions, which are notices: the drift policy;
- the challenger's losses: the cost policy.

So what stakes no alarms is left out but for the latter two; where nothing asks for performance, its alarms are, too. A
test runs whole monitors beside such ones, and finds the same decisions.
"""

from collections.abc import Iterable, Sequence

from detectors.budget import Staking
from detectors.signals.challenger import ChallengerLoss
from detectors.signals.drift import Drift
from detectors.signals.quality import Expected, Quality
from detectors.signals.signal import Signal
from schemas.policy_spec import AllPolicy, AnyPolicy, FirstPolicy, Policy


def deciding(signals: Iterable[Signal], policies: Sequence[Policy]) -> list[Signal]:
    """Return those of the signals that a decision by some policies may depend on, in their order."""
    kinds = kinds_of(policies)
    return [signal for signal in signals if _decides(signal, kinds)]


def kinds_of(policies: Sequence[Policy]) -> frozenset[str]:
    """Return the types of policies, those that are combined among them."""
    found: set[str] = {policy.type for policy in policies}
    for policy in policies:
        if isinstance(policy, AnyPolicy | AllPolicy | FirstPolicy):
            found |= kinds_of(policy.of)
    return frozenset(found)


def _decides(signal: Signal, kinds: frozenset[str]) -> bool:
    if isinstance(signal, ChallengerLoss):
        return "cost" in kinds
    if isinstance(signal, Drift):
        return "drift" in kinds
    alarms = isinstance(signal, Staking) and any(severity == "alarm" for severity, _ in signal.stakes)
    return alarms and ("performance" in kinds or isinstance(signal, Quality | Expected))
