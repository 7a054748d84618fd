"""Commands of the retraining cycle that people and schedulers start: the dataset of a trigger, and the worker."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from streams.command_group import example, group
from streams.errors import UserError
from streams.monitor_argument import Archived, Bootstrap, Monitor, archived_at, load

retraining = group("Turn triggers into datasets and candidates.")

From = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="DIR",
        help="Where replay wrote triggers.jsonl (or that file), instead of the triggers topic.",
        show_default=False,
    ),
]


@retraining.command(
    epilog=example(
        "streamgauge dataset monitor.yaml 6a1f0b0e3c53 --from out --out dataset",
        "streamgauge dataset monitor.yaml 6a1f0b0e3c53 --out dataset",
    )
)
def dataset(
    monitor: Monitor,
    trigger: Annotated[
        str,
        typer.Argument(
            metavar="TRIGGER_ID", help="Id of the trigger, or its first six characters or more.", show_default=False
        ),
    ],
    out: Annotated[
        Path, typer.Option(help="Directory for the dataset; an older dataset there is replaced.", show_default=False)
    ],
    place: From = None,
    archive: Archived = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Write the rows that a trigger names, out of the archive: to train on, held out, and wanting labels.

    A manifest says what is in it, with hashes, and what could not be had. The same trigger gives the same bytes.
    """
    spec = archived_at(load(monitor, bootstrap), archive)
    from streams.dataset import describe, form_dataset
    from streams.dataset_archive import ModelArchive
    from streams.dataset_trigger import trigger_of, triggers_file, triggers_in, triggers_on_topic

    if place is None:
        found = trigger_of(triggers_on_topic(spec, monitor.parent), trigger, f"topic {spec.kafka.topics.triggers}")
    else:
        found = trigger_of(triggers_in(place), trigger, str(triggers_file(place)))
    if found.model not in spec.models:
        raise UserError(f"trigger {found.id} is of model {found.model!r}, which {monitor} has not")
    describe(form_dataset(spec, found, ModelArchive(spec, monitor.parent, found.model), out), out)


@retraining.command(
    epilog=example(
        "streamgauge retrain monitor.yaml --work /var/lib/streamgauge-retrain",
        "streamgauge retrain monitor.yaml --from out",
    )
)
def retrain(
    monitor: Monitor,
    bootstrap: Bootstrap = None,
    work: Annotated[
        Path | None,
        typer.Option(
            help="Directory for datasets and models; default streamgauge-retrain, or with --from: retrain in it.",
            show_default=False,
        ),
    ] = None,
    place: From = None,
    archive: Archived = None,
    trigger: Annotated[
        str | None, typer.Option(metavar="ID", help="With --from: this trigger only.", show_default=False)
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="Pass over triggers that were decided before this (RFC 3339).", show_default=False
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="With --from: also what has finished before, anew from the archive.")
    ] = False,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="Least level that is logged.")
    ] = "info",
) -> None:
    """Train and check a candidate for each trigger, once, and report it on the commands topic until stopped.

    A worker that was killed goes on where it was. With --from, the triggers of a replay are carried out instead, those
    that no training has finished yet, and reports go to commands.jsonl beside them; exit code 1 where one failed.
    """
    if place is None and trigger is not None:
        raise UserError("--trigger goes with --from; on Kafka the worker takes every trigger")
    if place is None and again:
        raise UserError(
            "--again goes with --from; on Kafka each trigger is carried out once; for a new one: streamgauge trigger"
        )
    if place is not None and since is not None:
        raise UserError("--since is for Kafka; with --from, name one with --trigger")
    spec = archived_at(load(monitor, bootstrap), archive)
    from streams.retrain_work import RetrainWork

    if place is not None:
        from streams.logs import log_to_stderr
        from streams.retrain_files import retrain_files

        if log_level != "info":  # what came of each trigger is said on stdout
            log_to_stderr(log_level)
        inside = (place if place.is_dir() else place.parent) / "retrain"
        where = RetrainWork(work or inside)
        if retrain_files(spec, monitor.parent, place, where, trigger, again=again, file=monitor):
            raise typer.Exit(1)
        return
    from streams.retrain_worker import run
    from streams.send import parse_time

    run(
        spec,
        monitor.parent,
        RetrainWork(work or Path("streamgauge-retrain")),
        since=None if since is None else parse_time(since, "--since"),
        log_level=log_level,
        file=monitor,
    )
