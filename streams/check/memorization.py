"""Can the training code learn a small batch by heart? If it cannot, it does not learn what it is given."""

import math
from collections import defaultdict

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from detectors.layout import category
from schemas.check_report import CheckResult, Finding, Verdict
from streams.check.answers import Unanswered, ask, said
from streams.check.checked_rows import CheckedRows
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.errors import UserError
from streams.report_text import number, plural
from streams.trainer import ModelOutput

PASSES = 32  # times that each row stands in the batch: more than the least rows of a leaf of common learners
SMALL = 8  # rows of a second batch, which even a model with few free numbers can know
COMPARED = ("numeric", "categorical", "boolean")  # types that all trainers of ours learn from

WEAKNESS = [
    "It is a test of the training code, not of the candidate: labels that go astray, features that are not read, a "
    "loss that is none.",
    "A model that is simple, or strongly regularised, cannot learn many rows by heart and need not: then the small "
    "batch decides, and the verdict is unknown.",
    "A trainer that learns row by row forgets on purpose: what it does not know says nothing, and it never fails here.",
]


class Memorization:
    """Fits on few labelled rows, over and over, and asks for the same rows again.

    Rows alike in all features with other labels cannot be known together, so only one of each is in the batch; each
    class is as frequent as can be.
    """

    name = "memorization"
    title = "Learning a small batch by heart"

    def run(self, context: CheckContext) -> CheckResult:
        """Return how much of the batch the training code came to know."""
        checks = context.checks
        if not checks.memorize:
            raise Unanswerable("not asked for (checks.memorize is 0)")
        if context.spec.task == "text":
            raise Unanswerable("a generated text is no class and no number to know")
        if context.trainer is None:
            raise Unanswerable("no training code is known here: nothing but the model was given")
        source = context.holdout if context.train is None else context.train
        rows, contradictions = _distinct(context, source)
        if len(rows) < SMALL:
            raise Unanswerable(f"{plural(len(rows), 'distinct labelled row')}, and {SMALL} are needed")
        batch = rows.take(_dealt(rows, min(checks.memorize, len(rows)), context.seed))
        known, answers = _known(context, batch)
        small = None
        if known < checks.memorized and len(batch) > SMALL:
            small, _ = _known(context, rows.take(_dealt(rows, SMALL, context.seed)))
        numbers: dict[str, float | None] = {
            "rows": float(len(batch)),
            "known": known,
            "known_of_few": small,
            "wanted": checks.memorized,
            "contradictions": float(contradictions),
        }
        verdict, reason = _judged(context, len(batch), known, small)
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict=verdict,
            reason=reason,
            numbers=numbers,
            findings=[] if verdict == "passed" else [_forgotten(context, batch, answers, verdict)],
            weakness=WEAKNESS,
        )


def _distinct(context: CheckContext, source: CheckedRows) -> tuple[CheckedRows, int]:
    """Return labelled rows that all differ in what can be learnt from, and how many others contradict one of them."""
    types = [feature.type in COMPARED for feature in context.spec.features.values()]
    first: dict[tuple[object, ...], int] = {}
    contradictions = 0
    for place, row in enumerate(source.features):
        truth = source.truths[place]
        if truth is None or (isinstance(truth, float) and not math.isfinite(truth)):
            continue
        key = tuple(
            category(value) if isinstance(value, bool) else value
            for value, learnt in zip(row, types, strict=True)
            if learnt
        )
        if key not in first:
            first[key] = place
        elif source.truths[first[key]] != truth:
            contradictions += 1
    return source.take(sorted(first.values())), contradictions


def _dealt(rows: CheckedRows, count: int, seed: int) -> npt.NDArray[np.int64]:
    """Return the places of rows drawn at random, the classes taking turns; in the order of their times."""
    order = np.random.default_rng(seed).permutation(len(rows)).tolist()
    if rows.spec.task == "regression":
        return np.array(sorted(order[:count]), dtype=np.int64)
    by_class: dict[bool | str, list[int]] = defaultdict(list)
    for place in order:
        truth = str(rows.truths[place])
        by_class[truth == rows.spec.positive_label if rows.spec.task == "binary" else truth].append(place)
    chosen: list[int] = []
    while len(chosen) < count:
        for _, members in sorted(by_class.items(), key=lambda item: str(item[0])):
            if members and len(chosen) < count:
                chosen.append(members.pop(0))
    return np.array(sorted(chosen), dtype=np.int64)


