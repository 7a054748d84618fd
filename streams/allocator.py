"""`give_back`: memory of large arrays goes back to the system when they go."""

import ctypes

import pyarrow as pa

_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of glibc's malloc.h
_LARGE = 1 << 18  # bytes


def give_back() -> None:
    """Have arrays of more than 256 kB given back as soon as they are freed, for the rest of this process.

    By default glibc, having seen a large block freed, keeps later ones of its size in its heap, where small objects pin
    them; and Arrow has a pool of its own beside it. Together that was 90 MB of a replay's 450. Does nothing where the C
    library is another.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    try:
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, _LARGE)
    except (OSError, AttributeError):  # no glibc
        return
