"""Sentences for people: numbers in the unit of their signal, moments in UTC."""

from detectors.units import told_unit
from schemas.event_time import Micros, rfc3339

ACTIONS = {
    "outcomes": "Ask what users see. A retraining trigger follows where a policy calls for one.",
    "performance": "Fall back to the previous version if that was better. A retraining trigger says what to train on, "
    "as soon as there are enough labels.",
    "proxies": "Look at recent outputs.",
    "quality": "Mend the pipeline that feeds this feature. No retraining is triggered while data is broken; if it is "
    "as it should be, say so: {way_out}.",
    "drift": "Watch the estimated and realised performance.",
    "system": "Look at the serving side.",
}
"""What to do about an alarm, by tier."""

NOTICE = "Nothing to get up for: if it hurts, an alarm of performance follows."


def value_text(signal: str, value: float | None) -> str:
    """Return a value in the unit of its signal."""
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if told_unit(signal) == "share" else amount(value)


def amount(value: float) -> str:
    """Return a number with four digits, or all before its point.

    Examples
    --------
    >>> amount(96_399.7), amount(116.52), amount(0.05)
    ('96,400', '116.5', '0.05')
    """
    return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:.4g}"  # from there on four digits are a whole number


def moved(
    signal: str, what: str, value: float, reference: float | None, n: int, since: Micros, *, by_label: bool = False
) -> str:
    """Return what moved, by how much and since when, as a sentence without its stop.

    Parameters
    ----------
    by_label
        `since` is no time of predictions: it is by when their labels became known.
    """
    before = f" from {value_text(signal, reference)}" if reference is not None else ""
    direction = "fell" if reference is not None and value < reference else "rose"
    among = ", among labels that became known" if by_label else ""
    return f"{what} {direction}{before} to {value_text(signal, value)} over {n:,} rows{among} since {rfc3339(since)}"


def brief(episode: str) -> str:
    """Return the beginning of an episode's id: enough to name it by in a command."""
    return episode[:12]


def way_out(model: str, episode: str) -> str:
    """Return the command that says that data is as it should be, whatever an alarm of quality says."""
    return f"streamgauge acknowledge MONITOR {model} {brief(episode)} --data-is-right"


def interval(low: Micros | None, high: Micros | None, width: Micros) -> str:
    """Return where the start of a change lies, in brackets; nothing where that is one pane, or not known."""
    if low is None or high is None or high - low <= width:
        return ""
    return f" (95 %: {rfc3339(low)} to {rfc3339(high)})"
