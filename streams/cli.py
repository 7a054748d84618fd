"""The command line: `streamgauge`. Each command is one thin function, with an example in its help, in its group's file.

A person's mistake (`UserError`) is one message on stderr and exit code 2, never a trace; `Stopped` is exit code 1, or
2 where the monitor file is why; Ctrl-C is 130. What a command needs is imported
inside it, so that `--help` is quick.
"""

from typing import Annotated

import typer

from streams.backtest_commands import backtesting
from streams.check_commands import checks
from streams.command_group import Commands, example
from streams.feature_commands import features
from streams.model_commands import models
from streams.retraining_commands import retraining
from streams.rollout_commands import rollout
from streams.running_commands import running
from streams.schema_commands import schema
from streams.topic_commands import topics

app = typer.Typer(
    name="streamgauge",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    epilog=example(
        "streamgauge init predictions.csv",
        "streamgauge reference monitor.yaml",
        "streamgauge replay monitor.yaml --out out",
    ),
)
app.add_typer(running)
app.add_typer(models)
app.add_typer(features)
app.add_typer(retraining)
app.add_typer(checks)
app.add_typer(rollout)
app.add_typer(backtesting)
app.add_typer(
    topics,
    name="topics",
    epilog=example("streamgauge topics create monitor.yaml", "streamgauge topics check monitor.yaml"),
)
app.add_typer(
    schema,
    name="schema",
    epilog=example("streamgauge schema export --out schemas", "streamgauge schema check old.json new.json"),
)


def main() -> None:
    """Run the command line; the entry point of `streamgauge`."""
    app()


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

    To retrain: retrain turns triggers into candidates, check says whether one may replace the champion, and backtest
    what other policies would have cost.

    On Kafka: topics create, worker, and watch; send plays tables into the topics, trigger asks for a retraining,
    promote and roll-back say which version serves, and serving shows it.
    """


if __name__ == "__main__":
    main()
