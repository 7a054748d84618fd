from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.event_time import rfc3339
from schemas.spec import MonitorSpec
from streams.backtest.document import document
from streams.backtest.page import write_backtest_page
from streams.backtest.recommendation import recommend
from streams.backtest.result import Outcome, Result
from streams.backtest.run import replayed
from streams.errors import UserError
from streams.trainer import Features, FittedModel, ModelOutput
from tests.streams.backtest import streams_of_signs as world
from tests.streams.backtest.streams_of_signs import BEGIN, DAY, learn, spec, table


def run(signs: list[int], seed: int = 0, unlabelled: float = 0.0, **changes: object) -> Result:
    model = spec(**changes)
    monitor = MonitorSpec(models={"m": model})
    return replayed(monitor, "m", table(model, signs, seed, unlabelled), world.layouts(model), learn, [])


def named(result: Result, name: str) -> Outcome:
    """Return a policy's outcome; the file's own stands for the cost policy, which it has by default."""
    return next(one for one in result.outcomes if one.name in (name, f"as in the monitor file: {name}"))


@pytest.fixture(scope="module")
def abrupt() -> Result:
    """The world turns over after thirty days of sixty."""
    return run([1] * 30 + [-1] * 30)


def test_after_one_abrupt_change_the_best_in_hindsight_trains_once_and_soon_after(abrupt: Result):
    trained = [abrupt.moments[point + 1] for point in abrupt.best.trained]
    assert len(trained) == 1
    assert BEGIN + 32 * DAY < trained[0] <= BEGIN + 37 * DAY  # labels of the new world have to mature first


def test_what_sees_the_change_beats_never_and_is_close_to_the_best(abrupt: Result):
    never, cost = named(abrupt, "never"), named(abrupt, "cost")
    assert never.retrainings == 0
    assert cost.total < never.total / 2
    assert cost.retrainings <= 3
    assert cost.triggers[0]["time"] > rfc3339(BEGIN + 32 * DAY)
    assert named(abrupt, "performance").total < never.total / 2


def test_where_nothing_changes_never_is_best():
    result = run([1] * 60)
    assert result.best.trained == []
    assert result.outcomes[0].total == pytest.approx(named(result, "never").total)
    assert named(result, "never").regret == 0
    assert named(result, "cost").retrainings == 0
    assert all(one.regret > 0 for one in result.outcomes if one.family == "period")


def test_where_a_concept_comes_back_the_recorded_model_serves_again_for_nothing():
    result = run([1] * 20 + [-1] * 20 + [1] * 20)
    assert len(result.best.trained) == 1
    assert result.best.serving[-1] == result.best.serving[0]  # the recorded one
    assert any(each["came"] == "went_back" for one in result.outcomes for each in one.triggers)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(st.sampled_from([1, -1]), st.integers(3, 12)), min_size=2, max_size=4),
    st.integers(0, 5),
    st.sampled_from([0.0, 0.4]),
)
def test_no_policy_costs_less_than_the_best_in_hindsight(parts: list[tuple[int, int]], seed: int, unlabelled: float):
    signs = [sign for sign, days in parts for _ in range(days)]
    result = run(signs, seed, unlabelled)
    for one in result.outcomes:
        assert one.total >= result.best.total - 1e-6, one.name
        assert one.total == pytest.approx(one.loss_cost + one.retraining_cost)
        assert one.by_stretch.sum() == pytest.approx(one.total)


def test_the_same_history_gives_the_same_bytes(tmp_path: Path):
    pages = []
    for place in ("a", "b"):
        result = run([1] * 15 + [-1] * 15, retraining={"minimum_labels": 100, "cooldown": "3d"})
        advice = recommend(result.outcomes, "m")
        (tmp_path / place).mkdir()
        pages.append((document(result, advice), write_backtest_page(tmp_path / place, result, advice).read_bytes()))
    assert pages[0] == pages[1]


def test_the_recommendation_is_the_cheapest_that_can_be_set_and_knows_how_it_fared_out_of_sample(abrupt: Result):
    advice = recommend(abrupt.outcomes, "m")
    settable = [one for one in abrupt.outcomes if one.settings is not None]
    assert advice.name == min(settable, key=lambda one: (one.total, one.name)).name
    assert sum(one.cheapest for one in advice.standings) == pytest.approx(1)
    assert advice.standings[0].low == advice.standings[0].high == 0
    assert advice.second_half >= advice.second_best_cost
    assert advice.yaml is not None
    assert "models:\n  m:\n" in advice.yaml


