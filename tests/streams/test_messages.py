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
