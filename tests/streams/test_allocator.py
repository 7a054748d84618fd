"""What large arrays take is given back."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
import numpy as np
from streams.allocator import give_back

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0])

give_back()
np.ones(4_000_000).sum()  # 32 MB come and go: glibc would now keep blocks of that size
before = resident()
held = []
for _ in range(40):
    array = np.ones(125_000)  # 1 MB
    held.append(bytes(200))
    del array
arrays = [np.ones(125_000) for _ in range(40)]
held.append(bytearray(100_000))
arrays.clear()
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_memory_of_arrays_that_are_gone_is_not_resident() -> None:
    told = subprocess.run([sys.executable, "-c", PROGRAM, str(ROOT)], capture_output=True, text=True, check=True)
    assert int(told.stdout) < 10_000, "kB, of 40,000"
