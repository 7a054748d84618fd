"""`make bench-detection`: the lines of the scorecard, each against its targets; JSON and tables.

python -m bench.detection                          everything
python -m bench.detection --only delay,car_loan    some of it: their part of the results is replaced
python -m bench.detection --scale 0.05             a smoke run; its results go to out/bench
"""

import argparse
import json
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from time import monotonic, process_time
from typing import Any

from bench.cluster import ROOT
from bench.detection.lines.car_loan import car_loan
from bench.detection.lines.cost import cost
from bench.detection.lines.day_effect import day_effect
from bench.detection.lines.delay import delay, delay_markov
from bench.detection.lines.drift import drift
from bench.detection.lines.false_alarms import false_alarms
from bench.detection.lines.sample_size import sample_size
from bench.detection.protocol import Scale
from bench.detection.report import TITLES, complete, tables, write_tables
from bench.machine import describe, too_busy
from bench.report import write_results

LINES: dict[str, Callable[[Scale], dict[str, Any]]] = {
    "false_alarms": false_alarms,
    "day_effect": day_effect,
    "delay": delay,
    "delay_markov": delay_markov,
    "drift": drift,
    "car_loan": car_loan,
    "sample_size": sample_size,
    "cost": cost,
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
        _say(warning)
    today = datetime.now(UTC).date().isoformat()
    results |= {"measured_at": today, "machine": describe(), "river": version("river")}
    results |= {"seed": scale.seed, "scale": options.scale}
    lines, errors = results.setdefault("lines", {}), {}
    for name in options.only:
        began, used = monotonic(), process_time()
        _say(f"{name} ...")
        lines.pop(name, None)
        try:
            lines[name] = LINES[name](scale)
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {error}"[:2_000]
            traceback.print_exc()
        else:
            lines[name] |= {"seconds": monotonic() - began, "cpu_seconds": process_time() - used, "measured_at": today}
        _say(f"  took {monotonic() - began:.0f} s")
    results.pop("errors", None)
    results = complete(results | ({"errors": errors} if errors else {}))
    write_results(results, path)
    if keep:
        write_tables(results, DOCUMENT)
    print(tables(results))
    _say(f"written: {path.relative_to(ROOT)}" + (f" and {DOCUMENT.relative_to(ROOT)}" if keep else ""))
    return 1 if errors else 0


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


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
