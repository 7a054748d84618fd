"""Figures of the lines → results (JSON) → the tables of docs/scorecard.md."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.detection.data import missing
from bench.detection.protocol import TARGETS
from bench.document import put_between
from bench.targets import Target

BEGIN, END = "<!-- bench-detection: begin -->", "<!-- bench-detection: end -->"
TITLES = {
    "false_alarms": "False alarms in a million observations",
    "day_effect": "Day effects: alarms in 90 days",
    "delay": "Delay on independent rows",
    "delay_markov": "Delay on dependent rows (Markov, ρ = .3)",
    "drift": "Binned drift: alarms in a million events",
    "monitor": "The whole monitor on stationary rows: what fires in 90 days",
    "car_loan": "car_loan: what the monitor said",
    "cbpe": "Estimated ROC AUC (CBPE)",
    "tornado": "Tornado streams: delay in rows",
    "elec2_shuffled": "Elec2, shuffled, with changes put in",
    "elec2": "Elec2 as it is",
    "sample_size": "Sample size: alarms in 90 clean windows",
    "cost": "Cost, CPU time",
    "correlated": "Correlated features: what fires in 90 days",
    "biased_delay": "Labels of wrong predictions come sooner: what fires in 90 days",
    "autocorrelated": "Autocorrelated features: what fires in 90 days",
    "short_reference": "A reference of 29 panes",
    "late_segment": "A value that the reference does not have: what fires in 90 days",
    "new_version": "A change, an alarm, a new version: alerts for each change",
}
"""Every line that is measured, in the order of the document."""


def complete(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return results with the verdict on every target first, measured or not."""
    lines = results.get("lines") or {}
    ordered = {name: lines[name] for name in TITLES if name in lines}
    verdicts = [_verdict(target, ordered) for target in TARGETS]
    return {"targets": verdicts} | {**results, "targets": verdicts, "lines": ordered}


def _verdict(target: Target, lines: Mapping[str, Any]) -> dict[str, Any]:
    value = target.measured(lines)
    return {
        "name": target.what,
        "value": value,
        "target": target.bound,
        "sense": target.sense,
        "unit": target.unit,
        "met": None if value is None else target.met(value),
    }


def write_tables(results: Mapping[str, Any], document: Path) -> None:
    """Put the tables between the markers of a document, in place of those that are there.

    Raises
    ------
    ValueError
        When the document lacks a marker.
    """
    put_between(document, BEGIN, END, tables(results))


def tables(results: Mapping[str, Any]) -> str:
    """Return the verdicts and what stands beside them, in Markdown."""
    targets = complete(results)["targets"]
    judged = [one for one in targets if one["met"] is not None]
    lines = [*_provenance(results)]
    lines += [f"{sum(one['met'] for one in judged)} of {len(judged)} measured targets are met.", ""]
    lines += ["| what | measured | target | |", "|---|--:|--:|---|", *(_row(one) for one in targets)]
    lines += ["", *(f"- {name} failed: {text}" for name, text in (results.get("errors") or {}).items())]
    lines += [f"- {line}: not there: {', '.join(names)}" for line, names in missing().items()]
    for name, title in TITLES.items():
        if beside := (results.get("lines") or {}).get(name, {}).get("beside"):
            lines += ["", f"### {title}", "", *_table(beside)]
    return "\n".join(lines).strip()


def _provenance(results: Mapping[str, Any]) -> list[str]:
    if not results.get("lines"):
        return []
    machine = "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in (results.get("machine") or {}).items())
    seconds = sum(line.get("seconds", 0) for line in results["lines"].values())
    share = results.get("scale", 1)
    smoke = f" A smoke run at {share:g} of the protocol: the figures count for nothing." if share != 1 else ""
    when = results.get("measured_at", "an unknown day")
    return [f"Measured on {when} with River {results.get('river')}, in {seconds:,.0f} s.{smoke} {machine}.", ""]


def _row(one: Mapping[str, Any]) -> str:
    bound = f"{'≤' if one['sense'] == 'at most' else '≥'} {_text(one['target'])} {one['unit']}".strip()
    if one["met"] is None:
        return f"| {one['name']} | – | {bound} | not measured yet |"
    return f"| {one['name']} | {_text(one['value'])} | {bound} | {'met' if one['met'] else '**missed**'} |"


def _table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    numeric = {column: all(isinstance(row.get(column, 0), int | float) for row in rows) for column in columns}
    return [
        f"| {' | '.join(columns)} |",
        f"|{'|'.join('--:' if numeric[column] else '---' for column in columns)}|",
        *(f"| {' | '.join(_text(row.get(column, '–')) for column in columns)} |" for row in rows),
    ]


def _text(figure: Any) -> str:
    if isinstance(figure, str):
        return figure
    if isinstance(figure, int) or abs(figure) >= 1_000:
        return f"{figure:,.0f}"
    return f"{figure:.1f}" if abs(figure) >= 100 else f"{figure:.3g}"
