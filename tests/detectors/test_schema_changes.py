"""A feature that appears, vanishes or changes its type is told once, and its end once."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from detectors.layout import Layout
from detectors.odd_features import odd_row
from detectors.pane import ClosedPane
from detectors.row import Row
from detectors.schema_changes import QUIET, SchemaWatch
from detectors.state import decode, encode
from schemas.alert import Alert
from schemas.schema_change import SchemaChange

from .builders import DAY, START, Watched, days, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec()
LAYOUT = layout_of(SPEC, profile_of(SPEC))


def pane(
    day: int, change: Callable[[Row], None] | None = None, rows: int = 50, layout: Layout = LAYOUT, **changes: Any
) -> ClosedPane:
    found = days(SPEC, 1, rows=rows, first=day)
    for row, _ in found:
        if change is not None:
            change(row)
    closed = pane_of(layout, "traffic", [(row, None) for row, _ in found], START + day * DAY)
    return replace(closed, **changes)


def put(place: int, value: Any) -> Callable[[Row], None]:
    def change(row: Row) -> None:
        row.features[place] = value

    return change


def extra(*names: tuple[str, str]) -> dict[str, Any]:
    return {"odd": [odd_row(hash_, names) for hash_ in range(16)]}


def mark(row: Row) -> None:
    row.unexpected = True


def watch(panes: list[ClosedPane]) -> list[SchemaChange]:
    state, found = SchemaWatch(), list[SchemaChange]()
    for one in panes:
        found += state.read(one)
        state = decode(encode(state))  # nothing is lost by a restart
    assert len({one.id for one in found}) == len(found)
    return found


def test_nothing_is_told_of_data_as_the_reference_has_it() -> None:
    assert watch([pane(day) for day in range(5)]) == []


def test_a_feature_that_vanishes_is_told_at_once_and_once_and_so_is_its_return() -> None:
    gone = put(0, None)
    began, ended = watch([pane(0), pane(1, gone), pane(2, gone), pane(3), pane(4), pane(5)])
    assert (began.kind, began.feature, began.over, began.share) == ("vanished", "income", False, 1.0)
    assert (began.from_type, began.to_type, began.compatibility) == ("numeric", None, "NONE")
    assert began.pane.start.timestamp() * 1e6 == START + DAY
    assert (ended.kind, ended.over, ended.change) == ("vanished", True, began.change)
    assert (ended.from_type, ended.to_type) == (None, "numeric")
    assert "is back" in ended.summary


def test_half_of_the_rows_is_an_alarm_but_no_change_of_the_schema() -> None:
    def half(row: Row) -> None:
        if int(row.id.rpartition("-")[2]) % 2:
            row.features[0] = None

    assert watch([pane(0, half), pane(1, put(0, None), rows=29)]) == []


def test_what_the_reference_lacks_too_has_not_vanished() -> None:
    profile = profile_of(SPEC)
    counts = {**profile.counts["traffic"], "quality:income": [1_500, 0, 0, 0]}
    layout = layout_of(SPEC, profile.model_copy(update={"counts": {**profile.counts, "traffic": counts}}))
    assert watch([pane(0, put(0, None), layout=layout)]) == []


def test_a_feature_that_was_optional_vanishes_without_breaking_old_readers() -> None:
    profile = profile_of(SPEC)
    counts = {**profile.counts["traffic"], "quality:income": [10, 0, 0, 0]}
    layout = layout_of(SPEC, profile.model_copy(update={"counts": {**profile.counts, "traffic": counts}}))
    (began,) = watch([pane(0, put(0, None), layout=layout)])
    assert began.compatibility == "FORWARD"


@pytest.mark.parametrize(
    ("place", "value", "odd", "types"),
    [
        (0, "12", extra(("income", "text")), ("numeric", "text")),
        (0, "12", {}, ("numeric", None)),  # a number that is none is not kept
        (2, "yes", {}, ("boolean", "text")),
        (3, 7, {}, ("text", "numeric")),
    ],
)
def test_a_feature_that_changes_its_type_is_told_with_both(
    place: int, value: Any, odd: dict[str, Any], types: tuple[str, str | None]
) -> None:
    began, ended = watch([pane(0, put(place, value), **odd), pane(1, put(place, value), **odd), pane(2)])
    assert (began.kind, began.from_type, began.to_type) == ("retyped", *types)
    assert began.compatibility == "NONE"
    assert ended.over
    assert (ended.from_type, ended.to_type) == (types[1], types[0])


def test_a_feature_that_appears_is_told_once_with_its_type_and_share() -> None:
    new = extra(("zip", "text"), ("age", "numeric"))
    first, second = watch([pane(0, mark, **new), pane(1, mark, **new), pane(2)])
    assert [(one.feature, one.kind, one.from_type, one.to_type) for one in (first, second)] == [
        ("age", "appeared", None, "numeric"),
        ("zip", "appeared", None, "text"),
    ]
    assert first.share == 1.0
    assert first.compatibility == "BACKWARD"
    assert "declare it" in first.action


def test_a_feature_that_appeared_is_gone_after_a_while_without_it() -> None:
    new = extra(("zip", "text"))
    panes = [pane(0, mark, **new), *(pane(day) for day in range(1, QUIET)), pane(QUIET, mark, **new)]
    panes += [pane(day) for day in range(QUIET + 1, 2 * QUIET + 2)]
    began, ended = watch(panes)
    assert (began.over, ended.over, ended.compatibility) == (False, True, "FORWARD")


def test_what_is_declared_meanwhile_has_not_appeared() -> None:
    state = SchemaWatch()
    assert state.read(pane(0, mark, **extra(("zip", "text"))))
    declared = model_spec(features={**SPEC.model_dump()["features"], "zip": "text"})
    state.read(replace(pane_of(layout_of(declared, None), "traffic", [(row, None) for row, _ in days(declared, 1)])))
    assert state.open == {}


def test_a_new_name_is_a_hint_at_a_renamed_feature() -> None:
    def renamed(row: Row) -> None:
        mark(row)
        row.features[0] = None

    appeared, vanished = watch([pane(0, renamed, **extra(("salary", "numeric")))])
    assert (appeared.feature, vanished.feature) == ("salary", "income")
    assert "Perhaps it was renamed: salary" in vanished.action


@pytest.mark.parametrize("problem", [{"mismatched": 1}, {"incomplete": 1}, {"dropped": True}])
def test_a_pane_that_is_not_whole_tells_nothing(problem: dict[str, Any]) -> None:
    assert watch([pane(0, put(0, None), **problem)]) == []


def test_without_a_reference_only_new_names_are_told() -> None:
    layout = layout_of(SPEC, None)
    (found,) = watch([pane(0, put(0, None), layout=layout, **extra(("zip", "text")))])
    assert found.kind == "appeared"


def test_the_monitor_publishes_it_beside_the_alarm_with_the_same_cause() -> None:
    watched = Watched.of(SPEC, profile_of(SPEC))
    watched.close([pane(day, put(0, None)) for day in range(3)])
    (change,) = [output for output in watched.outputs if isinstance(output, SchemaChange)]
    assert (change.kind, change.feature) == ("vanished", "income")
    alerts = [output for output in watched.outputs if isinstance(output, Alert) and output.severity == "alarm"]
    assert any("which no row has any more" in alert.summary for alert in alerts)
