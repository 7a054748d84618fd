"""Rounds and scenarios → results (JSON) → the tables of docs/performance.md."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from bench.consumers import NAMES, Round
from bench.document import put_between
from bench.targets import TARGETS, Target

REQUIRED = (*NAMES, "peak_mb", "machine")
"""Keys that are always there; null where a figure was not measured."""
SCENARIOS = ("models", "partitions", "memory", "trigger_latency", "recovery", "replay")
RATIOS = (
    ("worker", "floor"),
    ("worker", "faust"),
    ("worker", "quix"),
    ("worker", "bytewax"),
    ("worker_join", "floor"),
)
BEGIN, END = "<!-- bench-throughput: begin -->", "<!-- bench-throughput: end -->"
TITLES = {
    "floor": "bare aiokafka + pydantic (the floor)",
    "faust": "stock Faust",
    "quix": "Quix Streams",
    "bytewax": "Bytewax",
    "worker": "Streamgauge worker, everything on",
    "worker_join": "the same, with the join (half the events are feedback)",
}


def compared(rounds: Mapping[str, Sequence[Round]]) -> dict[str, Any]:
    """Return what the rounds of the consumers come to: medians, ratios of medians, and the rounds themselves."""
    speed = {name: median(one.events_per_second for one in runs) for name, runs in rounds.items() if runs}
    cpu = {name: median(one.cpu_us_per_event for one in runs) for name, runs in rounds.items() if runs}
    peaks = [one.peak_mb for name in ("worker", "worker_join") for one in rounds.get(name, ())]
    pairs = [(one, other) for one, other in RATIOS if one in speed and other in speed]
    return {
        **{name: round(speed[name]) if name in speed else None for name in NAMES},
        "peak_mb": round(max(peaks), 1) if peaks else None,
        "ratios": {f"{one}/{other}": round(speed[one] / speed[other], 3) for one, other in pairs},
        "cpu_ratios": {f"{one}/{other}": round(cpu[other] / cpu[one], 3) for one, other in pairs},
        "cpu_us_per_event": {name: round(figure, 2) for name, figure in cpu.items()},
        "rounds": {name: [_round(one) for one in runs] for name, runs in rounds.items()},
    }


def _round(one: Round) -> dict[str, Any]:
    figures = {name: value for name, value in vars(one).items() if value is not None}
    figures |= {"events_per_s": one.events_per_second, "cpu_us_per_event": one.cpu_us_per_event}
    return {name: round(value, 3) for name, value in figures.items()}


def complete(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return results with every required key, in a fixed order, and with the verdicts on the targets.

    The largest memory is that of the scenario `memory`, where it was measured.
    """
    peak = (results.get("memory") or {}).get("peak_mb", results.get("peak_mb"))
    ordered = {name: results.get(name) for name in REQUIRED} | {"peak_mb": peak}
    return {**ordered, **{k: v for k, v in results.items() if k not in ordered}, "targets": _verdicts(results)}


def _verdicts(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = []
    for target in TARGETS:
        figure = target.measured(results)
        bound = f"{target.sense} {_text(target.bound)} {target.unit}".strip()
        met = None if figure is None else target.met(figure)
        found.append({"what": target.what, "target": bound, "measured": figure, "met": met})
    return found


def write_results(results: Mapping[str, Any], path: Path) -> None:
    """Write the JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(_rounded(results), indent=2, ensure_ascii=False) + "\n")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 4)
    if isinstance(value, Mapping):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return value


def write_tables(results: Mapping[str, Any], document: Path) -> None:
    """Put the tables between the markers of a document, in place of those that are there.

    Raises
    ------
    ValueError
        When the document lacks a marker.
    """
    put_between(document, BEGIN, END, tables(results))


def tables(results: Mapping[str, Any]) -> str:
    """Return the tables in Markdown."""
    measured = [name for name in NAMES if results.get("rounds", {}).get(name)]
    lines = []
    if measured:
        lines = [*_provenance(results), ""]
        lines += [
            "| consumer | events/s | slowest to fastest round | CPU µs an event | peak MB |",
            "|---|--:|--:|--:|--:|",
        ]
        lines += [*(_row(name, results["rounds"][name]) for name in measured), ""]
    lines += ["| | measured | target | |", "|---|--:|--:|---|"]
    lines += [_target(target, target.measured(results)) for target in TARGETS]
    lines += _failures(results)
    if alike := (results.get("partitions") or {}).get("ratio_alike"):
        lines += ["", f"64 partitions whose panes are 16 times as long cost {_text(alike)} times what 4 cost."]
    return "\n".join(lines)


def _provenance(results: Mapping[str, Any]) -> list[str]:
    machine, versions = results.get("machine") or {}, results.get("versions") or {}
    when = results.get("measured_at", "an unknown day")
    return [
        f"Measured on {when} with {results.get('events', 0):,} events a round.",
        "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in machine.items()) + ".",
        f"Peers: {', '.join(f'{name} {value}' for name, value in versions.items())}.",
    ]


def _row(name: str, rounds: Sequence[Mapping[str, float]]) -> str:
    speed = [one["events_per_s"] for one in rounds]
    cpu, peak = (median(one[key] for one in rounds) for key in ("cpu_us_per_event", "peak_mb"))
    spread = f"{min(speed):,.0f} to {max(speed):,.0f}"
    return f"| {TITLES[name]} | {median(speed):,.0f} | {spread} | {cpu:.1f} | {peak:.0f} |"


def _target(target: Target, figure: float | None) -> str:
    bound = f"{target.sense} {_text(target.bound)} {target.unit}".strip()
    if figure is None:
        return f"| {target.what} | – | {bound} | not measured |"
    verdict = "met" if target.met(figure) else "**missed**"
    return f"| {target.what} | {_text(figure)} {target.unit} | {bound} | {verdict} |"


def _failures(results: Mapping[str, Any]) -> list[str]:
    errors = results.get("errors") or {}
    return ["", *(f"- {name} failed: {text.splitlines()[0]}" for name, text in errors.items())] if errors else []


def _text(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"
