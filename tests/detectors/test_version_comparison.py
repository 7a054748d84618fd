"""The comparison of two versions as a whole: how often it errs, how soon it answers, and what it does not say."""

import numpy as np
import pytest

from detectors.state import decode, encode
from detectors.version_comparison import Bound, VersionComparison
from detectors.version_losses import VersionLosses, paired

PANE, MOST = 200, 3_000


def losses(version: str, values: np.ndarray, ids: list[str], problem: str | None = None, scale: float = 1.0):
    counts = np.array([float(len(values))])
    return VersionLosses(version, 0, 1, problem, scale, counts, np.array([values.sum() / scale]), ids, values, [])


def answers(new: float, old: float, *, pairs: bool, runs: int, stake: float = 0.05, margin: float = 0.0) -> list[str]:
    """What each of some rollouts came to."""
    rng, found = np.random.default_rng(1), []
    for _ in range(runs):
        comparison = VersionComparison(margin, 0.25, 0.19)
        comparison.begin_stage(stake)
        answer = "none"
        for pane in range(MOST // PANE):
            wrong = [(rng.random(PANE) < rate).astype(float) for rate in (new, old)]
            names = [[f"{'' if pairs else version}{pane}-{i}" for i in range(PANE)] for version in ("2", "1")]
            comparison.compare(losses("2", wrong[0], names[0]), losses("1", wrong[1], names[1]), counts=True)
            assert comparison.how == ("pairs" if pairs else "same_panes")
            if comparison.worse or comparison.not_worse:
                answer = "worse" if comparison.worse else "not worse"
                break
        found.append(answer)
    return found


@pytest.mark.parametrize("pairs", [True, False])
def test_versions_that_are_alike_are_seldom_told_apart(pairs: bool) -> None:
    found = answers(0.25, 0.25, pairs=pairs, runs=200)
    assert found.count("worse") <= 0.05 * 200 + 8
    assert found.count("not worse") <= 0.05 * 200 + 8


@pytest.mark.parametrize("pairs", [True, False])
def test_a_clear_difference_is_told_either_way(pairs: bool) -> None:
    assert set(answers(0.35, 0.25, pairs=pairs, runs=30)) == {"worse"}
    assert set(answers(0.15, 0.25, pairs=pairs, runs=30)) == {"not worse"}


@pytest.mark.parametrize(("dispersion", "most"), [(1.0, 12), (2.0, 6)])
def test_a_version_that_is_better_on_some_days_and_worse_on_others_is_seldom_called_worse(
    dispersion: float, most: int
) -> None:
    """Alike over all days; on one, the difference is of N(0, .05²): bets on independent rows say worse of a third."""
    rng, worse, ids = np.random.default_rng(2), 0, [f"{i}" for i in range(PANE)]
    for _ in range(60):
        comparison = VersionComparison(0.0, 0.25, 0.19, dispersion)
        comparison.begin_stage(0.025)
        for _ in range(25):
            lots, shift = rng.random(PANE), rng.normal(0, 0.05) / 2
            others = np.where(rng.random(PANE) < 0.7, lots, rng.random(PANE))  # they err on the same rows, mostly
            wrong = (lots < 0.25 + shift).astype(float), (others < 0.25 - shift).astype(float)
            comparison.compare(losses("2", wrong[0], ids), losses("1", wrong[1], ids), counts=True)
        worse += comparison.worse
    assert worse <= most


def test_within_the_margin_it_is_not_worse() -> None:
    assert answers(0.27, 0.25, pairs=True, runs=30, margin=0.1).count("not worse") >= 29


def test_nothing_staked_never_says_worse() -> None:
    assert "worse" not in answers(0.6, 0.1, pairs=True, runs=2, stake=0.0)


def test_each_stage_asks_anew_whether_it_is_not_worse_and_keeps_what_was_staked() -> None:
    comparison = VersionComparison(0.0, 0.25, 0.19)
    comparison.begin_stage(0.02)
    ids = [f"{i}" for i in range(PANE)]
    good, bad = np.zeros(PANE), np.ones(PANE)
    comparison.compare(losses("2", good, ids), losses("1", bad, ids), counts=True)
    assert comparison.not_worse
    comparison.begin_stage(0.01)
    assert not comparison.not_worse
    assert (comparison.new.rows, comparison.old.rows) == (0, 0)
    assert 0.01 <= comparison.evidence < 0.02  # the first part has been all but lost
    comparison.compare(losses("2", bad, ids), losses("1", good, ids), counts=False)
    assert comparison.worse  # what was predicted before the stage is evidence, too
    assert comparison.new.rows == 0  # and no part of the stage


def test_problems_are_told_and_are_no_evidence() -> None:
    comparison = VersionComparison(0.0, 0.25, 0.19)
    comparison.begin_stage(0.02)
    ids = ["a", "b"]
    comparison.compare(losses("2", np.ones(2), ids, "no labels"), losses("1", np.zeros(2), ids), counts=True)
    assert comparison.problem == "version 2: no labels"
    assert comparison.evidence == pytest.approx(0.02)
    comparison.hold(losses("2", np.ones(2), ids, "no labels"), Bound(0.1, 100, 0.15, 1.0))
    assert comparison.evidence == pytest.approx(0.02)


def test_a_state_that_was_written_goes_on_alike() -> None:
    comparison = VersionComparison(0.0, 0.25, 0.19)
    comparison.begin_stage(0.02)
    ids = [f"{i}" for i in range(PANE)]
    comparison.compare(losses("2", np.ones(PANE), ids), losses("1", np.zeros(PANE), ids), counts=True)
    assert encode(decode(encode(comparison))) == encode(comparison)


def test_pairs_are_rows_that_stand_once_on_each_side() -> None:
    new = losses("2", np.array([1.0, 0.0, 1.0, 1.0]), ["a", "b", "twice", "twice"])
    old = losses("1", np.array([0.0, 1.0, 1.0]), ["b", "a", "twice"])
    found, problem = paired(new, old, 1.0)
    assert problem is None
    assert found is not None
    assert found.tolist() == [0.0, 0.0]  # a: 1 less 1; b: 0 less 0
    few = losses("1", np.zeros(10), ["a", *(f"other{i}" for i in range(9))])
    assert paired(losses("2", np.ones(10), ["a", *(f"own{i}" for i in range(9))]), few, 1.0) == (None, None)


def test_versions_with_other_scales_are_compared_on_the_larger_one() -> None:
    """Two references of a regression: losses are clipped alike on both sides."""
    new = losses("2", np.full(50, 4.0), [f"a{i}" for i in range(50)], scale=5.0)
    old = losses("1", np.full(50, 4.0), [f"b{i}" for i in range(50)], scale=10.0)
    ours, theirs = new.histogram(10.0), old.histogram(10.0)
    assert ours.counts.sum() == 50
    assert ours.sums.sum() == pytest.approx(theirs.sums.sum())
    comparison = VersionComparison(0.0, 0.4, 0.01)
    comparison.begin_stage(0.05)
    comparison.compare(new, old, counts=True)
    assert comparison.evidence <= 0.05 * 1.01
