"""A backtest on the terminal."""

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.event_time import from_micros
from streams.backtest.document import ORACLE
from streams.backtest.recommendation import Recommendation
from streams.backtest.result import Outcome, Result
from streams.report_text import clean

SHOWN = 1  # dates of retrainings; the page has all of them


def print_result(console: Console, result: Result, advice: Recommendation, out: Path | None) -> None:
    """Print what each policy would have cost, and what is recommended."""
    start, end = (f"{from_micros(moment):%Y-%m-%d}" for moment in (result.start, result.end))
    console.print(
        f"[bold]{escape(clean(result.model))}[/bold]: {result.labelled:,} labelled of {result.rows:,} rows, {start} to "
        f"{end}; costs {result.unit}, a retraining {number(result.retraining)}",
        highlight=False,
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("policy", overflow="fold", max_width=46)
    for name in ("mistakes", "retrainings", "total", "regret"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("retrained on", no_wrap=True)
    best = result.best
    trained = [result.moments[point + 1] - result.delay for point in best.trained]
    table.add_row(
        "best in hindsight",
        number(float(best.losses.sum())),
        str(len(trained)),
        number(best.total),
        "",
        _dates([f"{from_micros(moment):%Y-%m-%d}" for moment in trained]),
        style="dim",
    )
    for one in result.outcomes:
        table.add_row(
            escape(one.name),
            number(one.loss_cost),
            f"{one.retrainings:.3g}",
            number(one.total),
            number(one.regret),
            _dates([str(each["time"])[:10] for each in one.triggers]),
            style="bold" if one.name == advice.name else None,
        )
    console.print(table)
    for one in result.outcomes:
        if one.best_phase is not None and one.best_phase < best.total * 1.5:
            console.print(_phases(one), style="dim", highlight=False)
    console.print(f"\nOracle: {ORACLE}", style="dim", highlight=False)
    for note in result.notes:
        console.print(f"Note: {escape(clean(note))}", style="dim", highlight=False)
    _print_advice(console, advice)
    if out is not None:
        console.print(f"\nReport: {escape(str(out / 'backtest.html'))}, and backtest.json beside it", highlight=False)


def _print_advice(console: Console, advice: Recommendation) -> None:
    standing = advice.standings[0]
    console.print(
        f"\n[bold]Cheapest that can be set: {escape(advice.name)}[/bold] (first in {standing.cheapest:.0%} of "
        "resampled histories)",
        highlight=False,
    )
    if advice.close:
        console.print(f"Not told apart from it: {escape(', '.join(advice.close))}", highlight=False)
    console.print(
        f"Chosen on the first half: {escape(advice.chosen_on_first)}{tied(advice)}. On the second half it cost "
        f"{number(advice.second_half)}, rank {advice.second_rank} of {advice.contenders}; the cheapest there, "
        f"{escape(advice.second_best)}, {number(advice.second_best_cost)}.",
        highlight=False,
    )
    console.print(advice.caveat, highlight=False)
    if advice.note:
        console.print(advice.note, highlight=False)
    if advice.yaml is not None:
        console.print(f"\n{escape(advice.yaml.rstrip())}", highlight=False)


def tied(advice: Recommendation) -> str:
    """Return how far the first half told contenders apart, where it did not."""
    if advice.tied_on_first == 1:
        return ""
    return f" ({advice.tied_on_first} of {advice.contenders} cost the same there)"


def number(value: float) -> str:
    """Return an amount as it is read."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:,.4g}"


def _dates(dates: list[str]) -> str:
    more = len(dates) - SHOWN
    return ", ".join(dates[:SHOWN]) + (f" +{more}" if more > 0 else "")


def _phases(one: Outcome) -> str:
    return f"{escape(one.name)}: mean over the phases; the best phase alone {number(one.best_phase or 0.0)}"
