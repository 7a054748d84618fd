"""`Layout`: what is counted for one model version, and where each count lies in the summary's vector.

Built from the model's entry in the monitor file and the reference profile of the version. Both levels build it alike;
`fingerprint` tells whether they really did.
"""

import copy
import hashlib
import json
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from detectors.proxy_sections import proxy_sections
from detectors.quality_sections import quality_sections
from schemas.contract import normalise_label
from schemas.feature_spec import FeatureSpec
from schemas.profile import ReferenceProfile
from schemas.proxy_spec import attached
from schemas.reading import Family
from schemas.spec import ModelSpec

Counts = npt.NDArray[np.int64]

UNSEEN_BUCKETS = 8  # hashed buckets of categories that the reference does not have
LOSS_BINS = 20  # of a real-valued loss; a 0/1 loss needs one
FIXED = 1 << 30  # fixed point of a value scaled to [0, 1] or [-1, 1]: sums stay exact up to 2**33 rows
LENGTH_BUCKETS = 33  # powers of two of a text's length
LOG_BASE = 1.04  # integer-bucket quantile sketch: bounds grow by 4 %, so a quantile errs by 2 % at most
LATENCY_BUCKETS = 512  # from 1 microsecond to over 8 minutes
DELAY_BUCKETS = 512  # from 1 second to over 15 years

MISSING, INVALID, OUT_OF_RANGE, UNSEEN = range(4)
QUALITY = ("missing", "invalid", "out_of_range", "unseen")
OTHERS = "(other or missing)"  # of a segment: what is no value that is looked at by itself, and what is none at all


@dataclass(frozen=True)
class FamilyLayout:
    """Sections of the vector of one family."""

    sections: dict[str, slice]
    size: int

    def view(self, counts: Counts, section: str) -> Counts:
        """Return the part of `counts` (shape (size,)) that `section` names, without a copy."""
        return counts[self.sections[section]]


