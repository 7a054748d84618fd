"""Reference profiles from the reference tables of a monitor file."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from detectors.build_profile import LabelledRows, build_profile
from detectors.row import Label, Row, row_of, task_problem
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.profile import ReferenceProfile
from schemas.spec import ModelSpec, MonitorSpec
from streams.decode import Refusal, decode
from streams.errors import UserError
from streams.fast_feedback import number_of
from streams.records import Record
from streams.refusal_remedy import remedy
from streams.tables import reference

MAX_BAD_SHARE = 0.01  # of a reference's rows; it is what everything is compared with


def build_profiles(
    spec: MonitorSpec, base: Path, tell: Callable[[str], None] = lambda _: None
) -> dict[tuple[str, str | None], ReferenceProfile]:
    """Return the profile of each model, by (model, version); version None where one file serves all versions.

    Parameters
    ----------
    tell
        Takes what a person should know of how the tables were read, a line each.

    Raises
    ------
    UserError
        When a table is missing or damaged, has no rows of a version, or has too many that break their contract.
    """
    profiles: dict[tuple[str, str | None], ReferenceProfile] = {}
    for name, model in spec.models.items():
        by_version = reference_rows(spec, base, name, tell)
        if isinstance(model.reference, str):
            everything = sorted((pair for rows in by_version.values() for pair in rows), key=lambda pair: pair[0].time)
            profiles[name, None] = _profile(name, None, model, everything)
            continue
        for version in model.reference:
            if version not in by_version:
                seen = ", ".join(by_version)
                raise UserError(f"files.reference: no rows of {name} version {version!r}; there are {seen}")
            profiles[name, version] = _profile(name, version, model, by_version[version])
    return profiles


def _profile(name: str, version: str | None, model: ModelSpec, rows: LabelledRows) -> ReferenceProfile:
    try:
        return build_profile(name, version, model, rows)
    except ValueError as error:
        raise UserError(f"files.reference: {name}: {error}") from None


def reference_rows(
    spec: MonitorSpec, base: Path, model: str, tell: Callable[[str], None] = lambda _: None
) -> dict[str, LabelledRows]:
    """Return the rows of the reference tables in time order, by version; raises as `build_profiles` does."""
    rows: dict[str, list[tuple[Row, Label | None]]] = defaultdict(list)
    total, refused = 0, []
    for prediction_event, feedback_event in reference(spec, base, model, tell):
        total += 1
        where = f"{prediction_event.table}, row {prediction_event.row}"
        prediction = decode("predictions", Record(total, -1, None, prediction_event.value), spec)
        if isinstance(prediction, Prediction) and (problem := task_problem(prediction, spec.models[model])):
            prediction = Refusal("task", problem)
        if not isinstance(prediction, Prediction):
            refused.append(f"{where}: {getattr(prediction, 'message', 'not a prediction')}")
            continue
        label = None
        if feedback_event is not None:
            feedback = decode("feedback", Record(total, -1, None, feedback_event.value), spec)
            if isinstance(feedback, Feedback):
                label = _label(feedback)
            else:
                refused.append(f"{where}: {getattr(feedback, 'message', 'not feedback')}")
                continue
        rows[prediction.version].append((row_of(prediction, spec.models[model]), label))
    if len(refused) > MAX_BAD_SHARE * total:
        raise UserError(
            f"files.reference: {len(refused)} of {total} rows of {model} break their contract. The first: "
            f"{refused[0]}{remedy(refused[0])}"
        )
    if refused:
        tell(f"left out {len(refused):,} of {total:,} rows of {model}. The first: {refused[0]}{remedy(refused[0])}")
    return dict(rows)


def _label(feedback: Feedback) -> Label:
    """Return what feedback says, as the join reads it: a correction goes before all else that it says."""
    time, rating = to_micros(feedback.timestamp), feedback.rating
    if feedback.correction is None:
        return Label(time, feedback.label, feedback.value, rating)
    return Label(time, feedback.correction, number_of(feedback.correction), rating, corrects=True, by_user=True)