def test_what_is_recommended_can_be_pasted(abrupt: Result):
    import yaml

    from streams.backtest.recommendation import block

    for one in abrupt.outcomes:
        text = block("m", one)
        if text is None:
            assert one.family == "adwin"
            continue
        given = yaml.safe_load(text)["models"]["m"]
        again = spec(**given)
        assert again.retraining.minimum_labels > 0 or one.family != "never"


class Spy:
    """Learns nothing, and notes what it was shown."""

    def __init__(self) -> None:
        self.shown: list[pa.Table] = []

    def __call__(self, rows: pa.Table) -> FittedModel:
        self.shown.append(rows)
        return learn(rows)


def test_nothing_looks_ahead():
    """What comes after a moment, however it is changed, changes nothing that was decided before it."""
    model = spec()
    monitor = MonitorSpec(models={"m": model})
    quiet = table(model, [1] * 20 + [-1] * 12 + [1] * 20)
    wild = table(model, [1] * 20 + [-1] * 12 + [-1] * 20)
    cut = BEGIN + 32 * DAY
    first, second = (replayed(monitor, "m", rows, world.layouts(model), learn, []) for rows in (quiet, wild))
    assert [one.name for one in sorted(first.outcomes, key=_name)] == [
        one.name for one in sorted(second.outcomes, key=_name)
    ]
    decided = 0
    for one, other in zip(sorted(first.outcomes, key=_name), sorted(second.outcomes, key=_name), strict=True):
        until = rfc3339(cut)
        early = [each for each in one.triggers if each["time"] < until]
        assert early == [each for each in other.triggers if each["time"] < until], one.name
        decided += len(early)
        before = sum(moment + DAY <= cut for moment in first.moments)
        assert one.by_stretch[: before - 1] == pytest.approx(other.by_stretch[: before - 1]), one.name
    assert decided > 10


def test_a_candidate_is_shown_only_labels_that_were_known_and_no_row_that_is_held_out():
    model, spy = spec(), Spy()
    candidates = world.candidates(model, table(model, [1] * 20), learner=spy)
    held_out = {one for one, held in zip(candidates.history.ids, candidates.held_out, strict=True) if held}
    for point, moment in enumerate(candidates.points.moments.tolist()):
        candidates.of(BEGIN, point)
        rows = spy.shown[-1]
        assert max(each.timestamp() for each in rows["label_time"].to_pylist()) * 1e6 < moment
        assert max(each.timestamp() for each in rows["time"].to_pylist()) * 1e6 < moment - model.maturity
        assert not held_out & set(rows["prediction_id"].to_pylist())
    assert held_out


def test_a_model_answers_no_row_from_before_its_training_is_over():
    model = spec()
    candidates = world.candidates(model, table(model, [-1] * 20), delay="3d")
    candidate, problem = candidates.of(BEGIN, 5)
    assert problem is None
    costs = candidates.costs(candidate)
    assert not costs[:6].any()
    first = candidates.points.rows(6).start
    assert candidates.history.times[first] >= candidates.points.moments[5] + 3 * DAY
    assert candidates.history.times[first - 1] < candidates.points.moments[5] + 3 * DAY


def test_trainings_that_fail_are_paid_for_and_told():
    def fails_late(rows: pa.Table) -> FittedModel:
        if int(rows["time"][-1].as_py().timestamp() * 1_000_000) > BEGIN + 12 * DAY:
            raise UserError("the disk is full")
        return learn(rows)

    model, notes = spec(), []
    rows = table(model, [1] * 12 + [-1] * 12)
    result = replayed(MonitorSpec(models={"m": model}), "m", rows, world.layouts(model), fails_late, notes)
    assert any("the disk is full" in note for note in notes)
    period = next(one for one in result.outcomes if one.family == "period")
    assert any(each["came"] == "failed" for each in period.triggers)
    assert period.retraining_cost == pytest.approx(40 * period.retrainings)
    assert min(one.regret for one in result.outcomes) >= 0


def test_where_no_training_works_there_is_nothing_to_compare():
    def fails(_: pa.Table) -> FittedModel:
        raise UserError("the program was not found")

    model = spec()
    rows = table(model, [1] * 12 + [-1] * 12)
    with pytest.raises(UserError, match="the program was not found"):
        replayed(MonitorSpec(models={"m": model}), "m", rows, world.layouts(model), fails, [])


