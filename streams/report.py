"""`write_report`: report.html, one self-contained page over what a replay has written. (Being written.)"""

from pathlib import Path

from schemas.spec import MonitorSpec


def write_report(out: Path, spec: MonitorSpec) -> Path:  # noqa: ARG001
    """Write `out/report.html` and return its path."""
    return out / "report.html"