def _known(context: CheckContext, batch: CheckedRows) -> tuple[float, list[ModelOutput] | None]:
    """Return the share of the batch (of its variance, for a number) that is known after training on it."""
    assert context.trainer is not None
    # row after row and then again, not each row many times on end: labels that slip by a row are then wrong for all
    repeated = batch.take(np.tile(np.arange(len(batch)), PASSES)).table
    count = repeated.num_rows
    start = int(batch.times.min())
    fresh = {
        "prediction_id": pa.array([f"{place // len(batch)}:{batch.ids[place % len(batch)]}" for place in range(count)]),
        "time": pa.array(np.arange(start, start + count), pa.int64()).cast(repeated.schema.field("time").type),
        "weight": pa.array(np.ones(count)),
    }
    for name, column in fresh.items():
        repeated = repeated.set_column(repeated.schema.get_field_index(name), name, column)
    try:
        model = context.trainer.fit(repeated)
    except UserError as error:
        raise Unanswerable(f"the training code could not be asked: {error}") from error
    try:
        answers = ask(model, batch.features)
    except Unanswered as error:
        raise Unanswerable(f"what was trained on the batch does not answer: {error}") from error
    if context.spec.task == "regression":
        truth = np.array(batch.truths, dtype=np.float64)
        values = np.array([np.nan if each.value is None else each.value for each in answers], dtype=np.float64)
        spread = float(((truth - truth.mean()) ** 2).sum())
        if spread <= 0:
            raise Unanswerable("all values of the batch are the same: there is nothing to know")
        if not np.isfinite(values).all():
            return 0.0, answers
        return max(0.0, 1 - float(((truth - values) ** 2).sum()) / spread), answers
    return sum(right(context, each, truth) for each, truth in zip(answers, batch.truths, strict=True)) / len(
        batch
    ), answers


def right(context: CheckContext, answer: ModelOutput, truth: str | float | None) -> bool:
    """Return whether a class is the true one; of a binary task, whether both are the positive label or neither."""
    label = said(context.spec, answer)
    if context.spec.task == "binary":
        positive = context.spec.positive_label
        return label is not None and (label == positive) == (truth == positive)
    return label == truth


def _judged(context: CheckContext, rows: int, known: float, small: float | None) -> tuple[Verdict, str]:
    wanted = context.checks.memorized
    what = "of the variance of" if context.spec.task == "regression" else "of"
    share = f"{100 * known:.1f} % {what} {plural(rows, 'row')}"
    if known >= wanted:
        return "passed", f"trained on {rows} rows over and over, it knows {share}"
    text = f"trained on {rows} rows over and over, it knows {share}, where {100 * wanted:g} % are wanted (memorized)"
    if small is not None and small >= wanted:
        return "unknown", (
            f"{text}; of {SMALL} rows it knows {100 * small:.1f} %, so that it learns what it is given, and the model "
            "is too simple, or held back too much, for more"
        )
    few = "" if small is None else f", and {100 * small:.1f} % of {SMALL} rows"
    if context.trainer is not None and context.trainer.incremental:
        return "unknown", f"{text}{few}: it learns row by row and forgets on purpose, so that it need not"
    return "failed", f"{text}{few}: it does not learn what it is given; look at how labels and features reach it"


def _forgotten(
    context: CheckContext, batch: CheckedRows, answers: list[ModelOutput] | None, verdict: Verdict
) -> Finding:
    wrong = []
    for place, answer in enumerate(answers or ()):
        truth = batch.truths[place]
        if isinstance(truth, float):
            value = math.inf if answer.value is None else abs(answer.value - truth)
            wrong.append((-value, place))
        elif not right(context, answer, truth):
            wrong.append((0.0, place))
    wrong.sort()
    rows = [context.shown(batch, place, answer=(answers or [])[place]) for _, place in wrong[:SHOWN]]
    return Finding(
        verdict=verdict,
        text="rows that it was trained on and does not know" if rows else f"{number(len(wrong))} rows are not known",
        rows=rows,
    )
