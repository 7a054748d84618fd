"""The signal of top-bottom analysis: it reads, says what moved, and raises nothing."""

import random
from typing import Any

import pytest

from detectors.build_profile import build_profile
from detectors.pane import ClosedPane
from detectors.row import Label, Row
from detectors.signals import top_bottom
from detectors.signals.top_bottom import TopBottom
from detectors.state import decode, encode
from schemas.profile import ReferenceProfile
from schemas.reading import Reading

from ..builders import DAY, START, LabelledRow, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec(features={"income": "numeric", "age": "numeric", "region": "categorical", "note": "text"})


def rows(day: int, count: int = 200, income: float = 1.0, age: float = 0.0) -> list[LabelledRow]:
    """Rows of a day whose score goes by income and age, so much."""
    rng = random.Random(day)
    found: list[LabelledRow] = []
    for i in range(count):
        one, other = rng.gauss(0, 1), rng.gauss(0, 1)
        score = min(max(0.5 + 0.2 * (income * one + age * other) + rng.gauss(0, 0.05), 0.0), 1.0)
        row = Row(START + day * DAY + i, f"{day}-{i}", [one, other, rng.choice("abc"), "x"], label="yes", score=score)
        found.append((row, Label(row.time, "yes")))
    return found


PROFILE: ReferenceProfile = build_profile("m", None, SPEC, [row for day in range(-40, 0) for row in rows(day)])


def panes(first: int, count: int, profile: ReferenceProfile | None = PROFILE, **changes: Any) -> list[ClosedPane]:
    layout = layout_of(SPEC, profile)
    return [
        pane_of(layout, "traffic", rows(first + day, **changes), START + (first + day) * DAY) for day in range(count)
    ]


def read(signal: TopBottom, closed: list[ClosedPane]) -> dict[str, Reading]:
    """The readings of the last pane, by feature."""
    return {f.reading.feature or "": f.reading for pane in closed for f in signal.read(pane)}


def test_each_feature_is_read_beside_the_reference_and_nothing_fires() -> None:
    signal = TopBottom(layout_of(SPEC, PROFILE))
    found = [finding for pane in panes(0, 20) for finding in signal.read(pane)]
    assert all(finding.firing is None for finding in found)
    last = {finding.reading.feature: finding.reading for finding in found[-3:]}
    assert set(last) == {"income", "age", "region"}  # text has no order and no bins
    income = last["income"]
    assert (income.status, income.tier, income.detector) == ("ok", "drift", None)
    assert income.value == pytest.approx(income.reference, abs=0.05)
    assert income.low is not None
    assert income.high is not None
    assert income.low <= income.value <= income.high
    assert abs(last["age"].value or 1) < 0.15
    assert signal.reasons() == []


def test_reasons_that_are_not_what_they_were_are_named_the_largest_first() -> None:
    signal = TopBottom(layout_of(SPEC, PROFILE))
    read(signal, panes(0, 20))
    last = read(signal, panes(20, 20, income=-1.0, age=1.0))
    first, second = signal.reasons()
    assert (first.feature, second.feature) == ("income", "age")
    assert first.reference > 0.9
    assert first.value < -0.5
    assert first.low <= first.value <= first.high
    assert "changed its sign" in first.description
    assert "changed its sign" not in second.description
    assert last["income"].effect == pytest.approx(first.value - first.reference)


def test_unchanged_reasons_are_seldom_named() -> None:
    named = 0
    for seed in range(40):
        signal = TopBottom(layout_of(SPEC, PROFILE))
        read(signal, panes(1_000 * seed, 5))
        named += bool(signal.reasons())
    assert named <= 4


def test_few_rows_are_unknown_with_their_number() -> None:
    signal = TopBottom(layout_of(SPEC, PROFILE))
    reading = read(signal, panes(0, 1))["income"]
    assert (reading.status, reading.value) == ("unknown", None)
    assert "30 are needed" in (reading.reason or "")
    assert signal.reasons() == []


@pytest.mark.parametrize("case", ["none", "old", "mismatched"])
def test_what_cannot_be_compared_is_unknown_with_the_reason(case: str) -> None:
    old = PROFILE.model_copy(update={"tails": None})
    profile = {"none": None, "old": old, "mismatched": PROFILE}[case]
    layout = layout_of(SPEC, profile)
    signal = TopBottom(layout)
    pane = pane_of(layout, "traffic", rows(0), START, mismatched=int(case == "mismatched"))
    found = read(signal, [pane])
    assert {reading.status for reading in found.values()} == {"unknown"}
    assert all(reading.reason for reading in found.values())


def test_memory_is_bounded_and_the_newest_rows_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_bottom, "NEWEST", 50)
    signal = TopBottom(layout_of(SPEC, PROFILE))
    assert read(signal, panes(0, 20))["income"].n == 100
    assert (read(signal, panes(20, 10, income=-1.0))["income"].value or 1) < -0.9


def test_it_goes_on_from_a_snapshot_as_before() -> None:
    signal = TopBottom(layout_of(SPEC, PROFILE))
    read(signal, panes(0, 10))
    again = decode(encode(signal))
    assert again.reasons() == signal.reasons()
    assert read(again, panes(10, 3)) == read(signal, panes(10, 3))
    assert encode(again) == encode(signal)


def test_a_text_model_has_no_tails() -> None:
    assert profile_of(model_spec("text")).tails is None
