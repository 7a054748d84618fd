"""Default margins go with the scale of the loss; declared ones are in its unit."""

import numpy as np
import pytest

from streams.check.comparison import Comparison
from streams.check.context import Unanswerable
from streams.check.hardest import Hardest
from streams.check.margins import hardest_margin, slice_margin
from streams.check.slices import Slices
from streams.trainer import ModelOutput

from .world import context, guess, number, rows, spec_of, with_column


def about(factor: float, unit: float):
    return lambda row: ModelOutput(value=unit * factor * 3 * number(row["income"]))


def in_unit(unit: float, spec, champion: float = 1.2):
    table = rows(spec, 900, champion=about(champion, unit))
    return with_column(table, "value", [unit * value for value in table["value"].to_pylist()])


@pytest.mark.parametrize("unit", [0.001, 1.0, 44_000.0])
def test_a_regression_has_the_same_verdict_in_any_unit(unit: float) -> None:
    spec = spec_of("regression")
    found = context(spec, about(1.199, unit), in_unit(unit, spec))
    result = Slices().run(found)
    assert result.verdict == "passed"
    mean = float(np.mean(found.champion_losses))
    assert result.numbers["slice_margin"] == pytest.approx(0.02 * mean)
    assert hardest_margin(found) == pytest.approx(0.05 * mean)
    assert "slice_margin: 2 % of the champion's mean loss" in result.reason
    worse = Slices().run(context(spec, about(1.4, unit), in_unit(unit, spec)))
    assert worse.verdict == "failed"


def test_what_is_declared_is_in_the_unit_of_the_loss() -> None:
    spec = spec_of("regression", {"slice_margin": 0.5, "hardest_margin": 7.0})
    found = context(spec, about(1.2, 1.0), in_unit(1.0, spec))
    assert (slice_margin(found), hardest_margin(found)) == (0.5, 7.0)
    assert Slices().run(found).numbers["slice_margin"] == 0.5
    assert "(slice_margin)" in Slices().run(found).reason


def test_classes_have_the_share_itself() -> None:
    found = context(spec_of(), guess)
    assert (slice_margin(found), hardest_margin(found)) == (0.02, 0.05)


def test_without_any_answer_of_the_champion_there_is_nothing_to_take_a_share_of(tmp_path) -> None:
    spec = spec_of("regression")
    found = context(spec, about(1.0, 1.0), rows(spec, champion=None))
    with pytest.raises(Unanswerable, match="default margin is a share"):
        slice_margin(found)
    with pytest.raises(Unanswerable):
        Comparison().run(found)


def test_the_hardest_points_of_a_regression_are_judged_by_a_share_too(tmp_path) -> None:
    spec = spec_of("regression")
    suite = tmp_path / "suite.parquet"
    of_old = in_unit(44_000.0, spec, champion=1.5)
    Hardest().run(context(spec, about(1.6, 44_000.0), of_old, suite=suite, id="first", candidate_name="older"))
    now = with_column(in_unit(44_000.0, spec), "version", ["2"] * 900)
    found = context(
        spec,
        about(1.19, 44_000.0),
        now,
        suite=suite,
        id="second",
        champion=about(1.2, 44_000.0),
        champion_version="2",
        candidate_name="newer",
    )
    result = Hardest().run(found)
    assert result.verdict == "passed", result.reason
    assert result.numbers["margin"] == pytest.approx(0.05 * float(np.mean(found.champion_losses)))
