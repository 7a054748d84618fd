"""What is not known, and the remedy where the readings tell it."""

from pathlib import Path

import pytest

from schemas.pane_report import PaneReport
from streams.report_data import read_outputs
from streams.report_unknown import others, partly, performance

from .report_fixture import judged, pane, reading, spec, write

FEW = "label coverage: 48 of 265 rows; label_coverage asks for 0.5"
REMEDY = ". Labels take 2 d 20 h (95 %), label_maturity is 1 d"


def unlabelled(reason: str) -> PaneReport:
    return pane(0, [reading(value=None, n=0, status="unknown", reason=reason)])


def delays(hours: float) -> PaneReport:
    return pane(0, [reading("label_delay_p95", hours * 3_600, tier="system")], "label")


@pytest.mark.parametrize(
    ("hours", "reason", "expected"),
    [(68, FEW, FEW + REMEDY), (12, FEW, FEW), (68, "only 3 panes", "only 3 panes")],
)
def test_labels_that_take_longer_than_they_are_given_are_the_reason(
    tmp_path: Path, hours: float, reason: str, expected: str
) -> None:
    monitor = spec(label_maturity="1d")
    outputs = read_outputs(write(tmp_path, panes=[delays(hours), unlabelled(reason)]), monitor)
    (line,) = performance(list(outputs.versions.values()), monitor.models["credit"])
    assert str(line) == f"performance is not known: 1 of 1 cohorts: {expected}"


def unjudged(day: int) -> PaneReport:
    return pane(day, [reading(value=None, n=0, status="unknown", reason=FEW)])


@pytest.mark.parametrize(
    ("unknown", "said"),
    [
        (range(0), False),
        (range(4), False),  # 4 % of a hundred, long ago
        (range(5), True),
        ([90], True),  # one of the newest ten
        ([89], False),
        (range(51), False),  # most of them: that is another line
    ],
)
def test_cohorts_that_were_not_judged_are_told_with_the_keys_that_govern_it(
    tmp_path: Path, unknown: range | list[int], said: bool
) -> None:
    monitor = spec(label_maturity="1d")
    panes = [unjudged(day) if day in unknown else judged(day, 0.05) for day in range(100)]
    outputs = read_outputs(write(tmp_path, panes=panes), monitor)
    lines = [str(line) for line in partly(list(outputs.versions.values()), monitor.models["credit"])]
    expected = (
        f"performance is not known in {len(unknown)} of 100 cohorts: {FEW}. "
        "They are judged label_maturity (1 d) after their end"
    )
    assert lines == ([expected] if said else [])


@pytest.mark.parametrize(("first", "said"), [(5, False), (2, True)])
def test_a_comparison_from_before_a_version_began_is_no_line(tmp_path: Path, first: int, said: bool) -> None:
    def compared(day: int) -> PaneReport:
        reason = f"version 2 has no predictions in the pane of 2026-01-0{day}T00:00:00Z"  # the day before
        return pane(day, [reading("version_difference", None, n=0, status="unknown", reason=reason)])

    panes = [*map(compared, range(1, 5)), pane(first, [reading()], version="2")]
    outputs = read_outputs(write(tmp_path, panes=panes), spec())
    lines = [str(line) for line in others(list(outputs.versions.values()))]
    assert any("version 2 has no predictions" in line for line in lines) is said
