"""Commands with which people say which version serves, and that they have seen an alert."""

from pathlib import Path
from typing import Annotated

import typer

from streams.command_group import example, group
from streams.monitor_argument import Bootstrap, CommandsOut, CommandTime, Monitor, load

rollout = group("Say which version serves, and that an alert was seen.")

Model = Annotated[str, typer.Argument(metavar="MODEL", help="Which model.", show_default=False)]
Version = Annotated[str, typer.Argument(metavar="VERSION", help="Which version of it.", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why; it stands in the record.", show_default=False)]
Id = Annotated[
    str | None,
    typer.Option(help="Idempotency key: sent twice, it is carried out once. A new one where it is left out."),
]
TriggerId = Annotated[
    str | None, typer.Option(metavar="ID", help="The trigger that the version came of.", show_default=False)
]


@rollout.command(epilog=example("streamgauge shadow monitor.yaml car_loan 2"))
def shadow(
    monitor: Monitor,
    model: Model,
    version: Version,
    bootstrap: Bootstrap = None,
    reason: Reason = "",
    trigger: TriggerId = None,
    id: Id = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Let a version predict beside the one that serves, its answers unseen."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell

    fields = {"version": version, "reason": reason, "trigger": trigger}
    command = command_of(spec, "shadow", model, fields, id=id, at=at)
    tell(spec, monitor.parent, command, f"asked for a shadow of version {version} of {model}", out)


@rollout.command(
    epilog=example("streamgauge promote monitor.yaml car_loan 2 --share 0.1", "streamgauge promote monitor.yaml loan 2")
)
def promote(
    monitor: Monitor,
    model: Model,
    version: Version,
    bootstrap: Bootstrap = None,
    share: Annotated[float, typer.Option(help="Part of the traffic that it answers; 1 is all of it.")] = 1.0,
    reason: Reason = "",
    trigger: TriggerId = None,
    id: Id = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Let a version answer a share of the traffic, or all of it."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell

    fields = {"version": version, "share": share, "reason": reason, "trigger": trigger}
    command = command_of(spec, "promote", model, fields, id=id, at=at)
    tell(spec, monitor.parent, command, f"asked for version {version} of {model} to answer {share:.4g} of it", out)


@rollout.command("roll-back", epilog=example('streamgauge roll-back monitor.yaml car_loan --reason "too many errors"'))
def roll_back(
    monitor: Monitor,
    model: Model,
    bootstrap: Bootstrap = None,
    version: Annotated[
        str | None,
        typer.Option(help="Version that serves again; the one before where it is left out.", show_default=False),
    ] = None,
    reason: Reason = "",
    id: Id = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Drop the version that is tried; where none is, let the one serve again that served before."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell

    command = command_of(spec, "roll_back", model, {"version": version, "reason": reason}, id=id, at=at)
    to = "the version before" if version is None else f"version {version}"
    tell(spec, monitor.parent, command, f"asked to roll {model} back to {to}", out)


@rollout.command(
    epilog=example(
        "streamgauge serving monitor.yaml",
        "streamgauge serving monitor.yaml car_loan --follow --json",
        "streamgauge serving monitor.yaml --from out",
    )
)
def serving(
    monitor: Monitor,
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="Which model; all of them where it is left out.")
    ] = None,
    bootstrap: Bootstrap = None,
    follow: Annotated[bool, typer.Option("--follow", help="Go on with each change, until Ctrl-C.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON record a line, as it stands on the topic.")] = False,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="DIR",
            help="Where replay wrote serving.jsonl (or that file), instead of the serving topic.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Show which version of each model should answer."""
    spec = load(monitor, bootstrap)
    from streams.serving_records import show_serving

    show_serving(spec, monitor.parent, model, follow=follow, as_json=json, file=file)


@rollout.command(epilog=example("streamgauge snooze monitor.yaml car_loan 2026-02-01T00:00:00Z --signal error_rate"))
def snooze(
    monitor: Monitor,
    model: Model,
    until: Annotated[
        str, typer.Argument(metavar="UNTIL", help="Up to this event time (RFC 3339).", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    signal: Annotated[
        str | None, typer.Option(help="This signal alone; all of them where it is left out.", show_default=False)
    ] = None,
    reason: Reason = "",
    id: Id = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Publish no alerts and triggers of a model for a while; evidence goes on."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell
    from streams.snoozing import check_snooze

    command = command_of(spec, "snooze", model, {"until": until, "signal": signal, "reason": reason}, id=id, at=at)
    check_snooze(spec, command)
    tell(spec, monitor.parent, command, f"asked to snooze {signal or 'everything'} of {model} until {until}", out)


@rollout.command(
    epilog=example(
        "streamgauge acknowledge monitor.yaml car_loan 3f2a9c",
        'streamgauge acknowledge monitor.yaml car_loan 3f2a9c --data-is-right --reason "new customers have no age yet"',
    )
)
def acknowledge(
    monitor: Monitor,
    model: Model,
    episode: Annotated[
        str,
        typer.Argument(
            metavar="EPISODE", help="`episode` of the alerts of the change, or its beginning.", show_default=False
        ),
    ],
    bootstrap: Bootstrap = None,
    data_is_right: Annotated[
        bool,
        typer.Option(
            "--data-is-right",
            help="The data is as it should be: its alarms of data quality hold no retraining back any more.",
        ),
    ] = False,
    reason: Reason = "",
    id: Id = None,
    out: CommandsOut = None,
    at: CommandTime = None,
) -> None:
    """Say that somebody has seen the change that an alert is about."""
    spec = load(monitor, bootstrap)
    from streams.send_command import command_of, tell

    fields = {"episode": episode, "reason": reason, "data_is_right": data_is_right or None}
    command = command_of(spec, "acknowledge", model, fields, id=id, at=at)
    asked = f"asked to acknowledge {episode} of {model}" + (", its data as right" if data_is_right else "")
    tell(spec, monitor.parent, command, asked, out)
