"""The command that replays history under many policies."""

from pathlib import Path
from typing import Annotated

import typer

from streams.command_group import example, group
from streams.errors import UserError
from streams.monitor_argument import Monitor, load

backtesting = group("See what policies would have cost.")


@backtesting.command(
    epilog=example(
        "streamgauge backtest monitor.yaml --out out/backtest",
        "streamgauge backtest monitor.yaml car_loan --decisions 120 --training-time 6h",
        "streamgauge backtest monitor.yaml car_loan --from-archive --json",
    )
)
def backtest(
    monitor: Monitor,
    model: Annotated[
        str | None,
        typer.Argument(metavar="[MODEL]", help="Which model, where there are several.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Directory for backtest.json and backtest.html; made where missing.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    decisions: Annotated[
        int, typer.Option(help="Moments at which a retraining may begin, at most; more take longer.", min=1, max=1000)
    ] = 48,
    from_archive: Annotated[
        bool, typer.Option("--from-archive", help="Go through the archive instead of the tables of the monitor file.")
    ] = False,
    training_time: Annotated[
        str | None,
        typer.Option(
            metavar="DURATION",
            help="From a decision to the new model's first answer; none by default.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Replay history under many retraining policies, and say what each would have cost.

    Each is held against the best decision in hindsight. The monitor file's trainer makes the candidates; policies run
    in the monitor itself, over the answers that their own retrainings would have given.
    """
    delay = 0
    if training_time is not None:
        from schemas.event_time import parse_duration

        try:
            delay = parse_duration(training_time)
        except ValueError as error:
            raise UserError(f"--training-time: {error}") from None
    spec = load(monitor)
    from streams.backtest.run import backtest as run

    run(
        spec,
        monitor.parent,
        model,
        out=out,
        as_json=json,
        decisions=decisions,
        archive=from_archive,
        delay=delay,
    )
