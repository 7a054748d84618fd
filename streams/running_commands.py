"""Commands that run a monitor, on files or on Kafka, and that speak with one that runs."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from streams.command_group import example, group
from streams.errors import UserError
from streams.monitor_argument import Also, Archived, Bootstrap, CommandsOut, CommandTime, Monitor, archived_at, load

running = group("Run a monitor, or speak with one that runs.")


@running.command(epilog=example("streamgauge replay monitor.yaml --out out"))
def replay(
    monitor: Monitor,
    out: Annotated[Path, typer.Option(help="Directory for the reports; made where it is missing.", show_default=False)],
    also: Also = None,
    archive: Archived = None,
    commands: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Commands as JSON Lines, carried out as event time comes to theirs; commands such as promote write "
            "them with --out. May be given again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Run the tables of the monitor file through the monitor, without a broker.

    Writes alerts, triggers, label requests, panes and dead letters as JSON Lines, accounting.json, and report.html to
    look at. The same input gives the same bytes.
    """
    spec = load(monitor)
    from streams.replay import replay as run
    from streams.scored_tables import with_scored

    spec = archived_at(with_scored(spec, monitor.parent, also or ()), archive)
    run(spec, monitor.parent, out, progress=sys.stderr.isatty(), commands=commands)


@running.command(epilog=example("streamgauge worker monitor.yaml --data-dir /var/lib/streamgauge"))
def worker(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
    data_dir: Annotated[Path, typer.Option(help="Directory of the local store; one for each worker.")] = Path(
        "streamgauge-data"
    ),
    http_host: Annotated[
        str, typer.Option(help="Address for /metrics, /livez and /readyz; 0.0.0.0 lets others in.")
    ] = "127.0.0.1",
    http_port: Annotated[int, typer.Option(help="Port for the same.", min=0, max=65535)] = 6066,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="Least level that is logged.")
    ] = "info",
    instance_id: Annotated[
        str | None,
        typer.Option(
            help="Lasting name of this worker, its own: a quick restart then moves no partitions.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Monitor the topics on Kafka until stopped.

    Start as many as there are partitions: they share the work. A worker that was killed goes on where it was; alerts
    and triggers keep their ids, so a reader that goes by id sees each once.
    """
    spec = load(monitor, bootstrap)
    from streams.worker import run

    code = run(
        spec,
        monitor.parent,
        data_dir,
        http_host=http_host,
        http_port=http_port,
        log_level=log_level,
        instance_id=instance_id,
    )
    raise typer.Exit(code)


@running.command(epilog=example("streamgauge send monitor.yaml --rate 500"))
def send(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
    also: Also = None,
    rate: Annotated[
        float | None, typer.Option(help="Most events a second; as fast as it goes where it is left out.", min=0.001)
    ] = None,
    watermark: Annotated[
        str | None,
        typer.Option(
            help="Event time to end with (RFC 3339), instead of the latest in the tables.",
            metavar="TIME",
            show_default=False,
        ),
    ] = None,
    no_watermark: Annotated[bool, typer.Option("--no-watermark", help="Send no watermark at the end.")] = False,
) -> None:
    """Play the tables of the monitor file into the predictions and feedback topics, in event time order.

    Ends with a watermark event to every partition of both topics: nothing up to then is still to come, so the panes up
    to then are judged at once. Leave it out (--no-watermark) where more events will follow.
    """
    if watermark is not None and no_watermark:
        raise UserError("--watermark and --no-watermark: give one of them")
    spec = load(monitor, bootstrap)
    from streams.scored_tables import with_scored
    from streams.send import parse_time
    from streams.send import send as run

    end = None if watermark is None else parse_time(watermark, "--watermark")
    run(with_scored(spec, monitor.parent, also or ()), monitor.parent, rate=rate, watermark=not no_watermark, end=end)


@running.command(
    epilog=example("streamgauge watch monitor.yaml", "streamgauge watch monitor.yaml --json | jq .summary")
)
def watch(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line, as it stands on the topic.")] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show what is on the topics already, then go on.")
    ] = False,
) -> None:
    """Show alerts and triggers as they come, each once, until Ctrl-C."""
    spec = load(monitor, bootstrap)
    from streams.watch import watch as run

    run(spec, monitor.parent, as_json=json, from_beginning=from_beginning)


@running.command(epilog=example('streamgauge trigger monitor.yaml car_loan --reason "new bureau data"'))
def trigger(
    monitor: Monitor,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Which model to retrain.", show_default=False)],
    reason: Annotated[str, typer.Option(help="Why; it stands in the trigger.", show_default=False)],
    bootstrap: Bootstrap = None,
    id: Annotated[
        str | None, typer.Option(help="Idempotency key: sent twice, it triggers once. A new one where it is left out.")
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Version to replace; the one seen last where it is left out.")
    ] = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Ask the workers for a retraining trigger now, whatever the signals say."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell

    command = command_of(spec, "trigger", model, {"reason": reason, "version": version}, id=id, at=at)
    tell(spec, monitor.parent, command, f"asked for a retraining of {model}", out)
