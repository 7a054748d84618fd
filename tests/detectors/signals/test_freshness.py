"""Silence within a pane is told, and so is the age of the reference; a stale one judges nothing."""

import pytest

from detectors.signals.freshness import Freshness, ReferenceAge
from detectors.signals.latency import Latency

from ..builders import DAY, HOUR, START, blank_pane, days, layout_of, model_spec, pane_of, profile_of

SPEC = model_spec()


def test_silence_is_told_in_seconds_rounded_down_to_sixteenths() -> None:
    layout = layout_of(SPEC, None)
    rows = [pair for pair in days(SPEC, 1, rows=96) if not 5 * HOUR < pair[0].time - START < 11 * HOUR]
    rows = [pair for pair in rows if pair[0].time - START < 20 * HOUR]
    found = {f.reading.signal: f.reading for f in Freshness().read(pane_of(layout, "traffic", rows))}
    assert found["silence_at_end"].value == 2 * 1.5 * 3_600  # from 20:00 on; 21:00 is the end of a sixteenth
    assert found["longest_silence"].value == 3 * 1.5 * 3_600  # 5:00 to 11:00, of which 6:00 to 10:30 are whole ones
    assert {reading.status for reading in found.values()} == {"ok"}


def test_a_part_of_a_pane_does_not_say_how_long_it_was_silent() -> None:
    pane = pane_of(layout_of(SPEC, None), "traffic", days(SPEC, 1), mismatched=1)
    assert {f.reading.status for f in Freshness().read(pane)} == {"unknown"}


@pytest.mark.parametrize(("max_age", "day", "stale"), [(None, 5_000, False), ("2d", 0, False), ("2d", 1, True)])
def test_a_reference_gets_old_by_the_time_of_the_pane(max_age: str | None, day: int, stale: bool) -> None:
    spec = model_spec(reference_max_age=max_age)
    ends = profile_of(SPEC).end
    profile = profile_of(SPEC).model_copy(
        update={"end": ends.replace(year=2019, month=4, day=13, hour=0, minute=0, second=0)}
    )
    layout = layout_of(spec, profile)
    pane = blank_pane(layout, "traffic", day)
    (finding,) = ReferenceAge().read(pane)
    assert finding.reading.value == (day + 2) * 86_400
    assert finding.reading.status == ("unknown" if stale else "ok")
    assert (pane.judging_problem is not None) == stale
    if stale:
        assert "newest row is of 2019-04-13T00:00:00Z, and reference_max_age is 2d" in (pane.judging_problem or "")
        timed = pane_of(layout, "traffic", days(spec, 1, first=1), START + DAY)
        latency = list(Latency(layout, 0.1).read(timed))[-1].reading
        assert (latency.status, latency.reason) == ("unknown", pane.judging_problem)


def test_no_reference_has_no_age() -> None:
    layout = layout_of(model_spec(reference_max_age="1d"), None)
    assert list(ReferenceAge().read(blank_pane(layout, "traffic"))) == []
    assert blank_pane(layout, "traffic").judging_problem is None
