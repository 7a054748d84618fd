"""What the figures were taken on."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path

BUSY = 0.5
SHOWN = ("aiokafka", "faust-streaming", "quixstreams", "bytewax", "confluent-kafka", "pydantic")


def describe() -> dict[str, str]:
    """Return processor, memory, kernel, Python, and how busy the machine was with other things beforehand."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    return {
        "processor": f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores",
        "memory": f"{int(memory[1]) / (1 << 20):.0f} GB" if memory else "unknown",
        "kernel": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "pydantic": version("pydantic"),
        "load_before": f"{os.getloadavg()[0]:.2f}",
    }


def too_busy() -> str | None:
    """Return a warning where something else is running."""
    load = os.getloadavg()[0]
    return f"load average is {load:.2f}: something else is running, and wall times will tell" if load > BUSY else None


def peers() -> dict[str, str]:
    """Return the versions of what the worker is compared with."""
    pins = dict(
        re.findall(r"^([a-z_-]+)==(\S+)$", Path(__file__).with_name("requirements-peers.txt").read_text(), re.M)
    )
    return {name: pins[name] for name in SHOWN}
