"""`PredictionColumns`: batches of a table of predictions as level 1's columns, without an event for each row."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from detectors.id_hash import id_hashes
from detectors.layouts import Layouts
from detectors.row import TEXT_KEPT
from detectors.row_shape import ENTROPY, LATENCY, MARGIN, OUTPUT, RowShape
from detectors.rows import Rows, joined_rows
from detectors.uncertainty import uncertainty
from schemas.contract import Label, Name
from schemas.event_time import EARLIEST, LATEST
from schemas.spec import ModelSpec, MonitorSpec
from streams import cell_columns, cells
from streams.arrow_arrays import Mask
from streams.cells import Cell
from streams.moment_columns import Times
from streams.shares import doubtful
from streams.table_batch import Batch
from streams.table_block import empty_rows
from streams.table_rows import PredictionRows

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_LABEL: TypeAdapter[str] = TypeAdapter(Label)


class Versions:
    """Model versions of a block, in the order in which they come up."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], int] = {}

    def code(self, model: str, version: str) -> int:
        """Return the index of a version in `names`."""
        return self._codes.setdefault((model, version), len(self._codes))

    @property
    def names(self) -> list[tuple[str, str]]:
        """Model and version."""
        return list(self._codes)


class _Output(NamedTuple):
    number: npt.NDArray[np.float64]
    """As `RowShape` has it; NaN is none."""
    said: list[str | None]
    odd: Mask
    uncertainty: npt.NDArray[np.float64] | float = np.nan
    """Of each row, shape (rows, 2) (multiclass)."""


