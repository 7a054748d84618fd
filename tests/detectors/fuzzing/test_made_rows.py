"""Made-up rows: valid where they should be, of every kind, the same for the same seed."""

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.fuzzing.domain import UNSEEN, Domain, domains_of
from detectors.fuzzing.made_rows import made_rows
from detectors.fuzzing.smaller import differing, smaller
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec

SPEC = ModelSpec.model_validate(
    {
        "task": "binary",
        "positive_label": "1",
        "features": {
            "amount": {"type": "numeric", "minimum": 0, "maximum": 10},
            "free": "numeric",
            "region": {"type": "categorical", "allowed": ["north", "south"]},
            "kind": "categorical",
            "owner": "boolean",
            "note": "text",
            "born": "datetime",
        },
        "pane": "1d",
        "label_horizon": "7d",
        "false_alarms": "1 per 90d",
        "reference": "x.json",
    }
)
EXAMPLES: list[list[FeatureValue]] = [
    [float(i % 10), 100.0 + i, "north" if i % 4 else "south", "a" if i % 4 else "b", bool(i % 2), "hello", "2026-01-01"]
    for i in range(40)
]
NAMES = list(SPEC.features)


def made(count: int = 400, seed: int = 0) -> list[tuple[str, list[FeatureValue]]]:
    rows, _ = made_rows(SPEC, domains_of(SPEC, None, EXAMPLES), EXAMPLES, count, seed)
    return [(row.kind, row.features) for row in rows]


def column(name: str, rows: list[tuple[str, list[FeatureValue]]]) -> list[FeatureValue]:
    return [features[NAMES.index(name)] for _, features in rows]


def test_numbers_reach_their_declared_ends_and_never_leave_them() -> None:
    values = [value for value in column("amount", made()) if value is not None]
    assert min(values) == 0.0
    assert max(values) == 10.0


def test_numbers_without_a_range_go_far_beyond_what_was_seen_and_stay_finite() -> None:
    values = [float(value) for value in column("free", made()) if value is not None]
    assert max(values) == 139.0 * 1e6
    assert min(values) == -139.0 * 1e6
    assert all(map(math.isfinite, values))


def test_each_feature_is_missing_alone_and_all_are_missing_at_once() -> None:
    rows = made()
    alone = {tuple(value is None for value in features) for kind, features in rows if kind == "a value missing"}
    assert {flags.index(True) for flags in alone if sum(flags) == 1} == set(range(len(NAMES)))
    assert any(all(value is None for value in features) for _, features in rows)


def test_categories_are_unseen_empty_very_long_and_of_other_alphabets() -> None:
    values = set(map(str, column("region", made(2_000))))
    assert {UNSEEN, "", "north ", "NORTH", "Ωμέγα 東京 🚀"} <= values
    assert max(map(len, values)) == 10_000


def test_categories_that_never_come_together_do() -> None:
    seen = {(row[2], row[3]) for row in EXAMPLES}
    rare = {(row[2], row[3]) for kind, row in made() if kind == "a rare combination"}
    assert {("north", "b"), ("south", "a")} <= rare - seen


def test_kinds_take_turns_so_that_few_rows_have_all_of_them_and_those_left_out_are_counted() -> None:
    domains = domains_of(SPEC, None, EXAMPLES)
    rows, left = made_rows(SPEC, domains, EXAMPLES, 12, 0)
    assert len(rows) == 12
    assert len({row.kind for row in rows}) == 9
    assert left > 50


def test_without_any_row_typical_values_stand_in() -> None:
    rows, _ = made_rows(SPEC, domains_of(SPEC, None, []), [], 50, 0)
    assert len(rows) == 50
    assert all(len(row.features) == len(NAMES) for row in rows)


@given(st.integers(0, 2**32), st.integers(1, 300))
@settings(max_examples=20, deadline=None)
def test_the_same_seed_makes_the_same_rows(seed: int, count: int) -> None:
    assert repr(made(count, seed)) == repr(made(count, seed))
    assert len(made(count, seed)) == count


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.data())
def test_a_smaller_counterexample_still_fails_and_has_nothing_that_could_be_put_back(
    odd: list[int], data: st.DataObject
) -> None:
    needed = data.draw(st.sets(st.integers(0, len(odd) - 1)))
    whole = [9] * len(odd)

    def fails(row: list[FeatureValue]) -> bool:
        return all(row[place] == odd[place] for place in needed)

    found = smaller(list(odd), list(whole), fails)
    assert fails(found)
    assert set(differing(found, list(whole))) == needed


def test_one_and_true_are_not_the_same_value() -> None:
    assert differing([1, "a"], [True, "a"]) == [0]


def test_the_typical_value_is_the_middle_or_the_most_frequent() -> None:
    amount, _, region, *_ = domains_of(SPEC, None, EXAMPLES)
    assert amount.typical == 5.0
    assert region.typical == "north"
    assert Domain("x", (), (), (), ()).typical is None
