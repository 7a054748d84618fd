"""What is wrong with a value is counted as just that, and nothing wrong gets into a histogram or a sum."""

import math
from typing import Any

import numpy as np
import pytest

from detectors.layout import FIXED, INVALID, MISSING, OUT_OF_RANGE, QUALITY, UNSEEN, UNSEEN_BUCKETS, Layout
from detectors.row import Label, Row
from detectors.summary import PaneSummary

from .builders import (
    DAY,
    HOUR,
    START,
    LabelledRow,
    blank_pane,
    key_of,
    labelled_row,
    layout_of,
    model_spec,
    profile_of,
    summary_of,
)

NAN, INF = math.nan, math.inf


def traffic(layout: Layout, feature: str, values: list[Any]) -> PaneSummary:
    """A traffic pane whose rows have these values in one feature, and nothing in the others."""
    position = list(layout.spec.features).index(feature)
    rows: list[LabelledRow] = []
    for i, value in enumerate(values):
        features: list[Any] = [None] * len(layout.spec.features)
        features[position] = value
        rows.append((Row(START, str(i), features, label="yes", score=0.5), None))
    return summary_of(layout, key_of("traffic"), rows)


def section(layout: Layout, summary: PaneSummary, name: str) -> np.ndarray:
    return layout.families[summary.key.family].view(summary.counts, name)


def defects(layout: Layout, feature: str, values: list[Any]) -> dict[str, int]:
    found = section(layout, traffic(layout, feature, values), f"quality:{feature}").tolist()
    return {QUALITY[kind]: count for kind, count in enumerate(found) if count}


def plain(**changes: Any) -> Layout:
    spec = model_spec(**changes)
    return layout_of(spec, profile_of(model_spec()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (100.0, {}),
        (100, {}),
        (None, {"missing": 1}),
        (NAN, {"invalid": 1}),
        (INF, {"invalid": 1}),
        (-INF, {"invalid": 1}),
        ("100", {"invalid": 1}),
        ("", {"invalid": 1}),
        (True, {"invalid": 1}),
        (False, {"invalid": 1}),
        (1e6, {"out_of_range": 1}),
        (-1e308, {"out_of_range": 1}),
        (2**63 - 1, {"out_of_range": 1}),
    ],
)
def test_defects_of_a_number(value: Any, expected: dict[str, int]) -> None:
    assert defects(plain(), "income", [value]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("north", {}),
        (None, {"missing": 1}),
        ("west", {"unseen": 1}),
        ("", {"unseen": 1}),
        (7, {"unseen": 1}),
        (True, {"unseen": 1}),
        (NAN, {"invalid": 1}),
        (-INF, {"invalid": 1}),
    ],
)
def test_defects_of_a_category(value: Any, expected: dict[str, int]) -> None:
    assert defects(plain(), "region", [value]) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, {}),
        (False, {}),
        (None, {"missing": 1}),
        ("true", {"invalid": 1}),
        (1, {"invalid": 1}),
        (NAN, {"invalid": 1}),
    ],
)
def test_defects_of_a_boolean(value: Any, expected: dict[str, int]) -> None:
    assert defects(plain(), "owner", [value]) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [("words", {}), ("", {}), (None, {"missing": 1}), (3.0, {"invalid": 1})]
)
def test_defects_of_text(value: Any, expected: dict[str, int]) -> None:
    assert defects(plain(), "note", [value]) == expected


def test_values_that_are_declared_decide_what_is_unseen() -> None:
    features = {"region": {"type": "categorical", "allowed": ["north", "west"]}, "owner": "boolean"}
    layout = plain(features=features)
    assert defects(layout, "region", ["north", "west"]) == {}
    assert defects(layout, "region", ["south", "elsewhere"]) == {"unseen": 2}  # though the reference has south


def test_values_that_are_declared_are_known_without_a_reference() -> None:
    layout = layout_of(model_spec(features={"region": {"type": "categorical", "allowed": ["north", "west"]}}), None)
    histogram = section(layout, traffic(layout, "region", ["west", "north", "west", "south"]), "histogram:region")
    assert histogram[:2].tolist() == [1, 2]
    assert histogram[2:].sum() == 1


