"""`uniforms`: a number in (0, 1) for each prediction id that depends on the id and a seed alone, everywhere.

Which rows are held out, and which are sampled, is decided by these: no order of rows and no state has a part in it.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from detectors.id_hash import id_hashes

Floats = npt.NDArray[np.float64]

# SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_DIGITS = 53  # of a float


def uniforms(ids: Sequence[str], purpose: str, seed: int) -> Floats:
    """Return numbers that are uniform over ids, and independent between purposes and seeds. Shape (ids,).

    Examples
    --------
    >>> uniforms(["a", "b"], "holdout", 7).round(3).tolist()
    [0.389, 0.13]
    """
    salt = hashlib.blake2b(f"{purpose}\x1f{seed}".encode(), digest_size=8).digest()
    words = id_hashes(list(ids))[:, 0] ^ np.uint64(int.from_bytes(salt, "little"))
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    words ^= words >> np.uint64(31)
    numbers: Floats = ((words >> np.uint64(64 - _DIGITS)).astype(np.float64) + 0.5) * 2.0**-_DIGITS
    return numbers
