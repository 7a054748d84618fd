"""The rows that `streamgauge explain` looks at: those of the reference, and the newest labelled ones of the stream."""

from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from pathlib import Path

from detectors.row import Label, Row, row_of, task_problem
from schemas.event_time import to_micros
from schemas.feedback import Feedback
from schemas.prediction import Prediction
from schemas.spec import ModelSpec, MonitorSpec
from streams.decode import decode
from streams.profiling import reference_rows
from streams.records import Record
from streams.tables import Tables

ROWS = 8_000  # of either; more cost time and say little more

Labelled = list[tuple[Row, Label]]


def reference(spec: MonitorSpec, base: Path, model: str, tell: Callable[[str], None]) -> Labelled:
    """Return labelled rows that lie evenly over the reference tables of a model; none where there are no tables."""
    if spec.files is None or not spec.files.reference:
        return []
    rows = [pair for part in reference_rows(spec, base, model, tell).values() for pair in part]
    known = [(row, label) for row, label in sorted(rows, key=lambda pair: pair[0].time) if label is not None]
    return [known[i * len(known) // ROWS] for i in range(ROWS)] if len(known) > ROWS else known


def newest(spec: MonitorSpec, base: Path, model: str) -> tuple[str | None, Labelled]:
    """Return the version that was labelled last in the tables of the stream, and its newest labelled rows."""
    if spec.files is None or not spec.files.predictions:
        return None, []
    settings = spec.models[model]
    waiting: OrderedDict[str, tuple[str, Row]] = OrderedDict()
    found: deque[tuple[str, Row, Label]] = deque(maxlen=ROWS)
    for number, event in enumerate(Tables(spec, base).stream()):
        decoded = decode(event.role, Record(number, -1, None, event.value), spec)
        if isinstance(decoded, Prediction):
            _wait(waiting, decoded, model, settings)
        elif isinstance(decoded, Feedback) and decoded.model in (None, model):
            if decoded.prediction is not None:
                _wait(waiting, decoded.prediction, model, settings)
            outcome = decoded.value if settings.task == "regression" else decoded.label
            known = None if outcome is None else waiting.pop(decoded.prediction_id, None)
            if known is not None and event.time - known[1].time <= settings.label_horizon:
                label = Label(to_micros(decoded.timestamp), decoded.label, decoded.value, decoded.rating)
                found.append((*known, label))
        while waiting and event.time - next(iter(waiting.values()))[1].time > settings.label_horizon:
            waiting.popitem(last=False)
    if not found:
        return None, []
    version = found[-1][0]
    return version, sorted(((row, label) for v, row, label in found if v == version), key=_time)


def _wait(waiting: OrderedDict[str, tuple[str, Row]], prediction: Prediction, model: str, settings: ModelSpec) -> None:
    """Keep a prediction of the model until its feedback comes; of two with the same id, the first."""
    if prediction.model == model and task_problem(prediction, settings) is None:
        waiting.setdefault(prediction.prediction_id, (prediction.version, row_of(prediction, settings)))


def _time(pair: tuple[Row, Label]) -> tuple[int, str]:
    return pair[0].time, pair[0].id


def all_of(*parts: Sequence[tuple[Row, Label]]) -> Labelled:
    """Return the rows of all parts in time order."""
    return sorted((pair for part in parts for pair in part), key=_time)
