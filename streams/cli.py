"""The command line: one thin function a command, with an example in its help. The work is done in other modules.

A person's mistake (`UserError`) is one message on stderr and exit code 2, never a trace; `Stopped` is exit code 1, or
2 where the monitor file is why; Ctrl-C is 130. Imports stand inside the commands, so that `--help` is quick.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from streams.errors import Stopped, UserError

if TYPE_CHECKING:
    from schemas.spec import MonitorSpec


class _Commands(TyperGroup):
    """Turns what a person can mend into a message and an exit code, whichever command it comes from."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            _say(str(error))
            raise typer.Exit(2) from None
        except Stopped as error:
            _say(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(130) from None


def _say(text: str) -> None:
    """Write a message; a file's name or content in it does not drive the terminal."""
    from streams.report_text import clean

    typer.echo("\n".join(map(clean, text.split("\n"))), err=True)


def _app(help: str) -> typer.Typer:
    return typer.Typer(
        cls=_Commands, help=help, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode="markdown"
    )


def _example(*lines: str) -> str:
    """Return an epilog in Markdown: the lines are to be copied as they are."""
    return "\n\n".join(("Example:" if len(lines) == 1 else "Examples:", *(f"    {line}" for line in lines)))


app = typer.Typer(
    name="streamgauge",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=_example(
        "streamgauge init predictions.csv",
        "streamgauge reference monitor.yaml",
        "streamgauge replay monitor.yaml --out out",
    ),
)
topics_app = _app("Create the topics of a monitor, or check that they fit.")
schema_app = _app("Export the contracts as JSON Schemas, or check that a change of a schema is compatible.")
app.add_typer(
    topics_app,
    name="topics",
    epilog=_example("streamgauge topics create monitor.yaml", "streamgauge topics check monitor.yaml"),
)
app.add_typer(
    schema_app,
    name="schema",
    epilog=_example("streamgauge schema export --out schemas", "streamgauge schema check old.json new.json"),
)

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
Mode = Literal["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]


def main() -> None:
    """Run the command line; the entry point of `streamgauge`."""
    app()


def _load(monitor: Path, bootstrap: str | None = None) -> "MonitorSpec":
    """Read the monitor file. Commands do so first, before their libraries are loaded: a mistake is answered at once."""
    from streams.files import load_spec

    spec = load_spec(monitor)
    if bootstrap is None:
        return spec
    if not bootstrap.strip(", "):
        raise UserError("--bootstrap: names no broker; give it host:port, or leave it out")
    return spec.model_copy(update={"kafka": spec.kafka.model_copy(update={"bootstrap": bootstrap})})


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"streamgauge {version('streamgauge')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Watch deployed models through their event streams, and say when to retrain.

    On files: init writes a monitor file, reference learns what good looks like, replay shows what would have happened.

    On Kafka: topics create, worker, and watch; send plays tables into the topics, trigger asks for a retraining.
    """


@app.command(epilog=_example("streamgauge replay monitor.yaml --out out"))
def replay(
    monitor: Monitor,
    out: Annotated[Path, typer.Option(help="Directory for the reports; made where it is missing.", show_default=False)],
) -> None:
    """Run the tables of the monitor file through the monitor, without a broker.

    Writes alerts, triggers, label requests, panes and dead letters as JSON Lines, accounting.json, and report.html to
    look at. The same input gives the same bytes.
    """
    spec = _load(monitor)
    from streams.replay import replay as run

    run(spec, monitor.parent, out, progress=sys.stderr.isatty())


@app.command(epilog=_example("streamgauge worker monitor.yaml --data-dir /var/lib/streamgauge"))
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
    spec = _load(monitor, bootstrap)
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


@app.command(epilog=_example("streamgauge send monitor.yaml --rate 500"))
def send(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
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
    spec = _load(monitor, bootstrap)
    from streams.send import parse_time
    from streams.send import send as run

    end = None if watermark is None else parse_time(watermark)
    run(spec, monitor.parent, rate=rate, watermark=not no_watermark, end=end)


@app.command(epilog=_example("streamgauge watch monitor.yaml", "streamgauge watch monitor.yaml --json | jq .summary"))
def watch(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON event a line, as it stands on the topic.")] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Show what is on the topics already, then go on.")
    ] = False,
) -> None:
    """Show alerts and triggers as they come, each once, until Ctrl-C."""
    spec = _load(monitor, bootstrap)
    from streams.watch import watch as run

    run(spec, monitor.parent, as_json=json, from_beginning=from_beginning)


@app.command(epilog=_example('streamgauge trigger monitor.yaml car_loan --reason "new bureau data"'))
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
) -> None:
    """Ask the workers for a retraining trigger now, whatever the signals say."""
    spec = _load(monitor, bootstrap)
    from streams.trigger import trigger as run

    run(spec, monitor.parent, model, reason, id=id, version=version)


@app.command(epilog=_example("streamgauge reference monitor.yaml", "streamgauge reference monitor.yaml --expectations"))
def reference(
    monitor: Monitor,
    expectations: Annotated[
        bool,
        typer.Option(
            "--expectations", help="First write rules that all its rows keep into the monitor file, for you to read."
        ),
    ] = False,
) -> None:
    """Build the reference profile of each model from the reference tables of the monitor file.

    The profile is written where the model's reference says, and is what the stream is compared with from then on. Build
    it from a time when the model was good.
    """
    spec = _load(monitor)
    from streams.build_reference import build_reference

    if expectations:
        from streams.declare_expectations import declare_expectations

        declare_expectations(spec, monitor)
        spec = _load(monitor)
    build_reference(spec, monitor.parent)


@app.command(
    epilog=_example(
        "streamgauge explain monitor.yaml car_loan",
        "streamgauge explain monitor.yaml car_loan --method permutation --predict scoring:predict",
        "streamgauge explain monitor.yaml car_loan --method ablation --json",
    )
)
def explain(
    monitor: Monitor,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Which model to explain.", show_default=False)],
    method: Annotated[
        Literal["top-bottom", "permutation", "ablation"],
        typer.Option(help="How; each prints where it is weak.", metavar="METHOD", case_sensitive=False),
    ] = "top-bottom",
    predict: Annotated[
        str | None,
        typer.Option(
            metavar="MODULE:FUNCTION",
            help="A function that takes a list of feature mappings and returns the model's outputs (permutation); a "
            "surrogate, fitted to the answers in the tables, stands in where it is left out.",
            show_default=False,
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Say what a model goes by, feature by feature, in its reference tables and in the newest rows of the others.

    top-bottom: how far each feature sets high scores apart from low ones. permutation: what it costs to deal its values
    anew. ablation: what it costs to learn without it.
    """
    spec = _load(monitor)
    from streams.explain import explain as run

    run(spec, monitor.parent, model, method, predict=predict, as_json=json)


@app.command(
    epilog=_example(
        "streamgauge init predictions.csv.gz --out monitor.yaml",
        "streamgauge init log.parquet --timestamp scored_on --id request",
    )
)
def init(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="Predictions: CSV, JSON Lines or Parquet.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="Where to write the monitor file; never over an old one.")] = Path(
        "monitor.yaml"
    ),
    timestamp: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="When a prediction was made.", show_default=False)
    ] = None,
    id: Annotated[str | None, typer.Option(metavar="COLUMN", help="The prediction's id.", show_default=False)] = None,
    label: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What the model predicted.", show_default=False)
    ] = None,
    outcome: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="What came true, if the table has it.", show_default=False)
    ] = None,
) -> None:
    """Write a first monitor file from a table, to be read and mended before use.

    What a column means is guessed from its name, else from what it holds; the options say it. What cannot be told is
    marked CHANGE_ME in the file.
    """
    from streams.scaffold import init as run

    given = {"timestamp": timestamp, "id": id, "label": label, "outcome": outcome}
    run(table, out, {option: column for option, column in given.items() if column is not None})


