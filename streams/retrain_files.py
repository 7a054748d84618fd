"""`streamgauge retrain --from`: the triggers that `replay` wrote, carried out without a broker.

Reports go to `commands.jsonl` beside them. Their time is that of the trigger, as if a training took none: a replay that
is given them carries them out there.

A trigger whose training failed is tried again, and one that finished where it is asked for. The final report of before
is taken out of the file then, before anything of it is deleted: a replay finds one answer to each trigger, or none.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from schemas.command import CommandAdapter, RetrainingFinished
from schemas.event_time import Micros, to_micros
from schemas.spec import MonitorSpec
from streams.dataset_archive import require_archive
from streams.dataset_trigger import trigger_of, triggers_file, triggers_in
from streams.errors import UserError
from streams.retrain import Retraining
from streams.retrain_reports import Report, decoded, encoded, final
from streams.retrain_work import RetrainWork
from streams.trainers.choose import require_trainers
from streams.whole_file import whole_file

FILE = "commands.jsonl"
SHOWN = 160  # characters of the reason of before


def retrain_files(
    spec: MonitorSpec,
    base: Path,
    place: Path,
    work: RetrainWork,
    id: str | None = None,
    stopping: Callable[[], bool] = lambda: False,
    again: bool = False,
    file: Path | None = None,
) -> int:
    """Carry out the triggers of a file that no training has finished yet, oldest first, and say what came of each.

    Parameters
    ----------
    place
        The file of triggers, or the directory that `replay` wrote.
    id
        Only this trigger.
    again
        Also those that have finished.
    file
        The monitor file, for messages.

    Returns
    -------
    int
        How many failed.

    Raises
    ------
    UserError
        When the file is missing or holds something else, there is no such trigger, or nothing to train on or with.
    """
    path = triggers_file(place)
    found = triggers_in(place)
    wanted = found if id is None else [trigger_of(found, id, str(path))]
    commands = path.with_name(FILE)
    done = final(_reports(commands))
    retraining = Retraining(
        spec, base, work, lambda report: _put(commands, report), lambda each: to_micros(each.time), stopping, 0.0
    )
    failures = 0
    require_archive(spec)
    require_trainers(spec, base, file)
    for trigger in wanted:
        before = done.get(trigger.id)
        if isinstance(before, RetrainingFinished) and not again:
            sys.stdout.write(f"{trigger.id}: {_of_before(before)}; to do it once more: --again\n")
            continue
        if trigger.model not in spec.models:
            raise UserError(
                f"{path}: trigger {trigger.id} is of model {trigger.model!r}, which the monitor file has not"
            )
        kept = work.kept(trigger, "final")
        if before is not None:
            sys.stdout.write(f"{trigger.id}: {_of_before(before)}; once more\n")
            _take_out(commands, trigger.id)
        if before is not None or (kept is not None and kept.type == "retraining_failed"):
            work.forget(trigger)
        report = retraining.carry_out(trigger)
        failures += report.type == "retraining_failed"
        done[trigger.id] = report
        sys.stdout.write(f"{trigger.id}: {report.type.replace('_', ' ')}: {report.reason}\n")
    if not wanted:
        sys.stdout.write(f"{path}: no triggers\n")
    return failures


def _of_before(report: Report) -> str:
    """Return in a few words what came of a trigger before."""
    if isinstance(report, RetrainingFinished):
        return f"finished before, as version {report.new_version} (checks: {report.checks})"
    first = report.reason.partition("\n")[0]
    return f"failed before ({first[:SHOWN]}{'...' if len(first) > SHOWN else ''})"


def _reports(commands: Path) -> list[Report]:
    return [report for line in _lines(commands) if (report := decoded(line)) is not None]


def _lines(commands: Path) -> list[bytes]:
    return [line for line in commands.read_bytes().splitlines() if line.strip()] if commands.exists() else []


def _take_out(commands: Path, trigger: str) -> None:
    """Take the final reports of a trigger out of the file; that it was started stays."""
    kept = [line for line in _lines(commands) if (report := decoded(line)) is None or trigger not in final([report])]
    _write(commands, kept)


def _put(commands: Path, report: Report) -> None:
    """Put a report where its time comes in the file, unless it is there; the file is whole at any moment."""
    if any(known.id == report.id for known in _reports(commands)):
        return
    lines = _lines(commands)
    times = map(_time, lines)
    until = to_micros(report.timestamp)
    before = [place for place, time in enumerate(times) if time is not None and time <= until]
    lines.insert(before[-1] + 1 if before else 0, encoded(report))
    _write(commands, lines)


def _write(commands: Path, lines: list[bytes]) -> None:
    with whole_file(commands, durable=True) as beside:
        beside.write_bytes(b"".join(line + b"\n" for line in lines))


def _time(line: bytes) -> Micros | None:
    """Return the time of a command, whoever wrote it; None where the line is none."""
    try:
        return to_micros(CommandAdapter.validate_json(line).timestamp)
    except ValidationError:
        return None
