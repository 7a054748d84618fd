"""`write_report`: report.html, one self-contained page over what a replay has written. Same input, same bytes.

No clock, no network, and nothing of a stranger's runs in it: all text is escaped, and a content security policy lets
the page's own script run and no other.
"""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

from schemas.spec import MonitorSpec
from streams.html_page import templates, write_page
from streams.output_files import with_content
from streams.report_data import Outputs, read_outputs
from streams.report_text import moment, sentence
from streams.report_view import view


def write_report(out: Path, spec: MonitorSpec, outputs: Outputs | None = None) -> Path:
    """Write `out/report.html` over the other files in `out`, and return its path.

    Parameters
    ----------
    outputs
        What stands in `out`, where somebody has read it already.

    Raises
    ------
    UserError
        When the page cannot be written.
    """
    filters: dict[str, Callable[..., str]] = {"moment": moment, "sentence": sentence, "script_hash": _script_hash}
    page = templates(filters).get_template("report.html.j2")
    text = page.render(view=view(outputs or read_outputs(out, spec), spec), files=with_content(out))
    return write_page(out / "report.html", text)


def _script_hash(script: str) -> str:
    """Return the hash by which the content security policy knows the page's own script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
