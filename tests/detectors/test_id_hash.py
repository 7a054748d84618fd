"""Hashes of ids: of the id alone, the same everywhere, and different for different ids."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from detectors.id_hash import id_hash, id_hashes

IDS = st.text(max_size=40) | st.text("ab\x00", max_size=20) | st.text(st.characters(categories=["Cs"]), max_size=4)

# Written down once: what is stored and sampled goes by them.
KNOWN = {
    "": (0x0, 0x0),
    "prediction-0000000042": (0xBD1E59B7BEF27FAF, 0x1C6B9DC66AB299DD),
    "p\x00\x00": (0xBB23304C210C1156, 0x643E62EE1288A36D),
    "4f1c2f7e-0b7d-4c58-9a3e-2f6f0e7a9b11": (0xF3E4E02595D2F4AF, 0xDD697DDCB9463F08),
    "é-1": (0x8B649FF28E910AA7, 0x6E6573277E57CBF5),
    "prediction-1": (0xAFB6B2534167DA32, 0x8064C3D900AE3EED),
}


def test_they_are_what_they_were() -> None:
    assert {id: id_hash(id) for id in KNOWN} == KNOWN


@given(st.lists(IDS, max_size=12))
def test_the_hash_of_an_id_does_not_depend_on_its_chunk(ids: list[str]) -> None:
    hashes = id_hashes(ids)
    assert hashes.shape == (len(ids), 2)
    assert hashes.dtype == np.uint64
    assert [tuple(row) for row in hashes.tolist()] == [id_hash(id) for id in ids]


@given(st.text("abé", max_size=20), st.lists(st.text("01é\x00", min_size=3, max_size=11), max_size=8))
def test_nor_on_what_the_ids_of_its_chunk_have_in_common(prefix: str, ends: list[str]) -> None:
    for ids in ([prefix + end for end in ends], [prefix + end[:3] for end in ends], [prefix for _ in ends]):
        assert [tuple(row) for row in id_hashes(ids).tolist()] == [id_hash(id) for id in ids]


@given(st.sets(IDS, max_size=30))
def test_different_ids_have_different_hashes(ids: set[str]) -> None:
    hashes = id_hashes(sorted(ids))
    assert len(set(map(tuple, hashes.tolist()))) == len(ids)
    assert len(set(hashes[:, 0].tolist())) == len(ids)
    assert len(set(hashes[:, 1].tolist())) == len(ids)


def test_ids_that_only_differ_in_zeros_at_their_end_differ() -> None:
    ids = ["a" + "\x00" * n for n in range(40)] + ["\x00" * n for n in range(40)]
    assert len(set(id_hashes(ids)[:, 0].tolist())) == 80


def test_numbered_ids_are_spread_evenly() -> None:
    """Those of producers that count, in the low bits (the index) as in the high ones (the sample)."""
    for pattern in ("%d", "prediction-%08d", "%d-0000-4000-8000-000000000000", "%024d"):
        hashes = id_hashes([pattern % n for n in range(64_000)])
        for column in (0, 1):
            for bits in (hashes[:, column] & np.uint64(63), hashes[:, column] >> np.uint64(58)):
                counts = np.bincount(bits.astype(np.int64), minlength=64)
                chi_square = float(((counts - 1_000) ** 2 / 1_000).sum())
                assert chi_square < 140, (pattern, column)  # 63 degrees of freedom: p < 1e-7


def test_the_two_hashes_have_nothing_to_do_with_each_other() -> None:
    hashes = id_hashes([str(n) for n in range(20_000)])
    same = np.unpackbits((hashes[:, 0] ^ hashes[:, 1]).view(np.uint8)).mean()
    assert abs(same - 0.5) < 0.005


def test_one_letter_changes_half_of_the_bits() -> None:
    rng, changed = random.Random(1), []
    for _ in range(300):
        id = "".join(rng.choices("abcdef0123456789-", k=rng.randrange(1, 40)))
        place = rng.randrange(len(id))
        other = id[:place] + chr(ord(id[place]) ^ 1) + id[place + 1 :]
        pair = id_hashes([id, other])
        changed.append(np.unpackbits((pair[0] ^ pair[1]).view(np.uint8)).mean())
    assert abs(np.mean(changed) - 0.5) < 0.02
    assert min(changed) > 0.3


def test_another_process_finds_the_same() -> None:
    code = "from detectors.id_hash import id_hash; print(id_hash('an id \\u00fc'))"
    root = str(Path(__file__).parents[2])
    found = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(id_hash("an id ü"))
