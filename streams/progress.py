"""`Progress`: what another worker needs to take a source partition over without its store, and no more than that."""

import msgspec

from schemas.event_time import Micros
from schemas.spec import MonitorSpec
from streams.event_clock import EventClock
from streams.incomplete import Incomplete
from streams.records import Outgoing, Role
from streams.state_fingerprint import Fingerprints

MARKS = 64  # between the oldest event that may still matter and now


class Mark(msgspec.Struct, array_like=True):
    """Offsets at which event time had come just so far: no event before them is newer."""

    position: dict[Role, int | None]
    times: dict[Role, Micros]


class Progress(msgspec.Struct):
    """Newest record of a source partition on the progress topic. All that came of what it has read was sent before."""

    fingerprints: Fingerprints
    """Of the parts of the monitor file that the state depends on."""
    position: dict[Role, int | None]
    counts: dict[Role, dict[str, int]]
    clock: EventClock
    rebuild_from: Mark | None
    """None: from the beginning of the log."""
    incomplete: Incomplete = msgspec.field(default_factory=Incomplete)
    """What was evicted or deleted unread cannot be read again: a new owner must know of it too."""

    def outgoing(self, partition: int) -> Outgoing:
        """Return the record that says so."""
        return Outgoing("progress", str(partition).encode(), msgspec.json.encode(self), partition=partition)


def read_progress(value: bytes) -> Progress:
    """Return what a record of the progress topic says."""
    return msgspec.json.decode(value, type=Progress)


def oldest_needed(clock: EventClock, spec: MonitorSpec) -> Micros | None:
    """Return the event time before which no event bears on what is still open; None: all of them may.

    Rows are kept for two horizons and a lateness, and cohort panes are open for a pane and the maturity; one more
    horizon, so that the oldest of those rows are told from their duplicates.
    """
    oldest = []
    for model in spec.models.values():
        complete = clock.complete(model, spec)
        if complete is None:
            return None
        oldest.append(complete - max(2 * model.label_horizon, model.maturity + model.pane) - model.label_horizon)
    return min(oldest) - 2 * spec.feedback_lateness


def needed(marks: list[Mark], clock: EventClock, spec: MonitorSpec) -> tuple[Mark | None, list[Mark]]:
    """Return the mark to rebuild from (None: the beginning), and the marks that are worth keeping."""
    bound = oldest_needed(clock, spec)
    if bound is None:
        return None, marks
    usable = [mark for mark in marks if all(time <= bound for time in mark.times.values())]
    if not usable:
        return None, marks
    return usable[-1], marks[marks.index(usable[-1]) :]


def worth_a_mark(marks: list[Mark], clock: EventClock, spec: MonitorSpec) -> bool:
    """Say whether event time has come far enough since the last mark for another."""
    if not marks:
        return True
    span = max(3 * model.label_horizon for model in spec.models.values())
    step = max(span // MARKS, min(model.pane for model in spec.models.values()))
    return any(time - marks[-1].times.get(role, time - step) >= step for role, time in clock.times.items())
