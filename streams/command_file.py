"""Files of commands, for `replay --commands`: one JSON event a line, in the order of their times."""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.command import CommandAdapter
from schemas.event_time import EARLIEST, LATEST, Micros, rfc3339, to_micros
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.known_model import no_model

PROBLEMS = 10  # that are told of one file


def read_commands(path: Path, spec: MonitorSpec) -> list[Any]:
    """Return the commands of a file, in its order.

    Raises
    ------
    UserError
        When it cannot be read, a line is no command of a model of the monitor file, or times run backwards.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error
    commands: list[Any] = []
    problems: list[str] = []
    before: Micros | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            command = CommandAdapter.validate_json(line)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            problems.append(f"{path}:{number}: not a command: {f'{where}: ' if where else ''}{first['msg']}")
            continue
        time = to_micros(command.timestamp)
        if command.model not in spec.models:
            problems.append(f"{path}:{number}: {no_model(spec, command.model)}")
        elif not EARLIEST <= time < LATEST:
            problems.append(f"{path}:{number}: timestamp {command.timestamp} is out of range")
        elif before is not None and time < before:
            problems.append(
                f"{path}:{number}: its time, {rfc3339(time)}, is before that of the line above, {rfc3339(before)}: "
                "sort the lines by timestamp"
            )
        else:
            before = time
            commands.append(command)
    if problems:
        more = len(problems) - PROBLEMS
        told = problems[:PROBLEMS] + ([f"{path}: and {more} more"] if more > 0 else [])
        raise UserError("\n".join(told))
    return commands
