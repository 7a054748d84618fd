"""`id_hashes`: 128-bit hashes of prediction ids, a whole chunk at a time.

They say which ids are the same and which rows are in a sample. Not for adversaries: who wants two ids to collide can
find them, and gains that one of their own events counts as a duplicate.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]

_WORD = 8
# Odd constants: the golden ratio and MurmurHash3's finaliser (Appleby, public domain).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xFF51AFD7ED558CCD)
_MIX_2 = np.uint64(0xC4CEB9FE1A85EC53)
_SECOND = np.uint64(0xD6E8FEB86659FD93)
_SHIFT = np.uint64(33)


def id_hashes(ids: Sequence[str]) -> Hashes:
    """Return two 64-bit hashes of each id, shape (ids, 2); they depend on the id alone, everywhere.

    Examples
    --------
    >>> [hex(word) for word in id_hashes(["prediction-1"])[0].tolist()]
    ['0xafb6b2534167da32', '0x8064c3d900ae3eed']
    """
    if not ids:
        return np.zeros((0, 2), dtype=np.uint64)
    words, lengths = _words(ids)
    shortest = int(lengths.min())
    first, second = lengths * _GOLDEN, lengths * _SECOND
    for position in range(words.shape[1]):
        word = words[:, position]
        if len(first) < len(ids) and (word == word[0]).all():
            word = word[:1]  # what all ids begin with is hashed once
        begun = first, second
        first = _mix((first ^ word) * _GOLDEN + np.uint64(position + 1))
        second = _mix((second + word) * _SECOND ^ first)
        if shortest <= position * _WORD:
            # Where an id has ended, what pads it to the longest of the chunk must not count.
            ended = lengths <= np.uint64(position * _WORD)
            np.copyto(first, begun[0], where=ended)
            np.copyto(second, begun[1], where=ended)
    hashes = np.empty((len(ids), 2), dtype=np.uint64)
    hashes[:, 0], hashes[:, 1] = _mix(first), _mix(second ^ first)
    return hashes


def id_hash(id: str) -> tuple[int, int]:
    """Return the hashes of one id."""
    first, second = id_hashes([id])[0].tolist()
    return first, second


def _mix(hashes: Hashes) -> Hashes:
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_1
    hashes = (hashes ^ (hashes >> _SHIFT)) * _MIX_2
    return hashes ^ (hashes >> _SHIFT)


def _words(ids: Sequence[str]) -> tuple[Hashes, Hashes]:
    """Return the bytes of each id as words, padded with zeros, shape (ids, words); and how many bytes each has.

    Where all have as many, that is said once, shape (1,).
    """
    length = len(ids[0])
    pad = "\0" * (-length % _WORD if length else _WORD)
    joined = pad.join(ids) + pad
    if joined.isascii() and len(set(map(len, ids))) == 1:
        words = np.frombuffer(joined.encode(), dtype="<u8").reshape(len(ids), -1)
        return words, np.full(1, length, dtype=np.uint64)
    encoded: Sequence[bytes | str] = ids
    if not joined.isascii():
        encoded = [one.encode(errors="surrogatepass") for one in ids]
    lengths = np.fromiter(map(len, encoded), dtype=np.uint64, count=len(ids))
    width = -(-int(lengths.max()) // _WORD) * _WORD
    fixed = np.array(encoded, dtype=f"S{max(width, _WORD)}")
    return fixed.view("<u8").reshape(len(ids), -1), lengths
