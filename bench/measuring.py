"""Measuring one thing after the other: what goes wrong is noted, the others go on, and all of it is written down."""

import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from bench.cluster import ROOT
from bench.report import write_results


class Report(Protocol):
    """A module that makes results complete, and tables of them."""

    def complete(self, results: Mapping[str, Any]) -> dict[str, Any]: ...

    def write_tables(self, results: Mapping[str, Any], document: Path) -> None: ...

    def tables(self, results: Mapping[str, Any]) -> str: ...


def attempt(name: str, run: Callable[[], None], errors: dict[str, str]) -> None:
    """Run one measurement; note in `errors` what goes wrong."""
    began = monotonic()
    say(f"{name} ...")
    try:
        run()
    except Exception as error:
        errors[name] = f"{type(error).__name__}: {error}"[:2_000]
        traceback.print_exc()
    say(f"  took {monotonic() - began:.0f} s")


def finish(
    results: dict[str, Any], errors: dict[str, str], report: Report, path: Path, document: Path | None = None
) -> int:
    """Write the results, and their tables into a document if there is one; return 1 where something failed."""
    results.pop("errors", None)
    results = report.complete(results | ({"errors": errors} if errors else {}))
    write_results(results, path)
    if document is not None:
        report.write_tables(results, document)
    print(report.tables(results))
    say(f"written: {path.relative_to(ROOT)}" + (f" and {document.relative_to(ROOT)}" if document else ""))
    return 1 if errors else 0


def say(text: str) -> None:
    """Say how it goes, apart from the tables."""
    print(text, file=sys.stderr, flush=True)
