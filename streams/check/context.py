"""`CheckContext`: what every test is given; `Check`: what a test is."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from schemas.check_report import CheckResult, ShownRow, Verdict
from schemas.check_spec import CheckSpec
from schemas.prediction import FeatureValue
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec
from schemas.trigger import RetrainingTrigger
from streams.check.answers import Unanswered, ask, in_words, losses
from streams.check.checked_rows import CheckedRows
from streams.trainer import FittedModel, ModelOutput, Trainer

Floats = npt.NDArray[np.float64]

SHOWN = 5  # rows of a finding: enough to see what it is
TOLD = 300  # characters of a text that is shown


class Unanswerable(Exception):
    """A test cannot tell, for this reason: its verdict is unknown."""


class Check(Protocol):
    """One test. It changes nothing but what its file says, and gives the same result for the same context."""

    name: str
    title: str

    def run(self, context: "CheckContext") -> CheckResult:
        """Return what the test says.

        Raises
        ------
        Unanswerable
            When it cannot tell.
        Unanswered
            When the candidate does not answer: the test has failed.
        """
        ...


@dataclass(frozen=True)
class CheckContext:
    """A candidate, the rows it is tested on, and what it is compared with."""

    model: str
    spec: ModelSpec
    candidate: FittedModel = field(repr=False)
    holdout: CheckedRows
    train: CheckedRows | None = None
    champion: FittedModel | None = field(default=None, repr=False)
    champion_version: str | None = None
    """Whose recorded answers count where the champion cannot be called; None: all of them."""
    trainer: Trainer | None = field(default=None, repr=False)
    trigger: RetrainingTrigger | None = None
    suite: Path | None = None
    profile: ReferenceProfile | None = None
    seed: int = 0
    id: str = ""
    """Of this check: the same when it is made again."""
    candidate_name: str = "candidate"
    champion_name: str = "champion"

    @property
    def checks(self) -> CheckSpec:
        """What the monitor file asks of a candidate."""
        return self.spec.retraining.checks

    @cached_property
    def answers(self) -> list[ModelOutput]:
        """The candidate's answers for the held-out rows; raises `Unanswered`."""
        return ask(self.candidate, self.holdout.features)

    @cached_property
    def champion_answers(self) -> list[ModelOutput | None]:
        """The champion's answers for the held-out rows, None where none is known."""
        return self.champion_answers_of(self.holdout)

    def champion_answers_of(self, rows: CheckedRows) -> list[ModelOutput | None]:
        """Return the champion's answers; recorded ones where it cannot be called."""
        if self.champion is not None:
            try:
                return list(ask(self.champion, rows.features))
            except Unanswered as error:
                raise Unanswerable(f"the champion does not answer: {error}") from error
        version = self.champion_version
        return [
            answer if version is None or given in (None, version) else None
            for answer, given in zip(rows.recorded, rows.versions, strict=True)
        ]

    @cached_property
    def losses(self) -> Floats:
        """The candidate's loss of each held-out row, NaN where the truth is not known. Shape (rows,)."""
        return losses(self.spec, self.answers, self.holdout.labels)

    @cached_property
    def champion_losses(self) -> Floats:
        """The champion's likewise, NaN also where it gave no answer."""
        return losses(self.spec, self.champion_answers, self.holdout.labels)

    @cached_property
    def compared(self) -> npt.NDArray[np.int64]:
        """Held-out rows with both losses."""
        return np.flatnonzero(~np.isnan(self.losses) & ~np.isnan(self.champion_losses))

    @cached_property
    def classes(self) -> frozenset[str]:
        """Classes that are known: those declared, else those that the reference or any row has."""
        if self.spec.classes is not None:
            return frozenset(self.spec.classes)
        found = set(self.profile.classes if self.profile else ())
        for rows in (self.holdout, self.train):
            if rows is not None:
                found |= {str(truth) for truth in rows.truths if truth is not None}
                found |= {answer.label for answer in rows.recorded if answer is not None and answer.label is not None}
        if self.spec.positive_label is not None:
            found.add(self.spec.positive_label)
        return frozenset(found) if self.spec.task in ("binary", "multiclass") and len(found) > 1 else frozenset()

    def shown(self, rows: CheckedRows, place: int, **answers: ModelOutput | None) -> ShownRow:
        """Return a row with what was answered for it, to be shown."""
        truth = rows.truths[place]
        told = {who: in_words(self.spec, answer) for who, answer in answers.items()}
        if truth is not None:
            told["truth"] = f"{truth:.6g}" if isinstance(truth, float) else truth
        return ShownRow(id=rows.ids[place], features=self.named(rows.features[place]), said=told)

    def named(self, values: Sequence[FeatureValue]) -> dict[str, FeatureValue]:
        """Return features by name, long texts cut."""
        return {
            name: f"{value[:TOLD]}… ({len(value):,} characters)"
            if isinstance(value, str) and len(value) > TOLD
            else value
            for name, value in zip(self.spec.features, values, strict=True)
        }


def worst_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return failed where any has failed, else unknown where any is unknown, else passed."""
    return "failed" if "failed" in verdicts else "unknown" if "unknown" in verdicts else "passed"
