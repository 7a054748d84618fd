"""`streamgauge reference`: reference tables to profile files, and what a person should know about them."""

import sys
from pathlib import Path

from detectors.bounds import MINIMUM_PANES
from detectors.layout import INVALID, MISSING, OUT_OF_RANGE
from schemas.event_time import format_duration, rfc3339, to_micros
from schemas.profile import ReferenceProfile
from schemas.spec import FeatureType, ModelSpec, MonitorSpec
from streams.errors import UserError
from streams.files import resolve, save_profile
from streams.profiling import build_profiles
from streams.report_text import clean

MUCH = 0.01  # of a feature's values: more of them that are no good are rather a mistake in the monitor file
_INVALID: dict[FeatureType, str] = {
    "numeric": "are not numeric; is it boolean or categorical?",
    "boolean": "are not true or false; is it categorical?",
    "categorical": "are not categories",
    "text": "are not text",
    "datetime": "are not times",
}


def build_reference(spec: MonitorSpec, base: Path) -> None:
    """Write the profile of each model (and version) where the monitor file says, and say so on stdout.

    Raises
    ------
    UserError
        When a reference table is missing or damaged, or a profile has no place to go.
    """
    written: dict[Path, str] = {}
    for profile in build_profiles(spec, base).values():
        path = _place(spec, base, profile)
        name = profile.model if profile.version is None else f"{profile.model} {profile.version}"
        if path in written:
            raise UserError(f"{path}: {written[path]} and {name} cannot share a profile; give each a file of its own")
        save_profile(profile, path)
        written[path] = name
        lines = [f"{path}: {_describe(profile, name)}", *_warnings(profile, spec.models[profile.model])]
        sys.stdout.write("\n".join(lines) + "\n")


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


def _warnings(profile: ReferenceProfile, model: ModelSpec) -> list[str]:
    """Return a line for each feature of whose values much is no good."""
    lines = []
    for name, feature in model.features.items():
        counts = profile.counts.get("traffic", {}).get(f"quality:{name}")
        if not counts or not profile.rows:
            continue
        words = (
            (INVALID, _INVALID[feature.type]),
            (MISSING, "are missing; is this its name?" if counts[MISSING] == profile.rows else "are missing"),
            (OUT_OF_RANGE, "are out of range"),
        )
        much = [
            f"{100 * counts[kind] / profile.rows:.1f} % of its values {text}"
            for kind, text in words
            if counts[kind] > MUCH * profile.rows
        ]
        if much:
            lines.append(f"  {clean(name)}: {', '.join(much)}")
    return lines
