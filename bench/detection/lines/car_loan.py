"""car_loan through the whole monitor: the bundled example, replayed as people replay it."""

import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from bench.cluster import ROOT
from bench.detection.protocol import CAR_LOAN_CHANGE, Scale
from bench.monitor import STREAMGAUGE

EXAMPLE = ROOT / "examples" / "car_loan"


def car_loan(_: Scale) -> dict[str, Any]:
    """Return alarms and notices before the change, and labels from it to the first alarm.

    What rests on a pane that ended before the change is early; an alarm knows the labels of all rows of its pane.
    """
    times = csv.read_csv(EXAMPLE / "data" / "car_loan_analysis.csv.gz")["timestamp"].cast(pa.timestamp("us", "UTC"))
    change = times[CAR_LOAN_CHANGE].as_py()
    alerts = [one for one in _alerts() if one["severity"] in ("alarm", "notice")]
    ends = [pa.scalar(one["pane"]["end"]).cast(pa.timestamp("us", "UTC")) for one in alerts]
    alarms = [end for one, end in zip(alerts, ends, strict=True) if one["severity"] == "alarm" and end.as_py() > change]
    first = min(alarms, key=lambda end: end.as_py(), default=None)
    return {
        "early": sum(end.as_py() <= change for end in ends),
        "delay": None if first is None else int(pc.sum(pc.less(times, first)).as_py()) - CAR_LOAN_CHANGE,
        "beside": [
            {
                "severity": one["severity"],
                "signal": one["signal"],
                "of": one.get("feature") or one.get("segment") or "",
                "detector": one["detector"],
                "rows after the change": int(pc.sum(pc.less(times, end)).as_py()) - CAR_LOAN_CHANGE,
            }
            for one, end in zip(alerts, ends, strict=True)
        ],
    }


def _alerts() -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="car-loan-") as scratch:
        base = Path(scratch)
        shutil.copy(EXAMPLE / "monitor.yaml", base)
        (base / "data").symlink_to(EXAMPLE / "data")
        monitor = str(base / "monitor.yaml")
        for command in (["reference", monitor], ["replay", monitor, "--out", str(base / "out")]):
            done = subprocess.run([STREAMGAUGE, *command], check=False, capture_output=True, text=True)
            if done.returncode:
                raise RuntimeError(f"streamgauge {command[0]}: {done.stderr.strip()}")
        lines = (base / "out" / "alerts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
