"""check.json and report.html: the report as files. Same report, same bytes; nothing of a stranger's runs in it."""

from pathlib import Path

from schemas.check_report import CheckReport
from schemas.prediction import FeatureValue
from streams.errors import UserError
from streams.html_page import templates
from streams.report_text import clean, number, sentence

JSON, PAGE = "check.json", "report.html"

HEADLINES = {
    "passed": "The candidate passed",
    "failed": "The candidate failed",
    "unknown": "Not settled: the candidate did not pass",
}


def write_files(report: CheckReport, out: Path) -> None:
    """Write both files into a directory, which is made where it is not there.

    Raises
    ------
    UserError
        When they cannot be written.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / JSON).write_text(as_json(report), encoding="utf-8", errors="replace")
        (out / PAGE).write_text(as_page(report), encoding="utf-8", errors="replace")
    except OSError as error:
        raise UserError(f"{out}: cannot be written: {error.strerror or error}") from None


def as_json(report: CheckReport) -> str:
    """Return the report as JSON."""
    return report.model_dump_json(indent=1) + "\n"


def as_page(report: CheckReport) -> str:
    """Return the report as one self-contained page."""
    page = templates({"sentence": told, "value": value_text, "cell": cell_text}).get_template("check.html.j2")
    return page.render(report=report, headline=HEADLINES[report.verdict])


def told(text: str) -> str:
    """Return a sentence of ours as people read it: cleaned, and with an end. It may begin with a feature's name."""
    found = sentence(text)
    return found if found.endswith((".", "?", "!")) else f"{found}."


def value_text(value: FeatureValue) -> str:
    """Return a feature's value so that an empty text and a missing value differ."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    return f"“{clean(value)}”" if isinstance(value, str) and not value.strip() else clean(str(value))


def cell_text(value: str | float | None) -> str:
    """Return a cell of a table."""
    if value is None:
        return "–"
    if isinstance(value, str):
        return clean(value)
    return f"{'−' if value < 0 else ''}{number(abs(value))}"
