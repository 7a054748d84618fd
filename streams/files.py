"""The files a person keeps: the monitor file and reference profiles. Problems are worded for that person.

Relative paths in a monitor file are relative to the directory it stands in, which other modules call `base`.
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from detectors.layouts import Layouts
from detectors.reference import settings
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec, MonitorSpec
from streams.errors import UserError
from streams.monitor_yaml import read_yaml
from streams.spec_errors import word_problems
from streams.whole_file import whole_file

DURATIONS = frozenset(
    {
        "pane",
        "lateness",
        "label_horizon",
        "label_maturity",
        "reference_max_age",
        "period",
        "cooldown",
        "within",
        "answer_within",
        "half_life",
        "timeout",
        "retention",
        "delay",
        "max_skew",
        "idle_after",
    }
)
"""Keys that hold a length of time; a bare number there has no unit."""


PLACEHOLDER = "CHANGE_ME"
"""What `streamgauge init` writes where it cannot tell; no monitor file may keep it."""


def load_spec(path: Path | str) -> MonitorSpec:
    """Return the monitor file at `path`.

    Raises
    ------
    UserError
        When there is no such file, or it is not a valid monitor file: one line for each problem.
    """
    path = Path(path)
    what = "write one with: streamgauge init TABLE"
    text = _text(path, what)
    try:
        data = read_yaml(text)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    if data is None:
        raise UserError(f"{path}: the file is empty; {what}")
    if not isinstance(data, dict):
        raise UserError(f"{path}: not a monitor file: it has no 'models:' at its top; {what}")
    bare = _bare_durations(data, "", set())
    problems = [*_placeholders(data, "", set()), *bare]
    try:
        spec = MonitorSpec.model_validate(data)
    except ValidationError as error:
        known = {line.split(":", 1)[0] for line in problems}
        # what a block as a whole says of its lengths of time goes by the numbers that have no unit
        known |= {line.split(":", 1)[0].rpartition(".")[0] for line in bare} - {""}
        worded = word_problems(error, MonitorSpec, data)
        problems += [line for line in worded if line.split(":", 1)[0] not in known]
    if problems:
        raise UserError("\n".join(f"{path}: {problem}" for problem in problems))
    return spec


def resolve(base: Path, path: str) -> Path:
    """Return where a path of the monitor file points: relative to the file's directory, or absolute."""
    return base / path


def load_profile(path: Path | str) -> ReferenceProfile:
    """Return the reference profile at `path`.

    Raises
    ------
    UserError
        When it is missing or damaged, with the command that builds it.
    """
    path = Path(path)
    build = "build it with: streamgauge reference MONITOR"
    text = _text(path, build)
    try:
        return ReferenceProfile.model_validate_json(text)
    except ValidationError as error:
        first = word_problems(error, ReferenceProfile, None)[0]
        raise UserError(f"{path}: not a reference profile of this version ({first}); {build}") from None


def save_profile(profile: ReferenceProfile, path: Path | str) -> None:
    """Write `profile` to `path`, whole or not at all; the same profile gives the same bytes."""
    with whole_file(Path(path)) as beside:
        beside.write_bytes(profile.model_dump_json(indent=1).encode() + b"\n")


def _text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; {remedy}") from None
    except IsADirectoryError:
        raise UserError(f"{path}: a directory, not a file") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file in UTF-8") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None


def _placeholders(data: Any, path: str, above: set[int]) -> list[str]:
    """Return a line for each value that `init` left to its reader."""
    if data == PLACEHOLDER:
        return [f"{path}: still says {PLACEHOLDER}; the comments beside and above it say what belongs there"]
    if not isinstance(data, dict | list) or id(data) in above:
        return []
    lines = []
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        lines += _placeholders(key, f"{path}.{PLACEHOLDER}", above)
        lines += _placeholders(value, _place(data, path, key), above | {id(data)})
    return lines


def _bare_durations(data: Any, path: str, above: set[int]) -> list[str]:
    """Return a line for each length of time that is a number without a unit."""
    if not isinstance(data, dict | list) or id(data) in above:
        return []
    above = above | {id(data)}
    lines = []
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        here = _place(data, path, key)
        if key in DURATIONS and isinstance(value, int | float) and not isinstance(value, bool):
            lines.append(f"{here}: {value} has no unit; write for example 30s, 15m, 1h or 7d")
        lines += _bare_durations(value, here, above)
    return lines


def _place(data: dict[Any, Any] | list[Any], path: str, key: object) -> str:
    return f"{path}[{key}]" if isinstance(data, list) else f"{path}.{key}" if path else str(key)


def load_layouts(spec: MonitorSpec, base: Path) -> Layouts:
    """Return what is counted for each model version, from the reference profiles that the monitor file names.

    Raises
    ------
    UserError
        When a profile is missing, damaged, or of another model.
    """
    profiles: dict[str, dict[str | None, ReferenceProfile]] = {}
    for name, model in spec.models.items():
        paths: dict[str | None, str] = (
            {None: model.reference} if isinstance(model.reference, str) else dict(model.reference.items())
        )
        profiles[name] = {version: load_profile(resolve(base, path)) for version, path in paths.items()}
        for version, profile in profiles[name].items():
            _check_profile(profile, paths[version], name, model)
    return Layouts(dict(spec.models), profiles)


def _check_profile(profile: ReferenceProfile, path: str, name: str, model: ModelSpec) -> None:
    """Refuse a profile that does not belong to a model, or was made with other settings than it has now."""
    if profile.model != name:
        raise UserError(f"{path}: a profile of model {profile.model!r}, and it is named as that of {name!r}")
    for setting, now in settings(model).items():
        then = profile.made_with.get(setting, now)
        if then != now:
            raise UserError(
                f"{path}: made with {setting}: {then}, and models.{name}.{setting} is {now} now; "
                "build it again with: streamgauge reference"
            )
    _check_classes(profile, path, name, model)


def _check_classes(profile: ReferenceProfile, path: str, name: str, model: ModelSpec) -> None:
    """Refuse a profile whose counts are by other classes than the model's: they would be taken for those."""
    if model.task != "multiclass":
        return
    now = model.classes or profile.classes
    counted = len(profile.counts.get("traffic", {}).get("classes", ())) - 1  # the last is for all others
    if set(profile.classes) <= set(now) and counted in (-1, len(now)):
        return
    seen = ", ".join(profile.classes)
    seen += f" ({counted} were named)" if counted > len(profile.classes) else ""
    said = f"models.{name}.classes is {', '.join(now)}" if model.classes else f"models.{name}.classes is not given"
    raise UserError(
        f"{path}: made with classes {seen}, and {said} now; build it again with: streamgauge reference, or name the "
        "same classes"
    )
