"""Counting columns gives what counting one row after the other gives, to the last integer, wherever chunks are cut."""

import gc
import math
import weakref
import zlib
from bisect import bisect_left
from collections import Counter
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors import sketch
from detectors.categories import REMEMBERED
from detectors.counting import count_traffic, said_codes, segment_cells
from detectors.counting_plan import plan_of
from detectors.layout import FIXED, INVALID, LOSS_BINS, MISSING, OUT_OF_RANGE, UNSEEN, UNSEEN_BUCKETS, Layout
from detectors.numeric_bins import BLOCK
from detectors.row import Label, Row
from detectors.row_shape import Columns, RowShape
from detectors.summary import PaneSummary
from schemas.reading import Family
from schemas.spec import ModelSpec

from .builders import DAY, REGIONS, START, TASKS, LabelledRow, count, key_of, layout_of, model_spec, profile_of
from .proxy_oracle import proxies
from .strategies import rows as broken_rows

Cells = Counter[tuple[str, int]]

DECLARED = {
    "income": {"type": "numeric", "range": [0, 150]},
    "age": "numeric",
    "region": {"type": "categorical", "allowed": ["north", "west", "1", "true"]},
    "code": "categorical",
    "owner": {"type": "boolean", "allowed": [True]},
    "note": "text",
    "since": "datetime",
}
OPEN = {**DECLARED, "income": "numeric", "region": "categorical", "owner": "boolean"}
SOUND = [0, 1, 0.0, 1.0, -0.0, 1.5, 2, 2.0, 100, 150, 150.1, 2**63 - 1, 1e300, -1e308, True, False]
BROKEN = [None, math.nan, math.inf, -math.inf, "", "\x00é", "true", "false", "1", "1.5"]
LONG = ["x" * 64, "x" * 65, "y" * 3_000]
TEXT = {"max_length": 20, "words": ["darn"]}
SAID = ["", " \u200b\n", "an answer", "I'm sorry, but I can not", "a b c a b c a", "so darn long, so darn long, DARN"]
VALUES = st.sampled_from([*SOUND, *BROKEN, *LONG, *REGIONS, "west"])


def specs(task: str) -> list[ModelSpec]:
    segments = ["region", "owner", "code"]
    return [
        model_spec(task, features=DECLARED, segments=segments),
        model_spec(task, features=OPEN, segments=segments),
        model_spec(task, features={"note": "text", "owner": "boolean"}),
        model_spec(task, features={"age": "numeric"}),
        model_spec(task, scores={"b": None, "a": {"range": [0, 1]}}, **({"text": TEXT} if task == "text" else {})),
    ]


@cache
def layouts(task: str) -> list[Layout]:
    """With all that a reference may say, and without one."""
    found = []
    for spec in specs(task):
        found += [layout_of(spec, None), layout_of(spec, profile_of(spec, panes=3, rows=40))]
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[Layout, list[list[LabelledRow]]]:
    """A layout, and rows of a pane cut into chunks, some of them empty."""
    layout = draw(st.sampled_from(layouts(draw(st.sampled_from(TASKS)))))
    rows = []
    for number in range(draw(st.integers(0, 12))):
        row, label = draw(broken_rows(layout.spec, number))
        row.features = [draw(VALUES) if draw(st.booleans()) else value for value in row.features]
        if layout.spec.task in ("binary", "multiclass"):
            row.label = draw(st.none() | st.just(row.label))
        if layout.spec.task == "text":
            row.text = draw(st.sampled_from(SAID))
        shape = RowShape(layout.spec)
        extras = [draw(st.sampled_from([None, math.inf, 0.5, -2.0, 1e300])) for _ in shape.scores]
        extras += [draw(st.none() | st.floats(0, 1)) for _ in range(2 * (layout.spec.task == "multiclass"))]
        row.extras = tuple(extras) if draw(st.booleans()) else ()
        rows.append((row, label))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=3)))
    return layout, [rows[a:b] for a, b in pairwise([0, *cuts, len(rows)])]


@pytest.mark.parametrize("family", ["traffic", "cohort", "label"])
@settings(max_examples=150, deadline=None)
@given(case=cases())
def test_columns_are_counted_as_rows_are(family: Family, case: tuple[Layout, list[list[LabelledRow]]]) -> None:
    layout, chunks = case
    check(layout, family, chunks)


