"""`Domain`: the values that a feature may have, as its declaration, the reference and some rows say. Pure."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from detectors.layout import category
from schemas.feature_spec import FeatureSpec
from schemas.prediction import FeatureValue
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec

CATEGORIES = 64  # of a feature, the most frequent
EDGES = 8  # of a number's bins that are tried, evenly over them
FACTORS = (10.0, 1e3, 1e6)  # how far beyond what was seen a number may lie where nothing declares its range

STRANGE_TEXTS = (
    "",
    " ",
    "\t\r\n",
    "\x00",
    "x" * 10_000,
    "NaN",
    "null",
    "-1",
    "1e999",
    "Ωμέγα 東京 🚀",
    "e\u0301\u0302\u0303",
    "\u202egnal\u202c",
    "\u200b\ufeff",
    "'\"\\;--<&>{{}}%s",
)
STRANGE_TIMES = (
    "1970-01-01T00:00:00Z",
    "2000-02-29T23:59:59.999999Z",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "2026-06-30T12:00:00+14:00",
    "2026-01-01",
    "",
    "yesterday",
)
UNSEEN = "never seen before"


@dataclass(frozen=True)
class Domain:
    """The values of one feature, by what is special about them. Each is valid, but for those of `strange`."""

    name: str
    usual: tuple[FeatureValue, ...]
    """Values that rows have: edges of bins in ascending order, or categories, the most frequent first."""
    boundaries: tuple[FeatureValue, ...]
    """Ends of the range and of bins, and the next number beyond these."""
    extremes: tuple[FeatureValue, ...]
    """Valid, and far from anything seen."""
    strange: tuple[FeatureValue, ...]
    """What nothing forbids somebody to send: unseen categories, empty and very long text, odd characters."""

    @property
    def typical(self) -> FeatureValue:
        """The middle of the usual values, or the most frequent category."""
        if not self.usual:
            return None
        numbers = isinstance(self.usual[0], float)
        return self.usual[len(self.usual) // 2] if numbers else self.usual[0]


def domains_of(
    spec: ModelSpec, profile: ReferenceProfile | None, examples: Sequence[Sequence[FeatureValue]]
) -> list[Domain]:
    """Return the domain of each feature in the order of the monitor file.

    Parameters
    ----------
    examples
        Rows of features: what they hold is usual where there is no profile.
    """
    found = []
    for place, (name, feature) in enumerate(spec.features.items()):
        column = [row[place] for row in examples]
        if feature.type == "numeric":
            found.append(_numeric(name, feature, profile, column))
        elif feature.type == "categorical":
            found.append(_categorical(name, feature, profile, column))
        elif feature.type == "boolean":
            found.append(Domain(name, (False, True), (), (), ()))
        else:
            times = feature.type == "datetime"
            usual = tuple(_frequent([value for value in column if isinstance(value, str)]))
            strange = STRANGE_TIMES if times else STRANGE_TEXTS
            found.append(Domain(name, usual, (), (), strange))
    return found


def _numeric(
    name: str, feature: FeatureSpec, profile: ReferenceProfile | None, column: Sequence[FeatureValue]
) -> Domain:
    seen = sorted(
        float(value)
        for value in column
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    )
    low, high = profile.ranges.get(name, (math.nan, math.nan)) if profile else (math.nan, math.nan)
    edges = list(profile.numeric_edges.get(name, [])) if profile else []
    if not edges and seen:
        edges = sorted(set(np.quantile(seen, np.linspace(0, 1, 21), method="inverted_cdf").tolist()))
    if math.isnan(low):
        low, high = (seen[0], seen[-1]) if seen else (feature.minimum or 0.0, feature.maximum or 1.0)
    floor = -math.inf if feature.minimum is None else feature.minimum
    ceiling = math.inf if feature.maximum is None else feature.maximum

    def valid(values: Sequence[float]) -> tuple[float, ...]:
        return tuple(sorted({float(value) + 0.0 for value in values if floor <= value <= ceiling}))

    few = [edges[i * len(edges) // EDGES] for i in range(EDGES)] if len(edges) > EDGES else edges
    beyond = [float(np.nextafter(edge, math.inf)) for edge in few]
    ends = [value for value in (floor, ceiling, low, high, 0.0) if math.isfinite(value)]
    reach = max(abs(low), abs(high), 1.0)
    far = [sign * factor * reach for factor in FACTORS for sign in (-1, 1)]
    usual = valid([low, *edges, high]) or valid([floor, ceiling]) or (0.0,)
    return Domain(name, usual, valid([*ends, *few, *beyond]), valid(far), ())


def _categorical(
    name: str, feature: FeatureSpec, profile: ReferenceProfile | None, column: Sequence[FeatureValue]
) -> Domain:
    known = list(profile.categories.get(name, [])) if profile else []
    known += [value for value in feature.allowed or () if value not in known]
    seen = [category(value) for value in column if value is not None]
    usual = tuple((known or _frequent([value for value in seen if value]))[:CATEGORIES])
    alike = [f"{usual[0]} ", usual[0].swapcase()] if usual else []
    strange = [value for value in (UNSEEN, *alike, *STRANGE_TEXTS) if value not in usual]
    return Domain(name, usual, (), (), tuple(dict.fromkeys(strange)))


def _frequent(values: Sequence[str]) -> list[str]:
    return [value for value, _ in sorted(Counter(values).items(), key=lambda item: (-item[1], item[0]))][:CATEGORIES]
