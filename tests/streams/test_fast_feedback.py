"""A chunk of feedback by column: what is fit does not depend on what it is in a chunk with."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.layouts import Layouts
from streams.fast_feedback import FastFeedback

from .events import SPEC

FAST = FastFeedback(SPEC, Layouts(dict(SPEC.models), {}))

MODELS = st.sampled_from([None, *SPEC.models, "unknown"])
LABELS = st.sampled_from([None, "yes", "no", "1", 1, 1.0, True, 2.5])


def feedback(**said: Any) -> Any:
    return FAST.types.decode(
        msgspec.json.encode({"prediction_id": "prediction-1", "timestamp": "2026-01-31T12:00:00Z"} | said)
    )


@st.composite
def events(draw: st.DrawFn) -> Any:
    return feedback(
        model=draw(MODELS),
        version=draw(st.sampled_from([None, "1", "2", "a\nb", ""])),
        source=draw(st.sampled_from(["outcome", "user"])),
        label=draw(LABELS),
        value=draw(st.sampled_from([None, 0.5])),
        rating=draw(st.sampled_from([None, 1.0])),
        correction=draw(LABELS),
    )


def verdicts(chunk: list[Any]) -> list[str]:
    columns, fit = FAST.read(chunk, np.zeros(len(chunk), dtype=np.int64))
    return [
        repr((*(column[place] for column in said), columns.labels[place])) if fit[place] else "unfit"
        for place in range(len(chunk))
        for said in [
            (columns.times, columns.sources, columns.models, columns.versions, columns.values, columns.ratings)
        ]
    ]


@given(st.lists(events(), min_size=1, max_size=100))
def test_an_event_is_read_alike_alone_and_in_a_chunk(chunk: list[Any]) -> None:
    assert verdicts(chunk) == [verdict for event in chunk for verdict in verdicts([event])]


@pytest.mark.parametrize("count", [10, 1_000])
def test_one_unfit_event_among_many_is_found(count: int) -> None:
    chunk = [feedback(label=f"class {n}", value=None if n % 2 else 0.5) for n in range(count)]
    chunk[count // 2] = feedback()
    _, fit = FAST.read(chunk, np.arange(count))
    assert np.flatnonzero(~fit).tolist() == [count // 2]
