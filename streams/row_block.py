"""`RowBlock`: consecutive rows of a `RowLog` as they lie on disk; and `OpenedBlock`, which gives single rows of it.

A row is given as it is stored, its numbers and its tail (`detectors.row_shape`): nothing is unpacked here.
"""

import msgspec
import numpy as np
import numpy.typing as npt

from streams.narrow import widen

Positions = npt.NDArray[np.int64]


class RowBlock(msgspec.Struct, array_like=True):
    """Whole numbers are `narrow`, `hashes` and `numbers` are little-endian. What is long is not copied when decoded."""

    names: list[tuple[str, str]]
    """Model and version, by the block's own codes in `groups`."""
    widths: list[int]
    """Numbers of a row, by the same codes."""
    groups: bytes
    hashes: memoryview
    times: bytes
    offsets: bytes
    previous: bytes
    said: bytes
    codes: bytes
    flags: bytes
    segments: int
    """Columns of `cells`."""
    cells: bytes
    numbers: memoryview
    tails: bytes
    ends: bytes
    """Where each row's tail ends."""

    def __len__(self) -> int:
        return len(self.hashes) // _HASHES


_HASHES = 16  # bytes of a row's
_NUMBER = 8  # bytes

encode_block = msgspec.msgpack.Encoder().encode
decode_block = msgspec.msgpack.Decoder(RowBlock).decode


class OpenedBlock:
    """A block, decoded so that single rows can be read."""

    def __init__(self, first: int, packed: bytes) -> None:
        self._block = decode_block(packed)
        self.first = first
        self.end = first + len(self._block)

    def numbers(self, at: Positions) -> list[bytes]:
        """Return the numbers of the rows at these positions in the block."""
        widths = set(self._block.widths)
        if len(widths) == 1:
            row = np.dtype((np.void, _NUMBER * widths.pop()))
            alike: list[bytes] = np.frombuffer(self._block.numbers, row)[at].tolist()
            return alike
        ends = number_ends(self._block)
        return _parts(bytes(self._block.numbers), _NUMBER * _begins(ends, at), _NUMBER * ends[at])

    def times(self, at: Positions) -> Positions:
        """Return the event times of the rows at these positions in the block."""
        return widen(self._block.times, len(self._block))[at]

    def offsets(self, at: Positions) -> Positions:
        """Return the offsets of the events that they came in."""
        return widen(self._block.offsets, len(self._block))[at]

    def flags(self, at: Positions) -> Positions:
        """Return their flags, as far as a block holds them."""
        return widen(self._block.flags, len(self._block))[at]

    def tails(self, at: Positions) -> list[bytes]:
        """Return the tails of the rows at these positions in the block."""
        ends = widen(self._block.ends, len(self._block))
        return _parts(self._block.tails, _begins(ends, at), ends[at])


def number_ends(block: RowBlock) -> Positions:
    """Return where the numbers of each row end."""
    ends: Positions = np.cumsum(np.array(block.widths)[widen(block.groups, len(block))])
    return ends


def _parts(packed: bytes, begins: Positions, ends: Positions) -> list[bytes]:
    return [packed[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]


def _begins(ends: Positions, at: Positions) -> Positions:
    """Return where the entries at the positions `at` begin, which is where those before them end."""
    return np.where(at > 0, ends[at - 1], 0)
