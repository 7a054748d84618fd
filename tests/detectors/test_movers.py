"""What moved along: of several classes, the one that is answered as another more often than in the reference."""

import random

import pytest

from detectors.class_mistakes import MOST, mistakes_of
from detectors.history import History
from detectors.movers import grown_mistake
from detectors.state import decode, encode
from schemas.spec import ModelSpec

from .builders import DAY, START, blank_pane, labelled_row, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec("multiclass", classes=["low", "middle", "high"])
LAYOUT = layout_of(SPEC, profile_of(SPEC))


def told(spec: ModelSpec, *, confused: float, days: int = 4, rows: int = 200) -> History:
    """Cohorts in which `high` comes true for a part of what is answered as `low`."""
    rng, history, layout = random.Random(1), History(), layout_of(spec, profile_of(spec))
    for day in range(days):
        found = []
        for i in range(rows):
            row, label = labelled_row(spec, rng, START + day * DAY + i, f"{day}-{i}")
            if row.label == "low" and rng.random() < confused:
                label.label = "high"
            found.append((row, label))
        history.add(pane_of(layout, "cohort", found, START + day * DAY))
    return decode(encode(history))  # type: ignore[no-any-return]


def test_the_pair_of_classes_that_grew_most_is_named_with_both_shares() -> None:
    history = told(SPEC, confused=0.5)
    found = grown_mistake(LAYOUT, history.since(START))
    assert found is not None
    assert found.feature is None is found.segment
    name, shares = found.description.split(": ")
    assert name == "high answered as low"
    before, now = (float(part.split()[0]) for part in shares.split(" → "))
    assert before == pytest.approx(100 * 0.1 / 6, abs=0.8)
    assert now == pytest.approx(100 * (0.5 / 3 + 0.5 * 0.1 / 6), abs=4)
    assert found.effect == pytest.approx((now - before) / 100, abs=1e-4)


def test_what_chance_would_have_is_not_named() -> None:
    assert grown_mistake(LAYOUT, told(SPEC, confused=0.0).since(START)) is None
    assert grown_mistake(LAYOUT, []) is None


def test_two_classes_are_told_by_precision_and_recall() -> None:
    spec = model_spec()
    history = told(spec, confused=0.0)
    assert {cohort.mistakes for cohort in history.cohorts} == {None}
    assert grown_mistake(layout_of(spec, profile_of(spec)), history.since(START)) is None


def test_of_many_classes_the_most_frequent_mistakes_are_kept() -> None:
    spec = model_spec("multiclass", classes=[f"c{i:02}" for i in range(40)])
    layout = layout_of(spec, None)
    counts = blank_pane(layout, "cohort").counts.copy()
    size = 41
    layout.families["cohort"].view(counts, "confusion")[:] = range(size * size)
    kept = mistakes_of(layout, counts)
    assert kept is not None
    assert len(kept) == MOST
    assert min(kept.values()) > size * size - MOST - 5
    assert not any(place // size == place % size for place in kept), "what was right is no mistake"
