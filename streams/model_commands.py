"""Commands about a model before it is watched, or beside that: its monitor file, its reference, what it goes by."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streams.command_group import example, group
from streams.monitor_argument import Monitor, load

models = group("Prepare a model's monitor file and reference, or explain it.")


@models.command(
    epilog=example("streamgauge reference monitor.yaml", "streamgauge reference monitor.yaml --expectations")
)
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
    spec = load(monitor)
    from streams.build_reference import build_reference

    if expectations:
        from streams.declare_expectations import declare_expectations

        declare_expectations(spec, monitor)
        spec = load(monitor)
    build_reference(spec, monitor.parent)


@models.command(
    epilog=example(
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
    spec = load(monitor)
    from streams.explain import explain as run

    run(spec, monitor.parent, model, method, predict=predict, as_json=json)


@models.command(
    epilog=example(
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
