"""Self-contained HTML pages of reports: how templates are read, and how a page is written. Same input, same bytes."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from streams.errors import UserError
from streams.report_text import clean, plural


def templates(filters: Mapping[str, Callable[..., Any]]) -> Environment:
    """Return the templates in `streams/templates`: all text is escaped, and a name that is not there is an error."""
    environment = Environment(
        loader=PackageLoader("streams"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"clean": clean, **filters}
    environment.globals["plural"] = plural
    return environment


def write_page(path: Path, text: str) -> Path:
    """Write a page and return its path; what is no text in UTF-8 becomes a question mark.

    Raises
    ------
    UserError
        When it cannot be written.
    """
    try:
        path.write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror}") from error
    return path
