"""Does the candidate lose on no slice that must not get worse, whatever it wins elsewhere?"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.layout import category
from detectors.paired import Difference, holm
from schemas.check_report import CheckResult, Finding, ResultTable, Verdict
from streams.check.comparison import UNITS, difference_in_words, difference_on
from streams.check.context import SHOWN, CheckContext, Unanswerable, worst_of
from streams.check.margins import allowed_on_slice, slice_margin
from streams.dataset_rules import RowRule, segment_rows
from streams.effective_rows import effective_rows, in_words, too_few
from streams.report_text import plural

Mask = npt.NDArray[np.bool_]

MOST = 200  # slices, those with the most rows: each makes the others harder to prove

WEAKNESS = [
    "Failed is said of what is proven: of slices of few rows only large losses are, and the rest stays unknown.",
    "A slice that nobody named is not looked at.",
]


class _Slice(NamedTuple):
    name: str
    places: npt.NDArray[np.int64]
    found: Difference | None


class Slices:
    """Paired losses on each segment's values, the trigger's slices, and the rules of `slices` and `must_have`.

    A slice has failed where it is shown to lose more than `slice_margin`. The p-values of all slices are Holm's, so
    that with probability `confidence` not one slice is called worse that is not, however many there are. It has passed
    where its own interval lies at or below the margin: a claim for which all must hold needs no correction.
    """

    name = "slices"
    title = "Candidate against champion, slice by slice"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what each slice says."""
        if context.spec.task == "text":
            raise Unanswerable("a generated text has no loss until somebody rates it")
        if not len(context.compared):
            raise Unanswerable("no held-out row has a label and the answers of both")
        named = list(_named(context))
        if not named:
            raise Unanswerable("no segments, no slices of the trigger and no rules under checks.slices")
        slices = [_measured(context, name, holds) for name, holds in named]
        left_out = max(0, len(slices) - MOST)
        slices = sorted(slices, key=lambda each: -len(each.places))[:MOST] if left_out else slices
        judged = [each for each in slices if each.found is not None]
        margin = slice_margin(context)
        raised = holm(np.array([each.found.worse_than(margin) for each in judged if each.found]))
        verdicts = dict(zip([each.name for each in judged], map(float, raised), strict=True))
        findings, rows, outcomes = [], [], []
        for each in slices:
            finding = _judged(context, each, verdicts.get(each.name))
            outcomes.append(finding.verdict)
            rows.append(_line(context, each, finding.verdict))
            if finding.verdict != "passed":
                findings.append(finding)
        verdict = worst_of([each for each in outcomes if each != "information"])
        findings.sort(key=lambda finding: (finding.verdict != "failed", -(finding.numbers.get("difference") or 0.0)))
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict=verdict,
            reason=_reason(context, findings, outcomes, left_out),
            numbers={
                "slices": float(len(slices)),
                "failed": float(outcomes.count("failed")),
                "unknown": float(outcomes.count("unknown")),
                "slice_margin": margin,
            },
            findings=findings,
            table=ResultTable(
                columns=["slice", "rows", "candidate", "champion", "difference", "low", "high", "verdict"], rows=rows
            ),
            weakness=WEAKNESS,
        )


def _named(context: CheckContext) -> Iterator[tuple[str, Mask]]:
    """Yield each slice with its held-out rows; each name once."""
    spec, table, seen = context.spec, context.holdout.table, set()
    for segment in spec.segments:
        place = list(spec.features).index(segment)
        values, codes = np.unique([category(row[place]) for row in context.holdout.features], return_inverse=True)
        for code, value in enumerate(values.tolist()):
            name = f"{segment}={value}" if value else f"{segment} missing"
            seen.add(name)
            yield name, codes == code
    trigger = context.trigger.train_on if context.trigger is not None else None
    for each in trigger.slices if trigger else ():
        if each.segment not in seen:
            seen.add(each.segment)
            yield each.segment, segment_rows(spec, each.segment, table)
    rules = [*context.checks.slices, *(each.where for each in spec.retraining.dataset.must_have)]
    rules += [each.where for each in trigger.must_have] if trigger else []
    for rule in dict.fromkeys(rules):
        if rule not in seen:
            seen.add(rule)
            yield rule, RowRule(spec, rule).holds(table)


def _measured(context: CheckContext, name: str, holds: Mask) -> _Slice:
    places = context.compared[holds[context.compared]]
    least = context.checks.slice_rows
    enough = len(places) >= least and not too_few(context.holdout.weights[places], least)
    return _Slice(name, places, difference_on(context, places) if enough else None)


def _judged(context: CheckContext, each: _Slice, p_value: float | None) -> Finding:
    checks = context.checks
    numbers: dict[str, float | None]
    if each.found is None or p_value is None:
        weights = context.holdout.weights[each.places]
        text = (
            f"{each.name}: {plural(len(each.places), 'row')}{in_words(weights)}, and {checks.slice_rows} are needed "
            "(slice_rows)"
        )
        numbers = {"rows": float(len(weights)), "effective_rows": effective_rows(weights)}
        return Finding(verdict="unknown", text=text, numbers=numbers)
    found, unit = each.found, UNITS[context.spec.task]
    margin, allowed = slice_margin(context), allowed_on_slice(context)
    numbers = {
        "rows": float(found.n),
        "difference": found.value,
        "low": found.low,
        "high": found.high,
        "p_value": p_value,
    }
    words = f"{each.name}: {unit} {difference_in_words(found, checks.confidence)} on {found.n:,} rows"
    verdict: Verdict
    if p_value <= 1 - checks.confidence:
        verdict, end = "failed", f"more than the {allowed}"
    elif found.high <= margin:
        verdict, end = "passed", f"within the {allowed}"
    else:
        verdict, end = "unknown", f"too few rows to settle whether it is within the {allowed}"
    rows = []
    if verdict == "failed":
        worse = context.losses[each.places] - context.champion_losses[each.places]
        order = each.places[np.argsort(-worse, kind="stable")][: min(SHOWN, int((worse > 0).sum()))]
        rows = [
            context.shown(
                context.holdout, place, candidate=context.answers[place], champion=context.champion_answers[place]
            )
            for place in order.tolist()
        ]
    return Finding(verdict=verdict, text=f"{words}, {end}", numbers=numbers, rows=rows)


def _line(context: CheckContext, each: _Slice, verdict: str) -> list[str | float | None]:
    if not len(each.places):
        return [each.name, 0.0, None, None, None, None, None, verdict]
    weights = context.holdout.weights[each.places]
    means = [float(weights @ some[each.places] / weights.sum()) for some in (context.losses, context.champion_losses)]
    found = each.found
    bounds = [None, None] if found is None else [found.low, found.high]
    return [each.name, float(len(each.places)), *means, means[0] - means[1], *bounds, verdict]


def _reason(context: CheckContext, findings: list[Finding], outcomes: Sequence[str], left_out: int) -> str:
    failed, unknown = outcomes.count("failed"), outcomes.count("unknown")
    if failed:
        more = f", and {plural(failed - 1, 'more slice')}" if failed > 1 else ""
        return f"{findings[0].text}{more}"
    text = f"none of {plural(len(outcomes), 'slice')} is shown to lose more than the {allowed_on_slice(context)}"
    if unknown:
        text += f"; {unknown} have too few rows to be sure"
    return text + (f"; {plural(left_out, 'smaller slice')} left out" if left_out else "")
