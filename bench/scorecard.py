"""What the scorecards share: verdicts on targets, and Markdown tables of them and of what stands beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

from bench.targets import Target

Row = Mapping[str, Any]


def judged(results: Mapping[str, Any], targets: Sequence[Target], titles: Mapping[str, str]) -> dict[str, Any]:
    """Return results with the verdict on every target first, measured or not, and lines in their titles' order."""
    lines = results.get("lines") or {}
    ordered = {name: lines[name] for name in titles if name in lines}
    verdicts = [_verdict(target, ordered) for target in targets]
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


def verdicts(targets: Sequence[Row]) -> list[str]:
    """Return how many targets are met, and each of them."""
    measured = [one for one in targets if one["met"] is not None]
    return [
        f"{sum(one['met'] for one in measured)} of {len(measured)} measured targets are met.",
        "",
        "| what | measured | target | |",
        "|---|--:|--:|---|",
        *(_row(one) for one in targets),
    ]


def beside(results: Mapping[str, Any], titles: Mapping[str, str]) -> list[str]:
    """Return, by line, the table of what stands beside its figures."""
    found = []
    for name, title in titles.items():
        if rows := (results.get("lines") or {}).get(name, {}).get("beside"):
            found += ["", f"### {title}", "", *_table(rows)]
    return found


def described(machine: Mapping[str, str] | None) -> str:
    """Return what the figures were taken on."""
    return "; ".join(f"{name.replace('_', ' ')}: {value}" for name, value in (machine or {}).items())


def _row(one: Row) -> str:
    bound = f"{'≤' if one['sense'] == 'at most' else '≥'} {_text(one['target'])} {one['unit']}".strip()
    if one["met"] is None:
        return f"| {one['name']} | – | {bound} | not measured yet |"
    return f"| {one['name']} | {_text(one['value'])} | {bound} | {'met' if one['met'] else '**missed**'} |"


def _table(rows: Sequence[Row]) -> list[str]:
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
