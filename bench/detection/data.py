"""Which lines of the scorecard wait for tables that are not bundled."""

from bench.tables import path_of

NEEDED = {
    "tornado streams": tuple(f"tornado_{name}_{seed}" for name in ("sine1", "mixed", "circles") for seed in (101, 102)),
    "Elec2": ("elec2",),
}
"""By line."""


def missing() -> dict[str, list[str]]:
    """Return by line which of its tables are not there."""
    absent = {line: [name for name in names if not path_of(name).exists()] for line, names in NEEDED.items()}
    return {line: names for line, names in absent.items() if names}
