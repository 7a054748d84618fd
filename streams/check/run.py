"""`run_checks`: all offline tests of a candidate, one after the other, and one verdict with its reasons.

No clock and no randomness but that of `seed`: the same candidate on the same rows gives the same report.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
from threadpoolctl import threadpool_limits

from schemas.check_report import CheckReport, CheckResult, Verdict
from schemas.contract import deterministic_id
from schemas.profile import ReferenceProfile
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.check.answers import Unanswered
from streams.check.checked_rows import CheckedRows
from streams.check.comparison import Comparison
from streams.check.context import Check, CheckContext, Unanswerable
from streams.check.fuzz import Fuzz
from streams.check.hardest import Hardest
from streams.check.importance import Importances
from streams.check.invariance import Invariances
from streams.check.leakage import Leakage
from streams.check.memorization import Memorization
from streams.check.monotonicity import Monotonicity
from streams.check.slices import Slices
from streams.check.top_bottom import TopBottom
from streams.check.training_set import TrainingSet
from streams.effective_rows import effective_rows
from streams.trainer import FittedModel, Trainer

HELD_OUT = 20_000  # rows that are looked at; of more, so many that lie evenly over them
TRAINED_ON = 100_000  # rows of the training set likewise


def all_checks() -> list[Check]:
    """Return the tests in the order in which a report has them."""
    return [
        Comparison(),
        Slices(),
        Fuzz(),
        Invariances(),
        Monotonicity(),
        Memorization(),
        Hardest(),
        TrainingSet(),
        Leakage(),
        Importances(),
        TopBottom(),
    ]


def run_checks(
    spec: MonitorSpec,
    model: str,
    candidate: FittedModel,
    holdout: pa.Table,
    *,
    train: pa.Table | None,
    champion: FittedModel | None,
    trainer: Trainer | None,
    trigger: RetrainingTrigger | None,
    suite: Path | None,
    seed: int = 0,
    profile: ReferenceProfile | None = None,
    candidate_name: str = "candidate",
    champion_name: str | None = None,
    notes: Sequence[str] = (),
) -> CheckReport:
    """Return the verdict on a candidate.

    Parameters
    ----------
    holdout, train
        Rows of `archive_schema`; none of the first may be in the second. Without `train` the tests of the training set
        are unknown.
    champion
        Called where it is given; else its answers are those recorded in the rows (`output_*`).
    trainer
        Makes models for the memorization test and for ablation; without it these are unknown, or made otherwise.
    trigger
        Its slices must not get worse, and its version is the champion.
    suite
        Where the hardest points of the past are; the file is made, and grows by those of this check.
    profile
        The reference: ranges and categories for made-up rows, and what training rows are compared with.
    candidate_name, champion_name
        As the report has them; default for the champion: its version.
    notes
        What the dataset could not have; it stands in the report and decides nothing.

    Raises
    ------
    UserError
        When the suite cannot be read or written. What the candidate does wrong is in the report.
    """
    with threadpool_limits(limits=1, user_api="openmp"):  # small fits on many threads are waiting, mostly
        context = _context(
            CheckContext(
                model=model,
                spec=spec.models[model],
                candidate=candidate,
                holdout=CheckedRows.in_order(spec.models[model], holdout),
                train=None if train is None else CheckedRows.in_order(spec.models[model], train),
                champion=champion,
                trainer=trainer,
                trigger=trigger,
                suite=suite,
                profile=profile,
                seed=seed,
                candidate_name=candidate_name,
            ),
            champion_name,
        )
        results = [_result(check, context) for check in all_checks()]
    return report_of(context, results, holdout.num_rows, None if train is None else train.num_rows, notes)


def _context(given: CheckContext, champion_name: str | None) -> CheckContext:
    """Return the context with its rows in order and thinned, and with the names of who is compared."""
    version = given.trigger.version if given.trigger is not None else None
    if version is None:
        answered = [
            name
            for name, answer in zip(given.holdout.versions, given.holdout.recorded, strict=True)
            if answer is not None and name is not None
        ]
        version = answered[-1] if answered else None
    holdout = CheckedRows.of(given.spec, given.holdout.table, version).thinned(HELD_OUT)
    train = None if given.train is None else given.train.thinned(TRAINED_ON)
    recorded = "recorded answers" if version is None else f"version {version}, recorded answers"
    called = "champion" if version is None else f"version {version}"
    found = replace(
        given,
        holdout=holdout,
        train=train,
        champion_version=version,
        champion_name=champion_name or (recorded if given.champion is None else called),
    )
    return replace(found, id=_id(found))


def _id(context: CheckContext) -> str:
    """Return an id that the candidate's answers, the rows and the trigger make."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update("\x1f".join(context.holdout.ids).encode(errors="surrogatepass"))
    try:
        digest.update(repr([tuple(answer[:3]) for answer in context.answers]).encode(errors="surrogatepass"))
    except Unanswered:
        digest.update(b"unanswered")
    trigger = context.trigger.id if context.trigger is not None else None
    return deterministic_id("check", context.model, trigger, context.seed, digest.hexdigest())


def _result(check: Check, context: CheckContext) -> CheckResult:
    verdict: Verdict
    try:
        return check.run(context)
    except Unanswerable as error:
        verdict, reason = "unknown", str(error)
    except Unanswered as error:
        verdict, reason = "failed", f"the candidate does not answer held-out rows: {error}"
    required = check.name == Comparison.name
    return CheckResult(name=check.name, title=check.title, verdict=verdict, required=required, reason=reason)


def report_of(
    context: CheckContext,
    results: list[CheckResult],
    held_out: int,
    trained_on: int | None,
    notes: Sequence[str] = (),
) -> CheckReport:
    """Return the report that results come to."""
    failed = [result for result in results if result.verdict == "failed"]
    open_ = [result for result in results if result.verdict == "unknown"]
    verdict: Verdict = "failed" if failed else "unknown" if any(result.required for result in open_) else "passed"
    deciding = [*failed, *(result for result in open_ if result.required)]
    reasons = [f"{result.title}: {result.reason}" for result in deciding]
    if verdict == "passed":
        reasons = [result.reason for result in results if result.required]
        aside = [result.title for result in open_]
        reasons += [f"not known: {', '.join(title[:1].lower() + title[1:] for title in aside)}"] if aside else []
    rows = {
        "held_out_given": held_out,
        "held_out": len(context.holdout),
        "held_out_labelled": int(context.holdout.known.sum()),
        "held_out_effective": round(effective_rows(context.holdout.weights[context.holdout.known])),
    }
    if context.train is not None and trained_on is not None:
        rows |= {
            "train_given": trained_on,
            "train": len(context.train),
            "train_effective": round(effective_rows(context.train.weights)),
        }
    return CheckReport(
        id=context.id,
        model=context.model,
        candidate=context.candidate_name,
        champion=context.champion_name,
        trigger=context.trigger.id if context.trigger is not None else None,
        verdict=verdict,
        reasons=reasons,
        rows=rows,
        seed=context.seed,
        notes=list(notes),
        results=results,
    )
