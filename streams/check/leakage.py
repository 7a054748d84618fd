"""Does the training set know what it should not: held-out rows, or the label itself in one of the features?"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

import numpy as np

from schemas.check_report import CheckResult, Finding, ResultTable
from schemas.prediction import FeatureValue
from streams.check.checked_rows import CheckedRows
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.report_text import plural

BINS = 64  # of a number, by quantiles of the rows that are learnt from

WEAKNESS = [
    "A feature that tells nearly everything may be as it should be; a leak that takes two features together is not "
    "seen. What is asked of such a feature: is it known before the prediction is made?",
]


class Leakage:
    """Looks for held-out rows in the training set, and for features that alone tell what came true.

    Each feature's values (a number's bins) learn the most frequent class, or the mean, from the training rows, and are
    asked about the held-out rows. Without a training set the older half of the held-out rows is learnt from.
    """

    name = "leakage"
    title = "Leaks into the training set"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what leaks."""
        findings = [] if context.train is None else _shared(context, context.train)
        told = _single(context)
        rows: list[list[str | float | None]] = []
        if told is not None:
            rows = [[name, share] for name, share in sorted(told.items(), key=lambda item: (-item[1], item[0]))]
            findings += _determining(context, told)
        failed = [finding for finding in findings if finding.verdict == "failed"]
        if not failed and told is None:
            raise Unanswerable(
                f"fewer than {context.checks.slice_rows} labelled rows, or only one truth among them, to look for "
                "features that tell it"
            )
        without = "" if context.train is not None else "; no training set was given, so only features were looked at"
        clear = f"no feature alone tells what came true{without}"
        if context.train is not None:
            clear = f"no held-out row is in the training set, and {clear}"
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="failed" if failed else "passed",
            reason="; ".join(finding.text for finding in failed) or clear,
            numbers={"failed": float(len(failed))},
            findings=sorted(findings, key=lambda finding: finding.verdict != "failed"),
            table=ResultTable(columns=["feature", "share of the loss that it takes away alone"], rows=rows)
            if rows
            else None,
            weakness=WEAKNESS,
        )


def _shared(context: CheckContext, train: CheckedRows) -> list[Finding]:
    """Return held-out rows that are in the training set, by their id, and those that are there by another id."""
    holdout, ids = context.holdout, set(train.ids)
    both = [place for place, id in enumerate(holdout.ids) if id in ids]
    findings = []
    if both:
        findings.append(
            Finding(
                verdict="failed",
                text=f"{plural(len(both), 'held-out row')} of {len(holdout):,} are in the training set",
                numbers={"rows": float(len(both))},
                rows=[context.shown(holdout, place) for place in both[:SHOWN]],
            )
        )
    known = {repr((row, truth)) for row, truth in zip(train.features, train.truths, strict=True) if truth is not None}
    pairs = zip(holdout.features, holdout.truths, holdout.ids, strict=True)
    twins = sum(repr((row, truth)) in known for row, truth, id in pairs if id not in ids)
    findings.append(
        Finding(
            verdict="information",
            text=f"{plural(twins, 'held-out row')} have the features and the truth of a training row by another id",
            numbers={"rows": float(twins)},
        )
    )
    return findings


def _single(context: CheckContext) -> dict[str, float] | None:
    """Return the share of the loss of knowing nothing that each feature alone takes away; None: too few rows."""
    if context.spec.task == "text":
        return None
    learnt, asked = context.train, context.holdout
    if learnt is None:
        half = len(asked) // 2
        learnt, asked = asked.take(range(half)), asked.take(range(half, len(asked)))
    learnt, asked = (rows.take(np.flatnonzero(rows.known)) for rows in (learnt, asked))
    if min(len(learnt), len(asked)) < context.checks.slice_rows:
        return None
    truth, actual = _truths(context, learnt), _truths(context, asked)
    nothing = _loss(context, [_answer(context, truth)] * len(asked), actual)
    if not nothing > 0:
        return None
    found = {}
    for place, name in enumerate(context.spec.features):
        mine, theirs = ([row[place] for row in rows.features] for rows in (learnt, asked))
        edges = _edges(mine)
        by_value: dict[Hashable, list[str | float]] = defaultdict(list)
        for value, known in zip(mine, truth, strict=True):
            by_value[_code(value, edges)].append(known)
        answers = {code: _answer(context, known) for code, known in by_value.items()}
        other = _answer(context, truth)
        said = [answers.get(_code(value, edges), other) for value in theirs]
        found[name] = 1 - _loss(context, said, actual) / nothing
    return found


def _determining(context: CheckContext, told: dict[str, float]) -> list[Finding]:
    limit = context.checks.leakage
    if limit >= 1:
        return []
    return [
        Finding(
            verdict="failed",
            text=f"{name} alone takes away {100 * share:.1f} % of the loss (from {100 * limit:g} % on it is taken for "
            "a leak of the label): is it known before the prediction is made?",
            numbers={"share": share},
        )
        for name, share in told.items()
        if share >= limit
    ]


def _truths(context: CheckContext, rows: CheckedRows) -> list[str | float]:
    positive = context.spec.positive_label
    known = [truth for truth in rows.truths if truth is not None]
    return [str(truth == positive) for truth in known] if context.spec.task == "binary" else known


def _answer(context: CheckContext, known: Sequence[str | float]) -> str | float:
    if context.spec.task == "regression":
        return math.fsum(float(each) for each in known) / len(known)
    return min(Counter(known).items(), key=lambda item: (-item[1], str(item[0])))[0]


def _loss(context: CheckContext, said: Sequence[str | float], actual: Sequence[str | float]) -> float:
    """Return squared error, or how many classes are wrong."""
    if context.spec.task == "regression":
        return math.fsum((float(a) - float(b)) ** 2 for a, b in zip(said, actual, strict=True))
    return float(sum(a != b for a, b in zip(said, actual, strict=True)))


def _edges(values: Sequence[FeatureValue]) -> list[float] | None:
    numbers = [value for value in values if type(value) is float]
    if not numbers:
        return None
    cuts = np.quantile(np.array(numbers), np.linspace(0, 1, BINS + 1)[1:-1], method="inverted_cdf")
    return sorted(set(cuts.tolist()))


def _code(value: FeatureValue, edges: list[float] | None) -> Hashable:
    if edges is not None and type(value) is float:
        return int(np.searchsorted(edges, value, side="left"))
    return value
