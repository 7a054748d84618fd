"""`SchemaWatch`: tells when a feature of a model version appears, vanishes or changes its type, and when that is over.

One pane is enough where all of its rows are so and the version's own reference is not; each change is told once. What
it means for the model is judged elsewhere: the same defects are alarms of data quality (`detectors.signals.quality`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from detectors.layout import INVALID, MISSING, Layout
from detectors.pane import ClosedPane
from detectors.reference import vector
from detectors.state import register
from schemas.alert import Pane
from schemas.contract import deterministic_id
from schemas.event_time import Micros, from_micros, rfc3339
from schemas.feature_schema import compatibility, feature_schema
from schemas.prediction import FeatureValue
from schemas.schema_change import Compatibility, Kind, SchemaChange

ENOUGH = 30  # rows of a pane, all of them so, that are no coincidence
HALF = 0.5  # of the reference's rows: where more are so there, it is no change
QUIET = 30  # panes of enough rows without a feature that had appeared, until it is taken for gone
MOST_OPEN = 100  # features of a version that appeared, and are told of


@register
@dataclass
class OpenChange:
    """A change that was told and is not over."""

    id: str
    since: Micros
    to_type: str | None
    quiet: int = 0
    """Panes in a row that the feature was not seen in."""


@register
@dataclass
class SchemaWatch:
    """What of one model version is not as declared."""

    open: dict[tuple[Kind, str], OpenChange] = field(default_factory=dict)
    """By what happened, and the feature."""

    def read(self, pane: ClosedPane) -> list[SchemaChange]:
        """Return what a closed pane has to tell; only traffic panes have anything."""
        if pane.key.family != "traffic" or pane.problem is not None or not pane.n:
            return []
        features = pane.layout.spec.features
        self.open = {key: one for key, one in self.open.items() if (key[0] == "appeared") != (key[1] in features)}
        return [*self._appeared(pane), *self._defects(pane)]

    def _appeared(self, pane: ClosedPane) -> Iterator[SchemaChange]:
        features, rows = pane.layout.spec.features, int(pane.view("unexpected")[0])
        undeclared = [[one for one in odd if one[0] not in features] for _, odd in pane.odd]
        undeclared = [odd for odd in undeclared if odd]
        seen = Counter(name for odd in undeclared for name, _ in odd)
        for name, count in sorted(seen.items()):
            known = self.open.get(("appeared", name))
            if known is not None:
                known.quiet = 0
            elif sum(kind == "appeared" for kind, _ in self.open) < MOST_OPEN:
                types = Counter(kind for odd in undeclared for one, kind in odd if one == name)
                yield self._begin(pane, "appeared", name, _commonest(types), rows / pane.n * count / len(undeclared))
        if pane.n < ENOUGH:
            return
        for (kind, name), one in list(self.open.items()):
            if kind == "appeared" and name not in seen:
                one.quiet += 1
                if one.quiet >= QUIET:
                    yield self._end(pane, kind, name, 0.0)

    def _defects(self, pane: ClosedPane) -> Iterator[SchemaChange]:
        reference = vector(pane.layout, "traffic")
        view = pane.layout.families["traffic"].view
        rows = int(view(reference, "n")[0])
        if not rows:
            return
        for name in pane.layout.spec.features:
            section = f"quality:{name}"
            missing, invalid = (int(pane.view(section)[kind]) for kind in (MISSING, INVALID))
            once_missing, once_invalid = (int(view(reference, section)[kind]) for kind in (MISSING, INVALID))
            yield from self._compare(pane, "vanished", name, missing, pane.n, once_missing / rows)
            present = rows - once_missing
            once = once_invalid / present if present else 1.0
            yield from self._compare(pane, "retyped", name, invalid, pane.n - missing, once)

    def _compare(
        self, pane: ClosedPane, kind: Kind, feature: str, defects: int, n: int, reference: float
    ) -> Iterator[SchemaChange]:
        if n < ENOUGH:
            return
        is_open = (kind, feature) in self.open
        if not is_open and defects == n and reference < HALF:
            to_type = _type_now(pane, feature) if kind == "retyped" else None
            yield self._begin(pane, kind, feature, to_type, defects / pane.n)
        elif is_open and defects / n <= (1 + reference) / 2:
            yield self._end(pane, kind, feature, defects / pane.n)

    def _begin(self, pane: ClosedPane, kind: Kind, feature: str, to_type: str | None, share: float) -> SchemaChange:
        key = (pane.key.model, pane.key.version, pane.start, kind, feature)
        one = self.open[kind, feature] = OpenChange(deterministic_id("schema", *key), pane.start, to_type)
        return self._change(pane, kind, feature, one, share, over=False)

    def _end(self, pane: ClosedPane, kind: Kind, feature: str, share: float) -> SchemaChange:
        return self._change(pane, kind, feature, self.open.pop((kind, feature)), share, over=True)

    def _change(
        self, pane: ClosedPane, kind: Kind, feature: str, one: OpenChange, share: float, *, over: bool
    ) -> SchemaChange:
        declared = pane.layout.spec.features.get(feature)
        types = (declared.type if declared else None, one.to_type)
        class_, breaks = _judged(pane.layout, feature, types[1], over)
        return SchemaChange(
            id=deterministic_id("schema change", one.id, pane.start, over),
            change=one.id,
            model=pane.key.model,
            version=pane.key.version,
            feature=feature,
            kind=kind,
            over=over,
            from_type=types[1] if over else types[0],
            to_type=types[0] if over else types[1],
            time=from_micros(pane.due),
            pane=Pane(family="traffic", start=from_micros(pane.start), end=from_micros(pane.end)),
            n=pane.n,
            share=min(1.0, share),
            compatibility=class_,
            breaks=breaks,
            summary=_summary(pane, kind, feature, types, one, share, over),
            action="Nothing; the feature is as declared again." if over else self._action(pane, kind),
        )

    def _action(self, pane: ClosedPane, kind: Kind) -> str:
        if kind == "vanished":
            new = [name for (how, name), one in self.open.items() if how == "appeared" and one.since == pane.start]
            renamed = f" Perhaps it was renamed: {', '.join(new[:3])} appeared at the same time." if new else ""
            return "Mend the producer, or serve a version that was made without the feature." + renamed
        return _ACTIONS[kind]


_ACTIONS: dict[Kind, str] = {
    "appeared": "Nothing breaks. If the model uses it, declare it under features and build the reference again.",
    "retyped": "Mend the producer. A version that was made with the new type has its own reference and needs its own "
    "declaration.",
}


def _summary(
    pane: ClosedPane,
    kind: Kind,
    feature: str,
    types: tuple[str | None, str | None],
    one: OpenChange,
    share: float,
    over: bool,
) -> str:
    of = f"of {pane.key.model} {pane.key.version}"
    since = f"since {rfc3339(one.since)}"
    if over:
        what = {"appeared": "is no longer sent", "vanished": "is back", "retyped": "has its type again"}[kind]
        return f"Feature {feature} {of} {what}; it had {_WORDS[kind]} {since}."
    now = "" if types[1] is None else f" to {types[1]}" if kind == "retyped" else f", {types[1]}"
    before = f" from {types[0]}" if kind == "retyped" else ""
    return f"Feature {feature} {of} has {_WORDS[kind]}{before}{now}, in {100 * min(1.0, share):.1f} % of rows, {since}."


_WORDS: dict[Kind, str] = {"appeared": "appeared", "vanished": "vanished", "retyped": "changed its type"}


def _judged(layout: Layout, feature: str, to_type: str | None, over: bool) -> tuple[Compatibility, list[str]]:
    """Return the compatibility of the features before and after, and what breaks."""
    features = layout.spec.features
    declared: dict[str, str] = {name: one.type for name, one in features.items()}
    counts = vector(layout, "traffic")
    view = layout.families["traffic"].view
    always = frozenset(
        name for name in features if view(counts, "n")[0] and not view(counts, f"quality:{name}")[MISSING]
    )
    changed = {name: kind for name, kind in declared.items() if name != feature}
    if to_type is not None:
        changed[feature] = to_type
    before, after = feature_schema(declared, always), feature_schema(changed, always)
    found, breaks = compatibility(after, before) if over else compatibility(before, after)
    return found, [str(one) for one in breaks]


def _type_now(pane: ClosedPane, feature: str) -> str | None:
    """Return the type of a feature's values where that can be told: from the odd rows, else from the sample."""
    types = Counter(kind for _, odd in pane.odd for name, kind in odd if name == feature)
    if not types:
        place = list(pane.layout.spec.features).index(feature)
        types = Counter(_TYPES[type(value)] for value in _values(pane, place) if type(value) in _TYPES)
        types.pop(pane.layout.spec.features[feature].type, None)  # a number that is none, such as NaN
    return _commonest(types)


def _values(pane: ClosedPane, place: int) -> Iterator[FeatureValue]:
    return (sampled.row.features[place] for sampled in pane.sample)


_TYPES = {str: "text", bool: "boolean", int: "numeric", float: "numeric"}


def _commonest(types: Counter[str]) -> str | None:
    named = {kind: count for kind, count in types.items() if kind != "null"} or types
    return min(named, key=lambda kind: (-named[kind], kind), default=None)
