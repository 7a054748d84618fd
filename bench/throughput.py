"""`make bench-throughput`: the consumers in turns, then what else the worker is held to; JSON and tables.

    python -m bench.throughput                               everything
    python -m bench.throughput --only floor,worker           some of it
    python -m bench.throughput --only worker --events 100000   a smoke run; its results go to out/bench

The results are replaced as a whole by a run of all consumers, and a scenario's part by a run of that scenario. A run of
some consumers, or with another number of events, would mix what cannot be compared: it is written elsewhere.
"""

import argparse
import json
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench import report
from bench.cluster import ROOT, Cluster, running_cluster
from bench.consumers import NAMES, Comparison, Round
from bench.machine import describe, peers, too_busy
from bench.measuring import attempt, finish, say
from bench.report import SCENARIOS, compared
from bench.scenarios.memory import memory
from bench.scenarios.recovery import recovery
from bench.scenarios.replay import replay
from bench.scenarios.scaling import models, partitions
from bench.scenarios.trigger_latency import trigger_latency

EVENTS = 1_000_000
ROUNDS = 3
REPEATS = 2  # of each recovery: they hardly vary
PANES = 250
RESULTS = ROOT / "bench" / "results" / "throughput.json"
ELSEWHERE = ROOT / "out" / "bench" / "throughput.json"
DOCUMENT = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run what was asked for; return 1 where something failed."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the broker ends, too
    consumers = [name for name in NAMES if name in options.only]
    results: dict[str, Any] = {}
    keep = options.events == EVENTS and options.rounds == ROUNDS and len(consumers) in (0, len(NAMES))
    if keep and not consumers and RESULTS.exists():
        results = json.loads(RESULTS.read_text())
    if warning := too_busy():
        say(warning)
    errors: dict[str, str] = {}
    machine, today = describe(), datetime.now(UTC).date().isoformat()
    with running_cluster() as cluster:
        if consumers:
            results |= {"machine": machine, "versions": peers(), "measured_at": today}
            results |= {"events": options.events, **_compare(cluster, consumers, options, errors)}
        for name, scenario in _scenarios(cluster, options.events, options.rounds).items():
            if name in options.only:
                results.pop(name, None)
                attempt(
                    name, lambda name=name, run=scenario: results.update({name: run() | {"measured_at": today}}), errors
                )
    results.setdefault("machine", machine)
    return finish(results, errors, report, RESULTS if keep else ELSEWHERE, DOCUMENT if keep else None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure the worker, and what it is compared with.")
    everything = (*NAMES, *SCENARIOS)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(everything), metavar="NAME,...")
    parser.add_argument("--events", type=int, default=EVENTS, help="of a run; scenarios scale along")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    if unknown := set(options.only) - set(everything):
        parser.error(f"--only: {', '.join(sorted(unknown))}: not one of {', '.join(everything)}")
    return options


def _compare(cluster: Cluster, names: list[str], options: argparse.Namespace, errors: dict[str, str]) -> dict[str, Any]:
    """Run the consumers in turns, so that what changes meanwhile touches all of them."""
    comparison = Comparison(cluster, options.events)
    rounds: dict[str, list[Round]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            if name not in errors:
                attempt(name, lambda name=name: rounds[name].append(comparison.run(name)), errors)
                if name not in errors:
                    one = rounds[name][-1]
                    say(f"  {one.events_per_second:,.0f} events/s, {one.cpu_us_per_event:.2f} CPU µs an event")
    comparison.close()
    return compared(rounds)


def _scenarios(cluster: Cluster, events: int, rounds: int) -> dict[str, Callable[[], dict[str, Any]]]:
    return {
        "models": lambda: models(cluster, events, rounds),
        "partitions": lambda: partitions(cluster, events, rounds),
        "memory": lambda: memory(cluster, events),
        "trigger_latency": lambda: trigger_latency(cluster, max(5, PANES * events // EVENTS)),
        "recovery": lambda: recovery(cluster, events, REPEATS),
        "replay": lambda: replay(cluster, events, rounds),
    }


if __name__ == "__main__":
    sys.exit(main())
