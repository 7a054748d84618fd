"""What is not known, and the remedy where the readings tell it."""

from pathlib import Path

import pytest

from schemas.pane_report import PaneReport
from streams.report_data import read_outputs
from streams.report_unknown import performance

from .report_fixture import pane, reading, spec, write

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
