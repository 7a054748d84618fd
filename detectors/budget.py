"""The budgets of a model version: what signals stake of alarms and of notices, and that it is no more than there is.

A signal that stakes w of a budget raises at most w · T / B falsely in any time T. So the promise of a budget holds for
all signals together, whatever they have in common, exactly as long as their stakes sum to at most 1.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Protocol, TypeVar, runtime_checkable

Severity = Literal["alarm", "notice"]
SEVERITIES: tuple[Severity, ...] = ("alarm", "notice")

_ROUNDING = 1e-9  # of a sum of shares


Stake = tuple[Severity, float]
"""A share of the budget of alarms (`false_alarms`) or of notices (`notices`)."""


@runtime_checkable
class Staking(Protocol):
    """A signal that raises alarms or notices at a declared rate; one that only reports has no stakes."""

    @property
    def stakes(self) -> tuple[Stake, ...]:
        """What it stakes, on each budget that it draws on."""
        ...


class OverspentError(ValueError):
    """Signals stake more than there is: a share was handed out twice."""


SignalT = TypeVar("SignalT")


def spent(signals: Iterable[object]) -> dict[Severity, float]:
    """Return the sum of what signals stake, by budget."""
    sums: dict[Severity, float] = dict.fromkeys(SEVERITIES, 0.0)
    for signal in signals:
        if isinstance(signal, Staking):
            for severity, weight in signal.stakes:
                sums[severity] += weight
    return sums


def within_budget(signals: Sequence[SignalT]) -> list[SignalT]:
    """Return the signals as they are.

    Raises
    ------
    OverspentError
        When together they stake more than the whole of a budget.

    Examples
    --------
    >>> class Half:
    ...     stakes = (("alarm", 0.5),)
    >>> len(within_budget([Half(), Half()]))
    2
    >>> within_budget([Half(), Half(), Half()])
    Traceback (most recent call last):
    detectors.budget.OverspentError: signals stake 1.5 of the budget of alarms; there is 1: Half 1.5
    """
    for severity, total in spent(signals).items():
        if total > 1 + _ROUNDING:
            raise OverspentError(
                f"signals stake {total:.4g} of the budget of {severity}s; there is 1: {_by_kind(signals, severity)}"
            )
    return list(signals)


def even_share(weight: float, count: int) -> float:
    """Return what each of `count` signals has of a weight that they share; 0 where there are none."""
    return weight / count if count else 0.0


def _by_kind(signals: Sequence[object], severity: Severity) -> str:
    sums: dict[str, float] = {}
    for signal in signals:
        name, stakes = type(signal).__name__, signal.stakes if isinstance(signal, Staking) else ()
        weight = sum(share for kind, share in stakes if kind == severity)
        if weight:
            sums[name] = sums.get(name, 0.0) + weight
    return ", ".join(f"{name} {weight:.4g}" for name, weight in sorted(sums.items(), key=lambda item: -item[1]))