@topics_app.command("create", epilog=_example("streamgauge topics create monitor.yaml"))
def topics_create(monitor: Monitor, bootstrap: Bootstrap = None) -> None:
    """Create the topics that are missing, with the partitions and clean-up that each needs."""
    spec = _load(monitor, bootstrap)
    from streams.topics import create

    made = create(spec, monitor.parent)
    typer.echo(f"created {', '.join(made)}" if made else "all topics are there already; see also: topics check")


@topics_app.command("check", epilog=_example("streamgauge topics check monitor.yaml"))
def topics_check(monitor: Monitor, bootstrap: Bootstrap = None) -> None:
    """Say whether all topics are there and fit; exit code 2 where one does not."""
    spec = _load(monitor, bootstrap)
    from streams.topics import require

    require(spec, monitor.parent)
    typer.echo("all topics are there and fit")


@schema_app.command("export", epilog=_example("streamgauge schema export --out schemas"))
def schema_export(
    out: Annotated[Path, typer.Option(help="Directory to write to; made where it is missing.", show_default=False)],
) -> None:
    """Write the JSON Schema of every event and of the monitor file, and an AsyncAPI document of the topics."""
    from streams.schema_files import export

    export(out)


@schema_app.command(
    "check",
    epilog=_example(
        "streamgauge schema check old.json new.json --mode FULL",
        "streamgauge schema check v1.json v2.json v3.json --mode BACKWARD_TRANSITIVE",
    ),
)
def schema_check(
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
    from streams.schema_files import check

    raise typer.Exit(check(schemas, mode))


if __name__ == "__main__":
    main()
