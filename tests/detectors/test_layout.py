"""Both levels lay out the same counts for the same settings, and notice when they do not."""

import itertools

import pytest

from detectors.layout import UNSEEN_BUCKETS, category, segment_code
from detectors.layouts import Layouts
from schemas.profile import ReferenceProfile

from .builders import TASKS, layout_of, layouts_of, model_spec, profile_of


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("profiled", [True, False])
def test_sections_fill_the_vector_without_gaps_or_overlaps(task: str, profiled: bool) -> None:
    spec = model_spec(task, segments=["region", "owner"])
    layout = layout_of(spec, profile_of(spec) if profiled else None)
    for family in layout.families.values():
        slices = list(family.sections.values())
        assert slices[0].start == 0
        assert slices[-1].stop == family.size
        assert all(a.stop == b.start for a, b in itertools.pairwise(slices))


def test_the_same_settings_have_the_same_fingerprint() -> None:
    spec = model_spec()
    again = ReferenceProfile.model_validate_json(profile_of(spec).model_dump_json())
    assert layout_of(spec, profile_of(spec)).fingerprint == layout_of(spec, again).fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"numeric_edges": {"income": [1.0, 2.0]}},
        {"ranges": {"income": (0.0, 1.0)}},
        {"categories": {"region": ["south", "north", "east"]}},
        {"score_edges": [0.5]},
        {"slow_ms": 7.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_counts_by_another_profile_have_another_fingerprint(change: dict[str, object]) -> None:
    spec = model_spec()
    profile = profile_of(spec)
    assert layout_of(spec, profile).fingerprint != layout_of(spec, profile.model_copy(update=change)).fingerprint


@pytest.mark.parametrize(
    ("task", "change"),
    [
        ("binary", {"positive_label": "no"}),
        ("binary", {"pane": "2d"}),
        ("binary", {"segments": ["region"]}),
        ("binary", {"features": {"income": {"type": "numeric", "minimum": 50}, "region": "categorical"}}),
        ("binary", {"features": {"income": "numeric", "region": {"type": "categorical", "allowed": ["north"]}}}),
        ("multiclass", {"classes": ["low", "high"]}),
    ],
    ids=str,
)
def test_counts_by_other_settings_have_another_fingerprint(task: str, change: dict[str, object]) -> None:
    base = {"features": {"income": "numeric", "region": "categorical"}}
    spec, other = model_spec(task, **base), model_spec(task, **(base | change))
    profile = profile_of(spec)
    assert layout_of(spec, profile).fingerprint != layout_of(other, profile).fingerprint


def test_the_sum_of_a_feature_with_a_declared_range_is_scaled_by_the_reference_all_the_same() -> None:
    spec = model_spec(features={"income": {"type": "numeric", "range": [0, 1_000]}})
    profile = profile_of(spec)
    other = profile.model_copy(update={"ranges": {"income": (0.0, 1.0)}})
    assert layout_of(spec, profile).fingerprint != layout_of(spec, other).fingerprint


def test_a_declared_range_goes_before_that_of_the_reference() -> None:
    declared = model_spec(features={"income": {"type": "numeric", "minimum": 0}})
    plain = model_spec(features={"income": "numeric"})
    profile = profile_of(plain)
    assert layout_of(declared, profile).range_of("income") == (0, float("inf"))
    assert layout_of(plain, profile).range_of("income") == profile.ranges["income"]
    assert layout_of(plain, None).range_of("income") == (-float("inf"), float("inf"))


def test_a_version_takes_its_own_profile_or_the_common_one() -> None:
    spec = model_spec()
    own, common = profile_of(spec, seed=1), profile_of(spec)
    layouts = Layouts({"m": spec}, {"m": {"2": own, None: common}})
    assert layouts.of("m", "2").profile is own
    assert layouts.of("m", "1").profile is common
    assert layouts.of("m", "1") is layouts.of("m", "1")


def test_versions_without_end_do_not_fill_the_memory_and_those_in_use_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detectors.layouts.MOST_LAYOUTS", 100)
    layouts = layouts_of(model_spec(features={"owner": "boolean"}), None)
    used = layouts.of("m", "used")
    for number in range(1_000):
        layout = layouts.of("m", str(number))
        assert layouts.of("m", "used") is used
        assert (layout.version, layout.fingerprint) == (str(number), used.fingerprint)
        assert layout.families is used.families, "what is large is there once"
    assert len(layouts._layouts) == 100


def test_a_version_with_a_profile_of_its_own_shares_nothing() -> None:
    spec = model_spec()
    own, common = profile_of(spec, seed=1), profile_of(spec)
    layouts = Layouts({"m": spec}, {"m": {"2": own, None: common}})
    shared, mine = layouts.of("m", "1"), layouts.of("m", "2")
    assert (mine.version, mine.profile, shared.version, shared.profile) == ("2", own, "1", common)
    assert mine.fingerprint == layout_of(spec, own).fingerprint
    assert shared.fingerprint == layouts.of("m", "3").fingerprint == layout_of(spec, common).fingerprint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (float("inf"), ""),
        (1, "1"),
        (1.0, "1"),
        ("1", "1"),
        (True, "true"),
        (2.5, "2.5"),
    ],
)
def test_categories_are_compared_as_text(value: object, text: str) -> None:
    assert category(value) == text


def test_a_segment_has_a_cell_for_all_that_nobody_named() -> None:
    spec = model_spec(segments=["region"])
    layout = layout_of(spec, profile_of(spec))
    values = layout.segment_values("region")
    assert sorted(values) == ["east", "north", "south"]
    assert [segment_code(layout, "region", value) for value in values] == [0, 1, 2]
    assert {segment_code(layout, "region", value) for value in ("west", None, float("nan"), 7)} == {3}
    assert layout.segment_cells("region") == (*values, "(other or missing)")


def test_unseen_categories_have_hashed_buckets_beside_the_known_ones() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    section = layout.families["traffic"].sections["histogram:region"]
    assert section.stop - section.start == 3 + UNSEEN_BUCKETS