def test_nothing_is_unseen_where_nothing_is_known() -> None:
    layout = layout_of(model_spec(), None)
    assert defects(layout, "region", ["north", "west"]) == {}


def test_a_boolean_may_be_held_to_one_value() -> None:
    layout = plain(features={"owner": {"type": "boolean", "allowed": [True]}})
    assert defects(layout, "owner", [True, False]) == {"unseen": 1}


def test_a_declared_range_decides_what_is_out_of_it() -> None:
    layout = plain(features={"income": {"type": "numeric", "range": [0, 10]}})
    assert defects(layout, "income", [0, 10, 10.0001, -0.0001, -1e-300]) == {"out_of_range": 3}


def test_each_value_has_one_defect_at_most_and_only_sound_ones_are_binned() -> None:
    layout = plain()
    values = [100.0, None, NAN, INF, "x", True, 1e9, 90, 2**63 - 1]
    summary = traffic(layout, "income", values)
    quality = section(layout, summary, "quality:income")
    assert quality[[MISSING, INVALID, OUT_OF_RANGE, UNSEEN]].tolist() == [1, 4, 2, 0]
    assert section(layout, summary, "histogram:income").sum() == len(values) - 1 - 4
    assert section(layout, summary, "n").tolist() == [len(values)]


def test_bins_are_closed_on_the_right() -> None:
    layout = plain()
    edges = layout.edges["income"]
    at, above = (traffic(layout, "income", [value]) for value in (float(edges[3]), float(np.nextafter(edges[3], INF))))
    assert section(layout, at, "histogram:income").argmax() == 3
    assert section(layout, above, "histogram:income").argmax() == 4


def test_unseen_categories_go_to_the_bucket_of_their_hash() -> None:
    layout = plain()
    first, again = (traffic(layout, "region", ["west", "west", "up"]) for _ in range(2))
    histogram = section(layout, first, "histogram:region")
    assert histogram[:-UNSEEN_BUCKETS].sum() == 0
    assert histogram[-UNSEEN_BUCKETS:].sum() == 3
    assert np.array_equal(histogram, section(layout, again, "histogram:region"))
    many = section(layout, traffic(layout, "region", [f"new {i}" for i in range(400)]), "histogram:region")
    assert (many[-UNSEEN_BUCKETS:] > 0).all()


def test_sums_are_exact_in_fixed_point() -> None:
    layout = plain()
    assert layout.profile is not None
    low, high = layout.profile.ranges["income"]
    values = [0.1, 100.0, high, -3.0, 1e308]
    scale = 4 * max(abs(low), abs(high))
    expected = sum(round(max(-1.0, min(1.0, value / scale)) * FIXED) for value in values)
    assert section(layout, traffic(layout, "income", values), "sum:income").tolist() == [expected]


def test_latencies_slower_than_the_reference_are_counted() -> None:
    layout = plain()
    assert layout.profile is not None
    slow = layout.profile.slow_ms
    assert slow is not None
    latencies = [None, 0.0, slow, slow * 1.01, 1e300]
    rows = [(Row(START, str(i), [None] * 4, label="yes", latency_ms=ms), None) for i, ms in enumerate(latencies)]
    summary = summary_of(layout, key_of("traffic"), rows)
    assert section(layout, summary, "slow").tolist() == [2, 4]
    assert section(layout, summary, "latency").sum() == 4


def test_scores_are_counted_by_predicted_class() -> None:
    layout = plain()
    rows = [
        (Row(START, "a", [None] * 4, label="yes", score=0.99), None),
        (Row(START, "b", [None] * 4, label="no", score=0.01), None),
        (Row(START, "c", [None] * 4, label="maybe"), None),
    ]
    summary = summary_of(layout, key_of("traffic"), rows)
    scores = section(layout, summary, "scores").reshape(2, -1)
    assert scores.sum(axis=1).tolist() == [1, 1]
    assert scores[0].argmax() < scores[1].argmax()
    assert section(layout, summary, "no_score").tolist() == [1]
    assert section(layout, summary, "classes").tolist() == [2, 1, 0]


