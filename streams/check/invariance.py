"""Do features that must not matter (declared invariances) really change no answer?"""

import math
from typing import NamedTuple

import numpy as np

from detectors.fuzzing.smaller import differing, smaller
from schemas.check_report import CheckResult, Finding, ShownRow
from schemas.check_spec import Invariance
from schemas.prediction import FeatureValue
from streams.check.answers import ask, in_words, said
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.report_text import number, plural
from streams.trainer import ModelOutput

ROWS = 500  # held-out rows whose values are dealt anew, evenly over all
DEALS = 4  # each row sees as many other values
ROUNDING = 1e-9  # with a tolerance of 0: what the order of a sum may change

WEAKNESS = [
    "Values are those of other held-out rows: a value that none of them has is not tried.",
]


class _Move(NamedTuple):
    """An answer that moved."""

    size: float
    features: list[FeatureValue]
    before: list[FeatureValue]


class Invariances:
    """Deals the values of the named features anew among held-out rows, together, and compares the answers."""

    name = "invariance"
    title = "What must not matter"

    def run(self, context: CheckContext) -> CheckResult:
        """Return which invariances are broken, with the smallest rows that show it."""
        if not context.checks.invariances:
            raise Unanswerable("none is declared (checks.invariances)")
        if context.spec.task == "text":
            raise Unanswerable("a candidate's texts are not read")
        rows = context.holdout.thinned(ROWS).features
        if len(rows) < 2:
            raise Unanswerable("fewer than two held-out rows to deal values among")
        findings = [_broken(context, each, rows) for each in context.checks.invariances]
        failed = [finding for finding in findings if finding.verdict == "failed"]
        reason = failed[0].text if failed else f"{plural(len(findings), 'invariance')} held on {len(rows):,} rows"
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="failed" if failed else "passed",
            reason=reason,
            numbers={"invariances": float(len(findings)), "failed": float(len(failed)), "rows": float(len(rows))},
            findings=sorted(findings, key=lambda finding: finding.verdict != "failed"),
            weakness=WEAKNESS,
        )


def _broken(context: CheckContext, invariance: Invariance, rows: list[list[FeatureValue]]) -> Finding:
    names = list(context.spec.features)
    places = [names.index(name) for name in invariance.features]
    rng = np.random.default_rng(context.seed)
    before = ask(context.candidate, rows)
    moved: list[_Move] = []
    for _ in range(DEALS):
        dealt = rng.permutation(len(rows)).tolist()
        changed = [list(row) for row in rows]
        for row, other in zip(changed, dealt, strict=True):
            for place in places:
                row[place] = rows[other][place]
        after = ask(context.candidate, changed)
        for row, old, new, was in zip(changed, before, after, rows, strict=True):
            size = moved_by(context, old, new)
            if size > invariance.tolerance + ROUNDING:
                moved.append(_Move(size, row, was))
    text = " and ".join(invariance.features)
    asked = DEALS * len(rows)
    if not moved:
        return Finding(
            verdict="passed",
            text=f"{text}: dealt anew among the rows, no answer moved by more than {number(invariance.tolerance)}",
            numbers={"moved": 0.0, "asked": float(asked)},
        )
    moved.sort(key=lambda each: -each.size)
    return Finding(
        verdict="failed",
        text=f"{text} should not matter, and {len(moved):,} of {asked:,} answers moved, by up to "
        f"{number(moved[0].size)} where {number(invariance.tolerance)} is allowed",
        numbers={"moved": float(len(moved)), "asked": float(asked), "largest": moved[0].size},
        rows=[_shown(context, each, invariance.tolerance) for each in moved[:SHOWN]],
    )


def moved_by(context: CheckContext, old: ModelOutput, new: ModelOutput) -> float:
    """Return how far an answer moved; infinitely, where a class is another and no number says how far."""
    pairs = [(old.score, new.score), (old.value, new.value)]
    if context.spec.task == "multiclass":  # the score is that of the predicted class
        pairs = []
        shares, others = old.probabilities, new.probabilities
        if shares and others:
            pairs = [(shares.get(name, 0.0), others.get(name, 0.0)) for name in sorted({*shares, *others})]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not known:
        return 0.0 if said(context.spec, old) == said(context.spec, new) else math.inf
    sizes = [abs(one - other) for one, other in known]
    return max(math.inf if math.isnan(size) else size for size in sizes)


def _shown(context: CheckContext, move: _Move, tolerance: float) -> ShownRow:
    """Return the row with as few changed values as still move the answer too far."""
    old = ask(context.candidate, [move.before])[0]

    def moves(features: list[FeatureValue]) -> bool:
        return moved_by(context, old, ask(context.candidate, [features])[0]) > tolerance + ROUNDING

    features = smaller(move.features, move.before, moves) if moves(move.features) else move.features
    new = ask(context.candidate, [features])[0]
    names = list(context.spec.features)
    change = ", ".join(
        f"{names[place]}: {move.before[place]!r:.60} → {features[place]!r:.60}"
        for place in differing(features, move.before)
    )
    return ShownRow(
        features=context.named(move.before),
        said={"changed": change, "before": in_words(context.spec, old), "after": in_words(context.spec, new)},
    )
