"""Made-up rows, invariances and monotonicities: each way of going wrong is found, and shown by little."""

import math
from collections.abc import Mapping

import pytest

from schemas.check_report import CheckResult
from schemas.prediction import FeatureValue
from streams.check.context import Unanswerable
from streams.check.fuzz import Fuzz
from streams.check.invariance import Invariances
from streams.check.monotonicity import Monotonicity
from streams.trainer import Features, ModelOutput

from .world import Formula, Model, context, good, number, rows, spec_of

Row = Mapping[str, FeatureValue]


def fuzzed(candidate: Formula, task: str = "binary", **checks: object) -> CheckResult:
    spec = spec_of(task, checks)
    table = rows(spec, 100, champion=None)
    return Fuzz().run(context(spec, candidate, table))


def crashes_on_missing(row: Row) -> ModelOutput:
    return ModelOutput(score=min(max(row["income"] / 100, 0.0), 1.0))  # type: ignore[operator]


def crashes_on_unseen(row: Row) -> ModelOutput:
    {"north": 1, "south": 2, "west": 3, None: 0}[row["region"]]  # type: ignore[index]
    return good(row)


def nan_for_nobody_knows_who(row: Row) -> ModelOutput:
    return ModelOutput(score=math.nan if row["owner"] is None else 0.5)


def out_of_range(row: Row) -> ModelOutput:
    return ModelOutput(score=number(row["income"]) / 100)


def crashes_together(row: Row) -> ModelOutput:
    if row["age"] is None and row["income"] is None:
        raise ZeroDivisionError("nobody there")
    return good(row)


def test_a_sound_candidate_passes_every_row() -> None:
    result = fuzzed(good)
    assert result.verdict == "passed"
    assert result.numbers["rows"] == 500


@pytest.mark.parametrize(
    ("candidate", "said", "odd"),
    [
        (crashes_on_missing, "TypeError", {"income"}),
        (crashes_on_unseen, "KeyError", {"region"}),
        (nan_for_nobody_knows_who, "score nan", {"owner"}),
        (out_of_range, "not between 0 and 1", {"income"}),
        (crashes_together, "ZeroDivisionError: nobody there", {"income", "age"}),
    ],
)
def test_each_way_of_going_wrong_is_shown_by_the_features_that_make_it(
    candidate: Formula, said: str, odd: set[str]
) -> None:
    result = fuzzed(candidate)
    assert result.verdict == "failed"
    finding = next(finding for finding in result.findings if said in finding.text)
    assert any(set(row.said["odd"].split(", ")) == odd for row in finding.rows)


def test_classes_that_nobody_declared_fail() -> None:
    def foreign(row: Row) -> ModelOutput:
        return ModelOutput(label="maybe" if row["owner"] else "1")

    result = fuzzed(foreign)
    assert "'maybe' is none of the classes" in result.findings[0].text


def test_probabilities_that_do_not_sum_to_one_fail() -> None:
    def loose(row: Row) -> ModelOutput:
        return ModelOutput(probabilities={"low": 0.5, "middle": 0.3, "high": 0.1 if row["owner"] else 0.2})

    result = fuzzed(loose, "multiclass")
    assert "sum to 0.9, not to 1" in result.findings[0].text


def test_a_value_that_overflows_fails() -> None:
    def steep(row: Row) -> ModelOutput:
        return ModelOutput(value=math.inf if number(row["age"]) > 1e6 else number(row["age"]))

    result = fuzzed(steep, "regression")
    assert "not finite" in result.findings[0].text


class Moody(Model):
    """Answers otherwise each time."""

    calls = 0

    def outputs(self, features: Features) -> list[ModelOutput]:
        self.calls += 1
        return [ModelOutput(score=1 / (1 + self.calls)) for _ in features]


class Sociable(Model):
    """Its answer depends on who else is asked about: it scales by the batch."""

    def outputs(self, features: Features) -> list[ModelOutput]:
        known = [number(row[0]) for row in features]
        return [ModelOutput(score=(each - min(known)) / (max(known) - min(known) + 1)) for each in known]


class Positional(Model):
    """Its answer depends on the place in the batch."""

    def outputs(self, features: Features) -> list[ModelOutput]:
        return [ModelOutput(score=place / len(features)) for place, _ in enumerate(features)]


