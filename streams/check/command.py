"""`streamgauge check`: finds the candidate, the champion and the rows that a person names, and writes the report."""

from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from schemas.check_report import CheckReport
from schemas.profile import ReferenceProfile
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.asked_model import asked_model
from streams.check.held_out import newest_rows, rows_of_table
from streams.check.report import write_files
from streams.check.run import run_checks
from streams.dataset import HOLDOUT, TRAIN, read_manifest, read_rows
from streams.dataset_trigger import trigger_of, triggers_in, triggers_on_topic
from streams.errors import UserError
from streams.files import load_profile, resolve
from streams.known_model import known_model


class Named(NamedTuple):
    """What a person names on the command line."""

    candidate: str
    champion: str | None = None
    dataset: Path | None = None
    holdout: Path | None = None
    trigger: str | None = None
    triggers: Path | None = None
    """A file of triggers, or the directory that `replay` wrote it into; None: the topic."""
    suite: Path | None = None
    out: Path | None = None


def check(spec: MonitorSpec, base: Path, model: str, named: Named) -> CheckReport:
    """Return the report on a candidate, written into `out` too, where that is given.

    Raises
    ------
    UserError
        When something that is named is not there, or is none of what it should be.
    """
    known_model(spec, model)
    if named.dataset is not None and named.holdout is not None:
        raise UserError("give --dataset, which has held-out rows, or --holdout, and not both")
    candidate, trainer = asked_model(spec, base, model, named.candidate, "--candidate")
    champion = None if named.champion is None else asked_model(spec, base, model, named.champion, "--champion")[0]
    trigger = _trigger(spec, base, model, named)
    holdout, train = _rows(spec, base, model, named)
    report = run_checks(
        spec,
        model,
        candidate,
        holdout,
        train=train,
        champion=champion,
        trainer=trainer,
        trigger=trigger,
        suite=named.suite,
        profile=_profile(spec, base, model, trigger.version if trigger else None),
        candidate_name=_name(named.candidate),
        champion_name=None if named.champion is None else _name(named.champion),
        notes=[] if named.dataset is None else read_manifest(named.dataset).get("not_had", []),
    )
    if named.out is not None:
        write_files(report, named.out)
    return report


def _name(what: str) -> str:
    return Path(what).resolve().name if Path(what).is_dir() else what


def _trigger(spec: MonitorSpec, base: Path, model: str, named: Named) -> RetrainingTrigger | None:
    found = None
    if named.dataset is not None:
        found = RetrainingTrigger.model_validate(read_manifest(named.dataset)["trigger"])
    if named.trigger is not None and (found is None or not found.id.startswith(named.trigger)):
        if named.triggers is not None:
            found = trigger_of(triggers_in(named.triggers), named.trigger, str(named.triggers))
        else:
            topic = spec.kafka.topics.triggers
            found = trigger_of(triggers_on_topic(spec, base), named.trigger, f"topic {topic}")
    if found is not None and found.model != model:
        raise UserError(f"trigger {found.id} is of model {found.model}, and {model} is to be checked")
    return found


def _rows(spec: MonitorSpec, base: Path, model: str, named: Named) -> tuple[pa.Table, pa.Table | None]:
    """Return the held-out rows, and the training set where there is one."""
    if named.dataset is not None:
        return read_rows(named.dataset, HOLDOUT), read_rows(named.dataset, TRAIN)
    if named.holdout is not None:
        return rows_of_table(spec, model, named.holdout), None
    return newest_rows(spec, base, model), None


def _profile(spec: MonitorSpec, base: Path, model: str, version: str | None) -> ReferenceProfile | None:
    """Return the reference profile, None where nobody has built one yet; tests that need it say so."""
    reference = spec.models[model].reference
    path = reference if isinstance(reference, str) else reference.get(version or "")
    if path is None or not resolve(base, path).exists():
        return None
    return load_profile(resolve(base, path))
