"""`python -m bench.stores`: which embedded store the pending rows of level 1 go into, measured side by side.

A million rows of 160 bytes are appended as a checkpoint brings them, then single rows are read at random, then the
oldest half is dropped: in LMDB as blocks under ascending keys (what `streams/blocks.py` does), in LMDB row by row, and
in RocksDB row by row, under ascending keys and under the hash of an id. Runs in the peers' environment.
"""

import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import process_time

ROOT = Path(__file__).parent.parent
PEERS_PYTHON = ROOT / "bench" / ".venv-peers" / "bin" / "python"
ROWS, SIZE, BLOCK, READS = 1_000_000, 160, 4_000, 50_000


def lmdb_blocks(path: Path) -> Iterator[int]:
    """Blocks of rows under the number of their first row."""
    import lmdb

    environment = lmdb.open(str(path), map_size=16 << 30, readahead=False, meminit=False)
    for first in range(0, ROWS, BLOCK):
        with environment.begin(write=True) as transaction:
            transaction.put(first.to_bytes(8, "big"), os.urandom(SIZE * BLOCK))
    yield ROWS
    rng = random.Random(1)
    with environment.begin(buffers=True) as transaction:
        for number in (rng.randrange(ROWS) for _ in range(READS)):
            block = transaction.get((number - number % BLOCK).to_bytes(8, "big"))
            bytes(block[number % BLOCK * SIZE : (number % BLOCK + 1) * SIZE])
    yield READS
    for first in range(0, ROWS // 2, BLOCK):
        with environment.begin(write=True) as transaction:
            transaction.delete(first.to_bytes(8, "big"))
    yield ROWS // 2


def lmdb_rows(path: Path) -> Iterator[int]:
    """A row under its number."""
    import lmdb

    environment = lmdb.open(str(path), map_size=16 << 30, readahead=False, meminit=False)
    for first in range(0, ROWS, BLOCK):
        rows = os.urandom(SIZE * BLOCK)
        with environment.begin(write=True) as transaction:
            for row in range(BLOCK):
                key = (first + row).to_bytes(8, "big")
                transaction.put(key, rows[row * SIZE : (row + 1) * SIZE], append=True)
    yield ROWS
    rng = random.Random(1)
    with environment.begin() as transaction:
        for number in (rng.randrange(ROWS) for _ in range(READS)):
            transaction.get(number.to_bytes(8, "big"))
    yield READS
    for first in range(0, ROWS // 2, BLOCK):
        with environment.begin(write=True) as transaction:
            for row in range(BLOCK):
                transaction.delete((first + row).to_bytes(8, "big"))
    yield ROWS // 2


def rocksdb_numbers(path: Path) -> Iterator[int]:
    """A row under its number."""
    return _rocksdb(path, lambda number: number.to_bytes(8, "big"))


def rocksdb_hashes(path: Path) -> Iterator[int]:
    """A row under the hash of an id."""
    return _rocksdb(path, lambda number: (number * 0x9E3779B97F4A7C15 % 2**64).to_bytes(8, "big"))


def _rocksdb(path: Path, key: Callable[[int], bytes]) -> Iterator[int]:
    from rocksdict import Options, Rdict, WriteBatch

    options = Options(raw_mode=True)
    options.create_if_missing(True)
    store = Rdict(str(path), options)
    for first in range(0, ROWS, BLOCK):
        rows, batch = os.urandom(SIZE * BLOCK), WriteBatch(raw_mode=True)
        for row in range(BLOCK):
            batch.put(key(first + row), rows[row * SIZE : (row + 1) * SIZE])
        store.write(batch)
    yield ROWS
    rng = random.Random(1)
    for _ in range(READS // 1_000):
        store.get([key(rng.randrange(ROWS)) for _ in range(1_000)])
    yield READS
    for first in range(0, ROWS // 2, BLOCK):
        batch = WriteBatch(raw_mode=True)
        for row in range(BLOCK):
            batch.delete(key(first + row))
        store.write(batch)
    yield ROWS // 2


STORES = {
    "LMDB, blocks of 4,000": lmdb_blocks,
    "LMDB, row by row": lmdb_rows,
    "RocksDB, by number": rocksdb_numbers,
    "RocksDB, by hash of the id": rocksdb_hashes,
}


def _measure(name: str) -> None:
    path = Path(tempfile.mkdtemp(prefix="stores-"))
    try:
        figures, began = [], process_time()
        for count in STORES[name](path):
            figures.append((process_time() - began) / count * 1e6)
            began = process_time()
        disk = sum(one.stat().st_blocks * 512 for one in path.rglob("*") if one.is_file()) / 1e6
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"| {name} | " + " | ".join(f"{one:.2f}" for one in figures) + f" | {disk:.0f} | {memory:.0f} |")
    finally:
        shutil.rmtree(path, ignore_errors=True)


def main() -> int:
    """Measure each in a process of its own, so that none pays for the memory of another."""
    if len(sys.argv) > 1:
        _measure(sys.argv[1])
        return 0
    print("| store | append, CPU µs a row | read | drop | MB on disk at the end | peak MB |\n|---|--:|--:|--:|--:|--:|")
    for name in STORES:
        done = subprocess.run([PEERS_PYTHON, "-m", "bench.stores", name], check=True, cwd=ROOT, stdout=subprocess.PIPE)
        print(done.stdout.decode(), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
