"""What a process has used, as the kernel counts it: all threads."""

import os
import re
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")
_MB = 1 << 20


def cpu_seconds(pid: int) -> float:
    """Return user and system time of all threads of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICK


def resident_mb(pid: int, what: str = "VmRSS") -> float:
    """Return resident memory in MB (2**20 bytes); `VmHWM` is its peak, `RssFile` the part that is mapped files."""
    found = re.search(rf"^{what}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) * 1024 / _MB if found else 0.0


def other_load(before: tuple[float, float], after: tuple[float, float]) -> float:
    """Return the share of all cores that was busy between two calls of `busy`."""
    idle, total = after[0] - before[0], after[1] - before[1]
    return 1 - idle / total if total else 0.0


def busy() -> tuple[float, float]:
    """Return idle and total time of all cores so far."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return float(fields[3] + fields[4]), float(sum(fields))
