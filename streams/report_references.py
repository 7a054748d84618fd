"""What reports say of references that versions have adopted: what they were while they were tried."""

from collections.abc import Iterable
from datetime import datetime

import msgspec

from detectors.units import told_unit
from streams.report_text import clean, moment, number, title_of, value_text


class AdoptedReference(msgspec.Struct, gc=False):
    """A reference of its own, as a pane report tells of it."""

    start: datetime
    end: datetime
    rows: int
    signal: str
    loss: float | None = None


def reference_lines(adopted: Iterable[tuple[str, datetime, AdoptedReference]]) -> list[str]:
    """Return a line for each version, given with the start of the first pane that its own reference has judged."""
    lines = []
    for version, since, own in adopted:
        loss = "" if own.loss is None else f", {title_of(own.signal)} {value_text(own.loss, told_unit(own.signal))}"
        lines.append(
            f"Version {clean(version)} is judged by what it was itself while it was tried, {moment(own.start)} to "
            f"{moment(own.end)} ({number(own.rows)} rows{loss}), since the pane of {moment(since)}."
        )
    return lines
