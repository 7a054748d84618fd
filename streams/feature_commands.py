"""Commands about features: what each is, what was seen of it, and where."""

from typing import Annotated

import typer

from streams.command_group import example, group
from streams.monitor_argument import Archived, Monitor, archived_at, load

features = group("Look at the features of a model.")


@features.command(
    "features", epilog=example("streamgauge features monitor.yaml", "streamgauge features monitor.yaml car_loan --json")
)
def show(
    monitor: Monitor,
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="Which model; all where it is left out.", show_default=False)
    ] = None,
    archive: Archived = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Document every feature: its declared type and range, when and in which versions it was seen, its values.

    What was seen is read from the archive, what it is compared with from the reference profile. Either may be missing;
    what is then unknown is said.
    """
    spec = archived_at(load(monitor), archive)
    from streams.feature_table import features as run

    run(spec, monitor.parent, model, as_json=json)
