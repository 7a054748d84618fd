"""What most commands are given: a monitor file, and where Kafka is."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.errors import UserError

if TYPE_CHECKING:
    from schemas.spec import MonitorSpec

Monitor = Annotated[Path, typer.Argument(metavar="MONITOR", help="The monitor file (YAML).", show_default=False)]
Bootstrap = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT,...",
        help="Where Kafka is, instead of kafka.bootstrap: one monitor file then serves a laptop and a container.",
        envvar="STREAMGAUGE_BOOTSTRAP",
        show_default=False,
    ),
]
Also = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="TABLE",
        help="A table that score wrote, played as predictions of another version; may be given again.",
        show_default=False,
    ),
]
Archived = Annotated[
    str | None,
    typer.Option(
        "--archive",
        metavar="URL",
        help="Where joined rows are kept, instead of archive.url; a path is relative to where you are.",
        show_default=False,
    ),
]
CommandsOut = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Append the command to this file, for replay --commands, instead of sending it.",
        show_default=False,
    ),
]
CommandTime = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Event time of the command (RFC 3339); now where it is left out."),
]


def load(monitor: Path, bootstrap: str | None = None) -> "MonitorSpec":
    """Read the monitor file. Commands do so first, before their libraries are loaded: a mistake is answered at once."""
    from streams.files import load_spec

    spec = load_spec(monitor)
    if bootstrap is None:
        return spec
    from schemas.kafka_spec import wrong_bootstrap

    if wrong := wrong_bootstrap(bootstrap):
        raise UserError(f"--bootstrap: {wrong}")
    return spec.model_copy(update={"kafka": spec.kafka.model_copy(update={"bootstrap": bootstrap})})


def archived_at(spec: "MonitorSpec", url: str | None) -> "MonitorSpec":
    """Return a monitor file whose archive is at `url`, where one is given; a path is relative to where one stands."""
    if url is None:
        return spec
    from schemas.archive_spec import ArchiveSpec

    if not url.strip():
        raise UserError("--archive: names no place; give it a directory or a URL, or leave it out")
    place = url if "://" in url else str(Path(url).absolute())
    kept = ArchiveSpec(url=place) if spec.archive is None else spec.archive.model_copy(update={"url": place})
    return spec.model_copy(update={"archive": kept})
