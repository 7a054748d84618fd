"""`streamgauge reference`: reference tables to profile files, and what a person should know about them."""

import re
import sys
from pathlib import Path

from detectors.bounds import MINIMUM_PANES
from detectors.build_profile import CATEGORIES
from detectors.layout import INVALID, MISSING, OUT_OF_RANGE, UNSEEN_BUCKETS
from schemas.event_time import format_duration, rfc3339, to_micros
from schemas.feature_spec import FeatureType
from schemas.profile import ReferenceProfile
from schemas.spec import MonitorSpec
from streams import cells, report_text
from streams.errors import UserError
from streams.files import resolve, save_profile
from streams.profiling import build_profiles
from streams.report_text import clean
from streams.table_column import Column
from streams.table_features import feature_type
from streams.table_file import TableFile
from streams.table_guess import SAMPLED

MUCH = 0.01  # of a feature's values: more of them that are no good are rather a mistake in the monitor file
MOST = 0.5  # of the values of a categorical feature: so many beside its frequent ones, and it has no categories
HALF = 0.5  # of the values of a numeric feature: more with a comma, and it is their decimal point

_COMMA = re.compile(r"\s*[+-]?[\d. ]*,\d+\s*")
_LOOKED = 100  # cells: enough to tell a way of writing


def build_reference(spec: MonitorSpec, base: Path) -> None:
    """Write the profile of each model (and version) where the monitor file says, and say so on stdout.

    Raises
    ------
    UserError
        When a reference table is missing or damaged, no value of a feature is of its type, or a profile has no place
        to go.
    """
    written: dict[Path, str] = {}
    notes: dict[str, None] = {}
    profiles = build_profiles(spec, base, notes.setdefault)
    _refuse_unreadable(list(profiles.values()), spec, base)
    for profile in profiles.values():
        path = _place(spec, base, profile)
        name = profile.model if profile.version is None else f"{profile.model} {profile.version}"
        if path in written:
            raise UserError(f"{path}: {written[path]} and {name} cannot share a profile; give each a file of its own")
        save_profile(profile, path)
        written[path] = name
        lines = [f"{path}: {_describe(profile, name)}", *_warnings(profile, spec, base)]
        sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.writelines(f"{clean(note)}\n" for note in notes)


def _refuse_unreadable(profiles: list[ReferenceProfile], spec: MonitorSpec, base: Path) -> None:
    """Raise where no value of a feature is of its type: it would be watched as one that is always invalid."""
    lines: dict[str, None] = {}
    for profile in profiles:
        for name, feature in spec.models[profile.model].features.items():
            counts = profile.counts.get("traffic", {}).get(f"quality:{name}")
            if counts and counts[INVALID] and counts[INVALID] + counts[MISSING] == profile.rows:
                hint = _hint(spec, base, profile.model, name, feature.type)
                place = f"models.{profile.model}.features.{clean(name)}"
                lines[f"{place}: all of its values in the reference {report_text.INVALID[feature.type]}{hint}"] = None
    if lines:
        raise UserError("\n".join(lines))


def _place(spec: MonitorSpec, base: Path, profile: ReferenceProfile) -> Path:
    reference = spec.models[profile.model].reference
    if isinstance(reference, str):
        return resolve(base, reference)
    if profile.version not in reference:
        raise UserError(
            f"models.{profile.model}.reference: no file for version {profile.version!r}; it has {', '.join(reference)}"
        )
    return resolve(base, reference[profile.version])


def _describe(profile: ReferenceProfile, name: str) -> str:
    start, end = (rfc3339(to_micros(moment)) for moment in (profile.start, profile.end))
    text = (
        f"{name}, {profile.rows:,} rows ({profile.labelled:,} with an outcome) in {profile.panes} panes of "
        f"{format_duration(profile.pane)}, {start} to {end}"
    )
    if profile.panes < MINIMUM_PANES:
        text += (
            f"\n  {profile.panes} panes are fewer than {MINIMUM_PANES}: signals that need to know how much panes "
            "vary stay unknown. Give a longer reference, or narrower panes"
        )
    if profile.labelled == 0:
        text += "\n  no outcomes: performance cannot be judged. Name a column for outcome (or rating)"
    return text


def _warnings(profile: ReferenceProfile, spec: MonitorSpec, base: Path) -> list[str]:
    """Return a line for each feature of whose values much is no good."""
    lines = []
    for name, feature in spec.models[profile.model].features.items():
        if feature.type == "categorical" and (line := _too_many(profile, name)):
            lines.append(f"  {clean(name)}: {line}")
        counts = profile.counts.get("traffic", {}).get(f"quality:{name}")
        if not counts or not profile.rows:
            continue
        words = (
            (INVALID, report_text.INVALID[feature.type]),
            (MISSING, "are missing; is this its name?" if counts[MISSING] == profile.rows else "are missing"),
            (OUT_OF_RANGE, "are out of range"),
        )
        much = [
            f"{100 * counts[kind] / profile.rows:.1f} % of its values {text}"
            for kind, text in words
            if counts[kind] > MUCH * profile.rows
        ]
        if much:
            invalid = counts[INVALID] > MUCH * profile.rows
            hint = _hint(spec, base, profile.model, name, feature.type) if invalid else ""
            lines.append(f"  {clean(name)}: {', '.join(much)}{hint}")
    return lines


def _too_many(profile: ReferenceProfile, feature: str) -> str | None:
    """Return a warning of a categorical feature with so many values that few of them are watched."""
    histogram = profile.counts.get("traffic", {}).get(f"histogram:{feature}", [])
    rest = sum(histogram[-UNSEEN_BUCKETS:])
    if not rest or rest < MOST * sum(histogram):
        return None
    share = f"{100 * rest / sum(histogram):.1f} %"
    return (
        f"{share} of its values are none of the {CATEGORIES} most frequent, and watched as one; is it text, or an id?"
    )


def _hint(spec: MonitorSpec, base: Path, model: str, feature: str, declared: FeatureType) -> str:
    """Return what the values of a feature look like in the reference tables, where that is another type."""
    column = Column(feature)
    for table in spec.files.reference if spec.files else ():
        if table.model not in (None, model):
            continue
        for batch in TableFile(resolve(base, table.path), table.path).batches({feature}):
            column.values += [cell for cell in batch.column(feature) if not cells.missing(cell)]
            if len(column.values) >= SAMPLED:
                break
    looked = [str(cell) for cell in column.values[:_LOOKED]]
    if declared == "numeric" and looked and sum(map(bool, map(_COMMA.fullmatch, looked))) > HALF * len(looked):
        return "; a decimal comma? Write 1.5, not 1,5"
    found = feature_type(column) if column.values else declared
    return f"; is it {found}?" if found != declared else ""
