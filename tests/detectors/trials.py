"""Stories of a version that is tried beside another one, on all three families of panes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from detectors.layouts import Layouts
from detectors.monitor import Monitor
from detectors.pane import ClosedPane
from detectors.state import decode, encode
from schemas.alert import Alert
from schemas.command import CommandAdapter
from schemas.event_time import rfc3339, to_micros
from schemas.pane_report import PaneReport, ReferenceAdopted
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

from .builders import DAY, START, LabelledRow, Watched, days, layout_of, model_spec, panes_of, profile_of

ROWS = 60
TRIED = 30
"""The day from which version 2 is tried."""

Change = Callable[[LabelledRow], None]


def spec_of(task: str = "binary", own_reference: bool = True, **settings: Any) -> ModelSpec:
    rollout = {"stage_labels": 120, "guard_labels": 400, "canary": [0.2], "own_reference": own_reference}
    retraining = {"policies": [{"type": "cost"}], "rollout": rollout, "minimum_labels": 50}
    known = {"false_alarms": "1 per 20d", "challenger": False, "retraining": retraining}
    return model_spec(task, **(known | settings))


@cache
def profile(task: str = "binary") -> ReferenceProfile:
    return profile_of(spec_of(task), rows=ROWS)


def rows_of(
    spec: ModelSpec,
    version: str,
    parts: Sequence[tuple[int, int, float, float]],
    change: Change | None = None,
) -> list[LabelledRow]:
    """Rows of stretches, each with its first day, days, error and shift of the inputs."""
    rows: list[LabelledRow] = []
    for first, count, error, shift in parts:
        rows += days(spec, count, rows=ROWS, seed=int(version), first=first, error=error, shift=shift)
    for each in rows if change is not None else ():
        change(each)
    return rows


def story(
    spec: ModelSpec,
    versions: dict[str, list[LabelledRow]],
    commands: Sequence[Any],
    *,
    restart: int = 0,
    own: dict[str, ReferenceProfile] | None = None,
) -> Watched:
    """Close all panes of some versions in level 2's order, each command before the first pane due after it.

    Parameters
    ----------
    restart
        After so many panes each, level 2 goes on from its snapshot; 0: never.
    own
        Profiles that the monitor file names for a version.
    """
    base = profile(spec.task)
    panes: list[ClosedPane] = []
    layouts = Layouts({"m": spec}, {"m": {None: base, **(own or {})}})
    for version, rows in versions.items():
        panes += panes_of(layout_of(spec, base, version), rows)
    panes.sort(key=lambda pane: (pane.due, pane.key.family, pane.key.version, pane.key.start))
    watched = Watched(Monitor("m", layouts), Watched.of(spec, base).state, [])
    waiting = sorted(commands, key=lambda one: one.timestamp)
    for number, pane in enumerate(panes):
        while waiting and to_micros(waiting[0].timestamp) < pane.due:
            watched.state, outputs = watched.monitor.command(watched.state, waiting.pop(0))
            watched.outputs += outputs
        if restart and number % restart == restart - 1:
            watched.state = decode(encode(watched.state))
            watched.monitor = Monitor("m", layouts)
        watched.close([replace(pane, layout=layouts.of("m", pane.key.version))])
    return watched


def command(kind: str, day: float, **fields: Any) -> Any:
    given = {"type": kind, "id": f"{kind} {day}", "model": "m", "timestamp": rfc3339(START + int(day * DAY))}
    return CommandAdapter.validate_python(given | fields)


def tried(promoted: float, version: str = "2", first: float = TRIED) -> list[Any]:
    """Commands that try a version in shadow, and then let it serve."""
    return [command("shadow", first, version=version), command("promote", promoted, version=version)]


def adoptions(watched: Watched) -> list[tuple[PaneReport, ReferenceAdopted]]:
    reports = [one for one in watched.outputs if isinstance(one, PaneReport)]
    return [(one, one.reference_adopted) for one in reports if one.reference_adopted is not None]


def alerts_of(watched: Watched, version: str, since: float = 0) -> list[Alert]:
    """What was told of a version from a day on."""
    found = [one for one in watched.outputs if isinstance(one, Alert) and one.version == version]
    return [one for one in found if to_micros(one.time) >= START + since * DAY]


def silent(watched: Watched, version: str) -> set[tuple[str, str | None, str | None]]:
    """Signal, feature and the version that it was told of, of what a version suffers as another one does."""
    reports = [one for one in watched.outputs if isinstance(one, PaneReport) and one.version == version]
    return {
        (joined.signal, joined.feature, joined.other_version)
        for report in reports
        for joined in report.joined
        if joined.other_version is not None
    }
