"""The columns of times hold what the contract reads, or leave it to the contract."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.event_time import EARLIEST, LATEST, Timestamp, rfc3339, to_micros
from streams.fast_times import read_times

CONTRACT: TypeAdapter[datetime] = TypeAdapter(Timestamp)


def by_contract(text: str) -> int | None:
    try:
        time = to_micros(CONTRACT.validate_python(text))
    except ValidationError:
        return None
    return time if EARLIEST <= time < LATEST else None


@st.composite
def texts(draw: st.DrawFn) -> str:
    moment = draw(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)))
    fraction = draw(st.sampled_from(["", ".5", ".25", ".125", ".1234", ".12345", ".123456", ".1234567", "."]))
    zone = draw(st.sampled_from(["Z", "+00:00", "Z", "+01:00", "-00:00", "z", "", "+0000"]))
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0") + fraction + zone
    place = draw(st.integers(0, len(text)))
    letter = draw(st.sampled_from(["", "0", "3", "9", "-", ":", "T", ".", "Z", "é", "٢", " "]))
    return text if draw(st.booleans()) else text[:place] + letter + text[place + 1 :]


@given(st.lists(texts(), min_size=1, max_size=8))
def test_what_is_read_is_what_the_contract_reads(chunk: list[str]) -> None:
    times, read = read_times(chunk)
    for text, time, known in zip(chunk, times.tolist(), read.tolist(), strict=True):
        if known:
            assert time == by_contract(text), text


@given(st.lists(st.integers(EARLIEST, LATEST - 1), min_size=1), st.sampled_from(["Z", "+00:00"]))
def test_ordinary_times_are_all_read(moments: list[int], zone: str) -> None:
    times, read = read_times([rfc3339(moment).replace("Z", zone) for moment in moments])
    assert read.all()
    assert times.tolist() == moments


@pytest.mark.parametrize("day", ["2023-02-29", "2024-02-30", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10"])
def test_days_that_no_calendar_has_are_left_to_the_contract(day: str) -> None:
    _, read = read_times([f"{day}T00:00:00Z", "2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z"])
    assert read.tolist() == [False, True, True]