def check(layout: Layout, family: Family, chunks: list[list[LabelledRow]]) -> None:
    summary = PaneSummary.empty(key_of(family), layout)
    for chunk in chunks:
        count(layout, summary, chunk)
    rows = [row for chunk in chunks for row in chunk]
    one_by_one = {"traffic": traffic, "cohort": cohort, "label": labels}[family]
    expected: Cells = Counter()
    for row, label in rows:
        expected.update(one_by_one(layout, row, label))
    lay = layout.families[family]
    found = {
        (name, i): value
        for name in lay.sections
        for i, value in enumerate(lay.view(summary.counts, name).tolist())
        if value
    }
    assert found == {cell: value for cell, value in expected.items() if value}


def traffic(layout: Layout, row: Row, label: Label | None) -> Cells:
    found: Cells = Counter({("n", 0): 1, ("unexpected", 0): int(row.unexpected)})
    if row.latency_ms is not None:
        found["latency", bucket(row.latency_ms * 1_000)] += 1
        if layout.profile and layout.profile.slow_ms is not None:
            found["slow", 0] += row.latency_ms > layout.profile.slow_ms
            found["slow", 1] += 1
    for (name, feature), value in zip(layout.spec.features.items(), row.features, strict=True):
        if value is None:
            found[f"quality:{name}", MISSING] += 1
        elif feature.type == "numeric":
            found.update(number(layout, name, value))
        elif feature.type in ("categorical", "boolean"):
            found.update(one_category(layout, name, value))
        elif not isinstance(value, str):
            found[f"quality:{name}", INVALID] += 1
    found.update(output(layout, row))
    found.update(proxies(layout, row))
    return found


def number(layout: Layout, name: str, value: Any) -> Cells:
    if isinstance(value, bool | str) or not math.isfinite(value):
        return Counter({(f"quality:{name}", INVALID): 1})
    found: Cells = Counter({(f"histogram:{name}", bisect_left(layout.edges[name].tolist(), value)): 1})
    low, high = layout.range_of(name)
    found[f"quality:{name}", OUT_OF_RANGE] += not low <= value <= high
    bounds = layout.profile.ranges.get(name) if layout.profile else None
    if bounds is not None:
        scale = 4 * max(abs(bounds[0]), abs(bounds[1]), 1e-300)
        found[f"sum:{name}", 0] += round(max(-1.0, min(1.0, value / scale)) * FIXED)
    return found


def one_category(layout: Layout, name: str, value: Any) -> Cells:
    boolean = layout.spec.features[name].type == "boolean"
    if (boolean and not isinstance(value, bool)) or (isinstance(value, float) and not math.isfinite(value)):
        return Counter({(f"quality:{name}", INVALID): 1})
    text, codes, allowed = as_text(value), layout.codes[name], layout.spec.features[name].allowed
    hashed = len(codes) + zlib.crc32(text.encode(errors="surrogatepass")) % UNSEEN_BUCKETS
    unseen = text not in allowed if allowed is not None else codes and text not in codes
    return Counter({(f"histogram:{name}", codes.get(text, hashed)): 1, (f"quality:{name}", UNSEEN): int(bool(unseen))})


def output(layout: Layout, row: Row) -> Cells:
    task = layout.spec.task
    if task == "regression":
        assert row.value is not None
        return Counter({("values", bisect_left(layout.value_edges.tolist(), row.value)): 1})
    if task == "text":
        return Counter({("lengths", min(row.text_length.bit_length(), 32)): 1})
    code = class_code(layout, row.label)
    if row.score is None:
        return Counter({("classes", code): 1, ("no_score", 0): 1})
    edges = layout.score_edges.tolist()
    first = code * (len(edges) + 1) if task == "binary" else 0
    return Counter({("classes", code): 1, ("scores", first + bisect_left(edges, row.score)): 1})


def cohort(layout: Layout, row: Row, label: Label | None) -> Cells:
    found: Cells = Counter({("n", 0): 1})
    features = dict(zip(layout.spec.features, row.features, strict=True))
    segments = {name: cell(layout, name, features[name]) for name in layout.spec.segments}
    found.update((f"segment_n:{name}", cell) for name, cell in segments.items())
    if layout.spec.task == "binary" and row.label == "yes":
        found.update((f"segment_positive:{name}", cell) for name, cell in segments.items())
    loss = None if label is None else loss_of(layout, row, label)
    if loss is None or layout.loss_scale is None:
        return found
    assert label is not None
    bin_, fixed = fixed_loss(layout, loss)
    found.update({("losses", bin_): 1, ("loss_sums", bin_): fixed})
    for name, where in segments.items():
        found[f"segment_losses:{name}", where * layout.loss_bins + bin_] += 1
        found[f"segment_loss_sums:{name}", where * layout.loss_bins + bin_] += fixed
        if layout.spec.task == "binary":
            found[f"segment_confusion:{name}", where * 4 + 2 * (row.label == "yes") + (label.label == "yes")] += 1
    if layout.classes:
        size = len(layout.classes) + 1
        found["confusion", class_code(layout, row.label) * size + class_code(layout, label.label)] += 1
        found.update(against_score(layout, row, label))
    elif layout.spec.task == "regression":
        found.update(moments(layout, row, label))
    return found


