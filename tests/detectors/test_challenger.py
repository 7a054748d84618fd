"""The challenger learns, follows change, is deterministic and bounded, and no feature value can break it."""

import math
import random
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.challenger import Challenger, ChallengerReading, LabelledRow
from detectors.challenger_experts import TreeExpert
from detectors.feature_encoder import BUCKETS, CATEGORIES, Encoded, FeatureEncoder
from detectors.running_scale import RunningScale
from detectors.state import decode, encode

FEATURES = {"income": "numeric", "age": "numeric", "region": "categorical", "owner": "boolean", "note": "text"}
TASKS = ["binary", "multiclass", "regression"]


def challenger(task: str) -> Challenger:
    return Challenger(task, FEATURES, positive_label="yes" if task == "binary" else None)


def rows(task: str, n: int, seed: int = 1, flip: int | None = None) -> list[LabelledRow]:
    """Rows whose outcome follows from the features but for a tenth of noise; reversed from row `flip` on."""
    rng, result = random.Random(seed), []
    for i in range(n):
        income, age = rng.gauss(40_000, 9_000), rng.uniform(18, 80)
        region, owner = rng.choice(["north", "south", "east"]), rng.random() < 0.5
        score = (income - 40_000) / 9_000 + (1.0 if region == "north" else -0.5) + (0.8 if owner else -0.8)
        score = -score if flip is not None and i >= flip else score
        score = rng.gauss(0, 2) if rng.random() < 0.1 else score
        truth = {
            "binary": "yes" if score > 0 else "no",
            "multiclass": "low" if score < -1 else "high" if score > 1 else "middle",
            "regression": 100.0 + 20 * score,
        }[task]
        features = [income if rng.random() > 0.02 else None, age, region, owner, "some text"]
        result.append(LabelledRow(features, truth, 25.0 if task == "regression" else 0.4))
    return result


def mean_loss(reading: ChallengerReading) -> float:
    return reading.loss_sum / reading.n


@pytest.mark.parametrize(("task", "chance", "reached"), [("binary", 0.5, 0.12), ("multiclass", 0.6, 0.25)])
def test_it_learns_to_classify(task: str, chance: float, reached: float) -> None:
    model, data = challenger(task), rows(task, 4_000)
    model.test_then_train(data[:2_000])
    assert mean_loss(model.test_then_train(data[2_000:])) < reached < chance


def test_it_learns_a_value() -> None:
    model, data = challenger("regression"), rows("regression", 4_000)
    model.test_then_train(data[:2_000])
    reading = model.test_then_train(data[2_000:])
    spread = sum(abs(float(row.truth) - 103.0) for row in data[2_000:]) / 2_000
    assert mean_loss(reading) < spread / 2


@pytest.mark.parametrize("task", TASKS)
def test_it_follows_a_world_turned_upside_down(task: str) -> None:
    model, data = challenger(task), rows(task, 8_000, flip=4_000)
    model.test_then_train(data[:3_000])
    before = mean_loss(model.test_then_train(data[3_000:4_000]))
    at_once = mean_loss(model.test_then_train(data[4_000:4_050]))
    model.test_then_train(data[4_050:7_000])
    after = mean_loss(model.test_then_train(data[7_000:]))
    assert at_once > 2 * before
    assert after < 1.25 * before


def test_each_row_is_predicted_before_it_is_learnt() -> None:
    rng = random.Random(5)
    noise = [LabelledRow([rng.random()], rng.choice(["yes", "no"]), 0.5) for _ in range(6_000)]
    model = Challenger("binary", {"x": "numeric"}, positive_label="yes")
    assert mean_loss(model.test_then_train(noise)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_its_loss_is_that_of_what_it_would_have_predicted(task: str) -> None:
    model = challenger(task)
    for row in rows(task, 1_500):
        predicted = model.predict(row.features)
        loss = model.test_then_train([row]).loss_sum
        if task == "regression":
            assert loss == pytest.approx(abs(float(predicted) - float(row.truth)), rel=1e-9, abs=1e-9)
        elif model.learnt > 1:
            assert loss == float(predicted != row.truth)


def test_the_error_that_a_tree_reads_off_its_leaf_is_that_of_its_prediction() -> None:
    tree, rng, checked = TreeExpert(), random.Random(2), 0
    for _ in range(5_000):
        x = {"a": rng.gauss(0, 1), "b": rng.gauss(0, 1)}
        outcome = int((x["a"] > 0) != (x["b"] > 0.5)) if rng.random() < 0.9 else rng.randrange(3)
        row = Encoded({}, x, [])
        expected = float(tree.predict(row) != outcome)
        assert tree.test_then_train(row, outcome) == expected
        checked += 1 - int(expected)
    assert checked > 3_000
    assert tree._model.n_nodes > 3


@pytest.mark.parametrize("task", TASKS)
def test_restored_after_3000_rows_it_goes_on_as_the_original(task: str) -> None:
    model, data = challenger(task), rows(task, 6_000, flip=3_500)
    model.test_then_train(data[:3_000])
    written = encode(model)
    restored = decode(written)
    assert encode(restored) == written
    for start in range(3_000, 6_000, 100):
        assert restored.predict(data[start].features) == model.predict(data[start].features)
        assert restored.test_then_train(data[start : start + 100]) == model.test_then_train(data[start : start + 100])
    assert encode(restored) == encode(model)


SCRIPT = """
import hashlib, sys
sys.path[:0] = sys.argv[1:]
from detectors.state import encode
from tests.detectors.test_challenger import TASKS, challenger, rows
for task in TASKS:
    model = challenger(task)
    model.test_then_train(rows(task, 2_000, flip=1_000))
    print(hashlib.sha256(encode(model)).hexdigest())
"""


def test_the_state_is_the_same_in_processes_that_hash_text_differently(pytestconfig: pytest.Config) -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", SCRIPT, str(pytestconfig.rootpath)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    assert len(digests.pop().split()) == len(TASKS)


def test_cutting_the_rows_into_calls_changes_nothing() -> None:
    data = rows("binary", 2_000)
    whole, pieces = challenger("binary"), challenger("binary")
    whole.test_then_train(data)
    for start in range(0, 2_000, 77):
        pieces.test_then_train(data[start : start + 77])
    assert encode(whole) == encode(pieces)


anything = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.text(max_size=80)
    | st.sampled_from([1e300, -1e300, 10**400, 5e-324, "\ud800", "x" * 10_000])
)


