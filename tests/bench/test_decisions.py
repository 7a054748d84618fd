"""The decisions scorecard: its oracle is what trying everything finds, and policies see the past and nothing else."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.cluster import ROOT
from bench.decisions import __main__ as main
from bench.decisions import lines, matrix
from bench.decisions.adwin import AdwinPolicy
from bench.decisions.cost import CostPolicy, Setting
from bench.decisions.matrix import KINDS, Bits, Kind, Matrix, Model, matrices, measure
from bench.decisions.oracle import oracle, oracle_with_older_versions
from bench.decisions.policy import Periodic, pay, periodic
from bench.decisions.protocol import DEVELOPMENT, SCORED, SHIFTED, TARGETS, Stream
from bench.decisions.report import BEGIN, END, TITLES, complete, tables
from bench.decisions.streams import GENERATED, Rows, rows, there

ROWS = 1_000


def concepts(*lengths: int, window: int = 2, error: float = 0.1) -> Matrix:
    """Two concepts by turns. Who has learned the other one, even in part, errs on four rows of ten."""
    concept = np.repeat(np.arange(len(lengths)) % 2, lengths)
    batches = len(concept)
    errors = np.zeros((2, batches - window, batches, ROWS), dtype=np.uint8)
    rng = np.random.default_rng(3)
    for kind, start in enumerate((window - 1, 0)):
        for at, born in enumerate(range(window - 1, batches - 1)):
            known = concept[born - start : born + 1]
            for batch in range(born + 1, batches):
                mean = error if (known == concept[batch]).all() else 0.4
                errors[kind, at, batch] = rng.random(ROWS) < mean
    return Matrix(Stream("concepts", ROWS, window), errors)


class Scheduled:
    """Trains when it was told to."""

    def __init__(self, models: dict[int, Model]) -> None:
        self._models = models

    def after(self, batch: int, _: Bits) -> Model | None:
        return self._models.get(batch)


def test_the_oracle_is_the_best_of_all_schedules() -> None:
    found = concepts(4, 3, window=2)
    choices = [(None, *KINDS)] * (len(found.served) - 1)
    for price in (0.02, 0.2, 5.0):
        costs = []
        for each in product(*choices):
            models = {at: Model(kind, at) for at, kind in zip(found.served, each, strict=False) if kind}
            costs.append(pay(found, lambda *_, models=models: Scheduled(models), price).cost)
        assert oracle(found, price) == pytest.approx(min(costs))


def test_the_oracle_with_older_versions_trains_each_concept_once() -> None:
    found = concepts(6, 6, 6, 6)
    price = 0.2
    least = oracle_with_older_versions(found, price) * len(found.served)
    # one batch of the new concept is lost, one training is paid for, and all else is as good as it can be
    assert least == pytest.approx(0.4 + price + 0.1 * (len(found.served) - 1), abs=0.15)
    assert oracle(found, price) * len(found.served) > least + 2 * price


def test_older_versions_are_never_dearer_in_hindsight() -> None:
    for price in (0.02, 0.2, 1.0):
        assert oracle_with_older_versions(concepts(5, 3, 4), price) <= oracle(concepts(5, 3, 4), price) + 1e-6


def test_nobody_can_use_what_is_not_there_yet() -> None:
    found = concepts(4, 4)
    with pytest.raises(AssertionError, match="not been trained before"):
        found.mean(Model("fresh", 5), 5)
    with pytest.raises(AssertionError, match="not trained when it could be"):
        pay(found, lambda *_: Scheduled({4: Model("fresh", 3)}), 0.2)


def test_a_model_is_paid_for_once_and_none_at_the_end() -> None:
    found = concepts(4, 4)
    old = Model("fresh", 3)
    again = {3: old, 4: Model("fresh", 4), 5: old, 7: Model("fresh", 7)}
    paid = pay(found, lambda *_: Scheduled(again), 0.3)
    assert paid.trainings == 2
    assert paid.cost == pytest.approx(paid.error + 0.6 / len(found.served))


def test_a_period_is_the_mean_over_its_phases() -> None:
    found = concepts(5, 5)
    every = [pay(found, lambda m, _, at=at: Periodic(m, 3, at, "fresh"), 0.2) for at in (1, 2, 3)]
    assert [one.trainings for one in every] == [3, 2, 2]  # after batches 2, 5, 8; 3, 6; 4, 7: the last serves nothing
    assert periodic(found, 3, "fresh", 0.2).cost == pytest.approx(np.mean([one.cost for one in every]))


def trained(found: Matrix, **setting: Any) -> list[Model]:
    chosen: list[Model] = []

    class Noting(CostPolicy):
        def after(self, batch: int, errors: Bits) -> Model | None:
            model = super().after(batch, errors)
            chosen.extend([model] if model else [])
            return model

    pay(found, lambda m, price: Noting(m, price, Setting(**setting)), 0.2)
    return chosen


def test_the_cost_policy_trains_after_a_change_and_once_more_when_a_window_has_gathered() -> None:
    # the change begins with batch 8, whose excess alone pays for a training: the next is the first that is wholly new
    assert trained(concepts(8, 10)) == [Model("fresh", 9), Model("last window", 10)]
    assert trained(concepts(8, 10), refit=False) == [Model("fresh", 9)]


def test_the_cost_policy_does_nothing_where_nothing_changes() -> None:
    assert trained(concepts(40, error=0.3)) == []


def test_an_older_version_serves_again_where_its_concept_comes_back() -> None:
    found = trained(concepts(8, 8, 8), refit=False, older=True)
    assert found == [Model("fresh", 9), Model("last window", 1)]


def test_trainings_that_do_not_help_become_rarer() -> None:
    """Each model is as bad as the one before it: right for one batch, the burn-in, and wrong from then on."""
    batches, window = 60, 2
    errors = np.zeros((2, batches - window, batches, ROWS), dtype=np.uint8)
    rng = np.random.default_rng(1)
    for at in range(batches - window):
        for batch in range(at + window, batches):
            errors[:, at, batch] = rng.random(ROWS) < (0.3 if batch == at + window else 0.45)
    found = Matrix(Stream("hopeless", ROWS, window), errors)
    births = [model.born for model in trained(found, refit=False)]
    assert 3 <= len(births) <= 20


def test_adwin_waits_for_a_batch_after_the_alarm_unless_it_takes_the_last_window() -> None:
    chosen: dict[str, list[Model]] = {}
    kind: Kind
    for kind in KINDS:
        policy = AdwinPolicy(kind)
        found = concepts(8, 8)
        said = [policy.after(at, found.errors(found.first, at)) for at in range(2, 12)]
        chosen[kind] = [model for model in said if model]
    assert chosen["last window"][0] == Model("last window", 8)
    assert chosen["fresh"][0] == Model("fresh", 9)


def test_a_matrix_holds_what_models_err_on_after_their_birth() -> None:
    rng = np.random.default_rng(2)
    features = rng.random((600, 2))
    classes = (features[:, 0] > 0.5).astype(np.int64)
    classes[400:] = 1 - classes[400:]
    errors = measure(Stream("flip", 100, 2), Rows(features, classes))
    assert errors.shape == (2, 4, 6, 100)
    found = Matrix(Stream("flip", 100, 2), errors)
    assert found.mean(found.first, 3) < 0.1 < 0.9 < found.mean(found.first, 4)
    assert found.mean(Model("fresh", 4), 5) < 0.1
    assert not errors[:, 2, :4].any()  # born with batch 3


def test_matrices_are_kept_and_another_cut_has_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix, "FOLDER", tmp_path)
    monkeypatch.setattr("bench.decisions.streams.GENERATED_ROWS", 5_000)
    cut, other = Stream("noise", 1_000, 2), Stream("noise", 1_000, 2, skip=500)
    for stream in (cut, other):
        matrix._keep(stream)
    assert len(list(tmp_path.iterdir())) == 2
    monkeypatch.setattr(matrix, "_keep", None)  # nothing is left to do
    found = matrices((cut, other))
    assert list(found) == ["noise", "noise + 500"]
    assert (found["noise"].batches, found["noise + 500"].batches) == (5, 4)
    assert 0.15 < found["noise"].mean(found["noise"].first, 2) < 0.3


@pytest.mark.parametrize("name", list(GENERATED))
def test_generated_streams_are_the_same_each_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.decisions.streams.GENERATED_ROWS", 400)
    one, other = rows(name), rows(name)
    assert np.array_equal(one.features, other.features)
    assert np.array_equal(one.classes, other.classes)
    assert set(one.classes.tolist()) == {0, 1}
    assert there(name)


def test_nothing_is_developed_on_what_is_scored() -> None:
    assert not {stream.name for stream in DEVELOPMENT} & {stream.name for stream in (*SCORED, *SHIFTED)}


def test_every_line_is_told_and_the_targets_find_their_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.decisions.policies.PERIODS", range(2, 5))
    found = {"a": concepts(10, 10, 10), "b": concepts(30)}
    told = dict(lines.measured("scored", found, whole=True)) | dict(lines.measured("shifted", found, whole=True))
    assert [*told, "development"] == list(TITLES)
    results = complete({"lines": told})
    assert all(one["value"] is not None for one in results["targets"])
    assert results["targets"][0]["value"] == pytest.approx(
        np.mean([row["cost policy"] for row in told["winners"]["beside"]])
    )
    text = tables(results)
    assert all(f"### {title}" in text for name, title in TITLES.items() if name in told)


def test_a_mean_over_some_of_the_streams_is_held_against_no_target(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.decisions.policies.PERIODS", range(2, 3))
    told = dict(lines.measured("scored", {"a": concepts(10, 10)}, whole=False))
    assert [one["met"] for one in complete({"lines": told})["targets"]] == [None] * len(TARGETS)
    assert "- left out, as they are not there: elec2" in tables({"left_out": ["elec2"]})


def test_what_is_not_there_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMGAUGE_DATA", str(tmp_path))
    results: dict[str, Any] = {"lines": {}, "trained_in": 0.0}
    main._measure("scored", SCORED, results)
    assert results == {"lines": {}, "trained_in": 0.0}


def test_the_document_has_the_markers() -> None:
    text = (ROOT / "docs" / "scorecard.md").read_text()
    assert text.index(BEGIN) < text.index(END)
