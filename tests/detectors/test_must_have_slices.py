"""Segments are must-haves where their loss rose by more than elsewhere, and never because everything rose."""

import random

import pytest

from detectors.history import Cohort
from detectors.must_have_slices import must_have_slices
from schemas.trigger import Slice

from .builders import REGIONS, layout_of, model_spec, profile_of
from .situations import cohort

SPEC = model_spec(segments=["region"])


def slices(rates: dict[str, float], rows: int = 2_000, max_rows: int = 100_000, seed: int = 0) -> list[Slice]:
    rng = random.Random(seed)
    cohorts: list[Cohort] = []
    for day in range(10):
        each = rows // 10 // len(REGIONS)
        parts = {
            f"region={name}": (each, float(sum(rng.random() < rates[name] for _ in range(each)))) for name in REGIONS
        }
        loss = sum(errors for _, errors in parts.values())
        cohorts.append(cohort(day, each * len(REGIONS), loss, segments=parts))
    return must_have_slices(layout_of(SPEC, profile_of(SPEC)), cohorts, max_rows)


def test_a_rise_everywhere_makes_no_segment_a_must_have() -> None:
    found = [slices(dict.fromkeys(REGIONS, 0.4), seed=seed) for seed in range(60)]
    assert sum(map(bool, found)) <= 6  # 5 % of 60 would be three


def test_the_segment_that_rose_is_named_with_the_numbers_and_innocent_ones_are_not() -> None:
    for seed in range(20):
        (one,) = slices({"north": 0.4, "south": 0.1, "east": 0.1}, seed=seed)
        assert one.segment == "region=north"
        assert "→" in one.reason
        assert "standard errors" in one.reason
        assert one.rows == 660


def test_a_segment_that_rose_less_than_the_others_is_none() -> None:
    found = slices({"north": 0.15, "south": 0.5, "east": 0.5}, rows=6_000)
    assert "region=north" not in {one.segment for one in found}


@pytest.mark.parametrize(("max_rows", "at_least"), [(100, 200), (1_500, 500), (100_000, 660)])
def test_a_slice_has_at_least_its_share_and_two_hundred_rows_or_all_it_has(max_rows: int, at_least: int) -> None:
    (one,) = slices({"north": 0.4, "south": 0.1, "east": 0.1}, max_rows=max_rows)
    assert one.at_least == at_least


def test_without_a_reference_or_rows_there_is_none() -> None:
    assert must_have_slices(layout_of(SPEC, None), [cohort(1, segments={"region=north": (50, 50.0)})], 100) == []
    assert must_have_slices(layout_of(SPEC, profile_of(SPEC)), [], 100) == []
