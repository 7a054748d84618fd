"""The profile is the stream's own summary of the reference, with bins, calibration and dispersion."""

import itertools
import random

import numpy as np
import pytest

from detectors.build_profile import CATEGORIES, NUMERIC_BINS, SAMPLED, build_profile
from detectors.id_hash import id_hash
from detectors.reference import vector
from detectors.row import Label, Row
from detectors.row_codes import RowCodes
from detectors.score_bins import QUANTILES, quantile_edges
from schemas.profile import ReferenceProfile

from .builders import DAY, START, TASKS, days, key_of, layout_of, model_spec, summary_of


@pytest.mark.parametrize("task", TASKS)
def test_its_counts_are_those_of_one_summary_over_all_rows(task: str) -> None:
    spec = model_spec(task, segments=["region"])
    rows = days(spec, 35, rows=12)
    layout = layout_of(spec, build_profile("m", None, spec, rows))
    for family in ("traffic", "cohort", "label"):
        whole = summary_of(layout, key_of(family), rows)
        assert np.array_equal(vector(layout, family), whole.counts)


@pytest.mark.parametrize("task", TASKS)
def test_it_survives_its_file(task: str) -> None:
    spec = model_spec(task)
    profile = build_profile("m", "7", spec, days(spec, 3, rows=10))
    again = ReferenceProfile.model_validate_json(profile.model_dump_json())
    assert again == profile
    assert again.model_dump_json() == profile.model_dump_json()


def test_the_order_of_rows_does_not_matter() -> None:
    spec = model_spec(segments=["region"])
    rows = days(spec, 33, rows=20)
    shuffled = list(rows)
    random.Random(1).shuffle(shuffled)
    assert build_profile("m", None, spec, shuffled) == build_profile("m", None, spec, rows)


def test_it_says_what_it_rests_on() -> None:
    spec = model_spec()
    rows = [(row, label if i % 2 else None) for i, (row, label) in enumerate(days(spec, 5, rows=8))]
    profile = build_profile("m", None, spec, rows)
    assert (profile.panes, profile.rows, profile.labelled, profile.pane) == (5, 40, 20, DAY)


