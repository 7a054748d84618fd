"""The training set: what breaks rules or ranges, what leaks into it, and what is only worth knowing."""

from typing import Any

import pyarrow as pa
import pytest

from detectors.build_profile import build_profile
from schemas.check_report import CheckResult
from streams.archive_schema import FEATURE
from streams.check.checked_rows import CheckedRows
from streams.check.context import Unanswerable
from streams.check.leakage import Leakage
from streams.check.training_set import TrainingSet

from .world import context, good, rows, spec_of, with_column

AGES = [{"name": "adult", "dimension": "validity", "rule": "age >= 18", "at_least": 0.9}]


def trained(train: pa.Table | None = None, table: pa.Table | None = None, **more: Any) -> CheckResult:
    spec = spec_of(more.pop("task", "binary"), **more.pop("spec", {}))
    own = rows(spec, 400, 9) if train is None else train
    return TrainingSet().run(context(spec, good, table, train=own, **more))


def profile_of(spec: Any, table: pa.Table) -> Any:
    settings = spec.models["loan"]
    reference = CheckedRows.of(settings, table)
    return build_profile("loan", None, settings, list(zip(reference.rows(), reference.labels, strict=True)))


def test_a_training_set_as_it_should_be_passes() -> None:
    result = trained(spec={"expectations": AGES})
    assert result.verdict == "passed"
    assert any("label balance" in finding.text for finding in result.findings)


def test_a_rule_that_too_many_rows_break_fails_with_rows_that_break_it() -> None:
    spec = spec_of(expectations=AGES)
    train = rows(spec, 400, 9)
    ages = [5.0 if i % 4 == 0 else 30.0 for i in range(400)]
    result = trained(with_column(train, FEATURE + "age", ages), spec={"expectations": AGES})
    assert result.verdict == "failed"
    assert "adult (age >= 18): 100 of 400 rows break it" in result.reason
    assert all(row.features["age"] == 5.0 for row in result.findings[0].rows)


def test_what_the_reference_has_of_broken_rows_is_allowed_where_the_rule_says_nothing() -> None:
    rule = [{"name": "adult", "dimension": "validity", "rule": "age >= 40"}]
    spec = spec_of(expectations=rule)
    half = rows(spec, 400, 9)
    assert trained(half, spec={"expectations": rule}).verdict == "unknown"
    result = trained(half, spec={"expectations": rule}, profile=profile_of(spec, rows(spec, 2_000, 3)))
    assert result.verdict == "passed"
    worse = with_column(half, FEATURE + "age", [20.0] * 400)
    assert (
        trained(worse, spec={"expectations": rule}, profile=profile_of(spec, rows(spec, 2_000, 3))).verdict == "failed"
    )


def test_values_out_of_the_declared_range_fail() -> None:
    spec = spec_of()
    train = with_column(rows(spec, 400, 9), FEATURE + "income", [-1.0 if i < 40 else 50.0 for i in range(400)])
    result = trained(train)
    assert result.verdict == "failed"
    assert "income within its declared range" in result.reason


def test_values_that_are_not_allowed_and_values_that_may_not_be_missing_fail() -> None:
    features = {
        "income": {"type": "numeric", "nullable": False},
        "age": "numeric",
        "region": {"type": "categorical", "allowed": ["north", "south"]},
        "owner": "boolean",
    }
    spec = spec_of(features=features)
    train = with_column(rows(spec, 400, 9), FEATURE + "income", [None] * 100 + [50.0] * 300)
    result = trained(train, spec={"features": features})
    texts = [finding.text for finding in result.findings if finding.verdict == "failed"]
    assert any(text.startswith("region among its allowed values") for text in texts)
    assert any(text.startswith("income not missing: 100 of 400") for text in texts)


def test_a_feature_that_is_missing_throughout_fails() -> None:
    spec = spec_of()
    result = trained(with_column(rows(spec, 400, 9), FEATURE + "owner", [None] * 400))
    assert "owner is missing in each row" in result.reason


