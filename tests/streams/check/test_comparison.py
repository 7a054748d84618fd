"""Candidate against champion, overall and by slice: what passes, what fails, and what rows cannot settle."""

import math

import numpy as np
import pyarrow as pa
import pytest

from schemas.check_report import CheckResult
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.check.comparison import Comparison
from streams.check.context import Unanswerable
from streams.check.slices import Slices
from streams.trainer import ModelOutput

from .world import FEATURES, Formula, context, good, guess, number, rows, spec_of, with_column


def compared(candidate: Formula, checks: dict[str, object] | None = None, **more: object) -> CheckResult:
    spec = spec_of(checks=checks)
    return Comparison().run(context(spec, candidate, **more))


def test_a_better_candidate_passes_and_the_interval_says_how_much_better() -> None:
    result = compared(good)
    assert result.verdict == "passed"
    assert result.numbers["high"] < 0
    assert "lower" in result.reason


def test_a_worse_candidate_fails() -> None:
    result = compared(guess, champion=good)
    assert result.verdict == "failed"
    assert result.findings[-1].rows, "rows on which it is worse are shown"


def test_the_very_same_answers_pass_as_they_cannot_be_worse() -> None:
    result = compared(guess)
    assert result.verdict == "passed"
    assert "same rows" in result.reason


def coin(row: object) -> ModelOutput:
    """As good as the champion, on other rows."""
    income = number(row["income"])  # type: ignore[index]
    base = guess(row).score or 0.0  # type: ignore[arg-type]
    return ModelOutput(score=1 - base if math.modf(income * 977)[0] < 0.5 and 49 < income < 51 else base)


def test_a_difference_that_rows_do_not_settle_is_unknown_with_proof_and_told_by_the_estimate_without() -> None:
    assert compared(coin).verdict == "unknown"
    assert compared(coin, {"evidence": "likely"}).verdict in ("passed", "failed")
    assert compared(coin, {"margin": 0.2}).verdict == "passed"


def test_margin_is_how_much_worse_may_be() -> None:
    assert compared(guess, {"margin": 0.9}, champion=good).verdict == "passed"


def test_weights_count() -> None:
    spec = spec_of()
    table = rows(spec)
    settled = Comparison().run(context(spec, guess, table, champion=good))
    losses = context(spec, guess, table, champion=good)
    right = (losses.losses < losses.champion_losses).astype(float) * 1_000 + 1
    turned = Comparison().run(context(spec, guess, with_column(table, "weight", right.tolist()), champion=good))
    assert settled.numbers["difference"] > 0 > turned.numbers["difference"]


def test_few_labelled_rows_are_unknown_and_say_how_many_are_needed() -> None:
    spec = spec_of()
    with pytest.raises(Unanswerable, match=r"49 held-out rows.*50"):
        Comparison().run(context(spec, good, rows(spec, 49)))


def test_rows_without_recorded_answers_say_what_to_give() -> None:
    spec = spec_of()
    with pytest.raises(Unanswerable, match="name a champion"):
        Comparison().run(context(spec, good, rows(spec, champion=None)))


def test_an_answer_that_is_none_fails_whatever_the_others_are() -> None:
    def sometimes(row: object) -> ModelOutput:
        return ModelOutput(score=math.nan) if number(row["income"]) > 90 else good(row)  # type: ignore[index, arg-type]

    result = compared(sometimes)
    assert result.verdict == "failed"
    assert "nan is not between 0 and 1" in result.reason
    assert result.findings[0].rows


def test_another_versions_recorded_answers_are_not_the_champions() -> None:
    spec = spec_of()
    table = with_column(rows(spec), "version", ["2"] * 600)
    with pytest.raises(Unanswerable, match="name a champion"):
        Comparison().run(context(spec, good, table, champion_version="1"))


def test_a_candidate_with_dearer_mistakes_fails_even_if_it_makes_fewer() -> None:
    costs = {"matrix": {"0": {"1": 1.0}, "1": {"0": 500.0}}}
    spec = spec_of(costs=costs)

    def never(row: object) -> ModelOutput:
        income = number(row["income"])  # type: ignore[index]
        return ModelOutput(score=0.9 if income > 58 else 0.1)

    def generous(row: object) -> ModelOutput:
        return ModelOutput(score=0.9 if number(row["income"]) > 35 else 0.1)  # type: ignore[index]

    result = Comparison().run(context(spec, never, champion=generous))
    assert result.numbers["difference"] < 0
    assert result.verdict == "failed"
    assert "dearer" in result.reason


def test_a_text_candidate_cannot_be_compared_offline_and_it_says_why() -> None:
    spec = spec_of("text")
    with pytest.raises(Unanswerable, match="until somebody rates it"):
        Comparison().run(context(spec, lambda row: ModelOutput(), rows(spec_of())))


def test_regression_compares_absolute_errors() -> None:
    spec = spec_of("regression")
    table = rows(spec, champion=lambda row: ModelOutput(value=150.0))
    result = Comparison().run(context(spec, lambda row: ModelOutput(value=3 * number(row["income"])), table))
    assert result.verdict == "passed"
    assert result.numbers["candidate_loss"] == pytest.approx(1.6, abs=0.2)


