"""What travels on the summaries topic comes out as it went in."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.row import Label, Row
from detectors.row_shape import RowShape
from detectors.sample import Sample
from detectors.sampled_row import SampledRow
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

from ..detectors.builders import model_spec, sample_of

SHAPE = RowShape(model_spec(features={"x": "numeric", "c": "categorical"}))

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=10)
NUMBER = st.floats(allow_nan=False)
NUMBERS = st.none() | NUMBER
VALUES = st.one_of(st.none(), st.booleans(), INT64, NUMBER, TEXT)
ROWS = st.builds(
    lambda number, value, score, **row: Row(features=[number, value], score=score, **row),
    NUMBERS, VALUES, NUMBERS, time=INT64, id=TEXT, label=st.none() | TEXT, latency_ms=NUMBERS, unexpected=st.booleans(),
)  # fmt: skip
LABELS = st.builds(Label, time=INT64, label=st.none() | TEXT, value=st.none() | NUMBER, rating=st.none() | NUMBER)
SAMPLED = st.builds(SampledRow, time=INT64, row=ROWS, label=st.none() | LABELS, loss=st.none() | NUMBER)


def received(outgoing: Outgoing) -> SummaryMessage | IncompleteMessage | WatermarkMessage | CommandMessage:
    return decode_message(Record(0, 0, outgoing.key, outgoing.value))


@settings(max_examples=100, derandomize=True, deadline=None)
@given(
    st.lists(INT64, max_size=20),
    st.lists(SAMPLED, max_size=5, unique_by=lambda one: (one.row.id, one.row.time)),
    st.dictionaries(st.sampled_from(["predictions", "feedback"]), st.tuples(INT64, INT64)),
)
def test_a_summary_comes_out_as_it_went_in(
    counts: list[int], sample: list[SampledRow], offsets: dict[str, tuple[int, int]]
) -> None:
    key = PaneKey("model ä", "1", "cohort", -5)
    whole = sample_of(SHAPE, 20, sample)
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
    assert back.sample.size == 20
    assert back.sample.rows(SHAPE) == whole.rows(SHAPE)


def row(name: str, time: int, loss: float | None = None) -> SampledRow:
    return SampledRow(time, Row(time, name, [1.5, "x"]), None, loss)


def summary_bytes(rows: list[SampledRow], **changes: object) -> bytes:
    """Return a message as it travels, some fields changed; None takes a field away."""
    summary = PaneSummary(PaneKey("m", "1", "cohort", 0), "f", np.ones(3, dtype=np.int64), sample_of(SHAPE, 4, rows))
    fields = msgspec.msgpack.decode(summary_message(summary, 0, {}).value or b"")
    fields = {name: value for name, value in {**fields, **changes}.items() if value is not None}
    return msgspec.msgpack.encode(fields)


def carried(value: bytes) -> Sample:
    message = decode_message(Record(0, 0, b"m", value))
    assert isinstance(message, SummaryMessage)
    return summary_of(message).sample


def test_an_empty_sample_stays_one() -> None:
    assert carried(summary_bytes([])).rows(SHAPE) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"hashes": b"\0" * 8},
        {"hashes": b"\0" * 15},
        {"hashes": b""},
        {"hashes": None},
        {"sample": [], "hashes": b"\0" * 16},
        {"sample": None},
    ],
)
def test_a_sample_that_is_not_of_our_form_is_refused(changes: dict[str, object]) -> None:
    rows = [row("a", 1), row("b", 2)]
    assert carried(summary_bytes(rows)).rows(SHAPE) == rows
    with pytest.raises(msgspec.ValidationError):
        decode_message(Record(0, 0, b"m", summary_bytes(rows, **changes)))


def test_rows_that_were_picked_come_out_as_they_went_in() -> None:
    rows = [row("a", 1), row("b", 2, 0.5)]
    summary = PaneSummary(PaneKey("m", "1", "traffic", 0), "f", np.ones(3, dtype=np.int64), sample_of(SHAPE, 4, []))
    summary.picked = {"rule ä": sample_of(SHAPE, 7, rows), "none": sample_of(SHAPE, 7, [])}
    message = received(summary_message(summary, 0, {}))
    assert isinstance(message, SummaryMessage)
    back = summary_of(message).picked
    assert {name: (sample.size, sample.rows(SHAPE)) for name, sample in back.items()} == {
        "rule ä": (7, rows),
        "none": (7, []),
    }


@pytest.mark.parametrize("picked", [[7, [], b"\0" * 8], [0, [], b""], [7, [b"x"], b""], {"size": 7}])
def test_picked_rows_that_are_not_of_our_form_are_refused(picked: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_message(Record(0, 0, b"m", summary_bytes([], picked={"rule": picked})))


def test_counts_of_chosen_labels_come_out_as_they_went_in() -> None:
    summary = PaneSummary(PaneKey("m", "1", "cohort", 0), "f", np.ones(3, dtype=np.int64), sample_of(SHAPE, 4, []))
    for chosen in (None, np.array([0, -5, 2**40], dtype=np.int64)):
        summary.chosen = chosen
        message = received(summary_message(summary, 0, {}))
        assert isinstance(message, SummaryMessage)
        back = summary_of(message)
        assert (back.chosen is None) if chosen is None else (back.chosen.tolist() == chosen.tolist())
    with pytest.raises(msgspec.ValidationError):
        decode_message(Record(0, 0, b"m", summary_bytes([], chosen=b"\0" * 16)))


def test_a_summary_of_an_older_version_has_none_chosen() -> None:
    message = decode_message(Record(0, 0, b"m", summary_bytes([row("a", 1)], chosen=None)))
    assert isinstance(message, SummaryMessage)
    assert summary_of(message).chosen is None


def test_a_summary_that_came_in_may_be_added_to() -> None:
    """Level 2 merges in place: the counts must not lie in the message's read-only bytes."""
    summary = PaneSummary(PaneKey("m", "1", "traffic", 0), "f", np.ones(3, dtype=np.int64), sample_of(SHAPE, 4, []))
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
