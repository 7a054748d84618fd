"""Importance of features: what a model goes by costs it loss, what it does not costs nothing."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from detectors.row import Label, Row
from schemas.spec import ModelSpec
from streams.importance import Surrogate, ablated, mean_loss, permuted

FEATURES = {"income": "numeric", "copy": "numeric", "region": "categorical", "noise": "numeric"}


def spec_of(task: str) -> ModelSpec:
    return ModelSpec.model_validate(
        {
            "task": task,
            "features": FEATURES,
            "pane": "1d",
            "label_horizon": "7d",
            "false_alarms": "1 per 90d",
            "reference": "m.json",
            "positive_label": "yes" if task == "binary" else None,
        }
    )


def truth(task: str, features: Sequence[Any]) -> Any:
    """What comes true: by income and region alone."""
    level = features[0] + (1.0 if features[2] == "north" else 0.0)
    if task == "regression":
        return 10.0 * level
    if task == "binary":
        return "yes" if level > 0.5 else "no"
    return "low" if level < 0 else "middle" if level < 1 else "high"


def rows(task: str, count: int = 600, seed: int = 0) -> list[tuple[Row, Label]]:
    rng = random.Random(seed)
    found = []
    for i in range(count):
        income = rng.gauss(0, 1)
        features = [income, income + rng.gauss(0, 0.01), rng.choice(["north", "south"]), rng.gauss(0, 1)]
        row, label = Row(i, str(i), features), Label(i)
        if task == "regression":
            row.value = label.value = truth(task, features)
        else:
            row.label = label.label = truth(task, features)
        found.append((row, label))
    return found


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_permuting_what_a_model_goes_by_costs_it_and_the_rest_costs_nothing(task: str) -> None:
    spec, labelled = spec_of(task), rows(task)

    def model(features: Any) -> list[Any]:
        return [truth(task, row) for row in features]

    assert mean_loss(spec, labelled, model([row.features for row, _ in labelled])) == 0
    found = permuted(spec, labelled, model)
    assert found["income"].low > found["region"].high > found["region"].low > 0
    assert found["copy"] == found["noise"] == (0.0, 0.0, 0.0)


def test_the_same_seed_gives_the_same_and_another_another() -> None:
    spec, labelled = spec_of("binary"), rows("binary")

    def model(features: Any) -> list[Any]:
        return [truth("binary", row) for row in features]

    assert permuted(spec, labelled, model) == permuted(spec, labelled, model)
    assert permuted(spec, labelled, model)["income"] != permuted(spec, labelled, model, seed=1)["income"]


def test_the_rows_that_are_explained_are_not_changed() -> None:
    labelled = rows("binary", 50)
    before = [list(row.features) for row, _ in labelled]
    permuted(spec_of("binary"), labelled, lambda features: ["yes"] * len(features))
    assert [row.features for row, _ in labelled] == before


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_surrogate_answers_as_the_model_and_says_how_well(task: str) -> None:
    labelled = rows(task, 2_000)
    surrogate = Surrogate(spec_of(task), [row for row, _ in labelled])
    assert 0.8 < surrogate.fidelity <= 1
    answers = surrogate([row.features for row, _ in labelled[:20]])
    assert len(answers) == 20


def test_a_surrogate_of_answers_at_random_says_that_it_is_none() -> None:
    rng, labelled = random.Random(0), rows("binary", 1_000)
    for row, _ in labelled:
        row.label = rng.choice(["yes", "no"])
    assert Surrogate(spec_of("binary"), [row for row, _ in labelled]).fidelity < 0.6


def test_a_surrogate_without_answers_has_no_fidelity() -> None:
    fidelity = Surrogate(spec_of("binary"), []).fidelity
    assert fidelity != fidelity


def test_ablation_finds_what_nothing_else_says_and_not_what_another_feature_says_too() -> None:
    loss, found = ablated(spec_of("binary"), rows("binary", 2_000))
    assert loss < 0.1
    assert found["region"].low > 0.05
    assert abs(found["income"].value) < 0.05  # its copy says the same: the weakness that the output names
    assert abs(found["noise"].value) < 0.03


def test_rows_whose_label_says_nothing_count_for_nothing() -> None:
    labelled = [(row, Label(0, rating=1.0)) for row, _ in rows("binary", 20)]
    loss, found = ablated(spec_of("binary"), labelled)
    assert loss != loss
    assert found["income"].value != found["income"].value
    assert mean_loss(spec_of("binary"), labelled, ["yes"] * 20) != 0
