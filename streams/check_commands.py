"""The command that puts a candidate to its offline tests."""

from pathlib import Path
from typing import Annotated

import typer

from streams.command_group import example, group
from streams.monitor_argument import Monitor, load

checks = group("Test a candidate before anybody sees it.")


@checks.command(
    epilog=example(
        "streamgauge check monitor.yaml car_loan --candidate work/models/car_loan/2 --dataset work/datasets/8f3a",
        "streamgauge check monitor.yaml car_loan --candidate scoring:new --champion scoring:old --out out/check",
        "streamgauge check monitor.yaml car_loan --candidate scoring:new --holdout last_month.parquet --json",
    )
)
def check(
    monitor: Monitor,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Which model it would replace.", show_default=False)],
    candidate: Annotated[
        str,
        typer.Option(
            metavar="WHAT",
            help="A model directory of streamgauge retrain, or module:function: a function that takes a list of "
            "feature mappings and returns the model's outputs.",
            show_default=False,
        ),
    ],
    champion: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT",
            help="What it is compared with, likewise; left out, the predictions recorded in the held-out rows.",
            show_default=False,
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Dataset of a trigger: held-out rows, training set, slices.", show_default=False
        ),
    ] = None,
    holdout: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE",
            help="Held-out rows: CSV, JSON Lines or Parquet with the columns that the monitor file names. Without this "
            "and --dataset, the newest labelled rows of its tables.",
            show_default=False,
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Trigger whose slices must not get worse.", show_default=False),
    ] = None,
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Where replay wrote triggers.jsonl (or that file), instead of the triggers topic.",
            show_default=False,
        ),
    ] = None,
    suite: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Hardest points of the past (Parquet): tested on, then extended; made where it is not there.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write check.json and report.html there.", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
) -> None:
    """Say whether a candidate may replace the champion: one verdict, with reasons.

    Exit code 0: passed. 1: failed, or the held-out rows do not settle whether it is as good as the champion. 2: bad
    input.
    """
    spec = load(monitor)
    from rich.console import Console

    from streams.check.command import Named
    from streams.check.command import check as run
    from streams.check.report import as_json
    from streams.check.terminal import print_report

    named = Named(candidate, champion, dataset, holdout, trigger, from_, suite, out)
    report = run(spec, monitor.parent, model, named)
    if json:
        typer.echo(as_json(report), nl=False)
    else:
        print_report(Console(), report)
        if out is not None:
            typer.echo(f"\nReport: {out / 'report.html'}\nBeside it: check.json")
    if not report.passed:
        raise typer.Exit(1)


@checks.command(
    epilog=example(
        "streamgauge score monitor.yaml car_loan --from out --out shadow.parquet",
        "streamgauge score monitor.yaml car_loan --from out --trigger 6a1f0b0e --out shadow.parquet",
        "streamgauge score monitor.yaml car_loan --candidate scoring:new --version 2 --out shadow.parquet",
    )
)
def score(
    monitor: Monitor,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Whose rows are answered.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where the table is written (Parquet).", show_default=False)],
    from_: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Where retrain wrote commands.jsonl (or that file): its newest version, from its time on, or the one "
            "of --trigger, --candidate or --version.",
            show_default=False,
        ),
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="With --from: the candidate of this trigger; its first six characters or more.",
            show_default=False,
        ),
    ] = None,
    candidate: Annotated[
        str | None,
        typer.Option(
            metavar="WHAT", help="A model directory, or module:function, as check has it.", show_default=False
        ),
    ] = None,
    version: Annotated[
        str | None,
        typer.Option(
            help="What the answers' version is called; left out, as the candidate's manifest or --from has it.",
            show_default=False,
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only predictions from this event time on.", show_default=False),
    ] = None,
) -> None:
    """Let a candidate answer the predictions of the tables: a shadow, on files.

    The table is played beside the others by replay --also and send --also, so that both versions are compared.
    """
    spec = load(monitor)
    from streams.score_command import Named, run

    named = Named(from_, trigger, candidate, version)
    run(spec, monitor.parent, model, out, named, since=since)
