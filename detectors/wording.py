"""Sentences for people: numbers in the unit of their signal, moments in UTC."""

from schemas.event_time import Micros, rfc3339

PLAIN = {"absolute_error", "rating", "rating_loss"}
"""Signals whose values are not shares."""

ACTIONS = {
    "outcomes": "Ask what users see. A retraining trigger follows where a policy calls for one.",
    "performance": "Fall back to the previous version if that was better. A retraining trigger says what to train on, "
    "as soon as there are enough labels.",
    "proxies": "Look at recent outputs.",
    "quality": "Mend the pipeline that feeds this feature. No retraining is triggered while data is broken.",
    "drift": "Watch the estimated and realised performance.",
    "system": "Look at the serving side.",
}
"""What to do about an alarm, by tier."""

NOTICE = "Nothing to get up for: if it hurts, an alarm of performance follows."


def value_text(signal: str, value: float | None) -> str:
    """Return a value in the unit of its signal."""
    if value is None:
        return "unknown"
    if signal not in PLAIN:
        return f"{100 * value:.2f} %"
    return f"{value:,.0f}" if abs(value) >= 999.95 else f"{value:.4g}"  # from there on four digits are a whole number


def moved(signal: str, what: str, value: float, reference: float | None, n: int, since: Micros) -> str:
    """Return what moved, by how much and since when, as a sentence without its stop."""
    before = f" from {value_text(signal, reference)}" if reference is not None else ""
    direction = "fell" if reference is not None and value < reference else "rose"
    return f"{what} {direction}{before} to {value_text(signal, value)} over {n:,} rows since {rfc3339(since)}"
