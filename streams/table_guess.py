"""Guesses what the columns of a table mean: which is the id, the time, the prediction, the outcome, a feature.

Guesses are for a first monitor file that a person checks; nothing else may rest on them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from schemas.event_time import Micros
from schemas.spec import FeatureType, Task
from streams import cells
from streams.cells import Cell
from streams.errors import UserError
from streams.table_file import TableFile

SAMPLED = 20_000  # rows whose cells are looked at; times are read from all
MANY = 50  # more values than this are no set of classes or categories that a person would list

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
_VERSION = r"(model_)?version"
_LATENCY = r"latency(_ms)?|duration_ms|response_time_ms"
_BY_CLASS = re.compile(r"^(?:y_)?(?:pred_)?(?:proba|prob|probability|p)_(.+)$", re.IGNORECASE)


@dataclass
class Column:
    """A column as far as it was looked at."""

    name: str
    values: list[Cell] = field(default_factory=list)
    """Cells that are not empty, of the first rows."""

    @property
    def distinct(self) -> list[str]:
        """Return the different values, as labels, in order of their text."""
        return sorted({str(_label(cell)) for cell in self.values})

    def numbers(self) -> list[float]:
        """Return the values if they are numbers, nearly all of them; else nothing."""
        read = [cells.number(cell) for cell in self.values]
        numbers = [float(cell) for cell in read if isinstance(cell, int | float) and not isinstance(cell, bool)]
        return numbers if self._nearly_all(len(numbers)) else []

    def moments(self) -> bool:
        """Return whether the values are moments, nearly all of them."""
        return self._nearly_all(sum(cells.moment(cell) is not None for cell in self.values))

    def shares(self) -> bool:
        """Return whether all values lie between 0 and 1."""
        numbers = self.numbers()
        return bool(numbers) and all(0 <= number <= 1 for number in numbers)

    def unique(self) -> bool:
        """Return whether no value comes twice."""
        return len({str(cell) for cell in self.values}) == len(self.values) > 0

    def _nearly_all(self, count: int) -> bool:
        return count > 0 and count >= 0.95 * len(self.values)


@dataclass
class Guess:
    """What the columns of a table mean, as far as one can tell."""

    rows: int
    start: Micros
    end: Micros
    prediction_id: str
    timestamp: str
    task: Task
    outputs: dict[str, str]
    """Column of each part of the output: label, score, value, text."""
    probabilities: dict[str, str]
    classes: list[str]
    positive_label: str | None
    outcome: str | None
    version: str | None
    latency_ms: str | None
    features: dict[str, FeatureType]
    segments: list[str]
    left_out: dict[str, str]
    """Columns that are no features, with the reason."""


def guess(file: TableFile) -> Guess:
    """Return what the columns of `file` seem to mean.

    Raises
    ------
    UserError
        When there is no column for the id, the time or the prediction, with what such a column may be called.
    """
    columns = _look(file)
    free = dict(columns)

    def take(pattern: str, fits: Callable[[Column], bool]) -> str | None:
        for option in pattern.split("|") if "(" not in pattern else [pattern]:
            for name, column in free.items():
                if column.values and re.fullmatch(option, name, re.IGNORECASE) and fits(column):
                    del free[name]
                    return name
        return None

    timestamp = take("timestamp|event_time|prediction_time", Column.moments) or take(_TIME, Column.moments)
    if timestamp is None:
        raise _no_column(file, columns, "the time of a prediction", "timestamp")
    prediction_id = take("prediction_id", Column.unique) or take(_ID, Column.unique) or take(".+_id", Column.unique)
    if prediction_id is None:
        raise _no_column(file, columns, "an id of its own for each row", "prediction_id")
    version = take(_VERSION, lambda column: len(column.distinct) <= MANY)
    latency = take(_LATENCY, lambda column: bool(column.numbers()))
    probabilities = _by_class(free)
    for name in probabilities.values():
        del free[name]
    score = None if probabilities else take(_SCORE, Column.shares)
    predicted = take(_PREDICTED, lambda _: True)
    sure = predicted is not None or score is not None or bool(probabilities)
    outcome = take(_OUTCOME, lambda _: True) or (take(_AMBIGUOUS, lambda _: True) if sure else None)
    if not sure:
        predicted = take(_AMBIGUOUS, lambda column: len(column.distinct) <= MANY)
    text = None if predicted or score or probabilities else take(_TEXT, lambda _: True)
    if outcome is None and predicted is not None:
        outcome = _same_values(columns[predicted], free)
        free.pop(outcome or "", None)
    main = predicted or score or text or next(iter(probabilities.values()), None)
    if main is None:
        raise _no_column(
            file, columns, "what the model answered", "y_pred, y_pred_proba, prediction, score or response"
        )
    task = _task(columns[main], predicted, score, text, probabilities)
    outputs = {"label": None, "score": score, "value": None, "text": text}
    outputs["value" if task == "regression" else "label"] = predicted
    labels = [columns[name].distinct for name in (predicted, outcome) if name is not None]
    classes = sorted({label for values in labels for label in values} | probabilities.keys())
    features, left_out = _features(free.values())
    return Guess(
        *_times(file, timestamp),
        prediction_id=prediction_id,
        timestamp=timestamp,
        task=task,
        outputs={part: name for part, name in outputs.items() if name is not None},
        probabilities=probabilities,
        classes=classes if task in ("binary", "multiclass") else [],
        positive_label=_positive(classes) if task == "binary" else None,
        outcome=outcome,
        version=version,
        latency_ms=latency,
        features=features,
        segments=[
            name for name, kind in features.items() if kind == "categorical" and 2 <= len(columns[name].distinct) <= 12
        ],
        left_out=left_out,
    )


def _look(file: TableFile) -> dict[str, Column]:
    columns: dict[str, Column] = {}
    rows = 0
    for batch in file.batches():
        for name, values in batch.columns.items():
            columns.setdefault(name, Column(name)).values += [cell for cell in values if not cells.missing(cell)]
        rows += batch.rows
        if rows >= SAMPLED:
            break
    return columns


def _times(file: TableFile, column: str) -> tuple[int, Micros, Micros]:
    rows = 0
    known: list[Micros] = []
    for batch in file.batches({column}):
        rows += batch.rows
        times = [time for time in map(cells.moment, batch.column(column)) if time is not None]
        known += [min(times), max(times)] if times else []
    return rows, min(known), max(known)


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


def _positive(classes: list[str]) -> str:
    usual = ("1", "true", "yes", "y", "positive", "pos", "p")
    return next((label for wanted in usual for label in classes if label.lower() == wanted), (classes or ["1"])[-1])


def _features(columns: Iterable[Column]) -> tuple[dict[str, FeatureType], dict[str, str]]:
    features: dict[str, FeatureType] = {}
    left_out: dict[str, str] = {}
    for column in columns:
        if not column.values:
            left_out[column.name] = "always empty"
        elif re.fullmatch(r"model(_name)?", column.name, re.IGNORECASE):
            left_out[column.name] = "looks like the model's name; give columns.model where there are several"
        elif re.fullmatch(r"(.+_)?(id|uuid|key)|index|unnamed.*|", column.name, re.IGNORECASE):
            left_out[column.name] = "looks like an id"
        else:
            features[column.name] = _feature_type(column)
    return features, left_out


def _feature_type(column: Column) -> FeatureType:
    if any(isinstance(cell, list | dict) for cell in column.values):
        return "text"
    distinct = column.distinct
    if set(distinct) <= {"true", "false"}:
        return "boolean"
    if column.numbers():
        return "numeric"
    if column.moments():
        return "datetime"
    if len(distinct) <= MANY or len(distinct) < 0.05 * len(column.values):
        return "categorical"
    return "text"


_label = cells.label(())


def _no_column(file: TableFile, columns: dict[str, Column], meaning: str, called: str) -> UserError:
    return UserError(
        f"{file.name}: no column looks like {meaning}; call it {called}, or write the monitor file by hand. "
        f"The columns are {', '.join(columns)}"
    )
