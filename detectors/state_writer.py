"""Objects to the plain lists that `state` packs: the writing half of the codec."""

import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec
import numpy as np
from river._river_rust.drift import AdaptiveWindowing
from river._river_rust.stats import RsEWMean
from river._river_rust.vectordict import VectorDict

from detectors.adwin_window import window_bytes
from detectors.state_classes import IDLE_GENERATORS, method_allowed, name_of, name_of_factory, name_of_partial, slots_of
from detectors.state_error import StateError
from detectors.state_keys import is_plain, sorted_keys
from detectors.weighted_mean import mean_numbers

_INT64 = range(-(2**63), 2**63)


class StateWriter:
    """Writes one object; used once."""

    def __init__(self) -> None:
        self.layouts: dict[tuple[str, ...], int] = {}
        self.heap: list[list[Any]] = []
        self.index: dict[int, int] = {}
        self.queue: list[object] = []  # keeps alive what `index` knows by its id

    def write(self, root: object) -> list[Any]:
        """Return layouts, heap and root."""
        written = self._value(root)
        for obj in self.queue:  # grows as it is read
            self.heap.append(self._mutable(obj))
        return [[list(layout) for layout in self.layouts], self.heap, written]

    def _value(self, value: Any) -> Any:
        kind = type(value)
        if value is None or kind is float or kind is str or kind is bool or kind is bytes:
            return value
        if kind is int:
            if value in _INT64:
                return value
            return ["i", value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)]
        if kind is tuple:
            return ["t", *map(self._value, value)]
        if kind is frozenset:
            return ["f", *map(self._key, sorted_keys(value))]
        if kind is datetime:
            if value.tzinfo not in (None, UTC):
                raise StateError("a time in a zone other than UTC is not a state")
            return ["T", value.isoformat()]
        if isinstance(value, np.generic):
            return ["n", _dtype(value.dtype), value.tobytes()]
        if kind is partial:
            if value.keywords:
                raise StateError("a partial with keywords is not a state")
            return ["p", name_of_partial(value.func), *map(self._value, value.args)]
        if kind is types.MethodType:
            if not method_allowed(type(value.__self__), value.__name__):
                raise StateError(f"method {value.__qualname__!r} is not one that a state may hold")
            return ["m", self._value(value.__self__), value.__name__]
        if isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
            return ["c", name_of_factory(value)]
        index = self.index.get(id(value))
        if index is None:
            index = self.index[id(value)] = len(self.queue)
            self.queue.append(value)
        return [index]

    def _key(self, key: object) -> Any:
        if not is_plain(key):
            raise StateError(f"a key of {type(key).__name__} is not a state")
        return self._value(key)

    def _items(self, items: Any) -> list[Any]:
        written: list[Any] = []
        for key, value in items.items():
            written += (self._key(key), self._value(value))
        return written

    def _mutable(self, obj: Any) -> list[Any]:
        kind = type(obj)
        if kind is list:
            return ["l", *map(self._value, obj)]
        if kind is dict:
            return ["d", *self._items(obj)]
        if kind is defaultdict:
            factory = obj.default_factory
            return ["D", None if factory is None else self._value(factory), *self._items(obj)]
        if kind is Counter:
            return ["C", *self._items(obj)]
        if kind is OrderedDict:
            return ["O", *self._items(obj)]
        if kind is set:
            return ["s", *map(self._key, sorted_keys(obj))]
        if kind is deque:
            return ["q", obj.maxlen, *map(self._value, obj)]
        if kind is np.ndarray:
            return ["a", _dtype(obj.dtype), list(obj.shape), obj.tobytes()]
        if kind is random.Random:
            version, words, gauss = obj.getstate()
            return ["r", version, np.array(words, "<u4").tobytes(), gauss]
        if kind is AdaptiveWindowing:
            return ["w", window_bytes(obj)]
        if kind is RsEWMean:
            return ["e", *mean_numbers(obj)]
        if kind is VectorDict:
            return ["v", *self._items(_entries(obj))]
        return self._instance(obj, name_of(kind))

    def _instance(self, obj: Any, name: str) -> list[Any]:
        if isinstance(obj, msgspec.Struct):
            attributes = {field: getattr(obj, field) for field in obj.__struct_fields__}
        else:
            attributes = dict(getattr(obj, "__dict__", {}))
            for slot, member in slots_of(type(obj)).items():  # type: ignore[arg-type]  # a class is hashable
                try:
                    attributes[slot] = member.__get__(obj)
                except AttributeError:
                    continue  # a slot that was never set
        keys = sorted(attributes)
        layout = self.layouts.setdefault((name, *keys), len(self.layouts))
        values = (["R"] if (name, key) in IDLE_GENERATORS else self._value(attributes[key]) for key in keys)
        return ["o", layout, *values]


def _entries(vector: Any) -> dict[Any, Any]:
    entries, factory, mask = vector.__reduce__()[1][:3]
    if factory is not None or mask is not None:
        raise StateError(
            "a VectorDict with a mask or a factory is not a state: a model was caught amid a learning step"
        )
    result: dict[Any, Any] = entries
    return result


def _dtype(dtype: np.dtype[Any]) -> str:
    if dtype.kind not in "biuf":
        raise StateError(f"a numpy array of {dtype} is not a state")
    return dtype.str