@pytest.mark.parametrize(
    ("kind", "said"),
    [(Moody, "asked again"), (Sociable, "alone than among others"), (Positional, "in another order")],
)
def test_an_answer_depends_on_the_row_alone(kind: type[Model], said: str) -> None:
    spec = spec_of()
    ours = context(spec, good, rows(spec, 100))
    object.__setattr__(ours, "candidate", kind(spec, good))
    result = Fuzz().run(ours)
    assert result.verdict == "failed"
    assert any(said in finding.text for finding in result.findings)


def test_a_wrong_number_of_answers_is_found_although_no_row_alone_shows_it() -> None:
    class Short(Model):
        def outputs(self, features: Features) -> list[ModelOutput]:
            return super().outputs(features)[:200]

    spec = spec_of()
    ours = context(spec, good, rows(spec, 100))
    object.__setattr__(ours, "candidate", Short(spec, good))
    result = Fuzz().run(ours)
    assert result.verdict == "failed"
    assert "answered 200 times for 500 rows" in result.reason


def test_what_the_matter_is_with_text_or_nothing_asked_is_unknown() -> None:
    with pytest.raises(Unanswerable, match="no range"):
        Fuzz().run(context(spec_of("text"), good, rows(spec_of(), 60)))
    with pytest.raises(Unanswerable, match="not asked for"):
        fuzzed(good, fuzz=0)


def invariant(candidate: Formula, features: list[str], tolerance: float = 0.0, task: str = "binary") -> CheckResult:
    spec = spec_of(task, {"invariances": [{"features": features, "tolerance": tolerance}]})
    return Invariances().run(context(spec, candidate, rows(spec, 200, champion=None)))


def by_region(row: Row) -> ModelOutput:
    return ModelOutput(score=0.5 + (0.1 if row["region"] == "west" else 0.0))


def test_what_does_not_matter_passes() -> None:
    assert invariant(good, ["region", "owner"]).verdict == "passed"


def test_what_matters_although_it_should_not_fails_and_only_the_feature_that_did_it_is_shown() -> None:
    result = invariant(by_region, ["owner", "region"])
    assert result.verdict == "failed"
    shown = result.findings[0].rows[0].said["changed"]
    assert shown.startswith("region: ")
    assert "owner" not in shown
    assert result.findings[0].numbers["largest"] == pytest.approx(0.1)


def test_a_move_within_tolerance_is_none() -> None:
    assert invariant(by_region, ["region"], 0.11).verdict == "passed"
    assert invariant(by_region, ["region"], 0.09).verdict == "failed"


def test_labels_without_scores_may_not_change_at_all() -> None:
    def labelled(row: Row) -> ModelOutput:
        return ModelOutput(label="high" if row["region"] == "west" else "low")

    assert invariant(labelled, ["region"], 0.5, "multiclass").verdict == "failed"
    assert invariant(labelled, ["owner"], 0.0, "multiclass").verdict == "passed"


def monotone(candidate: Formula, way: str = "increasing", feature: str = "income", task: str = "binary") -> CheckResult:
    spec = spec_of(task, {"monotonic": {feature: way}})
    return Monotonicity().run(context(spec, candidate, rows(spec, 200, champion=None)))


def test_a_score_that_rises_with_income_passes_as_increasing_and_fails_as_decreasing() -> None:
    assert monotone(good).verdict == "passed"
    result = monotone(good, "decreasing")
    assert result.verdict == "failed"
    assert "should fall with it" in result.reason


def test_a_dip_on_some_rows_is_found_and_the_row_names_what_it_takes() -> None:
    def dips(row: Row) -> ModelOutput:
        score = good(row).score or 0.0
        return ModelOutput(score=score * (0.5 if row["region"] == "west" and number(row["income"]) > 70 else 1.0))

    result = monotone(dips)
    assert result.verdict == "failed"
    besides = {row.said.get("besides") for row in result.findings[0].rows}
    assert besides <= {"region", None}
    assert all(row.features["region"] == "west" for row in result.findings[0].rows)


def test_values_and_booleans_can_be_monotonic_too() -> None:
    def owned(row: Row) -> ModelOutput:
        return ModelOutput(value=10.0 if row["owner"] else 5.0)

    assert monotone(owned, "increasing", "owner", "regression").verdict == "passed"
    assert monotone(owned, "decreasing", "owner", "regression").verdict == "failed"


def test_nothing_declared_is_unknown() -> None:
    ours = context(spec_of(), good)
    for check in (Invariances(), Monotonicity()):
        with pytest.raises(Unanswerable, match="none is declared"):
            check.run(ours)
