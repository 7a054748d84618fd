"""Does the candidate answer whatever its declared types allow: no crash, no NaN, in range, the same twice?"""

import math
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from detectors.fuzzing.domain import domains_of
from detectors.fuzzing.made_rows import MadeRow, made_rows
from detectors.fuzzing.smaller import differing, smaller
from schemas.check_report import CheckResult, Finding, ShownRow
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec
from streams.check.answers import Unanswered, ask, in_words, level_of, problem, said
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.report_text import plural
from streams.trainer import ModelOutput

EXAMPLES = 2_000  # held-out rows that made-up ones are made from
PLAIN = 200  # held-out rows that are asked as they are, evenly over all
SINGLES = 50  # rows that are also asked one by one
BATCH = 1e-5  # how far a number may differ by who else is in the batch: sums of 32 bits are taken in another order
TWICE = 1e-9  # and when it is asked again

_NUMBER = re.compile(r"-?\d[\d.e+-]*")

WEAKNESS = [
    "Made-up rows say that the candidate answers, not that it answers well.",
    "Valid is what the monitor file declares: a number without minimum and maximum is tried at a million times what "
    "the reference has.",
]


class _Case(NamedTuple):
    """A row that went wrong."""

    problem: str
    row: MadeRow
    said: str


class Fuzz:
    """Asks the candidate about rows made from the declared types, the reference and the held-out rows."""

    name = "fuzz"
    title = "Answers to made-up rows"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what went wrong, each with the smallest rows that show it."""
        if context.spec.task == "text":
            raise Unanswerable("what a text model generates has no range to keep, and a candidate's texts are not read")
        if not context.checks.fuzz:
            raise Unanswerable("not asked for (checks.fuzz is 0)")
        examples = context.holdout.thinned(EXAMPLES).features
        domains = domains_of(context.spec, context.profile, examples)
        rows, left = made_rows(context.spec, domains, examples, context.checks.fuzz, context.seed)
        cases, answers = _asked(context, rows)
        if answers is not None:
            cases += _differing(context, rows, answers)
        # among extreme values a model that scales by the batch gives all the others one answer, so also without these
        plain = [MadeRow("nothing odd", row, row) for row in context.holdout.thinned(PLAIN).features]
        wrong, answers = _asked(context, plain)
        cases += wrong if answers is None else [*wrong, *_differing(context, plain, answers)]
        findings = _grouped(context, cases)
        numbers: dict[str, float | None] = {
            "rows": float(len(rows)),
            "failed": float(len({id(case.row) for case in cases})),
            "left_out": float(left),
        }
        if findings:
            first = findings[0].text
            more = f", and {plural(len(findings) - 1, 'other failure')}" if len(findings) > 1 else ""
            verdict, reason = "failed", f"{first}{more}"
        else:
            verdict, reason = "passed", f"{plural(len(rows), 'made-up row')} answered, in range and the same twice"
            reason += f"; {left:,} more were left out (checks.fuzz)" if left else ""
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="failed" if verdict == "failed" else "passed",
            reason=reason,
            numbers=numbers,
            findings=findings,
            weakness=WEAKNESS,
        )


def _asked(context: CheckContext, rows: Sequence[MadeRow]) -> tuple[list[_Case], list[ModelOutput] | None]:
    """Return what went wrong, and the answers where all rows were answered."""
    try:
        answers = ask(context.candidate, [row.features for row in rows])
    except Unanswered as error:
        cases = []
        for row in rows:
            alone = _alone(context, row.features)
            if alone is not None:
                cases.append(_Case(alone, row, "an error"))
        return cases or [_Case(f"it fails on many rows at once: {error}", rows[0], "an error")], None
    found = []
    for row, answer in zip(rows, answers, strict=True):
        text = problem(context.spec, answer, context.classes)
        if text is not None:
            found.append(_Case(text, row, in_words(context.spec, answer)))
    return found, answers


def _alone(context: CheckContext, features: Sequence[FeatureValue]) -> str | None:
    """Return what goes wrong with one row, or None."""
    try:
        answer = ask(context.candidate, [list(features)])[0]
    except Unanswered as error:
        return f"it raises {error}"
    return problem(context.spec, answer, context.classes)


def _differing(context: CheckContext, rows: Sequence[MadeRow], answers: Sequence[ModelOutput]) -> list[_Case]:
    """Return rows that are answered otherwise when asked again, in another order, or alone."""
    features = [row.features for row in rows]
    step = max(1, len(rows) // SINGLES)
    some = range(0, len(rows), step)
    ways: list[tuple[str, float, Callable[[], list[tuple[int, ModelOutput]]]]] = [
        ("another answer when it is asked again", TWICE, lambda: list(enumerate(ask(context.candidate, features)))),
        (
            "another answer when the rows come in another order",
            BATCH,
            lambda: list(enumerate(ask(context.candidate, features[::-1])[::-1])),
        ),
        (
            "another answer for a row alone than among others",
            BATCH,
            lambda: [(place, ask(context.candidate, [features[place]])[0]) for place in some],
        ),
    ]
    found = []
    for text, tolerance, way in ways:
        try:
            again = way()
        except Unanswered as error:
            found.append(_Case(f"{text}: it raises {error}", rows[0], "an error"))
            continue
        for place, other in again:
            if not same(context.spec, answers[place], other, tolerance):
                words = f"{in_words(context.spec, answers[place])}, then {in_words(context.spec, other)}"
                found.append(_Case(text, rows[place], words))
    return found


def same(spec: ModelSpec, one: ModelOutput, other: ModelOutput, tolerance: float) -> bool:
    """Return whether two answers are the same, numbers within `tolerance` (relative to those above 1)."""
    numbers = [(one.score, other.score), (one.value, other.value)]
    shares, others = one.probabilities or {}, other.probabilities or {}
    numbers += [(shares.get(name), others.get(name)) for name in {*shares, *others}]
    if not all(_close(first, second, tolerance) for first, second in numbers):
        return False
    if said(spec, one) == said(spec, other):
        return True
    level = level_of(spec, one)  # at the threshold a last digit may turn the label
    return level is not None and one.score is not None and abs(level - spec.threshold) <= tolerance


def _close(one: float | None, other: float | None, tolerance: float) -> bool:
    if one is None or other is None:
        return one is other
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    return one == other or abs(one - other) <= tolerance * max(1.0, abs(one), abs(other))


def _grouped(context: CheckContext, cases: Sequence[_Case]) -> list[Finding]:
    """Return one finding for each way of going wrong, those with the most rows first."""
    groups: dict[str, list[_Case]] = {}
    for case in cases:
        groups.setdefault(_NUMBER.sub("#", case.problem), []).append(case)
    findings = []
    for members in groups.values():
        kinds = list(dict.fromkeys(case.row.kind for case in members))
        members.sort(key=lambda case: len(differing(case.row.features, case.row.whole)))
        rows: list[ShownRow] = []
        for case in members[: SHOWN * SHOWN]:
            shown = _shown(context, case)
            if len(rows) < SHOWN and all(_odd(shown) != _odd(row) for row in rows):
                rows.append(shown)
        findings.append(
            Finding(
                verdict="failed",
                text=f"{members[0].problem}: {plural(len(members), 'row')}, with {', '.join(kinds)}",
                numbers={"rows": float(len(members))},
                rows=rows,
            )
        )
    return sorted(findings, key=lambda finding: -(finding.numbers["rows"] or 0.0))


def _odd(row: ShownRow) -> tuple[str, str]:
    """Return what is odd about a row: others with the same show nothing new."""
    names = row.said.get("odd", "")
    return names, repr([row.features.get(name) for name in names.split(", ")])


def _shown(context: CheckContext, case: _Case) -> ShownRow:
    """Return the row of a case with as few odd values as still go wrong."""
    whole, features = case.row.whole, case.row.features
    if _alone(context, features) is not None:
        features = smaller(features, whole, lambda tried: _alone(context, tried) is not None)
    told = {"candidate": case.said, "why": case.problem}
    if odd := differing(features, whole):
        told["odd"] = ", ".join(list(context.spec.features)[place] for place in odd)
    return ShownRow(features=context.named(features), said=told)
