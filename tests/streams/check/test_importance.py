"""What the candidate goes by: told for both, failed only where it is extreme."""

from collections.abc import Mapping

import pyarrow as pa
import pytest

from schemas.prediction import FeatureValue
from streams.check.context import Unanswerable
from streams.check.importance import Importances
from streams.check.top_bottom import TopBottom
from streams.errors import UserError
from streams.trainer import ModelOutput

from .test_memorization import ByHeart
from .world import Model, context, good, guess, number, probability, rows, spec_of

Row = Mapping[str, FeatureValue]


def both(row: Row) -> ModelOutput:
    """Goes by income, and by age and owner a little."""
    shift = (number(row["age"], 40.0) - 40) / 3 + (3 if row["owner"] else 0)
    return ModelOutput(score=probability(number(row["income"]) + shift))


def test_the_feature_that_the_candidate_goes_by_comes_first() -> None:
    result = Importances().run(context(spec_of(), both, champion=guess))
    assert result.verdict == "passed"
    assert result.table is not None
    assert result.table.rows[0][0] == "income"
    age = next(row for row in result.table.rows if row[0] == "age")
    assert age[4] is not None, "the champion's importance stands beside it"


def test_a_candidate_that_goes_by_one_feature_alone_fails() -> None:
    result = Importances().run(context(spec_of(), good, champion=both))
    assert result.verdict == "failed"
    assert "goes by income alone" in result.reason


def test_where_the_champion_cannot_be_asked_going_by_one_alone_is_only_told() -> None:
    result = Importances().run(context(spec_of(), good))
    assert result.verdict == "passed"
    assert "goes by income alone" in result.reason


def test_it_does_not_fail_where_the_champion_goes_by_one_alone_too() -> None:
    assert Importances().run(context(spec_of(), good, champion=guess)).verdict == "passed"


def test_a_candidate_that_gives_the_same_answer_to_all_fails() -> None:
    result = Importances().run(context(spec_of(), lambda row: ModelOutput(score=0.7), champion=both))
    assert "the same answer, whatever their features" in result.reason


class Fits:
    """Training code that always makes the same model, and remembers with what."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = []

    def fit(self, table: pa.Table) -> Model:
        self.tables.append(table)
        return Model(spec_of(), both)


def test_ablation_trains_without_each_feature_where_there_is_training_code() -> None:
    spec, trainer = spec_of(), Fits()
    result = Importances().run(context(spec, both, train=rows(spec, 300, 9), trainer=trainer))
    assert len(trainer.tables) == 5
    assert result.table is not None
    without = {str(row[0]): row[7] for row in result.table.rows}
    assert without["income"] > 0.1 > without["region"]  # type: ignore[operator]
    assert "with and without each feature" in result.findings[0].text


class Refuses(ByHeart):
    def fit(self, table: pa.Table) -> object:
        raise UserError("not in memory")


def test_the_challenger_stands_in_where_there_is_none() -> None:
    spec = spec_of()
    for trainer in (None, Refuses()):
        result = Importances().run(context(spec, both, train=rows(spec, 300, 9), trainer=trainer))
        assert "incremental challenger" in result.findings[0].text


def test_too_few_rows_and_texts_are_unknown() -> None:
    with pytest.raises(Unanswerable, match="30 are needed"):
        Importances().run(context(spec_of(), both, rows(spec_of(), 20)))
    for check in (Importances(), TopBottom()):
        with pytest.raises(Unanswerable, match="text model"):
            check.run(context(spec_of("text"), both, rows(spec_of(), 60)))


def test_features_that_count_the_other_way_round_are_named() -> None:
    def reversed_(row: Row) -> ModelOutput:
        return ModelOutput(score=1 - (both(row).score or 0.0))

    result = TopBottom().run(context(spec_of(), reversed_, champion=both))
    assert result.verdict == "passed"
    assert "income" in result.reason
    assert any("the other way round" in finding.text for finding in result.findings)


def test_the_same_reasons_are_told_as_the_same() -> None:
    result = TopBottom().run(context(spec_of(), both, champion=both))
    assert result.numbers["turned"] == 0
    assert result.table is not None
    assert all(row[1:4] == row[4:7] for row in result.table.rows)


def test_the_champions_recorded_scores_do_and_without_them_it_is_unknown() -> None:
    spec = spec_of()
    assert TopBottom().run(context(spec, both)).verdict == "passed"
    assert TopBottom().run(context(spec, both, rows(spec, champion=None))).verdict == "unknown"
    with pytest.raises(Unanswerable, match="no top and no bottom"):
        TopBottom().run(context(spec, lambda row: ModelOutput(label="1")))


def test_multiclass_and_regression_are_ranked_by_confidence_and_value() -> None:
    def classes(row: Row) -> ModelOutput:
        sure = min(max(number(row["income"]) / 100, 0.4), 0.9)
        return ModelOutput(label="low", probabilities={"low": sure, "high": 1 - sure})

    def values(row: Row) -> ModelOutput:
        return ModelOutput(value=number(row["income"]))

    for task, formula in (("multiclass", classes), ("regression", values)):
        spec = spec_of(task)
        result = TopBottom().run(context(spec, formula, rows(spec), champion=formula))
        assert result.table is not None
        income = next(row for row in result.table.rows if row[0] == "income")
        assert float(income[1] or 0.0) > 0.9
