"""How late labels are, and how many there are."""

import pytest

from detectors.row import Label, Row
from detectors.signals.labels import Coverage, LabelDelay

from ..builders import HOUR, START, days, layout_of, model_spec, pane_of, profile_of


def test_delays_are_told_in_seconds() -> None:
    layout = layout_of(model_spec(), None)
    rows = [(Row(START + i, str(i), [None] * 4, label="yes"), Label(START + i + HOUR, "yes")) for i in range(99)]
    rows.append((Row(START, "late", [None] * 4, label="yes"), Label(START + 20 * HOUR, "yes")))
    readings = {f.reading.signal: f.reading for f in LabelDelay().read(pane_of(layout, "label", rows))}
    assert readings["label_delay_p50"].value == pytest.approx(3_600, rel=0.02)
    assert readings["label_delay_p95"].value == pytest.approx(3_600, rel=0.02)
    assert readings["label_delay_p50"].n == 100


@pytest.mark.parametrize(("known", "status"), [(50, "ok"), (25, "ok"), (24, "unknown"), (0, "unknown")])
def test_coverage_below_the_floor_is_unknown(known: int, status: str) -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    rows = [(row, label if i < known else None) for i, (row, label) in enumerate(days(spec, 1))]
    (finding,) = Coverage().read(pane_of(layout, "cohort", rows))
    assert (finding.reading.value, finding.reading.status) == (known / 50, status)
    assert (finding.reading.reason is None) == (status == "ok")


def test_coverage_without_a_scale_of_the_loss_is_unknown_and_not_zero() -> None:
    spec = model_spec("regression")
    (finding,) = Coverage().read(pane_of(layout_of(spec, None), "cohort", days(spec, 1)))
    assert (finding.reading.value, finding.reading.status) == (None, "unknown")
    assert "no reference profile" in (finding.reading.reason or "")
