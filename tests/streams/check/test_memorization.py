"""Memorization: training code that learns passes, code that loses its labels fails, simple models are left in peace."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest

from schemas.check_report import CheckResult
from streams.archive_schema import FEATURE
from streams.check.context import Unanswerable
from streams.check.memorization import PASSES, SMALL, Memorization
from streams.errors import UserError
from streams.trainer import Features, ModelOutput

from .world import context, good, rows, spec_of, with_column


class Table:
    """A model that knows rows by heart, and nothing else."""

    def __init__(self, known: dict[str, ModelOutput], other: ModelOutput) -> None:
        self._known, self._other = known, other

    def outputs(self, features: Features) -> list[ModelOutput]:
        return [self._known.get(repr(list(row)), self._other) for row in features]


class ByHeart:
    """Training code that learns each row, but for what goes wrong in it."""

    def __init__(
        self,
        task: str = "binary",
        *,
        shift: int = 0,
        capacity: int = 10_000,
        blind: bool = False,
        incremental: bool = False,
    ) -> None:
        self._task, self._shift, self._capacity, self._blind = task, shift, capacity, blind
        self.incremental = incremental
        self.seen: pa.Table | None = None

    def fit(self, table: pa.Table) -> Table:
        self.seen = table
        names = [name for name in table.column_names if name.startswith(FEATURE)]
        features = [list(row) for row in zip(*(table.column(name).to_pylist() for name in names), strict=True)]
        truth = table.column("value" if self._task == "regression" else "label").to_pylist()
        truth = truth[self._shift :] + truth[: self._shift]

        def output(value: object) -> ModelOutput:
            if self._task == "regression":
                return ModelOutput(value=float(value))  # type: ignore[arg-type]
            return ModelOutput(label=str(value))

        most = Counter(map(str, truth)).most_common(1)[0][0]
        mean = float(np.mean(truth)) if self._task == "regression" else most
        if self._blind:
            return Table({}, output(mean))
        known: dict[str, ModelOutput] = {}
        for row, value in zip(features, truth, strict=True):
            if repr(row) in known or len(known) < self._capacity:
                known[repr(row)] = output(value)
        return Table(known, output(mean))


def memorized(trainer: object, task: str = "binary", table: pa.Table | None = None, **checks: object) -> CheckResult:
    spec = spec_of(task, checks)
    held_out = rows(spec, champion=None) if table is None else table
    return Memorization().run(context(spec, good, held_out, trainer=trainer))


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_training_code_that_learns_passes(task: str) -> None:
    trainer = ByHeart(task)
    result = memorized(trainer, task)
    assert result.verdict == "passed"
    assert result.numbers["known"] == 1.0
    assert trainer.seen is not None
    assert trainer.seen.num_rows == 64 * PASSES


@pytest.mark.parametrize("task", ["binary", "regression"])
def test_training_code_that_learns_nothing_fails_and_shows_what_it_does_not_know(task: str) -> None:
    result = memorized(ByHeart(task, blind=True), task)
    assert result.verdict == "failed"
    assert result.findings[0].rows
    assert "how labels and features reach it" in result.reason


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_trainer_that_forgets_on_purpose_passes_or_is_unknown_and_never_fails(task: str) -> None:
    assert memorized(ByHeart(task, incremental=True), task).verdict == "passed"
    for trainer in (ByHeart(task, blind=True, incremental=True), ByHeart(task, shift=1, incremental=True)):
        result = memorized(trainer, task)
        assert result.verdict == "unknown"
        assert "forgets on purpose" in result.reason
        assert {finding.verdict for finding in result.findings} == {"unknown"}


def test_labels_that_slip_by_one_row_are_found() -> None:
    assert memorized(ByHeart(shift=1)).verdict == "failed"


def test_a_model_too_simple_for_the_batch_is_unknown_where_it_knows_a_small_one() -> None:
    result = memorized(ByHeart(capacity=SMALL), memorized=0.99)
    assert result.verdict == "unknown"
    assert result.numbers["known_of_few"] == 1.0


def test_rows_alike_with_other_labels_are_one_row_of_the_batch() -> None:
    spec = spec_of()
    table = rows(spec, 40, champion=None)
    both = with_column(table, "prediction_id", [f"other {i}" for i in range(40)])
    both = with_column(both, "label", ["1" if label == "0" else "0" for label in table.column("label").to_pylist()])
    result = memorized(ByHeart(), table=pa.concat_tables([table, both]))
    assert result.verdict == "passed"
    assert result.numbers["contradictions"] == 40
    assert result.numbers["rows"] == 40


def test_classes_are_as_even_in_the_batch_as_they_can_be() -> None:
    spec = spec_of()
    table = rows(spec, champion=None)
    rare = ["1" if i % 50 == 0 else "0" for i in range(table.num_rows)]
    trainer = ByHeart()
    memorized(trainer, table=with_column(table, "label", rare))
    assert trainer.seen is not None
    assert Counter(trainer.seen.column("label").to_pylist())["1"] == 12 * PASSES


def test_times_rise_and_ids_differ_in_the_batch_as_training_code_expects() -> None:
    trainer = ByHeart()
    memorized(trainer)
    assert trainer.seen is not None
    assert len(set(trainer.seen.column("prediction_id").to_pylist())) == 64 * PASSES
    times = trainer.seen.column("time").to_pylist()
    assert times == sorted(times)


class Refuses:
    incremental = False

    def fit(self, table: pa.Table) -> Table:
        raise UserError("a command trains on directories")


def test_what_cannot_be_tried_is_unknown() -> None:
    for trainer, said, checks in (
        (None, "no training code", {}),
        (Refuses(), "directories", {}),
        (ByHeart(), "not asked for", {"memorize": 0}),
    ):
        with pytest.raises(Unanswerable, match=said):
            memorized(trainer, **checks)
    with pytest.raises(Unanswerable, match="no class and no number"):
        Memorization().run(context(spec_of("text"), good, rows(spec_of(), 60), trainer=ByHeart()))
