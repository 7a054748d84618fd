"""Is the candidate no worse than the champion on the hardest points of the past? And which points are hard now?"""

from collections.abc import Sequence
from contextlib import suppress

import numpy as np
import numpy.typing as npt

from detectors.paired import paired_difference
from schemas.check_report import CheckResult, Finding, Verdict
from streams.check.answers import ask, hardness, losses
from streams.check.comparison import UNITS, difference_in_words
from streams.check.context import SHOWN, CheckContext, Unanswerable
from streams.check.margins import allowed_on_hardest, hardest_margin
from streams.check.suite import Suite
from streams.report_text import number, plural
from streams.trainer import ModelOutput

Floats = npt.NDArray[np.float64]

FEWEST = 20  # points that can be compared
PER_CHECK = 4  # a check takes up at most so many times less points than are kept: a suite is of several checks
SAME = 1e-9

WEAKNESS = [
    "Points that somebody's errors chose make that model look worse than it is, for some of the errors were bad luck "
    "and do not come again. So points that the champion's or this candidate's own losses chose are not compared, nor "
    "those that the candidate was trained on.",
    "Among the hardest points are wrong labels; look at those that are shown.",
]


class Hardest:
    """Compares the two on the suite as it was before this check, then adds the hardest points of this check to it.

    Failed where the whole interval of the difference lies above `hardest_margin`, passed where it lies at or below.
    """

    name = "hardest"
    title = "The hardest points of the past"

    def run(self, context: CheckContext) -> CheckResult:
        """Return how the two do on the suite; the file is written."""
        if not context.checks.hardest:
            raise Unanswerable("not asked for (checks.hardest is 0)")
        if context.spec.task == "text":
            raise Unanswerable("a generated text has no loss until somebody rates it")
        if context.suite is None:
            raise Unanswerable("no suite is kept here: name a file for it")
        before = Suite.read(context.spec, context.suite).without(context.id).capped(context.checks.hardest)
        after = _grown(context, before)
        after.write(context.suite)
        result = _judged(context, before)
        added = len(after) - len(before)
        return result.model_copy(
            update={
                "reason": f"{result.reason} ({plural(added, 'point')} of this check taken up)",
                "numbers": result.numbers | {"suite": float(len(before)), "added": float(added)},
            }
        )


def _judged(context: CheckContext, suite: Suite) -> CheckResult:
    found = CheckResult(
        name=Hardest.name, title=Hardest.title, verdict="unknown", reason="", numbers={}, weakness=WEAKNESS
    )
    rows = suite.rows
    if not len(rows):
        return found.model_copy(update={"reason": "there are no points of earlier checks yet"})
    answers = ask(context.candidate, rows.features)
    own = losses(context.spec, answers, rows.labels)
    try:
        champion_answers = context.champion_answers_of(rows)
    except Unanswerable as error:
        return found.model_copy(update={"reason": str(error)})
    others = losses(context.spec, champion_answers, rows.labels)
    hard = [hardness(context.spec, each, rows.labels) for each in (answers, champion_answers)]
    places = np.flatnonzero(np.isfinite(own) & np.isfinite(others) & ~_partial(context, suite, hard))
    mean = float(np.nanmean(own)) if np.isfinite(own).any() else None
    numbers: dict[str, float | None] = {"candidate_on_all": mean, "compared": float(len(places))}
    if len(places) < FEWEST:
        unit = UNITS[context.spec.task]
        told = "" if mean is None else f"; the candidate's {unit} on all {len(rows):,} is {number(mean)}"
        reason = (
            f"{plural(len(places), 'point')} can be compared fairly, that is, chosen by neither of the two, with the "
            f"answers of both, and not trained on; {FEWEST} are needed{told}"
        )
        return found.model_copy(update={"reason": reason, "numbers": numbers})
    checks = context.checks
    try:
        margin, allowed = hardest_margin(context), allowed_on_hardest(context)
    except Unanswerable as error:
        return found.model_copy(update={"reason": str(error), "numbers": numbers})
    difference = paired_difference(
        own[places] - others[places],
        np.ones(len(places)),
        checks.confidence,
        counted=context.spec.task in ("binary", "multiclass"),
    )
    worse = own[places] - others[places]
    order = places[np.argsort(-worse, kind="stable")][: min(SHOWN, int((worse > 0).sum()))]
    shown = [
        context.shown(rows, place, candidate=answers[place], champion=champion_answers[place])
        for place in order.tolist()
    ]
    words = (
        f"{UNITS[context.spec.task]} {difference_in_words(difference, checks.confidence)} than the champion's on "
        f"{plural(len(places), 'hard point')}"
    )
    verdict: Verdict
    if difference.low > margin:
        verdict, end = "failed", f"more than the {allowed}"
    elif difference.high <= margin or difference.nothing:
        verdict, end = "passed", f"within the {allowed}"
    else:
        verdict, end = "unknown", f"too few to settle whether it is within the {allowed}"
    text = f"{words}, {end}"
    numbers |= {"difference": difference.value, "low": difference.low, "high": difference.high, "margin": margin}
    findings = [Finding(verdict="failed", text="points that it does worst on", rows=shown)] if shown else []
    if verdict != "failed":
        findings = [finding.model_copy(update={"verdict": "information"}) for finding in findings]
    return found.model_copy(update={"verdict": verdict, "reason": text, "numbers": numbers, "findings": findings})


