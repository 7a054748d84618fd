"""Figures of the lines → results (JSON) → the tables of docs/scorecard.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.detection.data import missing
from bench.detection.protocol import TARGETS
from bench.document import put_between
from bench.scorecard import beside, described, judged, verdicts

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
    return judged(results, TARGETS, TITLES)


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
    lines = [*_provenance(results), *verdicts(complete(results)["targets"])]
    lines += ["", *(f"- {name} failed: {text}" for name, text in (results.get("errors") or {}).items())]
    lines += [f"- {line}: not there: {', '.join(names)}" for line, names in missing().items()]
    return "\n".join([*lines, *beside(results, TITLES)]).strip()


def _provenance(results: Mapping[str, Any]) -> list[str]:
    if not results.get("lines"):
        return []
    machine = described(results.get("machine"))
    seconds = sum(line.get("seconds", 0) for line in results["lines"].values())
    share = results.get("scale", 1)
    smoke = f" A smoke run at {share:g} of the protocol: the figures count for nothing." if share != 1 else ""
    when = results.get("measured_at", "an unknown day")
    return [f"Measured on {when} with River {results.get('river')}, in {seconds:,.0f} s.{smoke} {machine}.", ""]