@pytest.mark.parametrize("task", TASKS)
@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.lists(anything, min_size=5, max_size=5), min_size=1, max_size=40))
def test_no_value_of_a_feature_breaks_it(task: str, values: list[list[object]]) -> None:
    model, data = challenger(task), rows(task, 300)
    model.test_then_train(data[:100])
    truths = [row.truth for row in data]
    model.test_then_train([LabelledRow(v, truths[i], 0.0) for i, v in enumerate(values)])  # type: ignore[arg-type]
    reading = model.test_then_train(data[100:])
    assert math.isfinite(reading.loss_sum)
    prediction = model.predict(data[0].features)
    assert isinstance(prediction, str) or math.isfinite(prediction)


@settings(max_examples=200, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=60))
def test_a_score_is_a_number_within_ten(values: list[float]) -> None:
    scale = RunningScale()
    for value in values:
        assert -10.0 <= scale.score(value, learn=True) <= 10.0
        assert math.isfinite(scale.mean)
        assert math.isfinite(scale.variance)


def test_one_sentinel_does_not_flatten_what_follows() -> None:
    rng, scale = random.Random(3), RunningScale()
    for _ in range(1_000):
        scale.score(rng.gauss(5, 1), learn=True)
    scale.score(1e9, learn=True)
    assert scale.score(6.0, learn=False) == pytest.approx(1.0, abs=0.15)


def test_a_missing_number_is_the_mean_and_says_so() -> None:
    encoder = FeatureEncoder({"x": "numeric"})
    encoder.encode([1.0], learn=True)
    encoder.encode([3.0], learn=True)
    for missing in (None, math.nan, math.inf, "three"):
        assert encoder.encode([missing], learn=True).linear == {"x": 0.0, "x?": 1.0}
    assert encoder.encode([3.0], learn=False).linear == {"x": 1.0}


def test_a_category_is_the_same_written_as_a_number_or_as_text() -> None:
    encoder = FeatureEncoder({"x": "categorical"})
    columns = [encoder.encode([value], learn=True).linear for value in (1, 1.0, "1")]
    assert columns[0] == columns[1] == columns[2]


def test_memory_is_bounded_however_many_categories_and_classes_come() -> None:
    model = Challenger("multiclass", {"x": "categorical", "z": "numeric"})
    model.test_then_train(LabelledRow([f"value {i}", 1.0], f"class {i}", 1.0) for i in range(300))
    size = len(encode(model))
    columns = {column for i in range(300) for column in model._encoder.encode([f"new {i}", 1.0], learn=True).categories}
    assert len(columns) == BUCKETS
    assert len(model._encoder._columns[0]) == CATEGORIES
    model.test_then_train(LabelledRow([f"more {i}", 1.0], f"other {i}", 1.0) for i in range(300))
    assert len(encode(model)) < 1.5 * size


def test_rows_without_a_usable_truth_are_left_out() -> None:
    model = challenger("regression")
    features = rows("regression", 1)[0].features
    reading = model.test_then_train([LabelledRow(features, truth, 1.0) for truth in (math.nan, math.inf, "text")])
    assert (reading.n, reading.learnt, model.learnt) == (0, 0, 0)


def test_rows_the_champion_has_no_loss_for_are_learnt_but_not_compared() -> None:
    model, data = challenger("binary"), rows("binary", 100)
    reading = model.test_then_train([row._replace(champion_loss=None) for row in data[:40]] + data[40:])
    assert (reading.n, reading.learnt) == (60, 100)
    assert reading.champion_loss_sum == pytest.approx(60 * 0.4)


def test_both_losses_are_cut_alike() -> None:
    model = Challenger("regression", {"x": "numeric"}, largest_loss=2.0)
    reading = model.test_then_train([LabelledRow([1.0], truth, 50.0) for truth in (1e6, -1e6, 1e6)])
    assert (reading.loss_sum, reading.champion_loss_sum, reading.better, reading.worse) == (6.0, 6.0, 0, 0)


def test_better_and_worse_count_the_rows_that_tell_the_two_apart() -> None:
    model = challenger("binary")
    data = rows("binary", 3_000)
    model.test_then_train(data)
    reading = model.test_then_train([row._replace(champion_loss=1.0) for row in data[:500]])
    assert reading.better == 500 - reading.loss_sum
    assert reading.worse == 0


def test_the_other_class_of_a_binary_task_is_named_as_it_was_seen() -> None:
    model = Challenger("binary", {"x": "numeric"}, positive_label="1")
    model.test_then_train([LabelledRow([float(i % 2)], str(i % 2), 0.0) for i in range(400)])
    assert (model.predict([0.0]), model.predict([1.0])) == ("0", "1")


@pytest.mark.parametrize("task", ["text", "binary"])
def test_a_task_that_it_cannot_learn_is_refused(task: str) -> None:
    with pytest.raises(ValueError, match="task"):
        Challenger(task, FEATURES)  # type: ignore[arg-type]