def _partial(context: CheckContext, suite: Suite, hard: Sequence[Floats]) -> npt.NDArray[np.bool_]:
    """Return points on which a comparison would not be fair. Shape (points,).

    A model is known by its name, or by finding its points just as hard as when they were chosen: the champion may have
    been a candidate of another name then. Models without scores find all errors alike, and are known by name alone.

    Parameters
    ----------
    hard
        How hard the points are for either of the two.
    """
    by, chosen = suite.column("suite_by"), np.array(suite.column("suite_hardness"), dtype=np.float64)
    names = {_named(context, "candidate"), _named(context, "champion")}
    partial = np.zeros(len(suite), dtype=np.bool_)
    for name in dict.fromkeys(by):
        members = np.array([each == name for each in by], dtype=np.bool_)
        telling = len(set(chosen[members].tolist())) > 1
        if name in names or (
            telling and any(np.allclose(each[members], chosen[members], rtol=SAME, atol=SAME) for each in hard)
        ):
            partial |= members
    trained = set(context.train.ids) if context.train is not None else set()
    return partial | np.array([id in trained for id in suite.rows.ids], dtype=np.bool_)


def _named(context: CheckContext, who: str) -> str:
    """Return the name under which a model chooses points: its own, or where it has none, this check's."""
    if who == "champion" and context.champion_version is not None:
        return context.champion_version
    name = context.candidate_name if who == "candidate" else context.champion_name
    return f"{name} of {context.id}" if name == who else name


def _grown(context: CheckContext, suite: Suite) -> Suite:
    """Return the suite with the hardest held-out rows of candidate and champion, the same number of each."""
    rows = context.holdout
    share = max(1, context.checks.hardest // PER_CHECK // 2)
    chosen: dict[int, str] = {}
    hard: dict[int, float] = {}
    sides: list[tuple[str, Sequence[ModelOutput | None], Floats]]
    sides = [("candidate", context.answers, context.losses)]
    with suppress(Unanswerable):  # the champion does not answer: the candidate's points are taken up alone
        sides.append(("champion", context.champion_answers, context.champion_losses))
    for who, answers, loss in sides:
        how_hard = hardness(context.spec, answers, rows.labels)
        order = np.argsort(-np.nan_to_num(how_hard, nan=-np.inf), kind="stable")
        taken = 0
        for place in order.tolist():
            if taken == share or not how_hard[place] > 0:
                break
            if place not in chosen and loss[place] > 0:
                chosen[place], hard[place] = _named(context, who), float(how_hard[place])
                taken += 1
    places = sorted(chosen)
    return suite.with_points(
        rows.take(places),
        context.id,
        [chosen[place] for place in places],
        [hard[place] for place in places],
    )
