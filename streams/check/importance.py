"""What do candidate and champion go by? Permutation of both, and ablation: what training without a feature costs."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from detectors.fuzzing.domain import domains_of
from detectors.row import Label, Row
from schemas.check_report import CheckResult, Finding, ResultTable
from schemas.prediction import FeatureValue
from streams.archive_schema import FEATURE
from streams.check.answers import Unanswered, ask, losses, said
from streams.check.checked_rows import CheckedRows
from streams.check.context import CheckContext, Unanswerable
from streams.check.invariance import moved_by
from streams.errors import UserError
from streams.explain import WEAKNESS as METHOD_WEAKNESS
from streams.importance import Answer, Answers, Features, Importance, ablated, permuted
from streams.trainer import FittedModel

PERMUTED = 500  # held-out rows, evenly over all: each is asked about five times for each feature
ABLATED = 2_000  # training rows, the newest: a model is trained on them once for each feature
FEWEST = 30
FITS = 40  # features at most for which models are trained; of more, the challenger says
MOVED = 1e-6  # of a score or value; less is rounding
ALONE = 0.99  # share of answers that stay as they are when all other features are dealt anew


class Importances:
    """Reports by how much the loss rises without what each feature says; fails only what is extreme.

    Extreme is a candidate whose answers depend on no feature, or on one alone where there are at least three and where
    the champion, called, goes by more. Where the champion cannot be called, going by one alone is only told.
    """

    name = "importance"
    title = "What the candidate goes by"

    def run(self, context: CheckContext) -> CheckResult:
        """Return the importance of each feature for candidate and champion."""
        spec = context.spec
        if spec.task == "text":
            raise Unanswerable("a text model has no score and no class to explain by its features")
        rows = context.holdout.take(np.flatnonzero(context.holdout.known)).thinned(PERMUTED)
        if len(rows) < FEWEST:
            raise Unanswerable(f"{len(rows)} held-out rows have a label, and {FEWEST} are needed")
        labelled = _labelled(rows)
        mine = permuted(spec, labelled, _answers(context, context.candidate), context.seed)
        theirs: dict[str, Importance] = {}
        if context.champion is not None:
            try:
                theirs = permuted(spec, labelled, _answers(context, context.champion), context.seed)
            except Unanswered:
                theirs = {}
        without, how = _ablation(context)
        names = sorted(spec.features, key=lambda name: (-mine[name].value, name))
        table = ResultTable(
            columns=[
                "feature",
                *("candidate", "low", "high"),
                *("champion", "low", "high"),
                *("without it", "low", "high"),
            ],
            rows=[
                [name, *_cells(mine.get(name)), *_cells(theirs.get(name)), *_cells(without.get(name))] for name in names
            ],
        )
        findings = [Finding(verdict="information", text=how)] if how else []
        extreme = _extreme(context, rows, mine)
        if extreme is not None:
            findings.insert(0, extreme)
        failed = extreme is not None and extreme.verdict == "failed"
        first = ", ".join(f"{name} ({mine[name].value:+.3g})" for name in names[:3])
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="failed" if failed else "passed",
            reason=extreme.text if extreme else f"what its loss rests on most, by permutation: {first}",
            numbers={f"candidate {name}": mine[name].value for name in names[:50]},
            findings=findings,
            table=table,
            weakness=[METHOD_WEAKNESS["permutation"], METHOD_WEAKNESS["ablation"]],
        )


def _labelled(rows: CheckedRows) -> list[tuple[Row, Label]]:
    return [(row, label) for row, label in zip(rows.rows(), rows.labels, strict=True) if label is not None]


def _answers(context: CheckContext, model: FittedModel) -> Answers:
    def answers(features: Features) -> list[Answer]:
        found: list[Answer] = []
        for output in ask(model, features):
            if context.spec.task == "regression":
                found.append(math.nan if output.value is None else output.value)
            else:
                found.append(said(context.spec, output) or "")
        return found

    return answers


def _cells(found: Importance | None) -> list[float | None]:
    return [None if found is None or math.isnan(each) else each for each in (found or (None,) * 3)]  # type: ignore[arg-type]


def _extreme(context: CheckContext, rows: CheckedRows, mine: dict[str, Importance]) -> Finding | None:
    """Return what is extreme about what the candidate goes by, or None."""
    alone = _alone(context, context.candidate, rows, list(mine))
    if alone is None:
        return None
    if context.champion is not None:
        try:
            if _alone(context, context.champion, rows, list(mine)) is not None:
                return None  # so did the champion
        except Unanswered:
            return None
    if not alone:
        text = "the candidate gives all rows the same answer, whatever their features"
        return Finding(verdict="failed", text=text)
    if len(context.spec.features) < 3:
        return None
    return Finding(
        verdict="information" if context.champion is None else "failed",
        text=f"the candidate goes by {alone} alone: dealing all other features anew leaves {100 * ALONE:g} % or more "
        "of its answers as they are",
    )


def _alone(context: CheckContext, model: FittedModel, rows: CheckedRows, names: Sequence[str]) -> str | None:
    """Return the one feature that a model goes by, an empty text for none, and None where it goes by more."""
    order = np.random.default_rng(context.seed).permutation(len(rows)).tolist()
    before = ask(model, rows.features)

    def kept(fixed: int | None) -> float:
        changed: list[list[FeatureValue]] = [list(rows.features[other]) for other in order]
        if fixed is not None:
            for row, own in zip(changed, rows.features, strict=True):
                row[fixed] = own[fixed]
        after = ask(model, changed)
        stay = sum(moved_by(context, a, b) <= MOVED for a, b in zip(before, after, strict=True))
        return stay / len(rows)

    if kept(None) == 1.0:
        return ""
    places = list(context.spec.features)
    return next((name for name in names if kept(places.index(name)) >= ALONE), None)


def _ablation(context: CheckContext) -> tuple[dict[str, Importance], str]:
    """Return what training without each feature costs, and how that was found out."""
    train, spec = context.train, context.spec
    if train is None:
        return {}, "ablation: no training set was given"
    rows = train.take(np.flatnonzero(train.known))
    rows = rows.take(range(max(0, len(rows) - ABLATED), len(rows)))
    if len(rows) < FEWEST:
        return {}, f"ablation: fewer than {FEWEST} labelled training rows"
    if context.trainer is not None and len(spec.features) <= FITS:
        try:
            found = _refitted(context, rows)
            return found, f"ablation: trained on the newest {len(rows):,} training rows, with and without each feature"
        except (UserError, Unanswered):
            pass
    _, by_challenger = ablated(spec, _labelled(rows))
    return by_challenger, (
        f"ablation: the incremental challenger learnt the newest {len(rows):,} training rows, with and without each "
        "feature"
    )


def _refitted(context: CheckContext, rows: CheckedRows) -> dict[str, Importance]:
    """Return the rise of the held-out loss of models that are trained with a feature that is the same throughout.

    It is not missing throughout: some estimators cannot learn from such a column.
    """
    assert context.trainer is not None
    held = context.holdout.take(np.flatnonzero(context.holdout.known)).thinned(ABLATED)
    whole = losses(context.spec, ask(context.trainer.fit(rows.table), held.features), held.labels)
    domains = domains_of(context.spec, None, rows.features)
    found = {}
    for place, name in enumerate(context.spec.features):
        column = rows.table.schema.get_field_index(FEATURE + name)
        value = domains[place].typical
        same = pa.array([value] * len(rows), rows.table.schema.field(column).type)
        model = context.trainer.fit(rows.table.set_column(column, FEATURE + name, same))
        features = [[*row[:place], value, *row[place + 1 :]] for row in held.features]
        rise = losses(context.spec, ask(model, features), held.labels) - whole
        rise = rise[np.isfinite(rise)]
        if len(rise) > 1:
            error = float(rise.std(ddof=1)) / len(rise) ** 0.5
            mean = float(rise.mean())
            found[name] = Importance(mean, mean - 1.96 * error, mean + 1.96 * error)
    return found
