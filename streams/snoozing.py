"""What can be said against a snooze before it is sent: by the monitor file alone, without what the monitor has seen."""

from typing import Any

from detectors.layout import Layout
from detectors.signals.names import no_such_signal
from schemas.event_time import rfc3339, to_micros
from schemas.spec import MonitorSpec
from streams.errors import UserError


def check_snooze(spec: MonitorSpec, command: Any) -> None:
    """Refuse a snooze that could do nothing.

    Raises
    ------
    UserError
        When it ends before it begins, or the model has no such signal.
    """
    now, until = to_micros(command.timestamp), to_micros(command.until)
    if until <= now:
        raise UserError(
            f"UNTIL: {rfc3339(until)} is not after the time of the command, {rfc3339(now)} (--at sets that)"
        )
    if command.signal is not None:
        unknown = no_such_signal(Layout(command.model, "1", spec.models[command.model], None), command.signal)
        if unknown is not None:
            raise UserError(f"--signal: {unknown}")
