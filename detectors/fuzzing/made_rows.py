"""Rows that nobody sent: each is a real row with something odd in it, or drawn value by value. Pure.

What is drawn is drawn by hashes of the seed, so that there is no generator with a state.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from detectors.fuzzing.domain import Domain
from detectors.id_hash import id_hashes
from detectors.layout import category
from schemas.prediction import FeatureValue
from schemas.spec import ModelSpec

COMBINATIONS = 400  # pairs of categories that are looked at: the rarest
MISSING_SHARE = 0.1  # of the values of a drawn row

Values = Sequence[FeatureValue]


class MadeRow(NamedTuple):
    """A made-up row."""

    kind: str
    """What is odd about it."""
    features: list[FeatureValue]
    whole: list[FeatureValue]
    """The row that it was made from, with nothing odd."""


def made_rows(
    spec: ModelSpec, domains: Sequence[Domain], examples: Sequence[Values], count: int, seed: int
) -> tuple[list[MadeRow], int]:
    """Return at most `count` rows, and how many systematic ones found no place among them.

    Kinds take turns, so that none crowds out the others; what room is left is filled with drawn rows.

    Parameters
    ----------
    examples
        Real rows, whose values are left as they are but for what is odd; without any, rows of typical values.
    """
    typical: list[FeatureValue] = [domain.typical for domain in domains]
    order = np.argsort(_draws(f"order {seed}", len(examples)), kind="stable").tolist()
    bases = [list(examples[place]) for place in order] or [typical]
    turns = [iter(_made(kind, changes, bases)) for kind, changes in _kinds(spec, domains, examples, typical)]
    found: list[MadeRow] = []
    left = 0
    while turns:
        going = []
        for turn in turns:
            row = next(turn, None)
            if row is None:
                continue
            going.append(turn)
            if len(found) < count:
                found.append(row)
            else:
                left += 1
        turns = going
    for number in range(count - len(found)):
        draws = _draws(f"row {number} {seed}", 2 * len(domains)).reshape(-1, 2).tolist()
        values = [_drawn(domain, *two) for domain, two in zip(domains, draws, strict=True)]
        found.append(MadeRow("values drawn one by one", values, bases[number % len(bases)]))
    return found, left


Change = dict[int, FeatureValue]


def _kinds(
    spec: ModelSpec, domains: Sequence[Domain], examples: Sequence[Values], typical: list[FeatureValue]
) -> Iterator[tuple[str, list[Change]]]:
    places = range(len(domains))
    yield "a value missing", [{place: None} for place in places]
    yield "everything missing", [dict.fromkeys(places)]
    yield "the end of a range or a bin", _each(domains, "boundaries")
    yield "an extreme value", _each(domains, "extremes")
    yield "strange text or an unseen category", _each(domains, "strange")
    yield (
        "a category that is known",
        [
            {place: value}
            for place, domain in enumerate(domains)
            if spec.features[domain.name].type in ("categorical", "boolean")
            for value in domain.usual
        ],
    )
    yield "a rare combination", _rare(spec, domains, examples)
    yield (
        "all values at an end",
        [
            {
                place: values[side]
                for place, domain in enumerate(domains)
                if (values := domain.extremes or domain.boundaries)
            }
            for side in (0, -1)
        ],
    )
    yield "all values typical", [dict(enumerate(typical))]


def _each(domains: Sequence[Domain], what: str) -> list[Change]:
    """Return one change for each value, the features taking turns."""
    columns = [[{place: value} for value in getattr(domain, what)] for place, domain in enumerate(domains)]
    longest = max((len(column) for column in columns), default=0)
    return [column[i] for i in range(longest) for column in columns if i < len(column)]


def _rare(spec: ModelSpec, domains: Sequence[Domain], examples: Sequence[Values]) -> list[Change]:
    """Return pairs of known categories, those that rows have least first."""
    places = [
        place for place, domain in enumerate(domains) if spec.features[domain.name].type in ("categorical", "boolean")
    ]
    ranked: list[tuple[int, int, int, int, int]] = []
    for one, other in combinations(places, 2):
        seen = Counter((category(row[one]), category(row[other])) for row in examples)
        for (i, first), (j, second) in product(enumerate(domains[one].usual), enumerate(domains[other].usual)):
            ranked.append((seen[category(first), category(second)], one, other, i, j))
        ranked = sorted(ranked)[:COMBINATIONS]
    return [{one: domains[one].usual[i], other: domains[other].usual[j]} for _, one, other, i, j in ranked]


def _made(kind: str, changes: list[Change], bases: Sequence[list[FeatureValue]]) -> Iterator[MadeRow]:
    for number, change in enumerate(changes):
        base = bases[number % len(bases)]
        yield MadeRow(kind, [change.get(place, value) for place, value in enumerate(base)], base)


def _draws(seed: str, count: int) -> npt.NDArray[np.uint64]:
    """Return 64-bit numbers that look drawn, shape (count,)."""
    return id_hashes([f"{seed} {number}" for number in range(count)])[:, 0]


def _drawn(domain: Domain, first: int, second: int) -> FeatureValue:
    if first < MISSING_SHARE * 2**64:
        return None
    values = (*domain.usual, *domain.boundaries)
    return values[second % len(values)] if values else None
