"""The command `score`: finds the candidate that a person names, and says what was written."""

import sys
from pathlib import Path

from schemas.command import RetrainingFinished
from schemas.event_time import Micros, to_micros
from schemas.spec import MonitorSpec
from streams.asked_model import asked_model
from streams.command_file import read_commands
from streams.errors import UserError
from streams.known_model import known_model
from streams.score import score
from streams.send import parse_time

FILE = "commands.jsonl"


def run(
    spec: MonitorSpec,
    base: Path,
    model: str,
    out: Path,
    *,
    place: Path | None,
    candidate: str | None,
    version: str | None,
    since: str | None,
) -> None:
    """Write the table, and say what is in it.

    Parameters
    ----------
    place
        A file of commands, or the directory where `retrain` wrote it; what is given beside it goes before what it says.

    Raises
    ------
    UserError
        When there is no such model or candidate, something is not given, or a table cannot be read.
    """
    known_model(spec, model)
    begin: Micros | None = None if since is None else parse_time(since)
    if place is not None:
        finished = _newest(place / FILE if place.is_dir() else place, spec, model)
        candidate, version = candidate or finished.model_uri, version or finished.new_version
        begin = to_micros(finished.timestamp) if begin is None else begin
    if candidate is None or version is None:
        raise UserError("name the candidate with --candidate and --version, or give --from")
    asked, _ = asked_model(spec, base, model, candidate, "--candidate")
    rows = score(spec, base, model, asked, version, out, since=begin)
    sys.stdout.write(f"{out}: {rows:,} answers of version {version} of {model}\n")


def _newest(path: Path, spec: MonitorSpec, model: str) -> RetrainingFinished:
    found = [each for each in read_commands(path, spec) if isinstance(each, RetrainingFinished) and each.model == model]
    if not found:
        raise UserError(f"{path}: no retraining of {model} has finished; see what `streamgauge retrain --from` said")
    return found[-1]