def test_the_same_prediction_twice_fails() -> None:
    spec = spec_of()
    train = rows(spec, 400, 9)
    result = trained(pa.concat_tables([train, train.slice(0, 3)]))
    assert result.verdict == "failed"
    assert "3 prediction ids stand in the training set more than once" in result.reason


def test_one_class_alone_and_classes_that_are_only_held_out_fail() -> None:
    spec = spec_of("multiclass")
    table, train = rows(spec, 400, 1), rows(spec, 400, 9)
    known = ["low" if label == "high" else label for label in train.column("label").to_pylist()]
    result = trained(with_column(train, "label", known), table, task="multiclass")
    assert "are in no training row: high" in result.reason
    result = trained(with_column(train, "label", ["low"] * 400), table, task="multiclass")
    assert "each row of the training set is of class 'low'" in result.reason


def test_no_label_at_all_fails_and_one_value_alone_does_in_a_regression() -> None:
    spec = spec_of("regression")
    table = rows(spec, 200)
    one = with_column(rows(spec, 400, 9), "value", [7.0] * 400)
    assert "each row of the training set has the value 7" in trained(one, table, task="regression").reason
    none = with_column(one, "value", [None] * 400)
    assert "no row of the training set has a label" in trained(none, table, task="regression").reason


def test_contradictions_and_drift_are_told_and_fail_nothing() -> None:
    spec = spec_of()
    train = rows(spec, 400, 9)
    other = with_column(train, "prediction_id", [f"x{i}" for i in range(400)])
    other = with_column(other, "label", ["1" if label == "0" else "0" for label in train.column("label").to_pylist()])
    moved = pa.concat_tables([train, other])
    moved = with_column(moved, FEATURE + "age", [70.0] * 800)
    result = trained(moved, profile=profile_of(spec, rows(spec, 2_000, 3)))
    assert result.verdict == "passed"
    assert any("400 sets of features came with more than one truth" in finding.text for finding in result.findings)
    assert result.table is not None
    assert result.table.rows[0][0] == "age"
    assert float(result.table.rows[0][1] or 0.0) > 1


def test_without_a_training_set_it_is_unknown() -> None:
    with pytest.raises(Unanswerable, match="no training set was given"):
        TrainingSet().run(context(spec_of(), good))


def leaks(train: pa.Table | None, table: pa.Table, task: str = "binary", **checks: Any) -> CheckResult:
    spec = spec_of(task, checks)
    return Leakage().run(context(spec, good, table, train=train))


def test_a_clean_training_set_passes() -> None:
    spec = spec_of()
    result = leaks(rows(spec, 400, 9), rows(spec, 400))
    assert result.verdict == "passed"
    assert result.table is not None
    assert result.table.rows[0][0] == "income"


def test_held_out_rows_in_the_training_set_fail_and_are_shown() -> None:
    spec = spec_of()
    result = leaks(rows(spec, 400, 0).slice(0, 40), rows(spec, 400, 0))
    assert result.verdict == "failed"
    assert "40 held-out rows of 400 are in the training set" in result.reason
    assert result.findings[0].rows


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
@pytest.mark.parametrize("with_train", [True, False])
def test_a_feature_that_knows_the_label_fails(task: str, with_train: bool) -> None:
    spec = spec_of(task)
    table, train = rows(spec, 400, 0), rows(spec, 400, 9)
    truth = "value" if task == "regression" else "label"

    def leaking(each: pa.Table) -> pa.Table:
        known = each.column(truth).to_pylist()
        if task == "regression":
            return with_column(each, FEATURE + "age", [value + 1 for value in known])
        return with_column(each, FEATURE + "region", [f"code {label}" for label in known])

    result = leaks(leaking(train) if with_train else None, leaking(table), task)
    # income alone nearly tells a class or a value of this world, too
    assert result.verdict == "failed"
    assert ("age" if task == "regression" else "region") in result.reason
    assert "known before the prediction" in result.reason
    assert leaks(leaking(train), leaking(table), task, leakage=1.0).verdict == "passed"


def test_too_few_rows_to_look_for_leaks_are_unknown() -> None:
    spec = spec_of()
    with pytest.raises(Unanswerable, match="fewer than 50"):
        leaks(None, rows(spec, 60))
