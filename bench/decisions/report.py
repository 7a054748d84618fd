"""Figures of the lines → results (JSON) → the tables of docs/scorecard.md."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.decisions.protocol import PRICE, TARGETS
from bench.document import put_between
from bench.scorecard import beside, described, judged, verdicts

BEGIN, END = "<!-- bench-decisions: begin -->", "<!-- bench-decisions: end -->"
TITLES = {
    "regret": f"Regret a batch, a = {PRICE:g}",
    "winners": "Who would have been best, stream by stream",
    "errors": "Mean error and number of trainings",
    "prices": "Mean regret where a training costs less, or more",
    "sensitivity": "Mean regret of the cost policy, set otherwise",
    "older_versions": "Cost a batch with older versions as candidates",
    "shifted": "Regret where known changes lie in the middle of a batch",
    "development": "Regret on the streams for development",
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
    lines = [*_provenance(results), *verdicts(complete(results)["targets"]), ""]
    lines += [f"- {name} failed: {text}" for name, text in (results.get("errors") or {}).items()]
    if absent := results.get("left_out"):
        lines.append(f"- left out, as they are not there: {', '.join(absent)}")
    return "\n".join([*lines, *beside(results, TITLES)]).strip()


def _provenance(results: Mapping[str, Any]) -> list[str]:
    if not results.get("lines"):
        return []
    seconds = sum(line.get("seconds", 0) for line in results["lines"].values())
    when, sklearn = results.get("measured_at", "an unknown day"), results.get("scikit_learn")
    return [
        f"Measured on {when} with River {results.get('river')} and scikit-learn {sklearn}. Training all models took "
        f"{results.get('trained_in', 0):,.0f} s of CPU time, once; the policies {seconds:,.0f} s. "
        f"{described(results.get('machine'))}.",
        "",
    ]
