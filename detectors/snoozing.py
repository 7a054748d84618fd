"""Snoozes: signals that nobody wants alerts of for a while. Pure."""

from collections.abc import Mapping, Sequence

from detectors.layout import Layout
from detectors.signals.names import no_such_signal
from schemas import command as commands
from schemas.event_time import Micros, rfc3339, to_micros

SNOOZES = 100  # at once; the oldest makes room


def snooze(snoozed: dict[str, Micros], command: commands.Snooze, layouts: Sequence[Layout]) -> str | None:
    """Carry out a snooze, in place; return why that cannot be, or None.

    Parameters
    ----------
    snoozed
        Until when, by signal; the empty name is all of them.
    layouts
        Of the versions whose signals may be meant; at least one.
    """
    now, until = to_micros(command.timestamp), to_micros(command.until)
    if until <= now:
        return f"it would end at {rfc3339(until)}, and the command is of {rfc3339(now)}"
    if command.signal is not None:
        unknown = [no_such_signal(layout, command.signal) for layout in layouts]
        if all(unknown):
            return unknown[-1]
    for name in [name for name, end in snoozed.items() if end <= now]:
        del snoozed[name]
    snoozed[command.signal or ""] = until
    while len(snoozed) > SNOOZES:
        del snoozed[next(iter(snoozed))]
    return None


def is_snoozed(snoozed: Mapping[str, Micros], signal: str, now: Micros) -> bool:
    """Return whether nobody wants alerts of a signal at this moment."""
    return any(snoozed.get(name, now) > now for name in {"", signal})
