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
WIDE = 100  # columns of a terminal that has room for them
YOURS, FIRST = "*", ">"


def print_result(console: Console, result: Result, advice: Recommendation, out: Path | None) -> None:
    """Print what is recommended, what each policy would have cost, and how far to trust it."""
    start, end = (f"{from_micros(moment):%Y-%m-%d}" for moment in (result.start, result.end))

    def say(text: str, style: str | None = None) -> None:
        console.print(text, style=style, highlight=False)

    say(
        f"[bold]{escape(clean(result.model))}[/bold]: {result.labelled:,} labelled of {result.rows:,} rows, {start} to "
        f"{end}; costs {result.unit}, a retraining {number(result.retraining)}\n"
    )
    say(escape(in_words(result, advice)), "bold")
    if advice.note:
        say(escape(advice.note))
    if advice.yaml is not None and own_of(result).name != advice.name:
        say(f"\nSettings of the cheapest:\n{escape(advice.yaml.rstrip())}")
    console.print()
    console.print(_table(result, advice, dates=console.width >= WIDE))
    say(
        f"{FIRST} cheapest that can be set   {YOURS} the monitor file as it is   regret: total less the best in "
        "hindsight. Of a period, the mean over when it may begin.",
        "dim",
    )
    say("\n[bold]How far to trust it.[/bold] " + escape(_trust(advice)))
    say(f"\nBest in hindsight: {ORACLE}", "dim")
    for note in result.notes:
        say(f"Note: {escape(clean(note))}", "dim")
    if out is not None:
        say(f"\nReport: {escape(str(out / 'backtest.html'))}, and backtest.json beside it")


def in_words(result: Result, advice: Recommendation) -> str:
    """Return what is recommended in a sentence or two, against what the monitor file has and against doing nothing."""
    chosen = next(one for one in result.outcomes if one.name == advice.name)
    own, never = own_of(result), next(one for one in result.outcomes if one.family == "never")
    if chosen.name == own.name:
        text = (
            f"Keep the monitor file as it is: none of {advice.contenders} policies that can be set would have cost "
            f"less than its {number(own.total)}."
        )
    elif own.name in advice.close:
        text = (
            f"Keep the monitor file as it is: it would have cost {number(own.total)}. Cheapest that can be set was "
            f"{chosen.name}, with {number(chosen.total)}, but chance may account for the difference."
        )
    else:
        text = (
            f"Cheapest that can be set: {chosen.name}. It would have cost {number(chosen.total)}; the monitor file as "
            f"it is, {number(own.total)}{_more(own.total, chosen.total)}."
        )
    if never.name not in (chosen.name, own.name):
        text += f" Never retraining: {number(never.total)}{_more(never.total, chosen.total)}."
    return text + _in_vain(own)


def _in_vain(own: Outcome) -> str:
    """Return that the trainer, and no policy, is what wants looking at, where none of its models served."""
    if not own.triggers or any(each["came"] != "kept" for each in own.triggers):
        return ""
    count = len(own.triggers)
    paid = "one training was paid for and its model" if count == 1 else f"{count} trainings were paid for and no model"
    return f" As it is, {paid} {'never served' if count == 1 else 'of them served'}: none beat the one before it."


def own_of(result: Result) -> Outcome:
    """Return what the policies of the monitor file come to."""
    return next(one for one in result.outcomes if one.family == "own")


def _table(result: Result, advice: Recommendation, *, dates: bool) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("  policy", overflow="fold", max_width=46)
    for name in ("mistakes", "trained", "total", "regret"):
        table.add_column(name, justify="right", no_wrap=True)
    if dates:
        table.add_column("first on", no_wrap=True)
    best = result.best
    trained = [result.moments[point + 1] - result.delay for point in best.trained]
    rows = [
        (
            "  best in hindsight",
            number(float(best.losses.sum())),
            str(len(trained)),
            number(best.total),
            "",
            _dates([f"{from_micros(moment):%Y-%m-%d}" for moment in trained]),
        )
    ]
    for one in result.outcomes:
        rows.append(
            (
                f"{_mark(one, advice)} {escape(one.name)}",
                number(one.loss_cost),
                f"{one.retrainings:.3g}",
                number(one.total),
                number(one.regret),
                _dates([str(each["time"])[:10] for each in one.triggers]),
            )
        )
    styles = ["dim", *("bold" if _mark(one, advice).strip() else None for one in result.outcomes)]
    for row, style in zip(rows, styles, strict=True):
        table.add_row(*(row if dates else row[:-1]), style=style)
    return table


def _mark(one: Outcome, advice: Recommendation) -> str:
    if one.name == advice.name:
        return FIRST
    return YOURS if one.family == "own" else " "


def _trust(advice: Recommendation) -> str:
    standing = advice.standings[0]
    close = f"; not told apart from it: {'; '.join(advice.close)}" if advice.close else ""
    return (
        f"{advice.name} is first in {standing.cheapest:.0%} of resampled histories{close}.\n"
        f"Chosen on the first half: {advice.chosen_on_first}{tied(advice)}. On the second half it cost "
        f"{number(advice.second_half)}, rank {advice.second_rank} of {advice.contenders}; the cheapest there, "
        f"{advice.second_best}, {number(advice.second_best_cost)}.\n{advice.caveat}"
    )


def _more(cost: float, least: float) -> str:
    return f" ({cost / least - 1:.1%} above the cheapest)" if least > 0 else ""


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