def test_multiclass_compares_classes() -> None:
    spec = spec_of("multiclass")

    def classes(row: object) -> ModelOutput:
        income = number(row["income"])  # type: ignore[index]
        high = 0.8 if income >= 60 else 0.1
        low = 0.8 if income < 40 else 0.1
        return ModelOutput(probabilities={"low": low, "high": high, "middle": 1 - low - high})

    table = rows(spec, champion=lambda row: ModelOutput(label="middle"))
    assert Comparison().run(context(spec, classes, table)).verdict == "passed"


def test_candidate_worse_on_one_slice_alone_passes_overall_and_fails_there() -> None:
    def spoilt(row: object) -> ModelOutput:
        best = good(row).score or 0.0  # type: ignore[arg-type]
        return ModelOutput(score=1 - best) if row["region"] == "west" else ModelOutput(score=best)  # type: ignore[index]

    def middling(row: object) -> ModelOutput:
        best = good(row).score or 0.0  # type: ignore[arg-type]
        wrong = row["region"] != "west" and number(row["income"]) * 10 % 10 < 8  # type: ignore[index]
        return ModelOutput(score=1 - best if wrong else best)

    spec = spec_of()
    ours = context(spec, spoilt, champion=middling)
    assert Comparison().run(ours).verdict == "passed"
    result = Slices().run(ours)
    assert result.verdict == "failed"
    assert "region=west" in result.reason
    failed = [finding for finding in result.findings if finding.verdict == "failed"]
    assert [finding.text.split(":")[0] for finding in failed] == ["region=west"]
    assert all(row.features["region"] == "west" for row in failed[0].rows)


def test_slices_are_the_segments_the_rules_and_the_triggers() -> None:
    spec = spec_of(checks={"slices": ["income > 60", "owner"]})
    trigger = RetrainingTrigger.model_validate(
        {
            "id": "t",
            "model": "loan",
            "version": "1",
            "policy": "ad_hoc",
            "time": "2026-01-01T00:00:00Z",
            "since": "2026-01-01T00:00:00Z",
            "reason": "because",
            "how": "full",
            "train_on": {
                "window": {"start": "2026-01-01T00:00:00Z", "end": "2026-01-02T00:00:00Z"},
                "labelled_rows": 1,
                "slices": [{"segment": "owner=true", "reason": "r", "rows": 1}],
                "must_have": [{"where": "age < 20", "at_least": 5}],
            },
        }
    )
    result = Slices().run(context(spec, good, trigger=trigger))
    assert result.table is not None
    names = [row[0] for row in result.table.rows]
    assert names == ["region=north", "region=south", "region=west", "owner=true", "income > 60", "owner", "age < 20"]


def test_a_slice_of_few_rows_is_unknown_not_passed() -> None:
    spec = spec_of(checks={"slices": ["income > 95"]})
    result = Slices().run(context(spec, good))
    assert result.verdict == "unknown"
    assert "50 are needed" in result.findings[0].text


def test_of_many_slices_that_are_alike_hardly_any_is_called_worse_by_chance() -> None:
    spec = spec_of(checks={"slices": [f"age >= {20 + i} and age < {26 + i}" for i in range(30)], "slice_margin": 0.0})
    called = 0
    for seed in range(20):
        noise = np.random.default_rng(seed).integers(1, 10_000)

        def shaky(row: object, noise: int = int(noise)) -> ModelOutput:
            wrong = math.modf(number(row["income"]) * noise)[0] < 0.2  # type: ignore[index]
            score = guess(row).score or 0.0  # type: ignore[arg-type]
            return ModelOutput(score=1 - score if wrong else score)

        def other(row: object, noise: int = int(noise)) -> ModelOutput:
            wrong = math.modf(number(row["income"]) * (noise + 7))[0] < 0.2  # type: ignore[index]
            score = guess(row).score or 0.0  # type: ignore[arg-type]
            return ModelOutput(score=1 - score if wrong else score)

        result = Slices().run(context(spec, shaky, rows(spec, seed=seed), champion=other))
        called += result.verdict == "failed"
    assert called <= 3


def test_without_segments_and_rules_slices_are_unknown() -> None:
    spec = spec_of(segments=[])
    assert FEATURES
    with pytest.raises(Unanswerable, match="no segments"):
        Slices().run(context(spec, good))


def heavy(spec: MonitorSpec, count: int = 200) -> pa.Table:
    """Rows of which two carry most of the weight."""
    return with_column(rows(spec, count), "weight", [118.0 if place < 2 else 1.0 for place in range(count)])


@pytest.mark.parametrize("evidence", ["proven", "likely"])
def test_two_rows_with_most_of_the_weight_settle_nothing(evidence: str) -> None:
    spec = spec_of(checks={"evidence": evidence})
    for candidate in (good, lambda row: ModelOutput(score=1 - good(row).score)):
        found = Comparison().run(context(spec, candidate, heavy(spec)))
        assert found.verdict == "unknown"
        assert "leave them worth 6.7 of equal weight" in found.reason
        assert found.numbers["effective_rows"] == 6.7
        assert found.numbers["rows"] == 200.0


def test_a_slice_of_rows_that_are_worth_few_is_not_judged() -> None:
    spec = spec_of()
    table = rows(spec, 900)
    places = [place for place, value in enumerate(table["feature.region"].to_pylist()) if value == "north"][:2]
    weights = [118.0 if place in places else 1.0 for place in range(900)]
    found = Slices().run(context(spec, good, with_column(table, "weight", weights)))
    verdicts = {row[0]: row[-1] for row in found.table.rows}
    assert verdicts["region=north"] == "unknown"
    assert verdicts["region=south"] == "passed"