def against_score(layout: Layout, row: Row, label: Label) -> Cells:
    if row.score is None:
        return Counter()
    binary, edges = layout.spec.task == "binary", layout.score_edges.tolist()
    hit = label.label == ("yes" if binary else row.label)
    bin_, score = bisect_left(edges, row.score), max(0.0, min(1.0, row.score))
    miss = abs(score - hit)
    found: Cells = Counter(
        {
            ("hit_scores", bin_ + hit * (len(edges) + 1)): 1,
            ("score_sums", bin_): round(score * FIXED),
            ("squared_misses", 0): round(miss * miss * FIXED),
        }
    )
    if binary:
        found["log_losses", 0] += round(-float(np.log(max(1 - miss, 2.0**-30))) / (30 * math.log(2)) * FIXED)
    return found


def moments(layout: Layout, row: Row, label: Label) -> Cells:
    error = max(-1.0, min(1.0, (row.value - label.value) / layout.loss_scale))
    truth = truth_of(layout, label)
    return Counter({("moments", i): round(x * FIXED) for i, x in enumerate((error, error**2, truth, truth**2))})


def truth_of(layout: Layout, label: Label) -> float:
    assert layout.profile is not None
    assert layout.profile.truth_range is not None
    low, high = layout.profile.truth_range
    return max(-1.0, min(1.0, (label.value - (low + high) / 2) / (2 * (high - low))))


def labels(layout: Layout, row: Row, label: Label | None) -> Cells:
    if label is None:
        return Counter()
    found: Cells = Counter({("n", 0): 1})
    if not label.later:
        found["delay", bucket(max(1.0, (label.time - row.time) / 1_000_000))] += 1
        found["timely", 0] += label.time - row.time <= layout.spec.maturity
    said = label.value if layout.spec.task == "regression" else label.label
    same = None if said is None else agrees(layout, row, label)
    if said is not None:
        found.update({("corrections", 0): int(label.corrects), ("corrections", 1): 1})
    if said is not None and label.by_user and same is not None:
        found.update({("accepted", 2): int(same), ("accepted", 3): 1})
    elif label.rating is not None:
        found.update({("accepted", 0): int(label.rating >= 0.5), ("accepted", 1): 1})
    if label.rating is not None:
        found.update({("ratings", 0): 1, ("rating_sum", 0): round(label.rating * FIXED)})
        found["complaints", 0] += label.rating <= 0.25
    loss = loss_of(layout, row, label)
    if loss is not None:
        found["labelled", 0] += 1
        if layout.classes:
            found["outcomes", class_code(layout, label.label)] += 1
        elif layout.value_edges.size:
            assert label.value is not None
            truth = truth_of(layout, label)
            edges = layout.value_edges.tolist()
            found.update({("outcomes", bisect_left(edges, label.value)): 1, ("outcome_sum", 0): round(truth * FIXED)})
        if layout.loss_scale is not None:
            bin_, fixed = fixed_loss(layout, loss)
            found.update({("losses", bin_): 1, ("loss_sums", bin_): fixed})
    return found


def agrees(layout: Layout, row: Row, label: Label) -> bool | None:
    """Whether what is said is what was predicted; None where there is nothing to compare."""
    if layout.spec.task == "text":
        return False
    if layout.spec.task == "regression":
        return row.value == label.value
    if layout.spec.task == "binary" and row.label is not None:
        return (row.label == "yes") == (label.label == "yes")
    return None if row.label is None else row.label == label.label


def loss_of(layout: Layout, row: Row, label: Label) -> float | None:
    if label.later:
        return None
    if layout.spec.task == "regression":
        return None if label.value is None or row.value is None else abs(row.value - label.value)
    if layout.spec.task == "text":
        return 1 - label.rating if label.rating is not None else None if label.label is None else 1.0
    if row.label is None or label.label is None:
        return None
    if layout.spec.task == "binary":
        return float((row.label == "yes") != (label.label == "yes"))
    return float(row.label != label.label)


