"""Does the candidate beat the champion on the held-out rows, all together?"""

import numpy as np
import numpy.typing as npt

from detectors.paired import FEWEST_BLOCKS, Difference, paired_difference
from detectors.summary import pane_start
from schemas.check_report import CheckResult, Finding, Verdict
from schemas.spec import ModelSpec
from streams.check.answers import problem, said
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.effective_rows import effective_rows, in_words, too_few
from streams.report_text import number

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

UNITS = {"binary": "error rate", "multiclass": "error rate", "regression": "mean absolute error", "text": "loss"}

WEAKNESS = [
    "The held-out rows are of the past, and their labels those that had come by then: a candidate that wins on them "
    "may lose on what comes next.",
    "Rows alike (of one customer, one day) count for less than they seem; only what varies from pane to pane is "
    f"allowed for, and only where there are {FEWEST_BLOCKS} panes.",
    "Where a few rows have by far the largest errors (regression), the interval is narrower than it ought to be.",
]


class Comparison:
    """Paired losses of candidate and champion over all held-out rows, weighted, with an interval.

    Passed where the whole interval of the difference is at most `margin` (not inferior by more than it; with the
    default of 0: better), failed where it lies above, else unknown: these rows do not settle it. With
    `evidence: likely` the estimate alone decides.
    """

    name = "comparison"
    title = "Candidate against champion on held-out rows"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what the paired losses say."""
        spec, checks = context.spec, context.checks
        _refuse_text(spec)
        if (silent := _unusable(context)) is not None:
            return silent
        places = context.compared
        if not context.holdout.known.any():
            raise Unanswerable("no held-out row has a label")
        if not len(places):
            raise Unanswerable(
                f"nothing is known of what {context.champion_name} answered: name a champion that can be called, or "
                "give rows with its predictions (output_label, output_score, output_value)"
            )
        if len(places) < checks.slice_rows:
            raise Unanswerable(
                f"{len(places)} held-out rows have a label and both answers; slice_rows asks for {checks.slice_rows}"
            )
        found = difference_on(context, places)
        weights = context.holdout.weights[places]
        candidate, champion = (
            float(weights @ each[places] / weights.sum()) for each in (context.losses, context.champion_losses)
        )
        unit = UNITS[spec.task]
        numbers: dict[str, float | None] = {
            "candidate_loss": candidate,
            "champion_loss": champion,
            "difference": found.value,
            "low": found.low,
            "high": found.high,
            "margin": checks.margin,
            "confidence": checks.confidence,
            "rows": float(len(places)),
            "effective_rows": effective_rows(weights),
        }
        verdict, words = _judged(found, checks.margin, likely=checks.evidence == "likely")
        reason = (
            f"{unit} {number(candidate)} against {number(champion)} of {context.champion_name} on {len(places):,} "
            f"rows{in_words(weights)}: {difference_in_words(found, checks.confidence)}; {words}"
        )
        findings = []
        if spec.costs.matrix is not None:
            finding = _cost(context, places)
            numbers |= finding.numbers
            findings.append(finding)
            if finding.verdict == "failed":
                verdict, reason = "failed", f"{finding.text}; {reason}"
        if too_few(weights, checks.slice_rows):
            verdict, reason = "unknown", f"{_unequal(weights, checks.slice_rows)}; {reason}"
        if spec.task == "binary":
            numbers |= _brier(context, places)
        findings += [_flips(context, places)]
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict=verdict,
            required=True,
            reason=reason,
            numbers=numbers,
            findings=findings,
            weakness=WEAKNESS,
        )


def _unequal(weights: Floats, least: int) -> str:
    heaviest = float(np.sort(weights)[-max(1, len(weights) // 100) :].sum() / weights.sum())
    return (
        f"the weights of the {len(weights):,} held-out rows leave them worth {effective_rows(weights):,.1f} of equal "
        f"weight (at least {least} are needed, and a tenth of the rows): the heaviest hundredth has "
        f"{heaviest:.0%} of the weight"
    )


def difference_on(context: CheckContext, places: Places, confidence: float | None = None) -> Difference:
    """Return candidate's loss less champion's on some of the held-out rows, at least two, with its interval."""
    return paired_difference(
        context.losses[places] - context.champion_losses[places],
        context.holdout.weights[places],
        confidence or context.checks.confidence,
        blocks=_panes(context, places),
        counted=context.spec.task in ("binary", "multiclass"),
    )


def _panes(context: CheckContext, places: Places) -> Places:
    """Return the pane of each of some held-out rows."""
    return np.array([pane_start(int(time), context.spec) for time in context.holdout.times[places]], dtype=np.int64)


def difference_in_words(found: Difference, confidence: float) -> str:
    """Return a difference as people read it."""
    if found.nothing:
        return "no difference"
    way = "lower" if found.value < 0 else "higher"
    return (
        f"{number(abs(found.value))} {way} ({100 * confidence:g} % interval {_signed(found.low)} to "
        f"{_signed(found.high)})"
    )


def _signed(value: float) -> str:
    return f"{'−' if value < 0 else '+'}{number(abs(value))}" if value else "0"


def _judged(found: Difference, margin: float, *, likely: bool) -> tuple[Verdict, str]:
    allowed = f"the {number(margin)} that is allowed (margin)" if margin else "the champion's"
    if found.nothing:
        return "passed", "both are right and wrong on the same rows"
    if found.high <= margin:
        return "passed", "it is better" if found.high < 0 else f"no more than {number(margin)} worse (margin)"
    if found.low > margin:
        return "failed", f"that is more than {allowed}" if margin else "it is worse"
    if likely:
        within = found.value <= margin
        return ("passed" if within else "failed"), (
            f"by the estimate alone (evidence: likely) it is {'not ' if within else ''}more than {allowed}"
        )
    return "unknown", f"these rows do not settle whether it is at most {allowed}"


def _refuse_text(spec: ModelSpec) -> None:
    if spec.task == "text":
        raise Unanswerable(
            "a generated text has no loss until somebody rates it: compare the two online, by their ratings"
        )


def _unusable(context: CheckContext) -> CheckResult | None:
    """Return that the candidate fails, where any of its answers to labelled rows cannot be used."""
    bad = [
        (place, text)
        for place in np.flatnonzero(context.holdout.known).tolist()
        if (text := problem(context.spec, context.answers[place], frozenset())) is not None
    ]
    if not bad:
        return None
    rows = [
        context.shown(context.holdout, place, candidate=context.answers[place]).model_copy(
            update={"said": {"candidate": text}}
        )
        for place, text in bad[:SHOWN]
    ]
    reason = f"the candidate gave no usable answer for {len(bad):,} of {len(context.holdout):,} rows: {bad[0][1]}"
    return CheckResult(
        name=Comparison.name,
        title=Comparison.title,
        verdict="failed",
        required=True,
        reason=reason,
        numbers={"unusable": float(len(bad))},
        findings=[Finding(verdict="failed", text=reason, rows=rows)],
    )


def _cost(context: CheckContext, places: Places) -> Finding:
    """Return whether the candidate is clearly dearer by the declared costs of mistakes."""
    matrix = context.spec.costs.matrix or {}
    spec, truths = context.spec, context.holdout.truths

    def cost(answer: object, truth: object) -> float:
        predicted = str(answer)
        if spec.task == "binary" and predicted.startswith("not "):
            others = sorted({*matrix, *(name for row in matrix.values() for name in row)} - {str(spec.positive_label)})
            predicted = others[0] if others else predicted
        return float(matrix.get(str(truth), {}).get(predicted, 0.0))

    both = []
    for answers in (context.answers, context.champion_answers):
        both.append(np.array([cost(said(spec, answers[place]), truths[place]) for place in places.tolist()]))
    weights = context.holdout.weights[places]
    found = paired_difference(both[0] - both[1], weights, context.checks.confidence, blocks=_panes(context, places))
    dearer = found.low > 0
    return Finding(
        verdict="failed" if dearer else "information",
        text=f"by the declared costs a row is {difference_in_words(found, context.checks.confidence)}"
        + (": the candidate makes dearer mistakes" if dearer else ""),
        numbers={"cost_difference": found.value, "cost_low": found.low, "cost_high": found.high},
    )


def _brier(context: CheckContext, places: Places) -> dict[str, float | None]:
    """Return the Brier scores of both, as far as they give scores."""
    truth = np.array([context.holdout.truths[place] == context.spec.positive_label for place in places.tolist()])
    found: dict[str, float | None] = {}
    for name, answers in (("candidate", context.answers), ("champion", context.champion_answers)):
        scores = [answers[place] for place in places.tolist()]
        given = np.array(
            [np.nan if answer is None or answer.score is None else answer.score for answer in scores], dtype=np.float64
        )
        squares = (given - truth) ** 2
        weights = context.holdout.weights[places]
        found[f"{name}_brier"] = None if np.isnan(squares).any() else float(weights @ squares / weights.sum())
    return found


def _flips(context: CheckContext, places: Places) -> Finding:
    """Return the rows on which the candidate does worst beside the champion."""
    worse = context.losses[places] - context.champion_losses[places]
    order = places[np.argsort(-worse, kind="stable")]
    count, better = int((worse > 0).sum()), int((worse < 0).sum())
    rows = [
        context.shown(
            context.holdout, place, candidate=context.answers[place], champion=context.champion_answers[place]
        )
        for place in order[: min(SHOWN, count)].tolist()
    ]
    return Finding(
        verdict="information",
        text=f"the candidate is better on {better:,} rows and worse on {count:,}"
        + (", of which these the most" if rows else ""),
        numbers={"better": float(better), "worse": float(count)},
        rows=rows,
    )
