"""Guesses what the columns of a table mean: which is the id, the time, the prediction, the outcome, a feature.

Guesses are for a first monitor file that a person checks; nothing else may rest on them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from schemas.event_time import Micros
from schemas.feature_spec import FeatureType
from schemas.spec import Task
from streams import cells
from streams.errors import UserError
from streams.spec_errors import did_you_mean, show
from streams.table_column import MANY, Column
from streams.table_features import USERS_RATING, features_of
from streams.table_file import TableFile

SAMPLED = 20_000  # rows whose cells are looked at; times are read from all
_ID = r"prediction_?id|(request|event|row|record|transaction|order)_?id|uuid|guid|id"
_TIME = (
    r"timestamp|event_?time|prediction_?time|date_?time|time|ts|created_?at|predicted_?at|date|.*_at|.*_?time(stamp)?"
)
_SCORE = r"y_?(pred_?)?(proba|prob|score)|score|proba(bility)?|prob|confidence|.*_(score|proba|prob|probability)"
_PREDICTED = r"y_?(pred|hat)|pred(iction|icted)?|(pred|predicted|prediction)_.+|.+_(pred|predicted|prediction|hat)"
_OUTCOME = (
    r"outcome|target|y|y_?true|truth|ground_?truth|actual|(actual|true|target)_.+|.+_(actual|true|outcome|target)"
)
_AMBIGUOUS = r"label|class"  # the outcome where something else is the prediction
_TEXT = r"response|answer|completion|generated(_text)?|output(_text)?|text"
_RATING = r"(.+_)?rating"
_CORRECTION = r"(user_?|label_?|human_?)?correction|corrected(_?(label|class|value|answer|text))?"
_VERSION = r"(model_?)?ver(sion)?"
_LATENCY = r"(.+_)?latency(_ms)?|(duration|elapsed|inference|response(_time)?)_?ms|ms"
_BY_CLASS = re.compile(r"^(?:y_)?(?:pred_)?(?:proba|prob|probability|p)_(.+)$", re.IGNORECASE)


@dataclass
class Guess:
    """What the columns of a table mean, as far as one can tell."""

    rows: int
    start: Micros | None
    end: Micros | None
    prediction_id: str | None
    timestamp: str | None
    task: Task | None
    outputs: dict[str, str]
    """Column of each part of the output: label, score, value, text."""
    probabilities: dict[str, str]
    classes: list[str]
    positive_label: str | None
    outcome: str | None
    rating: str | None
    """What users said, 0 to 1; None where it is the outcome itself (text)."""
    correction: str | None
    version: str | None
    latency_ms: str | None
    features: dict[str, FeatureType]
    segments: list[str]
    left_out: dict[str, str]
    """Columns that are no features, with the reason."""
    problems: list[str]
    """What could not be told, a sentence each."""


def guess(file: TableFile, given: Mapping[str, str] | None = None) -> Guess:
    """Return what the columns of `file` seem to mean; what cannot be told is None, and stands in `problems`.

    Parameters
    ----------
    given
        What somebody said: column by `timestamp`, `id`, `label` and `outcome`.

    Raises
    ------
    UserError
        When the table has no rows, or no such column as was given.
    """
    columns, looked_at = _look(file)
    if looked_at == 0:
        raise UserError(f"{file.name}: has no rows")
    given = given or {}
    _require(file, columns, given)
    free = {name: column for name, column in columns.items() if name not in given.values()}
    problems: list[str] = []

    def take(pattern: str, fits: Callable[[Column], bool]) -> str | None:
        for option in pattern.split("|") if "(" not in pattern else [pattern]:
            for name, column in free.items():
                if column.values and re.fullmatch(option, name, re.IGNORECASE) and fits(column):
                    del free[name]
                    return name
        return None

    timestamp = given.get("timestamp") or take("timestamp|event_time|prediction_time", Column.moments)
    timestamp = timestamp or take(_TIME, Column.times) or _by_content(free, Column.dates, Column.times)
    if timestamp is None:
        problems.append("timestamp: no column is surely the time of a prediction; name it with --timestamp COLUMN")
    prediction_id = given.get("id") or take("prediction_id", Column.unique) or take(_ID, Column.unique)
    prediction_id = prediction_id or take(".+_id", Column.unique)
    prediction_id = prediction_id or take(".+", lambda column: column.identifies(looked_at))
    if prediction_id is None:
        problems.append("prediction_id: no column has an id of its own for each row; name it with --id COLUMN")
    version = take(_VERSION, lambda column: len(column.distinct) <= MANY)
    latency = take(_LATENCY, lambda column: bool(column.numbers()))
    probabilities = _by_class(free)
    for name in probabilities.values():
        del free[name]
    score = None if probabilities else take(_SCORE, Column.shares)
    predicted = given.get("label") or take(_PREDICTED, lambda _: True)
    sure = predicted is not None or score is not None or bool(probabilities)
    outcome = given.get("outcome") or take(_OUTCOME, lambda _: True)
    outcome = outcome or (take(_AMBIGUOUS, lambda _: True) if sure else None)
    if not sure:
        predicted = predicted or take(_AMBIGUOUS, Column.repeats) or take(_TEXT, Column.repeats)
    text = None if predicted or score or probabilities else take(_TEXT, lambda _: True)
    answers = columns[predicted] if predicted else None
    correction = take(_CORRECTION, lambda column: _corrects(column, answers)) if sure or text else None
    if outcome is None and predicted is not None:
        outcome = _same_values(columns[predicted], free)
        free.pop(outcome or "", None)
    main = predicted or score or text or next(iter(probabilities.values()), None)
    task = None if main is None else _task(columns[main], predicted, score, text, probabilities)
    if main is None:
        problems.append("label: no column looks like what the model answered; name it with --label COLUMN")
    if task == "text" and (outcome is None or not columns[outcome].shares()):
        outcome = given.get("outcome") or take(_RATING, Column.shares)
    rating = take(USERS_RATING, Column.shares) if main is not None else None
    outputs = {"label": None, "score": score, "value": None, "text": text}
    outputs["value" if task == "regression" else "label"] = predicted
    probabilities = _named_like(probabilities, columns[predicted].distinct if predicted else [])
    classes = _classes(columns, predicted, outcome, probabilities)
    features, left_out = features_of(free.values(), classes, predicted, outcome)
    if not features:
        problems.append("features: no column is left that the model may have seen; name its features")
    return Guess(
        *_times(file, timestamp, next(iter(columns))),
        prediction_id=prediction_id,
        timestamp=timestamp,
        task=task,
        outputs={part: name for part, name in outputs.items() if name is not None},
        probabilities=probabilities,
        classes=classes if task in ("binary", "multiclass") else [],
        positive_label=_positive(classes) if task == "binary" else None,
        outcome=outcome,
        rating=rating,
        correction=correction,
        version=version,
        latency_ms=latency,
        features=features,
        segments=[
            name for name, kind in features.items() if kind == "categorical" and 2 <= len(columns[name].distinct) <= 12
        ],
        left_out=left_out,
        problems=problems,
    )


def _look(file: TableFile) -> tuple[dict[str, Column], int]:
    columns: dict[str, Column] = {}
    rows = 0
    for batch in file.batches():
        for name in batch.columns:
            known = [cell for cell in batch.column(name) if not cells.missing(cell)]
            columns.setdefault(name, Column(name)).values += known
        rows += batch.rows
        if rows >= SAMPLED:
            break
    return columns, rows if columns else 0


def _require(file: TableFile, columns: dict[str, Column], given: Mapping[str, str]) -> None:
    lines = [
        f"--{option}: {file.name} has no column {name!r}{did_you_mean(name, columns)}; they are {', '.join(columns)}"
        for option, name in given.items()
        if name not in columns
    ]
    time = columns.get(given.get("timestamp", ""))
    if time is not None and not time.moments():
        cell = next((cell for cell in time.values if cells.moment(cell) is None), None)
        lines.append(
            f"--timestamp: column {time.name!r} holds {show(cell)}; a time is 2026-01-31T12:00:00Z, "
            "2026-01-31 12:00:00 (UTC), or seconds or milliseconds since 1970"
        )
    if lines:
        raise UserError("\n".join(lines))


def _by_content(free: dict[str, Column], *kinds: Callable[[Column], bool]) -> str | None:
    """Take the first column of times that increase, or the only one of dates; the surest kind first."""
    for is_kind in kinds:
        increasing = next((name for name, column in free.items() if is_kind(column) and column.increasing()), None)
        if increasing is not None:
            del free[increasing]
            return increasing
    dates = [name for name, column in free.items() if column.dates()]
    if len(dates) == 1:
        del free[dates[0]]
        return dates[0]
    return None


def _times(file: TableFile, column: str | None, any_column: str) -> tuple[int, Micros | None, Micros | None]:
    rows = 0
    known: list[Micros] = []
    for batch in file.batches({column or any_column}):
        rows += batch.rows
        times = [time for time in map(cells.moment, batch.column(column)) if time is not None]
        known += [min(times), max(times)] if times else []
    return rows, min(known, default=None), max(known, default=None)


def _named_like(probabilities: dict[str, str], labels: list[str]) -> dict[str, str]:
    """Return the columns by the class as it is written in the labels: `prob_no_risk` is of `No risk`."""
    written = {re.sub(r"\W+", "_", label).lower(): label for label in labels}
    return {written.get(re.sub(r"\W+", "_", suffix).lower(), suffix): name for suffix, name in probabilities.items()}


def _classes(
    columns: dict[str, Column], predicted: str | None, outcome: str | None, probabilities: dict[str, str]
) -> list[str]:
    """Return the classes, each once; an outcome that is written in other words altogether says nothing about them."""
    classes = set(columns[predicted].distinct if predicted else []) | probabilities.keys()
    true = set(columns[outcome].distinct if outcome else [])
    if classes and not classes & true:
        return sorted(classes)
    lower = {label.lower() for label in classes}
    return sorted(classes | {label for label in true if label.lower() not in lower})


def _by_class(columns: dict[str, Column]) -> dict[str, str]:
    """Return the columns of the probabilities of three classes and more, by class."""
    found = {match[1]: name for name in columns if (match := _BY_CLASS.match(name)) and columns[name].shares()}
    return found if len(found) >= 3 else {}


def _task(main: Column, predicted: str | None, score: str | None, text: str | None, by_class: dict[str, str]) -> Task:
    if by_class:
        return "multiclass"
    if text is not None:
        return "text"
    if score is not None and (predicted is None or len(main.distinct) <= 2):
        return "binary"
    if main.numbers() and (len(main.distinct) > MANY or any(number % 1 for number in main.numbers())):
        return "regression"
    return "binary" if len(main.distinct) <= 2 else "multiclass"


def _same_values(predicted: Column, columns: dict[str, Column]) -> str | None:
    """Return the one column that holds just the classes that are predicted: likely the outcome."""
    values = predicted.distinct
    if len(values) > MANY:
        return None
    same = [name for name, column in columns.items() if column.distinct == values]
    return same[0] if len(same) == 1 else None


def _corrects(column: Column, answers: Column | None) -> bool:
    """Return whether the values may stand instead of what the model answered: of a score or a text, any may."""
    if answers is None:
        return True
    if answers.numbers():
        return bool(column.numbers())
    return not set(column.distinct).isdisjoint(answers.distinct)


def _positive(classes: list[str]) -> str:
    usual = ("1", "true", "yes", "y", "positive", "pos", "p")
    return next((label for wanted in usual for label in classes if label.lower() == wanted), (classes or ["1"])[-1])
