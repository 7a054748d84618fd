"""The command `score`: finds the candidate that a person names, and says what was written."""

import sys
from pathlib import Path
from typing import NamedTuple

from schemas.command import RetrainingFinished
from schemas.event_time import Micros, rfc3339, to_micros
from schemas.spec import MonitorSpec
from streams.asked_model import asked_model, model_path
from streams.command_file import read_commands
from streams.dataset_trigger import SHORTEST
from streams.errors import UserError
from streams.known_model import known_model
from streams.model_registry import manifest_of
from streams.score import score
from streams.send import parse_time

FILE = "commands.jsonl"
SHOWN = 5  # trainings in a message


class Named(NamedTuple):
    """How a person names a candidate."""

    place: Path | None = None
    """A file of commands, or the directory where `retrain` wrote it."""
    trigger: str | None = None
    """Id of the trigger in it that the candidate came of, or how that begins."""
    candidate: str | None = None
    """A model directory, or module:function."""
    version: str | None = None
    """What its answers are called."""


class _Candidate(NamedTuple):
    what: str
    said_by: str
    """What an error is about."""
    version: str
    since: Micros | None


def run(spec: MonitorSpec, base: Path, model: str, out: Path, named: Named, *, since: str | None) -> None:
    """Write the table, and say what is in it.

    Parameters
    ----------
    since
        Event time (RFC 3339) from which on predictions are answered; where it is None, the time at which the training
        in `named.place` finished.

    Raises
    ------
    UserError
        When there is no such model or candidate, something is not given, or a table cannot be read.
    """
    known_model(spec, model)
    begin = None if since is None else parse_time(since, "--since")
    found = _given(named) if named.place is None else _trained(named.place, named, spec, model)
    begin = found.since if begin is None else begin
    asked, _ = asked_model(spec, base, model, found.what, found.said_by)
    rows = score(spec, base, model, asked, found.version, out, since=begin)
    from_then = "" if begin is None else f", from {rfc3339(begin)} on"
    sys.stdout.write(f"{out}: {rows:,} answers of version {found.version} of {model}{from_then}\n")


def _given(named: Named) -> _Candidate:
    """Return the candidate that is named without a file of commands."""
    if named.trigger is not None:
        raise UserError("--trigger goes with --from: the directory where retrain wrote commands.jsonl")
    if named.candidate is None:
        raise UserError("name the candidate: --candidate with a model directory or module:function, or give --from")
    version = named.version or _version_of(model_path(named.candidate))
    if version is None:
        raise UserError(
            f"--candidate {named.candidate}: has no manifest.json that says its version; give --version as well"
        )
    return _Candidate(named.candidate, "--candidate", version, None)


def _version_of(directory: Path) -> str | None:
    version = (manifest_of(directory) or {}).get("version")
    return version if isinstance(version, str) else None


def _trained(place: Path, named: Named, spec: MonitorSpec, model: str) -> _Candidate:
    """Return the candidate that a training made, with its name and its time unless those are given."""
    path = place / FILE if place.is_dir() else place
    if named.trigger is not None and named.candidate is not None:
        raise UserError("--trigger and --candidate: both say which candidate; give one of them")
    trained = [
        each for each in read_commands([path], spec) if isinstance(each, RetrainingFinished) and each.model == model
    ]
    if not trained:
        raise UserError(f"{path}: no retraining of {model} has finished; see what `streamgauge retrain --from` said")
    if named.trigger is not None:
        finished = _of_trigger(trained, named.trigger, path)
    elif named.candidate is not None:
        finished = _of_candidate(trained, named.candidate, named.version, path)
    else:
        # a name that a training gave is that version, any other one is what the newest is to be called
        finished = ([each for each in trained if each.new_version == named.version] or trained)[-1]
    what = named.candidate or finished.model_uri
    if what is None:
        raise UserError(
            f"{path}: the training of version {finished.new_version} does not say where the model lies (model_uri); "
            f"give --candidate and --version {finished.new_version}, without --from"
        )
    said_by = "--candidate" if named.candidate is not None else f"{path}: model_uri"
    return _Candidate(what, said_by, named.version or finished.new_version, to_micros(finished.timestamp))


def _of_trigger(trained: list[RetrainingFinished], id: str, path: Path) -> RetrainingFinished:
    """Return the newest training of the trigger with this id, or of the only one whose id begins so."""
    if len(id) < SHORTEST and all(each.trigger != id for each in trained):
        raise UserError(f"--trigger {id}: too short for the beginning of an id: {SHORTEST} characters or more")
    mine = [each for each in trained if each.trigger == id] or [each for each in trained if each.trigger.startswith(id)]
    if len({each.trigger for each in mine}) > 1:
        raise UserError(f"--trigger {id}: several begin so; give more of it. {_those(path, mine)}")
    if not mine:
        raise UserError(f"--trigger {id}: no training of it has finished. {_those(path, trained)}")
    return mine[-1]


def _of_candidate(
    trained: list[RetrainingFinished], candidate: str, version: str | None, path: Path
) -> RetrainingFinished:
    """Return the newest training whose model lies there; where none says so, that of the version that is named."""
    directory = model_path(candidate).resolve()
    mine = [each for each in trained if each.model_uri and model_path(each.model_uri).resolve() == directory]
    mine = mine or [each for each in trained if each.new_version == version]
    if not mine:
        raise UserError(
            f"--candidate {candidate}: no training in {path} says that its model lies there, so neither its version "
            "nor its time is known. Give --version and leave --from out, or leave --candidate out. "
            f"{_those(path, trained)}"
        )
    return mine[-1]


def _those(path: Path, trained: list[RetrainingFinished]) -> str:
    newest = [f"version {each.new_version} (trigger {each.trigger}, {each.model_uri})" for each in trained[-SHOWN:]]
    return f"{path} has {'; '.join(newest)}"
