"""`make bench-decisions`: what retraining policies pay, against the best in hindsight; JSON and tables.

python -m bench.decisions                  the scorecard
python -m bench.decisions --development    the streams for development alone; results go to out/bench
"""

import argparse
import sys
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from time import monotonic
from typing import Any

from bench.cluster import ROOT
from bench.decisions import lines, report
from bench.decisions.matrix import matrices
from bench.decisions.protocol import DEVELOPMENT, SCORED, SHIFTED, Stream
from bench.decisions.streams import there
from bench.machine import describe, too_busy
from bench.measuring import attempt, finish, say

RESULTS = ROOT / "bench" / "results" / "decisions.json"
ELSEWHERE = ROOT / "out" / "bench" / "decisions.json"
DOCUMENT = ROOT / "docs" / "scorecard.md"


def main() -> int:
    """Measure everything; return 1 where something failed. A missed target is no failure: it is a result."""
    parser = argparse.ArgumentParser(description="Score retraining policies against the best in hindsight.")
    parser.add_argument("--development", action="store_true", help="on the streams for development alone")
    development = parser.parse_args().development
    if warning := too_busy():
        say(warning)
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).date().isoformat(),
        "machine": describe(),
        "river": version("river"),
        "scikit_learn": version("scikit-learn"),
        "left_out": [stream.label for stream in (*SCORED, *SHIFTED, *DEVELOPMENT) if not there(stream.name)],
        "trained_in": 0.0,
        "lines": {},
    }
    errors: dict[str, str] = {}
    for name, streams in {"scored": SCORED, "shifted": SHIFTED, "development": DEVELOPMENT}.items():
        if name == "development" or not development:
            attempt(name, partial(_measure, name, streams, results), errors)
    scored = not development and any(there(stream.name) for stream in SCORED)
    if not development and not scored:
        say(f"none of the scored streams is there (STREAMGAUGE_DATA): {DOCUMENT.name} stays as it is")
    return finish(results, errors, report, *((RESULTS, DOCUMENT) if scored else (ELSEWHERE, None)))


def _measure(name: str, streams: tuple[Stream, ...], results: dict[str, Any]) -> None:
    """Put the lines of some streams into the results; of what is not there, none."""
    present = tuple(stream for stream in streams if there(stream.name))
    if not present:
        return
    found = matrices(present)
    results["trained_in"] += sum(matrix.seconds for matrix in found.values())
    began = monotonic()
    for line, measured in lines.measured(name, found, whole=present == streams):
        results["lines"][line] = measured | {"seconds": monotonic() - began}
        began = monotonic()


if __name__ == "__main__":
    sys.exit(main())