class PredictionColumns:
    """How the rows of one table become `Rows`."""

    def __init__(self, rows: PredictionRows, spec: MonitorSpec, layouts: Layouts) -> None:
        self._rows, self._models = rows, spec.models
        self._shapes = {name: RowShape(model) for name, model in spec.models.items()}
        self._classes = {name: layouts.classes(name) for name in spec.models}

    def read(self, batch: Batch, times: Times, versions: Versions) -> tuple[Rows, Mask]:
        """Return the rows of a batch, and which are not plain: at their places nothing that means anything stands."""
        columns, default = self._rows.table.columns, self._rows.default_model
        names = cell_columns.coded(batch, columns.model, cells.text)
        names.values[-1] = default
        known = {name for name in names.values if isinstance(name, str) and name in self._models}
        used = [names.values[code] for code in np.unique(names.codes).tolist()] if len(names.values) > 1 else [default]
        if len(used) == 1 and (only := _text(used[0])) in known and only is not None:
            return self._of_model(only, batch, times, versions)
        places, parts, odds = [], [], []
        for name in (*(name for name in self._models if name in known), None):
            own = np.array([value == name if name else value not in known for value in map(_text, names.values)])
            chosen = np.flatnonzero(own[names.codes])
            if not len(chosen):
                continue
            if name is None:
                part, odd = empty_rows(len(chosen)), np.ones(len(chosen), dtype=bool)
            else:
                some = Times(times.micros[chosen], times.known[chosen])
                part, odd = self._of_model(name, batch.take(chosen), some, versions)
            places.append(chosen)
            parts.append(part)
            odds.append(odd)
        back = np.argsort(np.concatenate(places))
        return joined_rows(parts).take(back), np.concatenate(odds)[back]

    def _of_model(self, name: str, batch: Batch, times: Times, versions: Versions) -> tuple[Rows, Mask]:
        model, shape, columns = self._models[name], self._shapes[name], self._rows.table.columns
        odd = ~times.known | (times.micros < EARLIEST) | (times.micros >= LATEST)

        def note(more: Mask | None) -> None:
            if more is not None:
                np.logical_or(odd, more, out=odd)

        ids, strange = cell_columns.identifiers(batch, columns.prediction_id)
        note(strange)
        of_version = cell_columns.coded(batch, columns.version, cells.text)
        of_version.values[-1] = self._rows.table.version or "1"
        note(of_version.where(lambda version: not is_name(version)))
        numbers = np.full((batch.rows, shape.width), np.nan)
        values = []
        features = list(model.features.items())
        for column, position in enumerate(shape.numeric):
            numbers[:, column], strange_numbers = cell_columns.feature_numbers(
                batch, features[position][0], self._rows.typed
            )
            note(strange_numbers)
        for position in shape.other:
            feature, of_feature = features[position]
            cells_of_it, strange_values = cell_columns.feature_values(batch, feature, of_feature.type, self._rows.typed)
            values.append(cells_of_it)
            note(strange_values)
        output = self._output(name, model, batch)
        note(output.odd)
        latency = cell_columns.numbers(batch, columns.latency_ms)
        sent = ~np.isnan(latency.values)  # latency that is NaN is none
        note(latency.odd | (sent & ~((latency.values >= 0) & np.isfinite(latency.values))))
        numbers[:, OUTPUT], numbers[:, LATENCY] = output.number, latency.values
        for score, column_of_it in (columns.scores or {}).items():
            attached = cell_columns.numbers(batch, column_of_it)
            note(attached.odd | np.isinf(attached.values))
            if score in shape.scores:
                numbers[:, len(shape.numeric) + shape.scores.index(score)] = attached.values
        if model.task == "multiclass":
            numbers[:, ENTROPY : MARGIN + 1] = output.uncertainty
        numbers += 0.0  # one zero
        rows = Rows(
            groups=of_version.numbers(lambda version: versions.code(name, version) if is_name(version) else 0).astype(
                np.int32
            ),
            times=times.micros,
            offsets=np.zeros(batch.rows, dtype=np.int64),
            hashes=id_hashes(ids),
            ids=ids,
            numbers=numbers,
            values=list(zip(*values, strict=True)) if values else [()] * batch.rows,
            said=output.said,
            unexpected=np.zeros(batch.rows, dtype=bool),
        )
        return rows, odd

    def _output(self, name: str, model: ModelSpec, batch: Batch) -> _Output:
        columns = self._rows.table.columns
        classes = self._classes[name]
        score, value = cell_columns.numbers(batch, columns.score), cell_columns.numbers(batch, columns.value)
        label = cell_columns.coded(batch, columns.label, self._rows.label)
        text, odd_text = cell_columns.texts(batch, columns.text)
        odd = score.odd | ~(score.null | is_share(score.values))
        odd |= value.odd | ~(value.null | np.isfinite(value.values))
        odd |= label.where(lambda said: not is_label(said))
        if classes is not None:
            odd |= ~(label.none | label.among(classes))
        if odd_text is not None:
            odd |= odd_text
        shares, absent, odd_shares = self._probabilities(batch)
        odd |= odd_shares
        if model.task == "regression":
            return _Output(value.values, [None] * batch.rows, odd | value.null)
        if model.task == "text":
            lengths = np.array([0 if said is None else len(said) for said in text], dtype=np.float64)
            none = np.array([said is None for said in text], dtype=bool)
            return _Output(lengths, [said and said[:TEXT_KEPT] for said in text], odd | none)
        said = label.expand()
        silent = np.flatnonzero(label.none)
        numbers = score.values
        if model.task == "binary":
            odd[silent] |= score.null[silent]
            by_score = (model.negative_label, model.positive_label)
            for row, positive in zip(silent.tolist(), (numbers[silent] >= model.threshold).tolist(), strict=True):
                said[row] = by_score[positive]
            return _Output(numbers, said, odd)
        odd[silent] |= absent[silent]
        names = sorted(columns.probabilities or ())
        if names:
            chosen = label.numbers(lambda said: names.index(said) if said in names else -1)
            chosen[silent] = shares[silent].argmax(axis=1) if len(silent) else 0
            for row in silent.tolist():
                said[row] = names[chosen[row]]
            own = np.where(chosen < 0, np.nan, shares[np.arange(len(chosen)), chosen])
            numbers = np.where(absent, numbers, own)
            if model.classes is not None and not set(names) <= set(model.classes):
                odd |= ~absent
            elif classes is not None:  # of a reference: the answer alone has to be one of them
                odd[[row for row in silent.tolist() if said[row] not in classes]] = True
            odd[~absent] |= doubtful(shares[~absent].sum(axis=1), len(names), model)
        found = np.full((batch.rows, 2), np.nan)
        found[~absent] = uncertainty(shares[~absent])
        return _Output(numbers, said, odd, found)

    def _probabilities(self, batch: Batch) -> tuple[npt.NDArray[np.float64], Mask, Mask]:
        """Return probabilities by class (sorted), where there are none at all, and where they are not plain."""
        columns = self._rows.table.columns.probabilities or {}
        odd = np.zeros(batch.rows, dtype=bool)
        absent = np.ones(batch.rows, dtype=bool)
        read = [cell_columns.numbers(batch, columns[name]) for name in sorted(columns)]
        for numbers in read:
            absent &= numbers.null
        for numbers in read:
            odd |= numbers.odd | ~(absent | is_share(numbers.values))
        shares = np.stack([numbers.values for numbers in read], axis=1) if read else np.zeros((batch.rows, 0))
        return np.where(np.isnan(shares), -1.0, shares), absent, odd


def is_share(values: npt.NDArray[np.float64]) -> Mask:
    """Return which numbers lie between 0 and 1."""
    return (values >= 0) & (values <= 1)


def is_name(value: Cell) -> bool:
    """Return whether the contract takes this as the name of a model or version, as it is."""
    return _kept(_NAME, value)


def is_label(value: Cell) -> bool:
    """Return whether the contract takes this as a label, as it is."""
    return _kept(_LABEL, value)


def _kept(adapter: TypeAdapter[str], value: Cell) -> bool:
    try:
        return isinstance(value, str) and adapter.validate_python(value) == value
    except ValidationError:
        return False


def _text(value: Cell) -> str | None:
    return value if isinstance(value, str) else None
