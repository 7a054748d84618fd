"""The catalogue of features as a table on the terminal, or as JSON."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.spec import MonitorSpec
from streams.feature_catalogue import MOST_SHOWN, catalogue
from streams.known_model import known_model
from streams.report_text import clean, number

WIDEST = 24  # characters of a category


def features(spec: MonitorSpec, base: Path, model: str | None, *, as_json: bool = False) -> None:
    """Print the catalogue of a model, or of all.

    Raises
    ------
    UserError
        When there is no such model, or a file of the archive is damaged.
    """
    if model is not None:
        known_model(spec, model)
    found = [catalogue(spec, base, name) for name in ([model] if model else spec.models)]
    if as_json:
        whole: Any = found[0] if model else {"models": found}
        sys.stdout.write(json.dumps(whole, indent=2, allow_nan=False) + "\n")
        return
    console = Console()
    for one in found:
        _print(console, one)


def _print(console: Console, found: dict[str, Any]) -> None:
    table = Table(title=f"Features of {_text(found['model'])}", title_justify="left", show_lines=True)
    for column in ("feature", "observed", "reference"):
        table.add_column(column, overflow="fold")
    for feature in found["features"]:
        seen = feature["observed"]
        references = feature["reference"]
        table.add_row(
            f"[bold]{_text(feature['name'])}[/bold]\n{_declared(feature['declared'])}",
            "?" if seen is None else _observed(seen),
            "\n".join(
                (f"version {_text(version)}:\n" if len(references) > 1 else "") + _reference(one)
                for version, one in references.items()
            )
            or "?",
        )
    console.print(table)
    for line in found["unknown"]:
        console.print(f"[yellow]{_text(line)}[/yellow]")


def _declared(declared: dict[str, Any] | None) -> str:
    if declared is None:
        return "not in the monitor file"
    said = [declared["type"]]
    if "minimum" in declared or "maximum" in declared:
        words = {"minimum": "at least", "maximum": "at most"}
        said += [f"{word} {number(declared[bound])}" for bound, word in words.items() if bound in declared]
    if "allowed" in declared:
        said.append(_few([_text(value) for value in declared["allowed"]]))
    if not declared["nullable"]:
        said.append("must not be missing")
    return "\n".join(said)


def _observed(seen: dict[str, Any]) -> str:
    if seen["first_seen"] is None:
        return "never seen"
    lines = [f"{seen['first_seen'][:10]} to {seen['last_seen'][:10]}"]
    lines.append(f"versions: {_few([_text(version) for version in seen['versions']])}")
    return "\n".join([*lines, _missing(seen), _values(seen)]).rstrip()


def _reference(one: dict[str, Any]) -> str:
    return f"{_missing(one)}\n{_values(one)}".rstrip()


def _missing(one: dict[str, Any]) -> str:
    return f"missing {_share(one['missing'])}" if one["missing"] else "never missing"


def _values(one: dict[str, Any]) -> str:
    """Return what values a feature has, in the archive or in a reference."""
    lines = []
    if "minimum" in one:
        low, high = (
            number(one[name], 4) if isinstance(one[name], int | float) else _text(one[name]) for name in _RANGE
        )
        lines.append(f"{low} to {high}" + (" characters" if one.get("type") == "text" else ""))
    if "quantiles" in one:
        lines.append(f"half of them {number(one['quantiles']['0.25'], 4)} to {number(one['quantiles']['0.75'], 4)}")
    if "median_at_most" in one:
        lines.append(f"half of them up to {number(one['median_at_most'], 4)}")
    if "top" in one:
        lines += [f"{_text(value)} {_share(share)}" for value, share in one["top"].items()]
        more = one["values"] - len(one["top"])
        if more > 0:
            lines.append(f"and {more}{' or more' if one.get('more_values') else ''} others")
    return "\n".join(lines)


_RANGE = ("minimum", "maximum")


def _share(share: float | None) -> str:
    return "?" if share is None else f"{100 * share:.2f} %"


def _few(texts: Sequence[str]) -> str:
    more = len(texts) - MOST_SHOWN
    return ", ".join(texts[:MOST_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _text(text: str) -> str:
    """Return a stranger's text so that it drives neither the terminal nor the table."""
    shown = clean(text)
    return escape(shown if len(shown) <= WIDEST or " " in shown else f"{shown[:WIDEST]}…")