def fixed_loss(layout: Layout, loss: float) -> tuple[int, int]:
    assert layout.loss_scale is not None
    scaled = min(1.0, loss / layout.loss_scale)
    bins = 1 if layout.spec.task in ("binary", "multiclass") else LOSS_BINS
    return min(int(scaled * bins), bins - 1), round(scaled * FIXED)


def class_code(layout: Layout, name: str | None) -> int:
    if layout.spec.task == "binary":
        return int(name == "yes")
    return layout.classes.index(name) if name in layout.classes else len(layout.classes)


def cell(layout: Layout, segment: str, value: Any) -> int:
    values = layout.segment_values(segment)
    return values.index(as_text(value)) if as_text(value) in values else len(values)


def as_text(value: Any) -> str:
    if isinstance(value, str | bool):
        return str(value).lower() if isinstance(value, bool) else value
    if value is None or not math.isfinite(value):
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def bucket(value: float) -> int:
    with np.errstate(over="ignore"):
        return int(sketch.buckets(np.array([value]), 512)[0])


def test_a_chunk_of_more_rows_than_are_worked_on_at_once() -> None:
    layout = layouts("regression")[1]
    rng = np.random.default_rng(0)
    values = np.where(rng.random((2 * BLOCK + 7, 2)) < 0.1, np.inf, rng.normal(100, 30, (2 * BLOCK + 7, 2)))
    rows: list[LabelledRow] = [
        (Row(START, str(i), [*pair, *[None] * 5], value=0.5), None) for i, pair in enumerate(values.tolist())
    ]
    check(layout, "traffic", [rows])


def test_either_infinity_is_invalid_and_a_nan_is_missing() -> None:
    layout = layouts("binary")[7]
    numbers = np.array([[value, math.nan, math.nan] for value in (-math.inf, math.inf, -math.inf, math.nan, 100.0)])
    counts = np.zeros(layout.families["traffic"].size, dtype=np.int64)
    count_traffic(layout, counts, Columns(numbers, [], [None] * 5, np.zeros(5, dtype=bool), np.full(5, START)))
    view = layout.families["traffic"].view
    assert view(counts, "quality:age")[[MISSING, INVALID, OUT_OF_RANGE]].tolist() == [1, 3, 0]
    assert view(counts, "histogram:age").sum() == 1


def test_more_unseen_categories_than_are_remembered() -> None:
    layout = layouts("text")[3]
    rows: list[LabelledRow] = []
    for i in range(REMEMBERED + 300):
        row = Row(START, str(i), [None] * 7, text="", text_length=1)
        row.features[3] = (f"new {i}", i, i + 0.5, "z" * (i % 90))[i % 4]
        rows.append((row, None))
    check(layout, "traffic", [rows, rows[::-1]])
    check(layout, "cohort", [rows, rows[::-1]])


def test_there_may_be_no_rows_and_no_segments() -> None:
    layout = layouts("binary")[7]
    columns = RowShape(layout.spec).columns_of([])
    assert segment_cells(layout, columns).shape == (0, 0)
    assert segment_cells(layouts("binary")[0], RowShape(specs("binary")[0]).columns_of([])).shape == (0, 3)
    for family in ("traffic", "cohort", "label"):
        check(layout, family, [[]])


def test_codes_of_classes() -> None:
    assert said_codes(layouts("binary")[0], ["yes", "no", "maybe", None]).tolist() == [1, 0, 0, 0]
    assert said_codes(layouts("multiclass")[1], ["high", "low", "middle", "new", None]).tolist() == [0, 1, 2, 3, 3]
    assert said_codes(layouts("multiclass")[0], ["high", None]).tolist() == [0, 0]
    assert said_codes(layouts("text")[0], ["an answer", None]).tolist() == [0, 0]


def test_a_label_known_before_its_row_has_the_smallest_delay() -> None:
    layout = layouts("text")[0]
    rows: list[LabelledRow] = [(Row(START, "a", [None] * 7, text=""), Label(START - DAY, rating=0.5))]
    check(layout, "label", [rows])


def test_a_plan_is_made_once_and_goes_with_its_layout() -> None:
    layout = layout_of(model_spec(segments=["region"]), None)
    plan = weakref.ref(plan_of(layout))
    assert plan_of(layout) is plan()
    gc.disable()  # level 1 keeps the collector out of its way
    try:
        del layout
        assert plan() is None
    finally:
        gc.enable()
