"""Hypothesis strategies: rows and labels of every kind that the contract lets through."""

from typing import Any

from hypothesis import strategies as st

from detectors.row import Label, Row
from schemas.spec import ModelSpec

from .builders import DAY, REGIONS, START

NUMBERS = st.one_of(
    st.floats(),  # NaN and infinities among them
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.0, -0.0, 1e308, -1e308, 5e-324]),
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
VALUES = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.sampled_from([*REGIONS, "west", "true", "1"]))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
HOW: list[dict[str, bool]] = [
    {},
    {"by_user": True},
    {"corrects": True, "by_user": True},
    {"corrects": True, "by_user": True, "later": True},
    {"corrects": True, "later": True},
]
"""Ways in which a label may be said."""


@st.composite
def rows(draw: st.DrawFn, spec: ModelSpec, number: int, day: int = 0) -> tuple[Row, Label | None]:
    """A row of a pane, broken features and all; its output fits the task, as level 1 sees to."""
    row = Row(
        time=START + day * DAY + draw(st.integers(0, DAY - 1)),
        id=f"{day}-{number}",
        features=[draw(VALUES) for _ in spec.features],
        latency_ms=draw(st.none() | st.floats(0, allow_nan=False, allow_infinity=False)),
        unexpected=draw(st.booleans()),
    )
    fields: dict[str, Any] = {}
    if spec.task in ("binary", "multiclass"):
        classes = st.sampled_from(["yes", "no", "low", "middle", "high", "nobody's"])
        row.label, row.score = draw(classes), draw(st.none() | st.floats(0, 1))
        fields["label"] = draw(st.none() | classes)
    elif spec.task == "regression":
        row.value, fields["value"] = draw(FINITE), draw(st.none() | FINITE)
    else:
        row.text, row.text_length = "", draw(st.integers(0, 2**63 - 1))
        fields["label"] = draw(st.none() | st.just("a correction"))
    fields["rating"] = draw(st.none() | st.floats(0, 1))
    if fields.get("label") is not None or fields.get("value") is not None:
        fields |= draw(st.sampled_from(HOW))
    known = Label(row.time + draw(st.integers(-DAY, 40 * DAY)), **fields)
    return row, draw(st.none() | st.just(known))


def row_lists(spec: ModelSpec, day: int = 0, max_size: int = 12) -> st.SearchStrategy[list[tuple[Row, Label | None]]]:
    """Rows of one pane with ids of their own."""
    return st.integers(0, max_size).flatmap(lambda n: st.tuples(*[rows(spec, i, day) for i in range(n)]).map(list))