def test_few_decision_points_are_said_and_still_bound_every_policy():
    model, notes = spec(), []
    result = replayed(
        MonitorSpec(models={"m": model}),
        "m",
        table(model, [1] * 20 + [-1] * 20),
        world.layouts(model),
        learn,
        notes,
        decisions=5,
    )
    assert result.decisions == 5
    assert any("--decisions" in note for note in notes)
    assert min(one.regret for one in result.outcomes) >= 0


@pytest.mark.parametrize(
    ("signs", "unlabelled", "says"),
    [([1] * 20, 1.0, "none of 1,600 rows has a label"), ([1], 0.0, "no pane of this history is judged")],
)
def test_a_history_with_nothing_to_decide_on_is_told(signs: list[int], unlabelled: float, says: str):
    with pytest.raises(UserError, match=says):
        run(signs, unlabelled=unlabelled)


def test_regression_is_priced_by_its_error():
    model = spec(task="regression", positive_label=None)
    rows = table(spec(), [1] * 15)
    x = np.array(rows["feature.x"].to_pylist())
    rows = rows.set_column(rows.schema.get_field_index("value"), "value", pa.array(np.where(x > 0, 2.0, -2.0)))
    rows = rows.set_column(rows.schema.get_field_index("output_value"), "output_value", pa.array(np.zeros(len(x))))
    from streams.backtest.history import History

    history = History("m", model, rows)
    assert history.losses[history.labelled].mean() == pytest.approx(2.0)


def _name(one: Outcome) -> str:
    return one.name


class MeanModel:
    """Answers the same number, or the same class, for every row."""

    def __init__(self, value: float | None = None, label: str | None = None) -> None:
        self.value, self.label = value, label

    def outputs(self, features: Features) -> list[ModelOutput]:
        probabilities = None if self.label is None else {self.label: 1.0}
        return [ModelOutput(self.label, None if self.label is None else 1.0, self.value, probabilities)] * len(features)


def learn_middle(rows: pa.Table) -> MeanModel:
    values, labels = rows["value"].to_pylist(), rows["label"].to_pylist()
    if values[0] is not None:
        return MeanModel(value=float(np.mean(values)))
    return MeanModel(label=max(sorted(set(labels)), key=labels.count))


@pytest.mark.parametrize("task", ["regression", "multiclass"])
def test_numbers_and_many_classes_are_gone_through_alike(task: str):
    """A level that jumps after fifteen days; the recorded model stays at the old one."""
    model = spec(task=task, positive_label=None, costs={"retraining": 100})
    days = 40
    rows = table(spec(), [1] * days)
    late = np.repeat([False, True], [15 * world.A_DAY, (days - 15) * world.A_DAY])
    noise = np.random.default_rng(3).normal(size=len(late))
    if task == "regression":
        truth, column, answer = pa.array(np.where(late, 5.0, 1.0) + 0.1 * noise), "value", "output_value"
        said = pa.array(np.ones(len(late)))
    else:
        truth, column, answer = (
            pa.array(np.where(late, "b", np.where(noise > 1.5, "c", "a")).tolist()),
            "label",
            "output_label",
        )
        said = pa.array(["a"] * len(late))
    rows = rows.set_column(rows.schema.get_field_index("label"), "label", pa.nulls(len(late), pa.string()))
    rows = rows.set_column(
        rows.schema.get_field_index("output_label"), "output_label", pa.nulls(len(late), pa.string())
    )
    rows = rows.set_column(rows.schema.get_field_index(column), column, truth)
    rows = rows.set_column(rows.schema.get_field_index(answer), answer, said)
    good = rows.slice(0, 15 * world.A_DAY)
    layouts = world.layouts_of(model, good)
    result = replayed(MonitorSpec(models={"m": model}), "m", rows, layouts, learn_middle, [])
    assert result.best.trained
    assert BEGIN + 17 * DAY < result.moments[result.best.trained[0] + 1] <= BEGIN + 22 * DAY
    assert named(result, "cost").total < named(result, "never").total / 2
    assert min(one.regret for one in result.outcomes) >= 0


def test_a_matrix_of_costs_prices_each_kind_of_mistake():
    model = spec(costs={"retraining": 40, "matrix": {"1": {"0": 10}, "0": {"1": 1}}})
    rows = table(model, [1] * 10 + [-1] * 20)
    result = replayed(MonitorSpec(models={"m": model}), "m", rows, world.layouts(model), learn, [])
    wrong = [(t, s) for t, s in zip(rows["label"].to_pylist(), rows["output_label"].to_pylist(), strict=True) if t != s]
    assert named(result, "never").total == sum(10 if truth == "1" else 1 for truth, _ in wrong)
    assert result.unit == "in the unit of costs.matrix"
