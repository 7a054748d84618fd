"""The candidate of a trigger: scored on the held-out rows beside older versions, and put to the offline tests."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from schemas.spec import ModelSpec, MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.check.answers import Unanswered, ask, losses
from streams.check.checked_rows import CheckedRows
from streams.check.run import run_checks
from streams.dataset import HOLDOUT, TRAIN, read_manifest, read_rows
from streams.effective_rows import effective_rows, worth_in_words
from streams.errors import UserError
from streams.files import load_layouts
from streams.retrain_reports import Checks
from streams.retrain_work import RetrainWork
from streams.trainer import FittedModel
from streams.trainers.choose import How, load_model, trainer_of


class HeldOut(NamedTuple):
    """Mean loss over the held-out rows whose truth is known, weighted as they are."""

    loss: float | None
    """None where no row says."""
    rows: int
    effective: float = 0.0
    """How many rows of equal weight they are worth."""


class Chosen(NamedTuple):
    """The version that a trigger comes to."""

    version: str
    held_out: HeldOut
    checks: Checks
    reason: str
    """In sentences: how it compares, and what the tests said."""


def held_out(settings: ModelSpec, model: FittedModel, holdout: pa.Table) -> HeldOut:
    """Return a model's loss on held-out rows.

    Raises
    ------
    UserError
        When the model does not answer them.
    """
    rows = CheckedRows.of(settings, holdout)
    if len(rows) == 0:
        return HeldOut(None, 0)
    try:
        found = losses(settings, ask(model, rows.features), rows.labels)
    except Unanswered as error:
        raise UserError(f"the model does not answer held-out rows: {error}") from None
    known = np.isfinite(found)
    if not known.any():
        return HeldOut(None, 0)
    weights = rows.weights[known]
    return HeldOut(float(np.average(found[known], weights=weights)), int(known.sum()), effective_rows(weights))


def chosen(spec: MonitorSpec, base: Path, work: RetrainWork, trigger: RetrainingTrigger, version: str) -> Chosen:
    """Return the version to report: the one that was trained, or an older one that loses less on held-out rows.

    Older versions are those that the trigger names as candidates and that lie in the registry. Where the trained one
    cannot be asked (a command without `predict`), it is reported unchecked. Where there are several, every second row
    chooses and the others say what the chosen one loses: on the rows that chose it, the best of many looks too good.
    """
    settings, directory = spec.models[trigger.model], work.models.directory(trigger.model, version)
    dataset = work.dataset(trigger)
    holdout = read_rows(dataset, HOLDOUT)
    try:
        model = load_model(spec, trigger.model, base, directory)
    except UserError as error:
        return Chosen(version, HeldOut(None, 0), "not_run", f"Trained, and not checked: {error}")
    others = _older(trigger, work, version)
    choosing, telling = (holdout.take(list(range(first, len(holdout), 2))) for first in (0, 1))
    if not others:
        choosing = telling = holdout
    best, score, said = version, held_out(settings, model, choosing), []
    for older in others:
        try:
            other = load_model(spec, trigger.model, base, work.models.directory(trigger.model, older))
            its = held_out(settings, other, choosing)
        except UserError as error:
            said.append(f"Older version {older} could not be asked: {error}.")
            continue
        if its.loss is not None and score.loss is not None and its.loss < score.loss:
            said.append(f"Version {older} loses {its.loss:.6g} on held-out rows, and {best} {score.loss:.6g}.")
            best, score, model = older, its, other
    if others:
        score = held_out(settings, model, telling)
    verdict, reason = _checked(spec, base, work, trigger, best, model, holdout)
    loss = (
        "No held-out row has a label."
        if score.loss is None
        else f"Loss {score.loss:.6g} on {score.rows:,} held-out rows{worth_in_words(score.rows, score.effective)}."
    )
    return Chosen(best, score, verdict, " ".join([loss, *said, reason]))


def _older(trigger: RetrainingTrigger, work: RetrainWork, version: str) -> list[str]:
    named = [candidate.version for candidate in trigger.candidates]
    return [name for name in named if name != version and work.models.has(trigger.model, name)]


def _checked(
    spec: MonitorSpec,
    base: Path,
    work: RetrainWork,
    trigger: RetrainingTrigger,
    version: str,
    model: FittedModel,
    holdout: pa.Table,
) -> tuple[Checks, str]:
    champion = work.models.directory(trigger.model, trigger.version)
    how: How = trigger.how
    try:
        profile = load_layouts(spec, base).of(trigger.model, trigger.version).profile
    except UserError:
        profile = None  # nobody built one; tests that need it say so
    report = run_checks(
        spec,
        trigger.model,
        model,
        holdout,
        train=read_rows(work.dataset(trigger), TRAIN),
        champion=_champion(spec, base, trigger, champion),
        trainer=trainer_of(spec, trigger.model, base, how=how),
        trigger=trigger,
        suite=work.suite(trigger.model),
        profile=profile,
        candidate_name=version,
        notes=read_manifest(work.dataset(trigger)).get("not_had", []),
    )
    work.note(trigger, "check", report)
    return report.verdict, f"Checks {report.verdict}. {'; '.join(report.reasons)}".strip()


def _champion(spec: MonitorSpec, base: Path, trigger: RetrainingTrigger, directory: Path) -> FittedModel | None:
    """Return the version that is to be replaced, where it was made here; else its recorded answers stand for it."""
    try:
        return load_model(spec, trigger.model, base, directory) if directory.is_dir() else None
    except UserError:
        return None
