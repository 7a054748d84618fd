"""`make bench-detection`: the lines of the scorecard, each against its targets; JSON and tables.

python -m bench.detection                          everything
python -m bench.detection --only delay,car_loan    some of it: their part of the results is replaced
python -m bench.detection --scale 0.05             a smoke run; its results go to out/bench
"""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic, process_time
from typing import Any

from bench.cluster import ROOT
from bench.detection import report
from bench.detection.lines.car_loan import car_loan
from bench.detection.lines.cbpe import cbpe
from bench.detection.lines.cost import cost
from bench.detection.lines.day_effect import day_effect
from bench.detection.lines.delay import delay, delay_markov
from bench.detection.lines.drift import drift
from bench.detection.lines.elec2 import elec2, elec2_shuffled
from bench.detection.lines.false_alarms import false_alarms
from bench.detection.lines.hard_cases import (
    autocorrelated,
    biased_delay,
    correlated,
    late_segment,
    new_version,
    short_reference,
)
from bench.detection.lines.monitor import monitor
from bench.detection.lines.sample_size import sample_size
from bench.detection.lines.tornado import tornado
from bench.detection.protocol import Scale
from bench.detection.report import TITLES
from bench.machine import describe, too_busy
from bench.measuring import attempt, finish, say
from bench.tables import MissingTables

LINES: dict[str, Callable[[Scale], dict[str, Any]]] = {
    "false_alarms": false_alarms,
    "day_effect": day_effect,
    "delay": delay,
    "delay_markov": delay_markov,
    "drift": drift,
    "monitor": monitor,
    "car_loan": car_loan,
    "cbpe": cbpe,
    "tornado": tornado,
    "elec2_shuffled": elec2_shuffled,
    "elec2": elec2,
    "sample_size": sample_size,
    "cost": cost,
    "correlated": correlated,
    "biased_delay": biased_delay,
    "autocorrelated": autocorrelated,
    "short_reference": short_reference,
    "late_segment": late_segment,
    "new_version": new_version,
}
RESULTS = ROOT / "bench" / "results" / "detection.json"
ELSEWHERE = ROOT / "out" / "bench" / "detection.json"
DOCUMENT = ROOT / "docs" / "scorecard.md"


def main() -> int:
    """Run what was asked for; return 1 where something failed. A missed target is no failure: it is a result."""
    options = _options()
    scale, keep = Scale(options.scale), options.scale == 1
    path = RESULTS if keep else ELSEWHERE
    results: dict[str, Any] = {}
    if path.exists() and set(options.only) != set(TITLES):
        results = json.loads(path.read_text())
        if results.get("scale") != options.scale or results.get("seed") != scale.seed:
            results = {}  # another protocol's figures do not stand beside these
    if warning := too_busy():
        say(warning)
    today = datetime.now(UTC).date().isoformat()
    results |= {"measured_at": today, "machine": describe(), "river": version("river")}
    results |= {"seed": scale.seed, "scale": options.scale}
    lines = results.setdefault("lines", {})
    errors: dict[str, str] = {}
    for name in options.only:
        lines.pop(name, None)
        attempt(name, lambda name=name: lines.update(_measured(name, scale, today)), errors)
    return finish(results, errors, report, path, DOCUMENT if keep else None)


def _measured(name: str, scale: Scale, today: str) -> dict[str, Any]:
    """Return what a line found by its name; nothing where its tables are missing, which the report says."""
    began, used = monotonic(), process_time()
    try:
        found = LINES[name](scale)
    except MissingTables as missing:
        say(f"  left out: {missing}")
        return {}
    return {name: found | {"seconds": monotonic() - began, "cpu_seconds": process_time() - used, "measured_at": today}}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Score the detectors against their targets.")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(LINES), metavar="NAME,...")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the protocol: less than 1 is a smoke run")
    options = parser.parse_args()
    if unknown := set(options.only) - set(LINES):
        parser.error(f"--only: {', '.join(sorted(unknown))}: not one of {', '.join(LINES)}")
    if not 0 < options.scale <= 1:
        parser.error("--scale: more than 0, at most 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
