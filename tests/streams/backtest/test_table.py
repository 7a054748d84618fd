"""What a person reads on a terminal of 80 columns."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from schemas.spec import MonitorSpec
from streams.backtest.recommendation import recommend
from streams.backtest.result import Result
from streams.backtest.run import replayed
from streams.backtest.table import in_words, print_result
from tests.streams.backtest import streams_of_signs as world
from tests.streams.backtest.streams_of_signs import learn, spec, table


def printed(result: Result, width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    print_result(console, result, recommend(result.outcomes, "m"), None)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def run(policies: list[dict[str, str]], signs: list[int]) -> Result:
    model = spec(costs={"loss": 1_200, "retraining": 48_000}, retraining={"minimum_labels": 100, "policies": policies})
    rows = table(model, signs)
    return replayed(MonitorSpec(models={"m": model}), "m", rows, world.layouts(model), learn, [])


@pytest.fixture(scope="module")
def drifted() -> Result:
    return run([{"type": "drift"}], [1] * 20 + [-1] * 30)


def test_the_recommendation_comes_first_in_words(drifted: Result):
    text = " ".join(" ".join(printed(drifted, 80)).split())
    own = next(one for one in drifted.outcomes if one.family == "own")
    advice = recommend(drifted.outcomes, "m")
    assert text.index(f"Cheapest that can be set: {advice.name}. It would have cost") < text.index("mistakes")
    assert f"the monitor file as it is, {own.total:,.0f} (" in text
    assert "Never retraining:" in text


def test_what_chance_may_account_for_is_no_reason_to_change(drifted: Result):
    own = next(one for one in drifted.outcomes if one.family == "own")
    advice = recommend(drifted.outcomes, "m")
    unsure = [replace(one, low=-1.0) if one.name == own.name else one for one in advice.standings]
    text = in_words(drifted, replace(advice, standings=unsure))
    assert text.startswith(f"Keep the monitor file as it is: it would have cost {own.total:,.0f}. Cheapest")
    assert "chance may account for the difference" in text


def test_trainings_that_came_to_nothing_are_told(drifted: Result):
    own = next(one for one in drifted.outcomes if one.family == "own")
    advice = recommend(drifted.outcomes, "m")
    kept = {"time": "2026-01-01T00:00:00Z", "came": "kept"}
    for triggers, words in (
        ([], None),
        ([kept], "As it is, one training was paid for and its model never served"),
        ([kept, kept], "As it is, 2 trainings were paid for and no model of them served"),
        ([kept, kept | {"came": "served"}], None),
    ):
        outcomes = [replace(own, triggers=triggers) if one is own else one for one in drifted.outcomes]
        text = in_words(replace(drifted, outcomes=outcomes), advice)
        assert ("As it is" in text) is bool(words)
        assert words is None or words in text


def test_each_policy_is_one_line_of_a_narrow_terminal_and_yours_is_marked(drifted: Result):
    lines = printed(drifted, 80)
    assert max(map(len, lines)) <= 80
    for one in drifted.outcomes:
        row = next(line for line in lines if line[2:].startswith(f"{one.name} "))
        assert row.split()[-2:] == [f"{one.total:,.0f}", f"{one.regret:,.0f}" if one.regret else "0"]
    assert [line[2:24] for line in lines if line.startswith("* as")] == ["as in the monitor file"]
    assert sum(line.startswith("> ") and "cheapest that can" not in line for line in lines) == 1
    assert "first on" not in " ".join(lines)
    assert "first on" in " ".join(printed(drifted, 120))


def test_where_nothing_is_cheaper_people_are_told_to_keep_what_they_have():
    lines = printed(run([], [1] * 40), 80)
    assert any("Keep the monitor file as it is" in line for line in lines)
    assert not any(line.startswith("models:") for line in lines)
