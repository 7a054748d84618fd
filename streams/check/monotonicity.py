"""Do features that may move the score or the value one way only (declared monotonicities) really do so?"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from detectors.fuzzing.domain import Domain, domains_of
from detectors.fuzzing.smaller import differing, smaller
from schemas.check_report import CheckResult, Finding, ShownRow
from schemas.prediction import FeatureValue
from streams.check.answers import ask, level_of
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.report_text import number, plural

ROWS = 200  # held-out rows that are walked along the feature, evenly over all
STEPS = 24  # values of the feature that are tried on each
ROUNDING = 1e-9  # relative to numbers above 1

WEAKNESS = [
    "Values in between those that are tried, and rows that are not among those held out, may still turn the other way.",
]

Values = list[FeatureValue]


class _Turn(NamedTuple):
    """Two values of the feature between which the answer goes the wrong way, on one row."""

    size: float
    row: Values
    low: FeatureValue
    high: FeatureValue


class Monotonicity:
    """Walks each row along the edges of the feature's bins and looks for a step in the wrong direction."""

    name = "monotonicity"
    title = "What may move the answer one way only"

    def run(self, context: CheckContext) -> CheckResult:
        """Return which monotonicities are broken, with the smallest rows that show it."""
        if not context.checks.monotonic:
            raise Unanswerable("none is declared (checks.monotonic)")
        if context.spec.task not in ("binary", "regression"):
            raise Unanswerable(f"a {context.spec.task} model has no one number that a feature could move")
        examples = context.holdout.thinned(2_000).features
        rows = context.holdout.thinned(ROWS).features
        if not rows:
            raise Unanswerable("there are no held-out rows to start from")
        domains = {domain.name: domain for domain in domains_of(context.spec, context.profile, examples)}
        findings = [
            _turned(context, name, 1 if way == "increasing" else -1, domains, rows)
            for name, way in context.checks.monotonic.items()
        ]
        failed = [finding for finding in findings if finding.verdict == "failed"]
        held = f"{plural(len(findings), 'declared direction')} held on {len(rows):,} rows"
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="failed" if failed else "passed",
            reason=failed[0].text if failed else held,
            numbers={"features": float(len(findings)), "failed": float(len(failed)), "rows": float(len(rows))},
            findings=sorted(findings, key=lambda finding: finding.verdict != "failed"),
            weakness=WEAKNESS,
        )


def _turned(context: CheckContext, name: str, sign: int, domains: dict[str, Domain], rows: Sequence[Values]) -> Finding:
    place = list(context.spec.features).index(name)
    values = _steps(domains[name])
    walked = [[*row[:place], value, *row[place + 1 :]] for row in rows for value in values]
    levels = [level_of(context.spec, answer) for answer in ask(context.candidate, walked)]
    turns = []
    for start, row in enumerate(rows):
        path = levels[start * len(values) : (start + 1) * len(values)]
        for step in range(len(values) - 1):
            size = _wrong_way(path[step : step + 2], sign)
            if size > 0:
                turns.append(_Turn(size, list(row), values[step], values[step + 1]))
    way = "rise" if sign > 0 else "fall"
    numbers: dict[str, float | None] = {"turns": float(len(turns)), "steps": float(len(rows) * (len(values) - 1))}
    if not turns:
        text = f"{name}: along {len(values)} values the answer never fails to {way}"
        return Finding(verdict="passed", text=text, numbers=numbers)
    turns.sort(key=lambda turn: -turn.size)
    worst = turns[0]
    return Finding(
        verdict="failed",
        text=f"{name}: the answer should {way} with it or stay, and goes the other way in {len(turns):,} of "
        f"{int(numbers['steps'] or 0):,} steps, by up to {number(worst.size)} from {_said(worst.low)} to "
        f"{_said(worst.high)}",
        numbers=numbers | {"largest": worst.size},
        rows=[_shown(context, name, place, sign, turn, domains) for turn in turns[:SHOWN]],
    )


def _steps(domain: Domain) -> Values:
    values = sorted({*domain.usual, *domain.extremes}, key=lambda value: float(value or 0.0))
    return [values[i * (len(values) - 1) // (STEPS - 1)] for i in range(STEPS)] if len(values) > STEPS else values


def _wrong_way(levels: Sequence[float | None], sign: int) -> float:
    """Return how far two levels go the wrong way, 0 where they do not."""
    before, after = levels
    if before is None or after is None or math.isnan(before) or math.isnan(after):
        return 0.0  # the fuzz test has it
    size = sign * (before - after)
    return size if size > ROUNDING * max(1.0, abs(before), abs(after)) else 0.0


def _shown(
    context: CheckContext, name: str, place: int, sign: int, turn: _Turn, domains: dict[str, Domain]
) -> ShownRow:
    """Return the row with as many other values typical as still show the turn."""

    def pair(row: Values) -> list[float | None]:
        two = [[*row[:place], value, *row[place + 1 :]] for value in (turn.low, turn.high)]
        return [level_of(context.spec, answer) for answer in ask(context.candidate, two)]

    typical = [domain.typical for domain in domains.values()]
    typical[place] = turn.row[place]
    row = smaller(turn.row, typical, lambda tried: _wrong_way(pair(tried), sign) > 0)
    low, high = pair(row)
    told = {
        f"at {_said(turn.low)}": "none" if low is None else f"{low:.6g}",
        f"at {_said(turn.high)}": "none" if high is None else f"{high:.6g}",
    }
    if odd := differing(row, typical):
        told["besides"] = ", ".join(list(context.spec.features)[other] for other in odd)
    features = context.named(row)
    features.pop(name, None)
    return ShownRow(features=features, said=told)


def _said(value: FeatureValue) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value).lower()
