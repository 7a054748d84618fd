"""What travels on the summaries topic comes out as it went in."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.row import Label, Row
from detectors.sample import Sample, SampledRow
from detectors.summary import PaneKey, PaneSummary
from streams.messages import (
    CommandMessage,
    IncompleteMessage,
    SummaryMessage,
    WatermarkMessage,
    command_message,
    decode_message,
    incomplete_message,
    summary_message,
    summary_of,
    watermark_message,
)
from streams.records import ALL_PARTITIONS, Outgoing, Record

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
NUMBER = st.floats(allow_nan=False)
VALUES = st.one_of(st.none(), st.booleans(), INT64, NUMBER, TEXT)
ROWS = st.builds(
    Row, time=INT64, id=TEXT, features=st.lists(VALUES, max_size=4), label=st.none() | TEXT, score=st.none() | NUMBER,
    value=st.none() | NUMBER, text=st.none() | TEXT, text_length=st.integers(0, 9), latency_ms=st.none() | NUMBER,
    unexpected=st.booleans(),
)  # fmt: skip
LABELS = st.builds(Label, time=INT64, label=st.none() | TEXT, value=st.none() | NUMBER, rating=st.none() | NUMBER)
SAMPLED = st.builds(SampledRow, time=INT64, row=ROWS, label=st.none() | LABELS, loss=st.none() | NUMBER)


def received(outgoing: Outgoing) -> SummaryMessage | IncompleteMessage | WatermarkMessage | CommandMessage:
    return decode_message(Record(0, 0, outgoing.key, outgoing.value))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(INT64, max_size=20),
    st.none() | st.lists(SAMPLED, max_size=5, unique_by=lambda one: (one.row.id, one.row.time)),
    st.dictionaries(st.sampled_from(["predictions", "feedback"]), st.tuples(INT64, INT64)),
)
def test_a_summary_comes_out_as_it_went_in(
    counts: list[int], sample: list[SampledRow] | None, offsets: dict[str, tuple[int, int]]
) -> None:
    key = PaneKey("model ä", "1", "cohort", -5)
    whole = None if sample is None else Sample(20, sample)
    summary = PaneSummary(key, "f", np.asarray(counts, dtype=np.int64), whole, offsets)
    outgoing = summary_message(summary, 3, {"predictions": 7})
    assert (outgoing.destination, outgoing.key, outgoing.partition) == ("summaries", "model ä".encode(), None)
    message = received(outgoing)
    assert isinstance(message, SummaryMessage)
    assert (message.partition, message.through) == (3, {"predictions": 7})
    back = summary_of(message)
    assert (back.key, back.fingerprint, back.offsets) == (key, "f", offsets)
    assert back.counts.dtype == np.int64
    assert back.counts.tolist() == counts
    assert (back.sample is None) == (sample is None)
    if whole is not None and back.sample is not None:
        assert back.sample.size == 20
        assert back.sample.rows() == whole.rows()


def row(name: str, time: int, loss: float | None = None) -> SampledRow:
    return SampledRow(time, Row(time, name, [1.5, "x", None]), None, loss)


def summary_bytes(rows: list[SampledRow], **changes: object) -> bytes:
    """Return a message as it travels, some fields changed; None takes a field away."""
    summary = PaneSummary(PaneKey("m", "1", "cohort", 0), "f", np.ones(3, dtype=np.int64), Sample(4, rows))
    fields = msgspec.msgpack.decode(summary_message(summary, 0, {}).value or b"")
    fields = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return msgspec.msgpack.encode(fields)


def carried(value: bytes) -> Sample:
    message = decode_message(Record(0, 0, b"m", value))
    assert isinstance(message, SummaryMessage)
    sample = summary_of(message).sample
    assert sample is not None
    return sample


@pytest.mark.parametrize("swapped", [False, True])
def test_a_message_without_hashes_is_merged_as_one_that_has_them(swapped: bool) -> None:
    """Earlier versions sent none, and rows by time; such messages may still lie in the topic."""
    first = [row(f"a{i}", i) for i in range(4)]
    second = [row("a2", 2, 0.5), *(row(f"b{i}", i) for i in range(3))]
    parts = [carried(summary_bytes(first, hashes=None, sample=first)), carried(summary_bytes(second))]
    offered = [first, second]
    if swapped:
        parts.reverse()
        offered.reverse()
    parts[0].merge(parts[1])
    assert parts[0].rows() == Sample(4, [*offered[0], *offered[1]]).rows()


def test_an_empty_sample_stays_one() -> None:
    assert carried(summary_bytes([])).rows() == []
    assert carried(summary_bytes([], hashes=None)).rows() == []


@pytest.mark.parametrize(
    "changes",
    [
        {"hashes": b"\0" * 8},
        {"hashes": b"\0" * 15},
        {"sample": [], "hashes": b"\0" * 16},
        {"sample": [[1, "no row"], [2, "neither"]], "hashes": None},
    ],
)
def test_a_sample_that_is_not_of_our_form_is_refused(changes: dict[str, object]) -> None:
    rows = [row("a", 1), row("b", 2)]
    assert carried(summary_bytes(rows)).rows() == rows
    with pytest.raises(msgspec.ValidationError):
        decode_message(Record(0, 0, b"m", summary_bytes(rows, **changes)))


def test_a_summary_that_came_in_may_be_added_to() -> None:
    """Level 2 merges in place: the counts must not lie in the message's read-only bytes."""
    summary = PaneSummary(PaneKey("m", "1", "traffic", 0), "f", np.ones(3, dtype=np.int64), None)
    message = received(summary_message(summary, 0, {}))
    assert isinstance(message, SummaryMessage)
    back = summary_of(message)
    back.merge(summary)
    assert back.counts.tolist() == [2, 2, 2]
    assert summary.counts.tolist() == [1, 1, 1]


def test_a_watermark_goes_to_all_partitions_and_a_command_to_that_of_its_model() -> None:
    watermark = WatermarkMessage(2, 8, {"predictions": 5}, True, {"predictions": 9})
    outgoing = watermark_message(watermark)
    assert outgoing.partition == ALL_PARTITIONS
    assert received(outgoing) == watermark
    outgoing = command_message("m", b"{}")
    assert (outgoing.partition, outgoing.key) == (None, b"m")
    assert received(outgoing) == CommandMessage(b"{}")


def test_what_is_missing_goes_where_the_model_is_judged() -> None:
    message = IncompleteMessage(3, "m", {"cohort": (-(2**62), 5), "traffic": (0, 0)})
    outgoing = incomplete_message(message)
    assert (outgoing.partition, outgoing.key) == (None, b"m")
    assert received(outgoing) == message


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\x80", b"\xc1", msgspec.msgpack.encode({"type": "alert"})])
def test_what_is_no_message_of_ours_is_refused(value: bytes | None) -> None:
    with pytest.raises((msgspec.DecodeError, msgspec.ValidationError)):
        decode_message(Record(0, 0, None, value))
