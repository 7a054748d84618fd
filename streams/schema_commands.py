"""`streamgauge schema`."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streams.command_group import example, group

Mode = Literal["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]

schema = group("Export the contracts as JSON Schemas, or check that a change of a schema is compatible.")


@schema.command("export", epilog=example("streamgauge schema export --out schemas"))
def export(
    out: Annotated[Path, typer.Option(help="Directory to write to; made where it is missing.", show_default=False)],
) -> None:
    """Write the JSON Schema of every event and of the monitor file, and an AsyncAPI document of the topics."""
    from streams.schema_files import export as run

    run(out)


@schema.command(
    "check",
    epilog=example(
        "streamgauge schema check old.json new.json --mode FULL",
        "streamgauge schema check v1.json v2.json v3.json --mode BACKWARD_TRANSITIVE",
    ),
)
def check(
    schemas: Annotated[
        list[Path],
        typer.Argument(metavar="OLD... NEW", help="JSON Schemas, oldest first; the last is new.", show_default=False),
    ],
    mode: Annotated[
        Mode,
        typer.Option(
            metavar="MODE", help="BACKWARD, FORWARD, FULL, or one of them with _TRANSITIVE.", case_sensitive=False
        ),
    ] = "BACKWARD",
) -> None:
    """Say whether a new JSON Schema is compatible with older ones; exit code 1 where it is not.

    BACKWARD: readers with the new schema read old data. FORWARD: readers with the old schema read new data. FULL: both.

    The plain modes compare with the last old schema, the TRANSITIVE ones with all of them.

    Adding an optional property to an open object is not BACKWARD compatible: old data may hold anything under its name,
    as nothing forbade it. Where you know that no old data does, set additionalProperties to false in a copy of the old
    schema and compare with that; else leave the new property's type open and judge the value in the reader.
    """
    from streams.schema_files import check as run

    raise typer.Exit(run(schemas, mode))
