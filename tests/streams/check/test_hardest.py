"""The suite of the hardest points: it grows, is bounded and fair, and compares only where that is fair."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.check_report import CheckResult
from schemas.prediction import FeatureValue
from streams.check.checked_rows import CheckedRows
from streams.check.context import Unanswerable
from streams.check.hardest import PER_CHECK, Hardest
from streams.check.suite import Suite
from streams.errors import UserError
from streams.trainer import ModelOutput

from .world import Formula, context, good, guess, number, rows, spec_of

Row = Mapping[str, FeatureValue]


def old(row: Row) -> ModelOutput:
    """A model of the past: right but for those of the west."""
    score = good(row).score or 0.0
    return ModelOutput(score=1 - score if row["region"] == "west" else score)


def mended(row: Row) -> ModelOutput:
    """Right in the west too, and with scores of its own."""
    return ModelOutput(score=0.02 + 0.96 * (good(row).score or 0.0))


def relapsed(row: Row) -> ModelOutput:
    """Wrong in the west again, with other scores."""
    return ModelOutput(score=0.05 + 0.9 * (old(row).score or 0.0))


def held(
    path: Path, candidate: Formula, name: str, seed: int, champion: Formula, of: str, **more: object
) -> CheckResult:
    spec = spec_of()
    ours = context(spec, candidate, rows(spec, 400, seed), champion=champion, suite=path, id=f"{name} {seed}", **more)
    return Hardest().run(replace(ours, candidate_name=name, champion_version=of))


def suite(path: Path) -> Suite:
    return Suite.read(spec_of().models["loan"], path)


def test_the_first_check_has_no_past_and_takes_up_points_of_both(tmp_path: Path) -> None:
    path = tmp_path / "suites" / "loan.parquet"
    result = held(path, old, "2", 0, guess, "1")
    assert result.verdict == "unknown"
    assert "no points of earlier checks" in result.reason
    by = suite(path).column("suite_by")
    assert by.count("2") == by.count("1") == 200 // PER_CHECK // 2


def test_the_hardest_come_first_by_how_sure_the_model_was_of_the_wrong_answer(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    table = suite(path)
    hard = [
        number_
        for number_, by in zip(table.column("suite_hardness"), table.column("suite_by"), strict=True)
        if by == "2"
    ]
    assert min(hard) > 0.9  # type: ignore[type-var]


def test_a_candidate_that_relapses_on_points_of_the_past_fails(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    held(path, old, "2b", 1, guess, "1")
    result = held(path, relapsed, "4", 2, mended, "3")
    assert result.verdict == "failed"
    assert result.findings[0].rows
    assert held(path, good, "5", 3, mended, "3").verdict == "passed"


def test_points_that_either_of_the_two_chose_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    by_name = held(path, good, "3", 1, old, "2")
    assert by_name.numbers["compared"] == 25, "those of version 1 alone"
    renamed = held(path, good, "3", 1, old, "another name of the same model")
    assert renamed.numbers["compared"] == 25
    other = tmp_path / "other.parquet"
    held(other, old, "2", 0, guess, "1")
    own = held(other, guess, "again", 1, mended, "3")
    assert own.numbers["compared"] == 25, "those of version 2 alone"


def test_points_that_the_candidate_was_trained_on_are_not_compared(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    free = held(path, good, "4", 2, mended, "3")
    trained = held(path, good, "4", 2, mended, "3", train=rows(spec_of(), 400, 0))
    assert free.numbers["compared"] == 50
    assert trained.numbers["compared"] == 0
    assert trained.verdict == "unknown"


def test_the_same_check_made_again_gives_the_same_result_and_the_same_file(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    first = held(path, good, "4", 2, mended, "3")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert held(path, good, "4", 2, mended, "3") == first
    assert hashlib.sha256(path.read_bytes()).hexdigest() == digest


def test_no_point_is_in_the_suite_twice(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    held(path, relapsed, "5", 0, guess, "1")
    own = suite(path).rows
    keys = [repr(pair) for pair in zip(own.features, own.truths, strict=True)]
    assert len(keys) == len(set(keys))


def test_without_the_champions_answers_it_is_unknown_and_the_suite_grows_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    spec = spec_of()
    held(path, old, "2", 0, guess, "1")
    ours = context(spec, good, rows(spec, 300, 7, champion=None), suite=path, id="x")
    result = Hardest().run(replace(ours, champion_version="9"))
    assert result.verdict == "unknown"
    assert result.numbers["added"] == 25
    assert "candidate's error rate on all" in result.reason


def test_a_damaged_suite_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    path.write_bytes(b"nothing")
    with pytest.raises(UserError, match="move it away"):
        held(path, old, "2", 0, guess, "1")
    pq.write_table(rows(spec_of(), 3), path)
    with pytest.raises(UserError, match="no suite of the hardest points"):
        held(path, old, "2", 0, guess, "1")


def test_no_file_or_nothing_asked_is_unknown(tmp_path: Path) -> None:
    with pytest.raises(Unanswerable, match="name a file"):
        Hardest().run(context(spec_of(), good))
    with pytest.raises(Unanswerable, match="not asked for"):
        Hardest().run(context(spec_of(checks={"hardest": 0}), good, suite=tmp_path / "x"))


@given(st.lists(st.integers(1, 12), min_size=1, max_size=6), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_what_is_kept_is_shared_evenly_by_the_checks_and_is_their_hardest(sizes: list[int], most: int) -> None:
    spec = spec_of().models["loan"]
    found = Suite.read(spec, Path("/nowhere/at all"))
    for number_, size in enumerate(sizes):
        points = CheckedRows(spec, rows(spec_of(), size, seed=number_))
        hardness = [1 - i / 100 for i in range(size)]
        found = found.with_points(points, f"check {number_}", ["m"] * size, hardness)
    kept = found.capped(most)
    assert len(kept) == min(most, sum(sizes))
    counts = [kept.column("suite_check").count(f"check {number_}") for number_ in range(len(sizes))]
    largest = max(counts)
    assert all(count == size or count >= largest - 1 for count, size in zip(counts, sizes, strict=True))
    for number_, count in enumerate(counts):
        pairs = zip(kept.column("suite_hardness"), kept.column("suite_check"), strict=True)
        hard = [each for each, of in pairs if of == f"check {number_}"]
        assert hard == [1 - i / 100 for i in range(count)]


def test_a_suite_survives_features_that_came_and_went(tmp_path: Path) -> None:
    path = tmp_path / "loan.parquet"
    held(path, old, "2", 0, guess, "1")
    before = spec_of().models["loan"]
    features = {name: feature for name, feature in before.features.items() if name != "age"}
    after = before.model_copy(update={"features": {**features, "new": before.features["income"]}})
    table = Suite.read(after, path)
    assert len(table) == 50
    assert all(row[-1] is None for row in table.rows.features)
    assert isinstance(table.table, pa.Table)
    assert math.isfinite(number(table.rows.features[0][0]))
