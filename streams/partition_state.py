"""`PartitionState`: what the store keeps of a source partition as a whole, and whether it is to be believed."""

import logging

import msgspec

from streams.errors import StateDiffers
from streams.event_clock import EventClock
from streams.incomplete import Incomplete
from streams.progress import Mark, read_progress
from streams.rebuild import Rebuild
from streams.records import ROLES, Role
from streams.state_fingerprint import Fingerprints, changed
from streams.store import Store

log = logging.getLogger(__name__)


class PartitionState(msgspec.Struct):
    """One record, written with every checkpoint."""

    fingerprints: Fingerprints
    position: dict[Role, int | None]
    clock: EventClock
    counts: dict[Role, dict[str, int]]
    marks: list[Mark]
    boundaries: list[int]
    """Pane boundaries that the last watermark record told of."""
    incomplete: Incomplete
    bad: dict[Role, bytes]
    """Which of the newest records were refused: a restart does not give a broken producer another run-up."""
    lost: list[Role] = msgspec.field(default_factory=list)
    """Topics of which records were deleted unread, and nothing has come yet that says up to when."""


FORMAT = b"3"
"""Of all tables of the store; another one is not read."""
_KEY, _FORMAT_KEY = b"partition", b"format"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PartitionState).decode


def save_state(store: Store, state: PartitionState) -> None:
    """Write the state into the store's changes."""
    store.put("meta", _FORMAT_KEY, FORMAT)
    store.put("meta", _KEY, _encode(state))


def load_state(
    store: Store, now: Fingerprints, progress: bytes | None, partition: int
) -> tuple[PartitionState, Rebuild]:
    """Return where to go on from, and what is to be read again for it; a store that is not to be believed is cleared.

    Raises
    ------
    StateDiffers
        When the state was made with another monitor file.
    """
    packed = store.get("meta", _KEY)
    if packed is not None and store.get("meta", _FORMAT_KEY) != FORMAT:
        log.warning(
            "source partition %d: the local store was written by another version of Streamgauge, and is made anew from "
            "the progress record and the topics",
            partition,
        )
        packed = None
    if packed is None:
        store.clear()  # what a rebuild that was cut short has left there is not whole
    else:
        state = _decode(packed)
        _check(state.fingerprints, now, partition)
        if progress is None or not _ahead(read_progress(progress).position, state.position):
            return state, Rebuild()
        store.clear()  # another worker has been further since: its word is worth more than an old disk
    fresh = PartitionState(now, dict.fromkeys(ROLES), EventClock(), {}, [], [], Incomplete(), {})
    if progress is None:
        return fresh, Rebuild()
    target = read_progress(progress)
    _check(target.fingerprints, now, partition)
    fresh.incomplete = target.incomplete
    mark = target.rebuild_from
    if mark is not None:
        fresh.position, fresh.marks = dict(mark.position), [mark]
        fresh.clock = EventClock(times=dict(mark.times))
    return fresh, Rebuild(target, fresh.position)


def _check(then: Fingerprints, now: Fingerprints, partition: int) -> None:
    if different := changed(then, now):
        raise StateDiffers(
            f"source partition {partition}: its state was made with another monitor file or profile: "
            f"{', '.join(different)} {'differs' if len(different) == 1 else 'differ'}. Restore that, or begin afresh: "
            "see docs/operations.md, 'Begin afresh'"
        )


def _ahead(one: dict[Role, int | None], other: dict[Role, int | None]) -> bool:
    return any((one[role] or 0) > (other[role] or 0) for role in ROLES)