def test_a_class_that_nobody_named_has_a_code_of_its_own() -> None:
    spec = model_spec("multiclass")
    layout = layout_of(spec, profile_of(spec))
    rows = [(Row(START, str(i), [None] * 4, label=name), None) for i, name in enumerate(["low", "new", None])]
    classes = section(layout, summary_of(layout, key_of("traffic"), rows), "classes")
    assert layout.classes == ("high", "low", "middle")
    assert classes.tolist() == [0, 1, 0, 2]


def test_losses_are_clipped_at_what_the_profile_leaves_room_for() -> None:
    spec = model_spec("regression")
    layout = layout_of(spec, profile_of(spec))
    scale = layout.loss_scale
    assert scale is not None
    truths = [0.0, scale / 2, scale, 10 * scale, 1.7e308]
    rows = [(Row(START, str(i), [None] * 4, value=0.0), Label(START, value=v)) for i, v in enumerate(truths)]
    summary = summary_of(layout, key_of("cohort"), rows)
    losses, sums = (section(layout, summary, name) for name in ("losses", "loss_sums"))
    assert losses.tolist() == [1, *[0] * 9, 1, *[0] * 8, 3]
    assert sums.sum() / FIXED == pytest.approx(3.5)


def test_a_regression_without_a_reference_counts_rows_and_no_losses() -> None:
    spec = model_spec("regression")
    layout = layout_of(spec, None)
    rows = [(Row(START, "a", [None] * 4, value=0.0), Label(START, value=1.0))]
    cohort, label = (summary_of(layout, key_of(family), rows) for family in ("cohort", "label"))
    assert section(layout, cohort, "n").tolist() == [1]
    assert section(layout, cohort, "losses").sum() == 0
    assert section(layout, label, "labelled").tolist() == [1]


def test_losses_of_segments_add_up_to_those_of_all() -> None:
    import random

    spec = model_spec(segments=["region", "owner"])
    layout = layout_of(spec, profile_of(spec))
    rng = random.Random(1)
    rows = [labelled_row(spec, rng, START + i, str(i)) for i in range(200)]
    rows += [(Row(START, "x", [1.0, "west", "?", ""], label="yes"), Label(START, "no"))]
    summary = summary_of(layout, key_of("cohort"), rows)
    for segment in spec.segments:
        for part, whole in (("segment_n", "n"), ("segment_losses", "losses"), ("segment_loss_sums", "loss_sums")):
            assert section(layout, summary, f"{part}:{segment}").sum() == section(layout, summary, whole).sum()
        assert section(layout, summary, f"segment_n:{segment}")[-1] == 1
    assert section(layout, summary, "confusion").sum() == 201


def test_delays_and_ratings_of_labels() -> None:
    spec = model_spec("text")
    layout = layout_of(spec, profile_of(spec))
    rows = [
        (Row(START, "a", [None] * 4), Label(START + HOUR, rating=0.25)),
        (Row(START, "b", [None] * 4), Label(START - DAY, rating=1.0)),  # known before it was asked
        (Row(START, "c", [None] * 4), Label(START + DAY, "better")),
    ]
    summary = summary_of(layout, key_of("label"), rows)
    assert section(layout, summary, "n").tolist() == [3]
    assert section(layout, summary, "ratings").tolist() == [2]
    assert section(layout, summary, "rating_sum").tolist() == [round(1.25 * FIXED)]
    delay = section(layout, summary, "delay")
    assert (delay.sum(), delay[0]) == (3, 1)
    assert section(layout, summary, "labelled").tolist() == [3]


def test_a_pane_set_by_hand_is_the_pane_that_is_counted() -> None:
    layout = plain()
    rows = [(Row(START, str(i), [None] * 4, label="yes"), Label(START, "no" if i < 3 else "yes")) for i in range(10)]
    counted = summary_of(layout, key_of("cohort"), rows)
    by_hand = blank_pane(layout, "cohort", n=10, losses=10, loss_sums=3 * FIXED)
    for name in ("n", "losses", "loss_sums"):
        assert np.array_equal(section(layout, counted, name), by_hand.view(name))
