"""`streamgauge topics`."""

import typer

from streams.command_group import example, group
from streams.monitor_argument import Bootstrap, Monitor, load

topics = group("Create the topics of a monitor, or check that they fit.")


@topics.command("create", epilog=example("streamgauge topics create monitor.yaml"))
def create(monitor: Monitor, bootstrap: Bootstrap = None) -> None:
    """Create the topics that are missing, with the partitions and clean-up that each needs."""
    spec = load(monitor, bootstrap)
    from streams.topics import create as run

    made = run(spec, monitor.parent)
    typer.echo(f"created {', '.join(made)}" if made else "all topics are there already; see also: topics check")


@topics.command("check", epilog=example("streamgauge topics check monitor.yaml"))
def check(monitor: Monitor, bootstrap: Bootstrap = None) -> None:
    """Say whether all topics are there and fit; exit code 2 where one does not."""
    spec = load(monitor, bootstrap)
    from streams.topics import require

    require(spec, monitor.parent)
    typer.echo("all topics are there and fit")
