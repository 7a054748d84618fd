"""Tables that are not bundled: where they are looked for, and which lines of the scorecard wait for them."""

import os
from pathlib import Path

from bench.cluster import ROOT

NEEDED = {
    "tornado streams": tuple(f"tornado_{name}_{seed}" for name in ("sine1", "mixed", "circles") for seed in (101, 102)),
    "Elec2": ("elec2",),
}
"""By line; each is a gzip-compressed CSV."""


class MissingTables(Exception):
    """A line cannot be measured: its tables are not there. The report says which."""


def folder() -> Path:
    """Return $STREAMGAUGE_DATA, by default `../shared/data` beside the repository."""
    return Path(os.environ.get("STREAMGAUGE_DATA", ROOT.parent / "shared" / "data"))


def missing() -> dict[str, list[str]]:
    """Return by line which of its tables are not there."""
    absent = {
        line: [name for name in names if not (folder() / f"{name}.csv.gz").exists()] for line, names in NEEDED.items()
    }
    return {line: names for line, names in absent.items() if names}