@dataclass(frozen=True)
class Layout:
    """What is counted for a version of a model."""

    model: str
    version: str
    spec: ModelSpec
    profile: ReferenceProfile | None
    families: dict[Family, FamilyLayout] = field(init=False, repr=False)
    reference_counts: dict[Family, Counts] = field(init=False, repr=False)
    """Filled by `detectors.reference.vector`, once for all versions of a profile."""
    fingerprint: str = field(init=False)
    edges: dict[str, npt.NDArray[np.float64]] = field(init=False, repr=False)
    """Upper bounds of the bins of each numeric feature, then of each attached score."""
    codes: dict[str, dict[str, int]] = field(init=False, repr=False)
    """Code of each known category, by feature."""
    class_codes: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = self.profile
        edges, codes = {}, {}
        for name, feature in self.spec.features.items():
            if feature.type == "numeric":
                edges[name] = np.asarray(known.numeric_edges.get(name, []) if known else [], dtype=np.float64)
            elif feature.type in ("categorical", "boolean"):
                codes[name] = {value: code for code, value in enumerate(self._categories(name, feature))}
        for name in map(attached, self.spec.scores):
            edges[name] = np.asarray(known.numeric_edges.get(name, []) if known else [], dtype=np.float64)
        set_ = object.__setattr__  # the dataclass is frozen for everybody else
        set_(self, "reference_counts", {})
        set_(self, "edges", edges)
        set_(self, "codes", codes)
        set_(self, "class_codes", {name: code for code, name in enumerate(self.classes)})
        families: dict[Family, FamilyLayout] = {
            "traffic": _lay_out(self._traffic()),
            "label": _lay_out(self._label()),
            "cohort": _lay_out(self._cohort()),
        }
        set_(self, "families", families)
        set_(self, "fingerprint", self._fingerprint())

    def of_version(self, version: str) -> "Layout":
        """Return the layout of another version with the same profile; the two share all that is large."""
        other = copy.copy(self)
        object.__setattr__(other, "version", version)
        return other

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes in the order of their codes; those that nobody named share one more code."""
        if self.spec.task == "binary":
            return ("", self.spec.positive_label or "")  # code 0: whatever the other class is called
        if self.spec.task == "multiclass":
            return tuple(self.spec.classes or (self.profile.classes if self.profile else ()))
        return ()

    @property
    def loss_bins(self) -> int:
        """Bins of the loss: one chord from 0 to 1 is exact for a 0/1 loss."""
        return 1 if self.spec.task in ("binary", "multiclass") else LOSS_BINS

    @property
    def loss_scale(self) -> float | None:
        """What a loss is divided by to lie in [0, 1]; None where only the reference could say and there is none."""
        if self.spec.task != "regression":
            return 1.0
        return self.profile.loss_max if self.profile else None

    @property
    def score_edges(self) -> npt.NDArray[np.float64]:
        """Upper bounds of the bins of score or confidence."""
        return np.asarray(self.profile.score_edges if self.profile else [], dtype=np.float64)

    @property
    def value_edges(self) -> npt.NDArray[np.float64]:
        """Upper bounds of the bins of the predicted number."""
        return np.asarray(self.profile.value_edges if self.profile else [], dtype=np.float64)

    @property
    def truth_scale(self) -> tuple[float, float] | None:
        """What is taken from a true number, and what the rest is divided by to be clipped to [-1, 1] (regression).

        The middle of the reference's range, and four times its half width, so that sums see a shift.
        """
        bounds = self.profile.truth_range if self.profile else None
        if self.spec.task != "regression" or bounds is None:
            return None
        low, high = bounds
        return low / 2 + high / 2, min(4 * ((high / 2 - low / 2) or 0.5), 1e308)

    def range_of(self, feature: str) -> tuple[float, float]:
        """Return the range of a numeric feature or an attached score: the declared one, else the reference's."""
        minimum, maximum = self._declared_range(feature)
        low, high = (-np.inf, np.inf)
        if self.profile and minimum is None and maximum is None:
            low, high = self.profile.ranges.get(feature, (low, high))
        return (low if minimum is None else minimum, high if maximum is None else maximum)

    @property
    def longest_text(self) -> float | None:
        """Characters beyond which a text is oversized; None where nothing says so."""
        declared = self.spec.text.max_length if self.spec.text else None
        return declared or (self.profile.longest_text if self.profile else None)

    def allowed(self, feature: str) -> frozenset[str] | None:
        """Return the values a categorical feature may have, where they are declared."""
        values = self.spec.features[feature].allowed
        return None if values is None else frozenset(values)

    def quality_kinds(self, feature: str) -> tuple[int, ...]:
        """Return which of `QUALITY` are counted for a feature."""
        kind = self.spec.features[feature].type
        if kind == "numeric":
            return (MISSING, INVALID, OUT_OF_RANGE)
        if kind in ("categorical", "boolean"):
            return (MISSING, INVALID, UNSEEN)
        return (MISSING, INVALID)

    def segment_values(self, segment: str) -> tuple[str, ...]:
        """Return the values of a segment that are looked at by themselves; all others share one more cell."""
        return tuple(self.codes[segment])

    def segment_cells(self, segment: str) -> tuple[str, ...]:
        """Return what the cells of a segment are called: its values, and the one that all other rows share."""
        return (*self.segment_values(segment), OTHERS)

    def _categories(self, name: str, feature: FeatureSpec) -> list[str]:
        if feature.type == "boolean":
            return ["false", "true"]
        seen = self.profile.categories.get(name, []) if self.profile else []
        return list(seen or feature.allowed or [])

    def _declared_range(self, name: str) -> tuple[float | None, float | None]:
        if name in self.spec.features:
            return self.spec.features[name].minimum, self.spec.features[name].maximum
        return self.spec.scores[name.removeprefix(attached(""))].range or (None, None)

    def _traffic(self) -> dict[str, int]:
        sections = {"n": 1, "unexpected": 1, "latency": LATENCY_BUCKETS, "slow": 2}
        for name, feature in self.spec.features.items():
            sections[f"quality:{name}"] = len(QUALITY)
            if feature.type == "numeric":
                sections[f"histogram:{name}"] = len(self.edges[name]) + 1
                sections[f"sum:{name}"] = 1
            elif feature.type in ("categorical", "boolean"):
                sections[f"histogram:{name}"] = len(self.codes[name]) + UNSEEN_BUCKETS
        if self.spec.task in ("binary", "multiclass"):
            sections["classes"] = len(self.classes) + 1
            rows = 2 if self.spec.task == "binary" else 1  # binary: by predicted class, so that accuracy can be told
            sections["scores"] = rows * (len(self.score_edges) + 1)
            sections["no_score"] = 1
        elif self.spec.task == "regression":
            sections["values"] = len(self.value_edges) + 1
        else:
            sections["lengths"] = LENGTH_BUCKETS
        for name in map(attached, self.spec.scores):
            sections |= {f"quality:{name}": len(QUALITY), f"histogram:{name}": len(self.edges[name]) + 1}
            sections[f"sum:{name}"] = 1
        return sections | proxy_sections(self.spec) | quality_sections(self.spec, self.codes)

    def _label(self) -> dict[str, int]:
        sections = {"n": 1, "labelled": 1, "ratings": 1, "rating_sum": 1, "delay": DELAY_BUCKETS} | self._losses()
        sections |= {"complaints": 1, "accepted": 4, "corrections": 2, "timely": 1}
        if self.classes:
            sections["outcomes"] = len(self.classes) + 1
        elif self.truth_scale is not None and len(self.value_edges):
            sections |= {"outcomes": len(self.value_edges) + 1, "outcome_sum": 1}
        return sections

    def _cohort(self) -> dict[str, int]:
        sections = {"n": 1} | self._losses()
        if self.classes:
            sections["confusion"] = (len(self.classes) + 1) ** 2
        if self.spec.task in ("binary", "multiclass"):
            bins = len(self.score_edges) + 1
            sections |= {"hit_scores": 2 * bins, "score_sums": bins, "squared_misses": 1, "log_losses": 1}
        elif self.spec.task == "regression":
            sections["moments"] = 4
        for segment in self.spec.segments:
            cells = len(self.segment_values(segment)) + 1
            sections[f"segment_n:{segment}"] = cells
            sections[f"segment_losses:{segment}"] = cells * self.loss_bins
            sections[f"segment_loss_sums:{segment}"] = cells * self.loss_bins
            if self.spec.task == "binary":
                sections[f"segment_positive:{segment}"] = cells
                sections[f"segment_confusion:{segment}"] = cells * 4  # by predicted and by true class
        return sections

    def _losses(self) -> dict[str, int]:
        return {"losses": self.loss_bins, "loss_sums": self.loss_bins}

    def _fingerprint(self) -> str:
        parts = {
            "sections": {family: {n: s.stop for n, s in lay.sections.items()} for family, lay in self.families.items()},
            "edges": {name: values.tolist() for name, values in self.edges.items()},
            "codes": self.codes,
            "classes": self.classes,
            "scores": self.score_edges.tolist(),
            "values": self.value_edges.tolist(),
            "loss": self.loss_scale,
            "truth": self.profile.truth_range if self.profile else None,
            "ranges": {name: self.range_of(name) for name in self.edges},
            "texts": [self.longest_text, self.spec.text and self.spec.text.model_dump(exclude={"max_length"})],
            "sums": self.profile.ranges if self.profile else {},
            "slow": self.profile.slow_ms if self.profile else None,
            "allowed": {name: feature.allowed for name, feature in self.spec.features.items()},
            "complaint": self.spec.complaint_rating,
            "producer": self.spec.producer,
            "maturity": self.spec.maturity,
            "pane": self.spec.pane,
        }
        return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def segment_code(layout: Layout, segment: str, value: object) -> int:
    """Return the cell of a row in a segment: that of its value, or the last one."""
    codes = layout.codes[segment]
    return codes.get(category(value), len(codes))


def category(value: object) -> str:
    """Return a categorical value as text; missing and broken ones as text that is no category."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return ""
    return str(normalise_label(value))


def _lay_out(sizes: dict[str, int]) -> FamilyLayout:
    sections, start = {}, 0
    for name, size in sizes.items():
        sections[name] = slice(start, start + size)
        start += size
    return FamilyLayout(sections, start)
