"""The catalogue of features: what each is declared to be, what the archive has seen of it, and the reference of it.

It works without an archive, and says what is then unknown.
"""

from pathlib import Path
from typing import Any

import numpy as np

from detectors.layout import QUALITY, Layout
from detectors.reference import vector
from schemas.event_time import rfc3339, to_micros
from schemas.feature_spec import FeatureSpec
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec, MonitorSpec
from streams.archive import Archive
from streams.archive_schema import FEATURE
from streams.errors import UserError
from streams.files import load_profile, resolve
from streams.observed_features import ObservedFeature

MOST_SHOWN = 5
"""Categories of a feature."""
ALL_VERSIONS = "all versions"


def catalogue(spec: MonitorSpec, base: Path, model: str) -> dict[str, Any]:
    """Return the catalogue of a model, as it is written as JSON; `unknown` says what nothing is known of, and why."""
    settings, unknown = spec.models[model], list[str]()
    observed = _observed(spec, base, model, unknown)
    layouts = _layouts(settings, base, model, unknown)
    names = [*settings.features, *sorted((observed or {}).keys() - settings.features.keys())]
    return {
        "model": model,
        "features": [
            {
                "name": name,
                "declared": _declared(settings.features.get(name)),
                "observed": None if observed is None else _seen(observed[name]) if name in observed else _nothing(),
                "reference": {
                    version: _reference(layout, name)
                    for version, layout in layouts.items()
                    if name in settings.features
                },
            }
            for name in names
        ],
        "unknown": unknown,
    }


def _observed(spec: MonitorSpec, base: Path, model: str, unknown: list[str]) -> dict[str, ObservedFeature] | None:
    """Return what the archive holds of each feature; None where it holds nothing."""
    gap = "first and last seen, share missing, observed values and versions are unknown"
    if spec.archive is None:
        unknown.append(f"{gap}: the monitor file has no archive")
        return None
    declared = spec.models[model].features
    found: dict[str, ObservedFeature] = {}
    try:
        for table in Archive(spec.archive, base).features(model):
            times = table["time"].cast("int64")
            for column in table.schema.names:
                if column.startswith(FEATURE):
                    name = column.removeprefix(FEATURE)
                    one = found.setdefault(name, ObservedFeature(declared[name].type if name in declared else None))
                    one.take(table[column], times, table["version"])
    except UserError as error:
        if found:
            raise
        unknown.append(f"{gap}: {error}")
        return None
    return found


def _layouts(settings: ModelSpec, base: Path, model: str, unknown: list[str]) -> dict[str, Layout]:
    """Return what the reference profiles count, by version."""
    paths = {ALL_VERSIONS: settings.reference} if isinstance(settings.reference, str) else dict(settings.reference)
    found = {}
    for version, path in paths.items():
        try:
            profile: ReferenceProfile = load_profile(resolve(base, path))
        except UserError as error:
            unknown.append(f"the reference of {version} is unknown: {error}")
            continue
        found[version] = Layout(model, version, settings, profile)
    return found


def _declared(feature: FeatureSpec | None) -> dict[str, Any] | None:
    return None if feature is None else feature.model_dump(mode="json", exclude_none=True)


def _nothing() -> dict[str, Any]:
    return {"rows": 0, "missing": None, "first_seen": None, "last_seen": None, "versions": []}


def _seen(one: ObservedFeature) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": one.kind,
        "rows": one.rows,
        "missing": None if not one.rows else 1 - one.known / one.rows,
        "first_seen": None if one.first is None else rfc3339(one.first),
        "last_seen": None if one.last is None else rfc3339(one.last),
        "versions": sorted(one.versions),
    }
    if one.low is not None:
        found |= {"minimum": one.low, "maximum": one.high}
    if quantiles := one.quantiles():
        found["quantiles"] = {f"{share:g}": value for share, value in quantiles.items()}
    if one.categories:
        top = sorted(one.categories.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_SHOWN]
        found |= {"values": len(one.categories), "top": {value: count / one.known for value, count in top}}
        found["more_values"] = one.uncounted > 0
    return found


def _reference(layout: Layout, name: str) -> dict[str, Any]:
    """Return what the reference profile says of a feature."""
    profile = layout.profile
    assert profile is not None
    counts, view = vector(layout, "traffic"), layout.families["traffic"].view
    rows = int(view(counts, "n")[0])
    missing = int(view(counts, f"quality:{name}")[QUALITY.index("missing")])
    found: dict[str, Any] = {
        "start": rfc3339(to_micros(profile.start)),
        "end": rfc3339(to_micros(profile.end)),
        "rows": rows,
        "missing": missing / rows if rows else None,
    }
    if name in profile.ranges:
        found |= dict(zip(("minimum", "maximum"), profile.ranges[name], strict=True))
    if f"histogram:{name}" not in layout.families["traffic"].sections:
        return found
    histogram = np.asarray(view(counts, f"histogram:{name}"))
    if name in layout.edges and len(layout.edges[name]) and histogram.sum():
        middle = int(np.searchsorted(np.cumsum(histogram), histogram.sum() / 2))
        found["median_at_most"] = float(
            layout.edges[name][middle] if middle < len(layout.edges[name]) else profile.ranges.get(name, (0, np.inf))[1]
        )
    elif name in layout.codes and rows:
        found["values"] = len(layout.codes[name])
        shares = {value: int(histogram[code]) / rows for value, code in layout.codes[name].items()}
        found["top"] = dict(sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_SHOWN])
    return found
