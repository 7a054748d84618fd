"""What sets high scores apart from low ones: the same for candidate and champion?"""

import math

from detectors.build_profile import build_profile
from detectors.layout import Layout
from detectors.signals.top_bottom import FEWEST, TWO_SIDED
from detectors.top_bottom import Order, Separation, split, tails_of
from schemas.check_report import CheckResult, Finding, ResultTable
from streams.check.context import CheckContext, Unanswerable
from streams.explain import WEAKNESS as METHOD_WEAKNESS
from streams.trainer import ModelOutput

TURNED = 0.3  # Cliff's delta on either side of zero, from which a feature is said to count the other way round


class TopBottom:
    """Compares Cliff's delta of each feature between the highest and the lowest tenth of either one's scores.

    It is information: a better model may well go by other things. Features that count the other way round are named.
    """

    name = "top_bottom"
    title = "High scores against low ones"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what separates the tails of candidate and champion."""
        if context.spec.task == "text":
            raise Unanswerable("a text model has no score to rank its answers by")
        layout = _layout(context)
        mine, theirs = _tails(context, layout)
        rows: list[list[str | float | None]] = []
        turned = []
        for name in mine:
            own, other = mine[name], theirs.get(name)
            rows.append([name, *_cells(own), *_cells(other)])
            if other is not None and own.delta * other.delta < 0 and min(abs(own.delta), abs(other.delta)) >= TURNED:
                turned.append(name)
        rows.sort(key=lambda row: -abs(float(row[1] or 0.0) - float(row[4] or 0.0)))
        findings = [
            Finding(
                verdict="information",
                text=f"{name} counts the other way round: {theirs[name].delta:+.2f} for the champion, "
                f"{mine[name].delta:+.2f} for the candidate",
            )
            for name in turned
        ]
        reason = "the same features set high scores apart from low ones, in the same direction"
        if turned:
            reason = f"{', '.join(turned)} count the other way round than for the champion; is that what changed?"
        elif not theirs:
            reason = "the champion's scores are not known: the candidate's alone are shown"
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict="passed" if theirs else "unknown",
            reason=reason,
            numbers={"turned": float(len(turned))},
            findings=findings,
            table=ResultTable(
                columns=["feature", "candidate", "low", "high", "champion", "low", "high"],
                rows=rows,
            ),
            weakness=[METHOD_WEAKNESS["top-bottom"]],
        )


def _layout(context: CheckContext) -> Layout:
    profile = context.profile
    if profile is None:
        rows = context.holdout.rows()
        try:
            profile = build_profile(
                context.model, None, context.spec, list(zip(rows, context.holdout.labels, strict=True))
            )
        except ValueError as error:
            raise Unanswerable(f"the held-out rows make no reference: {error}") from error
    return Layout(context.model, "", context.spec, profile)


def _tails(context: CheckContext, layout: Layout) -> tuple[dict[str, Separation], dict[str, Separation]]:
    """Return the separations of candidate and champion; none of the champion where its scores are not known."""
    own = context.holdout.rows([_scored(answer) for answer in context.answers])
    tails = tails_of(layout, own)
    if tails is None:
        raise Unanswerable("the candidate gives no scores, or one to all rows: there is no top and no bottom")
    try:
        answers = context.champion_answers
    except Unanswerable:
        answers = []
    others = context.holdout.rows([_scored(answer) for answer in answers]) if answers else []
    champion = tails_of(layout, others) if others else None
    order = Order(layout, champion or tails)  # the categories stand in the champion's order for both
    bottom, top = split(layout, tails, own)
    if min(len(bottom), len(top)) < FEWEST:
        raise Unanswerable(f"fewer than {FEWEST} held-out rows in a tenth of the scores")
    mine = dict(zip(order.names, order.of(order.codes.of(bottom), order.codes.of(top)), strict=True))
    return mine, {} if champion is None else dict(zip(order.names, order.reference(), strict=True))


def _scored(answer: ModelOutput | None) -> ModelOutput | None:
    if answer is None or answer.probabilities is None or answer.score is not None:
        return answer
    return answer._replace(score=max(answer.probabilities.values(), default=math.nan))


def _cells(found: Separation | None) -> list[float | None]:
    if found is None or not math.isfinite(found.error):
        return [None, None, None]
    reach = TWO_SIDED * found.error
    return [found.delta, max(-1.0, found.delta - reach), min(1.0, found.delta + reach)]
