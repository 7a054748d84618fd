"""Six numbers, each the share of checks that were passed, with the names of what fails."""

from typing import Any

import numpy as np
import pytest

from detectors.pane import ClosedPane
from detectors.signals.quality_numbers import quality_numbers
from detectors.state import decode, encode
from schemas.reading import Reading
from schemas.spec import ModelSpec

from ..builders import DAY, START, days, layout_of, model_spec, pane_of, profile_of

RULES = [
    {"name": "plausible", "dimension": "accuracy", "rule": "income <= 1000"},
    {"name": "owners", "dimension": "consistency", "rule": "owner or region != 'south'"},
    {"name": "quick", "dimension": "timeliness", "rule": "latency_ms < 1e6"},
    {"name": "named", "dimension": "integrity", "rule": "note != ''"},
]


def readings(spec: ModelSpec, pane: ClosedPane) -> dict[str, Reading]:
    found = {}
    for signal in quality_numbers(pane.layout):
        if pane.key.family in signal.families:
            again = decode(encode(signal))
            first, second = list(signal.read(pane)), list(again.read(pane))
            assert first == second
            found |= {finding.reading.signal: finding.reading for finding in first}
            assert not any(finding.firing for finding in first)
    return found


def traffic(spec: ModelSpec, change: Any = None, rejected: Any = (0, 0, 0)) -> ClosedPane:
    rows = days(spec, 1, rows=200)
    for number, (row, _) in enumerate(rows):
        if change is not None:
            change(number, row)
    pane = pane_of(layout_of(spec, profile_of(spec, rows=100)), "traffic", [(row, None) for row, _ in rows])
    pane.view("rejected")[:] = rejected
    return pane


def test_sound_data_scores_as_the_reference_does() -> None:
    spec = model_spec(expectations=RULES, producer="region")
    found = readings(spec, traffic(spec))
    assert list(found) == [
        f"quality_{name}" for name in ("accuracy", "completeness", "consistency", "timeliness", "validity", "integrity")
    ]
    for reading in found.values():
        assert reading.status == "ok"
        assert reading.failing == []
        assert reading.reference is not None
        assert reading.low is not None
        assert reading.high is not None
        assert 0 <= reading.low <= reading.value <= reading.high <= 1  # type: ignore[operator]
    assert found["quality_completeness"].value == 1.0


def test_completeness_is_the_share_of_values_that_are_there() -> None:
    spec = model_spec()

    def drop(number: int, row: Any) -> None:
        if number % 2:
            row.features[0] = None

    reading = readings(spec, traffic(spec, drop))["quality_completeness"]
    assert reading.value == pytest.approx(1 - 0.5 / 4)
    assert reading.failing == ["income missing"]


def test_validity_is_of_values_that_are_there() -> None:
    spec = model_spec(features={"income": "numeric", "region": "categorical"})

    def spoil(number: int, row: Any) -> None:
        row.features[0] = [None, "text", 1e9, 100.0][number % 4]
        row.features[1] = "west" if number < 100 else row.features[1]

    found = readings(spec, traffic(spec, spoil))
    assert found["quality_validity"].value == pytest.approx(1 - (50 + 50 + 100) / (150 + 200))
    assert found["quality_validity"].failing == ["region unseen", "income invalid", "income out_of_range"]
    assert found["quality_completeness"].value == pytest.approx(1 - 50 / 400)


def test_rules_count_in_their_dimension() -> None:
    spec = model_spec(expectations=RULES)

    def spoil(number: int, row: Any) -> None:
        row.features[0] = 2_000.0 if number % 4 == 0 else 100.0
        row.features[3] = "" if number % 2 else "a note"

    found = readings(spec, traffic(spec, spoil))
    assert (found["quality_accuracy"].value, found["quality_accuracy"].failing) == (0.75, ["plausible"])
    assert found["quality_integrity"].value == pytest.approx(1 - 100 / 400)
    assert found["quality_integrity"].failing == ["named"]


def test_rejected_predictions_lower_timeliness_and_integrity() -> None:
    spec = model_spec()
    found = readings(spec, traffic(spec, rejected=(30, 50, 20)))
    assert found["quality_timeliness"].value == pytest.approx(200 / 250)
    assert found["quality_timeliness"].failing == ["late predictions"]
    assert found["quality_integrity"].value == pytest.approx(200 / 250)
    assert found["quality_integrity"].failing == ["duplicate predictions", "refused predictions"]


def test_producers_are_compared_with_each_other() -> None:
    spec = model_spec(producer="region")

    def spoil(number: int, row: Any) -> None:
        row.features[1] = ["north", "south"][number % 2]
        if row.features[1] == "south":
            row.features[0] = None

    reading = readings(spec, traffic(spec, spoil))["quality_consistency"]
    assert reading.value == pytest.approx(1 - 1 / 3)  # of three features beside the producer
    assert reading.failing == ["region: 33.3 % of the values of south are defective, 0.0 % of north"]


def test_what_nobody_has_said_has_no_number() -> None:
    assert set(readings(model_spec(), traffic(model_spec()))) == {
        f"quality_{name}" for name in ("completeness", "timeliness", "validity", "integrity")
    }


def test_a_pane_that_is_not_whole_is_unknown() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    pane = pane_of(layout, "traffic", [(row, None) for row, _ in days(spec, 1)], mismatched=1)
    for reading in readings(spec, pane).values():
        assert (reading.status, reading.failing) == ("unknown", None)


@pytest.mark.parametrize("reference", ["none", "short", "stale"])
def test_without_a_good_reference_nobody_says_that_nothing_fails(reference: str) -> None:
    spec = model_spec(reference_max_age="30d" if reference == "stale" else None, expectations=RULES[:1])
    layout = layout_of(
        spec, None if reference == "none" else profile_of(spec, panes=10 if reference == "short" else 40)
    )
    pane = pane_of(layout, "traffic", [(row, None) for row, _ in days(spec, 1)])
    for reading in readings(spec, pane).values():
        assert reading.value is not None
        assert reading.failing is None


@pytest.mark.parametrize("with_profile", [True, False])
def test_an_empty_pane_raises_nothing(with_profile: bool) -> None:
    spec = model_spec(expectations=RULES, producer="region")
    layout = layout_of(spec, profile_of(spec) if with_profile else None)
    for family in ("traffic", "label"):
        pane = pane_of(layout, family, [])
        assert {reading.status for reading in readings(spec, pane).values()} == {"unknown"}


def test_labels_are_timely_within_their_maturity() -> None:
    spec = model_spec()
    rows = days(spec, 1, rows=100)
    for number, (row, label) in enumerate(rows):
        label.time = row.time + (3 * DAY if number % 4 == 0 else 2 * DAY)
    pane = pane_of(layout_of(spec, profile_of(spec)), "label", rows, START + 2 * DAY)
    reading = readings(spec, pane)["label_timeliness"]
    assert (reading.value, reading.reference) == (0.75, 1.0)
    assert np.isclose(reading.effect or 0, -0.25)