def test_the_sample_is_the_rows_whose_ids_have_the_smallest_hashes_in_that_order() -> None:
    spec = model_spec(features={"income": "numeric", "region": "categorical", "note": "text"})
    rows = days(spec, 50, rows=SAMPLED // 40)
    profile = build_profile("m", None, spec, rows)
    chosen = sorted(rows, key=lambda labelled: id_hash(labelled[0].id)[0])[:SAMPLED]
    codes = RowCodes(layout_of(spec, profile)).of([row for row, _ in chosen])
    assert list(profile.sample) == ["income", "region"]
    assert [bytes.fromhex(text) for text in profile.sample.values()] == [part.tobytes() for part in codes.T]
    assert len(rows) > len(codes) == SAMPLED


def test_a_small_reference_is_its_own_sample() -> None:
    spec = model_spec(features={"income": "numeric"})
    assert len(build_profile("m", None, spec, days(spec, 3, rows=10)).sample["income"]) == 2 * 30


def test_no_rows_are_no_reference() -> None:
    with pytest.raises(ValueError, match="no rows"):
        build_profile("m", None, model_spec(), [])


def numbers(values: list[object]) -> ReferenceProfile:
    spec = model_spec(features={"income": "numeric"})
    rows = [(Row(START + i, str(i), [value], label="yes"), None) for i, value in enumerate(values)]
    return build_profile("m", None, spec, rows)


def test_many_values_are_cut_at_quantiles() -> None:
    values = [float(x) for x in np.random.default_rng(0).lognormal(0, 2, 4_000)]
    profile = numbers(values)
    edges = profile.numeric_edges["income"]
    assert len(edges) == NUMERIC_BINS - 1
    counts = profile.counts["traffic"]["histogram:income"]
    assert min(counts) >= 195
    assert max(counts) <= 205


def test_few_values_are_cut_between_them() -> None:
    assert numbers([0.0, 1.0, 1.0, 2.0] * 10).numeric_edges["income"] == [0.5, 1.5]


def test_a_constant_has_no_edges_and_a_missing_feature_neither() -> None:
    assert numbers([3.0] * 10).numeric_edges["income"] == []
    assert numbers([None] * 10).numeric_edges == {}


def test_a_value_that_is_most_of_them_takes_several_quantiles_and_one_edge() -> None:
    profile = numbers([0.0] * 900 + [float(i) for i in range(1, 101)])
    edges = profile.numeric_edges["income"]
    assert all(a < b for a, b in itertools.pairwise(edges))
    assert sum(profile.counts["traffic"]["histogram:income"]) == 1_000


def test_broken_values_shape_nothing() -> None:
    broken = [float("nan"), float("inf"), -float("inf"), "7", True, None]
    sound = [float(i) for i in range(100)]
    profile = numbers([*sound, *broken])
    assert profile.ranges["income"] == (0.0, 99.0)
    assert profile.numeric_edges == numbers(sound).numeric_edges


def test_extreme_values_still_have_increasing_edges() -> None:
    edges = numbers([-1.7e308, 1.7e308, 0.0, 5e-324]).numeric_edges["income"]
    assert all(np.isfinite(edges))
    assert all(a < b for a, b in itertools.pairwise(edges))


def test_the_most_frequent_categories_get_bins_of_their_own() -> None:
    spec = model_spec(features={"region": "categorical"})
    names = [f"r{i}" for i in range(CATEGORIES + 30) for _ in range(200 - i)]
    rows = [(Row(START + i, str(i), [name], label="yes"), None) for i, name in enumerate(names)]
    profile = build_profile("m", None, spec, rows)
    assert profile.categories["region"] == [f"r{i}" for i in range(CATEGORIES)]


def test_scores_are_cut_at_their_quantiles() -> None:
    spec = model_spec()
    rows = days(spec, 30, rows=100)
    profile = build_profile("m", None, spec, rows)
    quantiles = quantile_edges(np.array([row.score for row, _ in rows]), QUANTILES)
    assert len(quantiles) == QUANTILES - 1
    assert set(quantiles) <= set(profile.score_edges)


def scored(spec_task: str, n: int, curve: float, seed: int = 0) -> list[tuple[Row, Label]]:
    """Scores whose truth is `score ** curve`: calibrated for 1."""
    rng = random.Random(seed)
    rows = []
    for i in range(n):
        score = rng.random()
        hit = rng.random() < score**curve
        label = "yes" if score >= 0.5 else "no"
        truth = "yes" if hit else "no"
        if spec_task == "multiclass":
            label, truth = "a", "a" if hit else "b"
        row = Row(START + i, str(i), [0.0], label=label, score=score)
        rows.append((row, Label(row.time, truth)))
    return rows


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_calibration_is_monotone_and_near_the_truth(task: str) -> None:
    spec = model_spec(task, features={"income": "numeric"})
    profile = build_profile("m", None, spec, scored(task, 20_000, curve=2.0))
    found = np.array(profile.calibration)
    middles = np.convolve([0.0, *profile.score_edges, 1.0], [0.5, 0.5], mode="valid")
    assert len(found) == len(profile.score_edges) + 1
    assert (np.diff(found) >= 0).all()
    assert np.abs(found - middles**2).mean() < 0.03


def test_bins_without_labels_are_calibrated_by_their_neighbours() -> None:
    spec = model_spec(features={"income": "numeric"})
    rows = scored("binary", 3_000, curve=1.0)
    holes = [(row, None if 0.4 < (row.score or 0) < 0.6 else label) for row, label in rows]
    profile = build_profile("m", None, spec, holes)
    found = np.array(profile.calibration)
    assert (np.diff(found) >= -1e-12).all()
    assert 0.3 < found[np.searchsorted(profile.score_edges, 0.5)] < 0.7


def test_dispersion_sees_days_that_differ_and_names_what_differs() -> None:
    spec = model_spec(segments=["region"])
    rng, rows = random.Random(2), []
    for day in range(60):
        rows += days(spec, 1, rows=100, first=day, error=0.05 if rng.random() < 0.5 else 0.35)
    phi = build_profile("m", None, spec, rows).dispersion
    independent = build_profile("m", None, spec, days(spec, 60, rows=100, error=0.2)).dispersion
    assert phi["loss"] > 8
    assert independent.get("loss", 1.0) < 2
    assert phi.get("prediction:3", 1.0) < 2
    assert all(value > 1 for value in phi.values())


@pytest.mark.parametrize("constant", [True, False])
def test_every_dispersion_is_under_the_name_that_a_signal_asks_for(constant: bool) -> None:
    """Missing values come in bursts; the drift of the feature, with or without bins, is tempered for them."""
    from detectors.signals.drift import Drift

    spec = model_spec(features={"income": "numeric"})
    rng, rows = random.Random(3), []
    for day in range(50):
        for i in range(40):
            missing = day % 5 == 0 and i < 30
            value = None if missing else 1.0 if constant else rng.random()
            rows.append((Row(START + day * DAY + i, f"{day}-{i}", [value], label="yes"), None))
    layout = layout_of(spec, build_profile("m", None, spec, rows))
    drift = Drift(layout, "income", 1.0)
    assert drift._bet is not None
    assert drift._bet.detector.dispersion[-1] > 5
