"""Files of commands, for `replay --commands`: one JSON event a line; lines of several files are one story by time."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from schemas.command import CommandAdapter
from schemas.event_time import EARLIEST, LATEST, to_micros
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.known_model import no_model

PROBLEMS = 10  # that are told of all files


def read_commands(paths: Sequence[Path], spec: MonitorSpec) -> list[Any]:
    """Return the commands of files in the order of their times; at equal times in the order of the files and lines.

    Raises
    ------
    UserError
        When one cannot be read, or a line is no command of a model of the monitor file.
    """
    commands: list[Any] = []
    problems: list[str] = []
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            if not line.strip():
                continue
            command = _command(line, spec)
            if isinstance(command, str):
                problems.append(f"{path}:{number}: {command}")
            else:
                commands.append(command)
    if problems:
        more = len(problems) - PROBLEMS
        raise UserError("\n".join(problems[:PROBLEMS] + ([f"and {more} more"] if more > 0 else [])))
    return sorted(commands, key=lambda command: to_micros(command.timestamp))


def _lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from error


def _command(line: bytes, spec: MonitorSpec) -> Any:
    """Return the command of a line, or in words why it is none."""
    try:
        command = CommandAdapter.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return f"not a command: {f'{where}: ' if where else ''}{first['msg']}"
    if command.model not in spec.models:
        return no_model(spec, command.model)
    if not EARLIEST <= to_micros(command.timestamp) < LATEST:
        return f"timestamp {command.timestamp} is out of range"
    return command
