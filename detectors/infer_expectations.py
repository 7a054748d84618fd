"""Inferring expectations: rules that all rows of a reference keep, few and easily explained. Pure.

What holds of a good time by chance is not told from what must hold: these are suggestions for a person to read.
"""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from keyword import iskeyword

import numpy as np
import numpy.typing as npt

from detectors.layout import category
from detectors.row import Row
from detectors.row_shape import RowShape
from schemas.expectation import Dimension, Expectation
from schemas.rule import LONGEST
from schemas.spec import ModelSpec

FEWEST = 100  # rows with a value, before anything is said of it
SLACK = 0.1  # of the reference's span: how far beyond it a value may lie
DIGITS = 2  # of the bounds of a range, rounded outward
MOST_CATEGORIES = 12
SEEN_OFTEN = 5  # rows of the rarest category, before a set of them is taken for closed
MOST_PAIRS = 10
_SMALLEST, _LARGEST = 1e-250, 1e250  # what can be rounded by powers of ten
TELLING = 0.05  # of row pairs that do not belong together would break an order that is worth telling

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Inferred:
    """An expectation, and what in the reference speaks for it."""

    expectation: Expectation
    because: str


def infer_expectations(spec: ModelSpec, rows: Sequence[Row]) -> list[Inferred]:
    """Return what all rows of a reference keep and the monitor file does not declare yet."""
    found: list[Inferred] = []
    taken = {expectation.name for expectation in spec.expectations}
    rules = {expectation.rule for expectation in spec.expectations}
    for inferred in _all(spec, rows):
        one = inferred.expectation
        if one.name not in taken and one.rule not in rules:
            taken.add(one.name)
            rules.add(one.rule)
            found.append(inferred)
    return found


def _all(spec: ModelSpec, rows: Sequence[Row]) -> Iterator[Inferred]:
    shape, names = RowShape(spec), list(spec.features)
    columns = shape.columns_of(rows)
    numbers = {names[position]: columns.numbers[:, column] for column, position in enumerate(shape.numeric)}
    for position, (name, feature) in enumerate(spec.features.items()):
        missing = sum(row.features[position] is None for row in rows)
        if not missing and len(rows) >= FEWEST and feature.nullable:
            rule = f"not missing({_quoted(name)})"
            yield from _inferred(f"{name} is there", "completeness", rule, f"{len(rows):,} rows, none without it")
    for name, numeric in numbers.items():
        values = numeric[np.isfinite(numeric)]
        declared = spec.features[name]
        if len(values) >= FEWEST and declared.minimum is None and declared.maximum is None:
            yield from _of_range(name, values)
    for column, position in enumerate(shape.other):
        if spec.features[names[position]].type == "categorical" and spec.features[names[position]].allowed is None:
            yield from _of_categories(names[position], [category(value) for value in columns.values[column]])
    yield from _of_pairs(numbers)


def _of_range(name: str, values: Floats) -> Iterator[Inferred]:
    lowest, highest = float(values.min()), float(values.max())
    if lowest == highest:
        return
    slack = SLACK * (highest - lowest)
    low = 0.0 if lowest >= 0 else -_outward(slack - lowest)
    high = 0.0 if highest <= 0 else _outward(highest + slack)
    if not (math.isfinite(low) and math.isfinite(high)):
        return
    because = f"{lowest:g} to {highest:g} in {len(values):,} rows"
    rule = f"{_number(low)} <= {_quoted(name)} <= {_number(high)}"
    yield from _inferred(f"{name} is in range", "validity", rule, because)
    if (np.floor(values) == values).all() and highest - lowest >= 2:
        yield from _inferred(
            f"{name} is whole", "validity", f"whole({_quoted(name)})", f"all of {len(values):,} numbers are whole"
        )


def _of_categories(name: str, texts: list[str]) -> Iterator[Inferred]:
    values, counts = np.unique([text for text in texts if text], return_counts=True)
    if 2 <= len(values) <= MOST_CATEGORIES and counts.sum() >= FEWEST and counts.min() >= SEEN_OFTEN:
        listed = ", ".join(json.dumps(str(value), ensure_ascii=False) for value in values)
        because = f"{len(values)} values in {counts.sum():,} rows, the rarest {counts.min():,} times"
        yield from _inferred(f"{name} is known", "validity", f"{_quoted(name)} in [{listed}]", because)


def _of_pairs(numbers: dict[str, Floats]) -> Iterator[Inferred]:
    """Yield the orders of two features that always hold, and would not if the two had nothing to do with each other."""
    ranked: list[tuple[float, Inferred]] = []
    for first, second in permutations(numbers, 2):
        both = np.isfinite(numbers[first]) & np.isfinite(numbers[second])
        a, b = numbers[first][both], numbers[second][both]
        if len(a) < FEWEST or a.min() == a.max() or b.min() == b.max() or (a > b).any() or (a == b).all():
            continue
        # the share of all pairs of one value of the first and one of the second
        apart = float(np.searchsorted(np.sort(b), a, side="left").mean() / len(b))
        if apart < TELLING:
            continue
        because = f"{len(a):,} rows; of values that do not belong together {100 * apart:.0f} % would break it"
        rule = f"{_quoted(first)} <= {_quoted(second)}"
        ranked += [(-apart, one) for one in _inferred(f"{first} up to {second}", "consistency", rule, because)]
    ranked.sort(key=lambda pair: pair[0])
    yield from (inferred for _, inferred in ranked[:MOST_PAIRS])


def _inferred(name: str, dimension: Dimension, rule: str, because: str) -> Iterator[Inferred]:
    if len(name) <= 128 and len(rule) <= LONGEST:
        yield Inferred(Expectation(name=name, dimension=dimension, rule=rule), because)


def _outward(value: float) -> float:
    """Return a number above 0 with DIGITS digits, rounded up."""
    if not _SMALLEST < value < _LARGEST:
        return value
    digits = DIGITS - 1 - math.floor(math.log10(value))
    return math.ceil(value * 10.0**digits) / 10.0**digits


def _number(value: float) -> str:
    return f"{value:.12g}"


def _quoted(name: str) -> str:
    """Return a feature as a rule names it."""
    if name.isidentifier() and name.isascii() and not iskeyword(name) and name not in ("true", "false"):
        return name
    return f"feature[{json.dumps(name, ensure_ascii=False)}]" if "`" in name else f"`{name}`"
