"""The columns of times hold what the contract reads, or leave it to the contract."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from schemas.event_time import EARLIEST, LATEST, Timestamp, rfc3339, to_micros
from streams.fast_times import UNREAD, read_times

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


@st.composite
def nearly(draw: st.DrawFn) -> str:
    """A text with every field in place, and most of them in range."""
    year = draw(st.sampled_from(["0000", "0001", "0999", "1000", "1900", "2000", "2023", "2024", "8999", "9000"]))
    month, day, hour = draw(st.integers(0, 13)), draw(st.integers(0, 32)), draw(st.integers(0, 24))
    minute, second = draw(st.integers(0, 60)), draw(st.integers(0, 60))
    fraction = draw(st.sampled_from(["", ".000000", ".999999", ".125", ".5", ".05", ".0625", ".00001"]))
    zone = draw(st.sampled_from(["Z", "+00:00"]))
    return f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"


@given(st.lists(nearly(), min_size=1, max_size=12))
def test_of_the_usual_form_all_is_read_that_the_contract_reads(chunk: list[str]) -> None:
    times, read = read_times(chunk)
    known = [by_contract(text) for text in chunk]
    assert read.tolist() == [time is not None for time in known]
    assert times.tolist() == [UNREAD if time is None else time for time in known]


@pytest.mark.parametrize("letter", ["\0", "/", ":", ";", "\x7f", "é", "٢", "\ud800", "\U0001f600"])
@pytest.mark.parametrize("text", ["2026-01-31T12:34:56Z", "2026-01-31T12:34:56.123456+00:00"])
def test_one_odd_letter_anywhere_spoils_its_text_alone(text: str, letter: str) -> None:
    odd = [text[:place] + letter + text[place + 1 :] for place in range(len(text)) if text[place] != letter]
    both = [one for pair in zip(odd, [text] * len(odd), strict=True) for one in pair]
    times, read = read_times(both)
    assert not read[::2].any()
    assert read[1::2].all()
    assert set(times[1::2].tolist()) == {by_contract(text)}


@pytest.mark.parametrize("day", ["2023-02-29", "2024-02-30", "1900-02-29", "2026-04-31", "2026-13-01", "2026-00-10"])
def test_days_that_no_calendar_has_are_left_to_the_contract(day: str) -> None:
    _, read = read_times([f"{day}T00:00:00Z", "2024-02-29T00:00:00Z", "2000-02-29T00:00:00Z"])
    assert read.tolist() == [False, True, True]


@pytest.mark.parametrize("part", ["T24:00:00", "T23:60:00", "T23:59:60", "T29:59:59", "T99:99:99"])
def test_times_of_day_that_no_clock_shows_are_left_to_the_contract(part: str) -> None:
    times, read = read_times([f"2024-12-31{part}Z", "2024-12-31T23:59:59Z"])
    assert read.tolist() == [False, True]
    assert times.tolist() == [UNREAD, by_contract("2024-12-31T23:59:59Z")]


def test_many_lengths_in_a_chunk_keep_their_places() -> None:
    chunk = ["2026-01-31T12:00:00Z", "", "2026-01-31T12:00:00.5Z", "x" * 100, "2026-01-31T12:00:00.25+00:00"] * 50
    times, read = read_times(chunk)
    assert read.tolist() == [True, False, True, False, True] * 50
    assert times.tolist() == [by_contract(text) or UNREAD for text in chunk]


def test_of_no_texts_nothing_is_read() -> None:
    times, read = read_times([])
    assert (times.tolist(), read.tolist()) == ([], [])
