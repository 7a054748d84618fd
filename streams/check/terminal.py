"""The report for a terminal or a pipe: the verdict, why, a line for each test, and what shows the failures."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from schemas.check_report import CheckReport, CheckResult, Finding
from streams.check.report import HEADLINES, told, value_text
from streams.effective_rows import worth_in_words
from streams.report_text import clean

FINDINGS = 5  # of a test that did not pass; the page has all
ROWS = 2  # of a finding

_STYLES = {"passed": "green", "failed": "bold red", "unknown": "yellow", "information": "dim"}


def print_report(console: Console, report: CheckReport) -> None:
    """Print a report."""

    def line(text: str, style: str = "") -> None:
        console.print(Text(text, style=style), soft_wrap=False)

    line(f"{HEADLINES[report.verdict]}: {clean(report.model)}, {clean(report.candidate)}", _STYLES[report.verdict])
    worth = worth_in_words(report.rows["held_out_labelled"], report.rows["held_out_effective"])
    line(f"against {clean(report.champion)}, on {report.rows['held_out']:,} held-out rows{worth}")
    for reason in report.reasons:
        line(f"  {told(reason)}")
    for note in report.notes:
        line(f"  Not to be had: {told(note)}")
    table = Table("test", "verdict", "reason", box=None, pad_edge=False)
    for result in report.results:
        verdict = Text(result.verdict, style=_STYLES[result.verdict])
        table.add_row(Text(result.title), verdict, Text(told(result.reason)))
    console.print()
    console.print(table)
    for result in report.results:
        if result.verdict == "failed":
            _failed(console, result)


def _failed(console: Console, result: CheckResult) -> None:
    shown = [finding for finding in result.findings if finding.verdict == "failed"]
    if not shown:
        return
    console.print()
    console.print(Text(result.title, style="bold"))
    for finding in shown[:FINDINGS]:
        console.print(Text(f"  {told(finding.text)}"))
        _rows(console, finding)
    if len(shown) > FINDINGS:
        console.print(Text(f"  and {len(shown) - FINDINGS} more in the report"))


def _rows(console: Console, finding: Finding) -> None:
    for row in finding.rows[:ROWS]:
        features = ", ".join(f"{clean(name)}={value_text(value)}" for name, value in row.features.items())
        said = ", ".join(f"{clean(who)}: {clean(what)}" for who, what in row.said.items())
        id = f"{clean(row.id)}: " if row.id is not None else ""
        console.print(Text(f"    {id}{features}", style="dim"))
        console.print(Text(f"      {said}", style="dim"))
