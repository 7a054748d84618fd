"""`Outbox`: what a source partition has to send, kept in its store until it is durable elsewhere."""

import msgspec

from streams.records import Outgoing
from streams.store import Store

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Outgoing).decode


class Outbox:
    """Outgoing records in order, by number."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[int, Outgoing] = {
            int.from_bytes(key, "big"): _decode(packed) for key, packed in store.items("outbox")
        }
        self._next = max(self._waiting, default=-1) + 1
        self._unsaved: list[int] = []
        self._sending: list[int] = []
        self._saved = self._next

    @property
    def urgent(self) -> bool:
        """Whether something was put in since the last `save`."""
        return bool(self._unsaved)

    def put(self, outgoing: Outgoing) -> None:
        """Add a record."""
        self._waiting[self._next] = outgoing
        self._unsaved.append(self._next)
        self._next += 1

    def save(self) -> None:
        """Write what is new into the open transaction."""
        for number in self._unsaved:
            self._store.put("outbox", _key(number), _encode(self._waiting[number]))
        self._unsaved.clear()
        self._saved = self._next

    def sending(self) -> list[Outgoing]:
        """Return everything that waits and is saved, in order."""
        self._sending = sorted(number for number in self._waiting if number < self._saved)
        return [self._waiting[number] for number in self._sending]

    def sent(self) -> None:
        """Take out what `sending` returned last."""
        for number in self._sending:
            self._waiting.pop(number, None)
            self._store.put("outbox", _key(number), None)
        self._sending = []

    def clear(self) -> None:
        """Drop everything, sent or not."""
        for number in self._waiting:
            self._store.put("outbox", _key(number), None)
        self._waiting.clear()
        self._unsaved.clear()
        self._sending.clear()


def _key(number: int) -> bytes:
    return number.to_bytes(8, "big")
