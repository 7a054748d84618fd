"""`print_report`: what a replay saw and raised, for a terminal or a pipe. (Being written.)"""

from pathlib import Path

from rich.console import Console

from schemas.spec import MonitorSpec


def print_report(console: Console, out: Path, spec: MonitorSpec) -> None:
    """Print what stands in `out`."""
