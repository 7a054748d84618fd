"""A row of a sample travels as it is stored, and is the same row when it is unpacked."""

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.row import Label, Row
from detectors.row_shape import RowShape
from detectors.sampled_row import SampledRow, id_and_time, packed_row, sampled_row

from .builders import START, TASKS, labelled_row, model_spec

LABELS = st.builds(
    Label, time=st.integers(0, 2**60), label=st.none() | st.text(max_size=3), value=st.none() | st.just(0.5)
)


@given(
    st.sampled_from(TASKS), st.integers(0, 99), st.booleans(), st.integers(-9, 2**60), st.none() | LABELS,
    st.none() | st.floats(0, 1),
)  # fmt: skip
def test_it_is_unpacked_as_it_was(
    task: str, seed: int, unexpected: bool, time: int, label: Label | None, loss: float | None
) -> None:
    spec = model_spec(task)
    shape, (row, _) = RowShape(spec), labelled_row(spec, random.Random(seed), START + seed, f"id-{seed}")
    row.unexpected, row.features[0] = unexpected, None if seed % 3 else row.features[0]
    sampled = SampledRow(time, row, label, loss)
    packed = packed_row(shape, sampled)
    assert repr(sampled_row(shape, packed)) == repr(sampled)
    assert id_and_time(packed) == (row.id, row.time)


def test_its_numbers_and_its_tail_are_those_of_the_row_log() -> None:
    spec = model_spec("regression", features={"x": "numeric", "c": "categorical"})
    row = Row(5, "a", [1.0, "red"], value=2.0, latency_ms=3.0)
    time, row_time, unexpected, numbers, tail, label, loss = msgspec.msgpack.decode(
        packed_row(RowShape(spec), SampledRow(7, row, Label(7, value=4.0), 0.5))
    )
    assert (time, row_time, unexpected, loss) == (7, 5, False, 0.5)
    assert list(memoryview(numbers).cast("d")) == [1.0, 2.0, 3.0]
    assert msgspec.msgpack.decode(tail) == ["a", None, ["red"]]
    assert label[:4] == [7, None, 4.0, None]


def test_what_is_no_packed_row_is_refused() -> None:
    for fields in ([], [1, 2, False, b"", "no bytes", None, None]):
        with pytest.raises(msgspec.ValidationError):
            sampled_row(RowShape(model_spec()), msgspec.Raw(msgspec.msgpack.encode(fields)))
