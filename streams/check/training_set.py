"""Does the training set hold what the monitor file expects of data: rules, ranges, classes, no row twice?"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from detectors.bounds import upper_bound
from detectors.distances import population_stability_index
from detectors.expectations import Allowed
from detectors.layout import MISSING, OUT_OF_RANGE, UNSEEN, Layout, category
from detectors.row_codes import RowCodes
from schemas.check_report import CheckResult, Finding, ResultTable
from schemas.expectation import Expectation
from streams.check.checked_rows import CheckedRows
from streams.check.context import SHOWN, CheckContext, Unanswerable, worst_of
from streams.dataset_rules import RowRule
from streams.report_text import plural

MUCH = 0.01  # of the rows may break what is declared, where no reference says how many do

WEAKNESS = [
    "A training set drawn by importance, or topped up with must_have rows, differs from the reference on purpose.",
    "Rules hold for rows as they were logged: what the training code makes of them is not seen.",
]


class TrainingSet:
    """Counts rows that break a rule or a declaration; as many may as in the reference, and a sure excess fails."""

    name = "training_set"
    title = "Expectations of the training set"

    def run(self, context: CheckContext) -> CheckResult:
        """Return what is wrong with the training set, and how it differs from the reference."""
        train = context.train
        if train is None:
            raise Unanswerable("no training set was given")
        if not len(train):
            raise Unanswerable("the training set has no rows")
        findings = [
            *_expectations(context, train),
            *_declarations(context, train),
            *_twice(context, train),
            *_labels(context, train),
        ]
        failed = [finding for finding in findings if finding.verdict == "failed"]
        unknown = [finding for finding in findings if finding.verdict == "unknown"]
        verdict = worst_of([each.verdict for each in findings if each.verdict != "information"])
        order = {"failed": 0, "unknown": 1, "information": 2, "passed": 3}
        reason = f"{plural(len(train), 'row')} keep what is declared"
        if failed:
            reason = failed[0].text + (f", and {len(failed) - 1} more" if len(failed) > 1 else "")
        elif unknown:
            reason = f"{reason}, as far as can be told: {unknown[0].text}"
        return CheckResult(
            name=self.name,
            title=self.title,
            verdict=verdict,
            reason=reason,
            numbers={"rows": float(len(train)), "failed": float(len(failed))},
            findings=sorted(findings, key=lambda finding: order[finding.verdict]),
            table=_drift(context, train),
            weakness=WEAKNESS,
        )


def _layout(context: CheckContext) -> Layout | None:
    return Layout(context.model, "", context.spec, context.profile) if context.profile is not None else None


def _expectations(context: CheckContext, train: CheckedRows) -> Iterator[Finding]:
    layout = _layout(context)
    for expectation in context.spec.expectations:
        rule = RowRule(context.spec, expectation.rule)
        kept, broken = rule.holds(train.table), rule.breaks(train.table)
        applicable = int(kept.sum() + broken.sum())
        allowed, why = _allowed(layout, expectation)
        words = f"{expectation.name} ({expectation.rule})"
        if not applicable:
            yield Finding(verdict="unknown", text=f"{words}: the rule says nothing of any row")
        elif allowed is None:
            yield Finding(verdict="unknown", text=f"{words}: {why}")
        else:
            yield _excess(context, train, words, np.flatnonzero(broken).tolist(), applicable, allowed)


def _allowed(layout: Layout | None, expectation: Expectation) -> tuple[float | None, str]:
    """Return which share of the rows may break a rule; None where nothing says so, and why."""
    declared = None if expectation.at_least is None else 1 - expectation.at_least
    if layout is None:
        return declared, "it has no at_least, and there is no reference profile that would say how many rows keep it"
    found = Allowed(layout, expectation)
    if found.problem is not None:
        return declared, found.problem
    return found.bound, ""


def _excess(
    context: CheckContext, train: CheckedRows, words: str, broken: list[int], n: int, allowed: float
) -> Finding:
    """Return failed where the share of broken rows is surely more than allowed."""
    share = len(broken) / n
    low = 1 - float(upper_bound(n - len(broken), n, context.checks.confidence))
    failed = bool(broken) and low > allowed
    text = f"{words}: {len(broken):,} of {n:,} rows break it ({100 * share:.2f} %, and {100 * allowed:.2f} % may)"
    return Finding(
        verdict="failed" if failed else "passed",
        text=text,
        numbers={"share": share, "allowed": allowed, "rows": float(n)},
        rows=[context.shown(train, place) for place in broken[:SHOWN]] if failed else [],
    )


def _declarations(context: CheckContext, train: CheckedRows) -> Iterator[Finding]:
    """Yield what the declared ranges, allowed values and nullability say, each that is declared."""
    counts = context.profile.counts.get("traffic", {}) if context.profile is not None else {}
    total = context.profile.rows if context.profile is not None else 0
    for place, (name, feature) in enumerate(context.spec.features.items()):
        column = [row[place] for row in train.features]
        seen = counts.get(f"quality:{name}", [])

        def allowed(kind: int, seen: list[int] = seen) -> float:
            return float(upper_bound(seen[kind], total)) if total and len(seen) > kind else MUCH

        if feature.minimum is not None or feature.maximum is not None:
            low = -np.inf if feature.minimum is None else feature.minimum
            high = np.inf if feature.maximum is None else feature.maximum
            known = [i for i, value in enumerate(column) if isinstance(value, int | float)]
            odd = [i for i in known if not low <= float(column[i] or 0.0) <= high]
            if known:
                words = f"{name} within its declared range"
                yield _excess(context, train, words, odd, len(known), allowed(OUT_OF_RANGE))
        if feature.allowed is not None:
            known = [i for i, value in enumerate(column) if value is not None]
            odd = [i for i in known if category(column[i]) not in feature.allowed]
            if known:
                yield _excess(context, train, f"{name} among its allowed values", odd, len(known), allowed(UNSEEN))
        missing = [i for i, value in enumerate(column) if value is None]
        if not feature.nullable:
            yield _excess(context, train, f"{name} not missing", missing, len(column), allowed(MISSING))
        elif len(missing) == len(column):
            yield Finding(verdict="failed", text=f"{name} is missing in each row of the training set")


def _twice(context: CheckContext, train: CheckedRows) -> Iterator[Finding]:
    ids = Counter(train.ids)
    twice = [id for id, count in ids.items() if count > 1]
    if twice:
        first = {id: place for place, id in reversed(list(enumerate(train.ids)))}
        yield Finding(
            verdict="failed",
            text=f"{plural(len(twice), 'prediction id')} stand in the training set more than once",
            numbers={"ids": float(len(twice))},
            rows=[context.shown(train, first[id]) for id in twice[:SHOWN]],
        )
    truths: dict[str, set[object]] = {}
    alike = 0
    for row, truth in zip(train.features, train.truths, strict=True):
        key = repr(row)
        alike += key in truths
        truths.setdefault(key, set()).add(truth)
    contradictory = sum(len(known - {None}) > 1 for known in truths.values())
    yield Finding(
        verdict="information",
        text=f"{100 * alike / len(train):.1f} % of the rows have the features of another one; {contradictory:,} sets "
        "of features came with more than one truth, which no model can tell apart",
        numbers={"alike": alike / len(train), "contradictory": float(contradictory)},
    )


def _labels(context: CheckContext, train: CheckedRows) -> Iterator[Finding]:
    known = int(train.known.sum())
    if context.spec.task == "text":
        return
    if known < len(train):
        text = f"{plural(len(train) - known, 'row')} of the training set have no label"
        yield Finding(verdict="information", text=text, numbers={"unlabelled": float(len(train) - known)})
    if not known:
        yield Finding(verdict="failed", text="no row of the training set has a label")
        return
    if context.spec.task == "regression":
        values = np.array([truth for truth in train.truths if truth is not None], dtype=np.float64)
        if float(values.max()) == float(values.min()):
            yield Finding(verdict="failed", text=f"each row of the training set has the value {values[0]:.6g}")
        return
    counts = Counter(str(truth) for truth in train.truths if truth is not None)
    held = Counter(str(truth) for truth in context.holdout.truths if truth is not None)
    lost = sorted(set(held) - set(counts))
    if len(counts) < 2:
        yield Finding(verdict="failed", text=f"each row of the training set is of class {next(iter(counts))!r}")
    elif lost:
        rows = sum(held[name] for name in lost)
        yield Finding(
            verdict="failed" if rows > MUCH * sum(held.values()) else "information",
            text=f"classes of {plural(rows, 'held-out row')} are in no training row: {', '.join(lost[:10])}",
            numbers={"rows": float(rows)},
        )
    shares = ", ".join(
        f"{name} {100 * count / known:.1f} % (held out {100 * held[name] / max(1, sum(held.values())):.1f} %)"
        for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]
    )
    yield Finding(
        verdict="information",
        text=f"label balance of the training set: {shares}",
        numbers={f"share of {name}": count / known for name, count in sorted(counts.items())[:50]},
    )


def _drift(context: CheckContext, train: CheckedRows) -> ResultTable | None:
    """Return how far each feature of the training set is from the reference and from the held-out rows."""
    layout = _layout(context)
    if layout is None or layout.profile is None:
        return None
    codes = RowCodes(layout)
    mine, held = codes.of(train.rows()), codes.of(context.holdout.rows())
    counts = layout.profile.counts.get("traffic", {})
    rows: list[list[str | float | None]] = []
    for place, (name, size) in enumerate(zip(codes.names, codes.sizes, strict=True)):
        histogram = np.array(counts.get(f"histogram:{name}", []), dtype=np.int64)
        if not len(histogram):
            continue
        reference = np.zeros(size - 1, dtype=np.int64)  # the last bin takes what is none of the known categories
        np.add.at(reference, np.minimum(np.arange(len(histogram)), size - 2), histogram)
        own, other = (np.bincount(each[:, place], minlength=size)[: size - 1] for each in (mine, held))
        rows.append([name, population_stability_index(reference, own), population_stability_index(other, own)])
    rows.sort(key=lambda row: -float(row[1] or 0.0))
    return ResultTable(columns=["feature", "PSI against the reference", "PSI against the held-out rows"], rows=rows)
