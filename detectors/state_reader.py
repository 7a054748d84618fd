"""The plain lists that `state` unpacked to objects: the reading half of the codec. Believes nothing that it reads."""

import random
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterable
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import numpy as np
from river._river_rust.vectordict import VectorDict

from detectors.adwin_window import window_from
from detectors.state_classes import class_named, factory_named, method_allowed, partial_named, slots_of
from detectors.state_error import StateError
from detectors.state_keys import is_plain
from detectors.weighted_mean import mean_from


class StateReader:
    """Reads one object; used once."""

    def __init__(self, layouts: list[list[str]], heap: list[list[Any]]) -> None:
        self.layouts = [(class_named(name), names) for name, *names in layouts]
        self.heap = heap
        for _, names in self.layouts:
            for name in names:
                if not isinstance(name, str) or (name.startswith("__") and name.endswith("__")):
                    raise StateError(f"the state is damaged: attribute {name!r}")
        self.objects = [self._shell(*entry) for entry in heap]

    def read(self, root: Any) -> Any:
        """Return the object."""
        for obj, (kind, *content) in zip(self.objects, self.heap, strict=True):
            self._fill(obj, kind, content)
        return self._value(root)

    def _shell(self, kind: str, *content: Any) -> Any:
        """Return an object without its content, so that others can refer to it; whole, where it refers to nothing."""
        if kind in _EMPTY:
            return _EMPTY[kind]()
        if kind == "q":
            return deque(maxlen=content[0])
        if kind == "a":
            dtype, shape, data = content
            return np.frombuffer(data, _known(dtype)).reshape([_natural(n) for n in shape]).copy()
        if kind == "r":
            version, words, gauss = content
            generator = random.Random(0)
            generator.setstate((version, tuple(np.frombuffer(words, "<u4").tolist()), gauss))
            return generator
        if kind == "w":
            return window_from(*content)
        if kind == "e":
            return mean_from(*content)
        if kind == "o":
            cls, names = self.layouts[_natural(content[0])]
            if issubclass(cls, msgspec.Struct):
                return cls(**dict.fromkeys(names))
            return object.__new__(cls)
        raise StateError(f"the state is damaged: kind {kind!r}")

    def _fill(self, obj: Any, kind: str, content: list[Any]) -> None:
        if kind == "l":
            obj.extend(map(self._value, content))
        elif kind == "q":
            obj.extend(map(self._value, content[1:]))
        elif kind == "s":
            obj.update(map(self._key, content))
        elif kind in ("d", "C", "O", "v"):
            self._fill_items(obj, content)
        elif kind == "D":
            factory = self._value(content[0])
            if not (factory is None or isinstance(factory, type | types.FunctionType | partial)):
                raise StateError("the state is damaged: a factory that cannot be called")
            obj.default_factory = factory
            self._fill_items(obj, content[1:])
        elif kind == "o":
            self._fill_attributes(obj, zip(self.layouts[_natural(content[0])][1], content[1:], strict=True))

    def _fill_attributes(self, obj: Any, attributes: Iterable[tuple[str, Any]]) -> None:
        """Set attributes without a call of anything: neither properties nor `__setattr__`."""
        if isinstance(obj, msgspec.Struct):
            for name, written in attributes:
                msgspec.structs.force_setattr(obj, name, self._value(written))
            return
        slots = slots_of(type(obj))  # type: ignore[arg-type]  # a class is hashable
        for name, written in attributes:
            if name in slots:
                slots[name].__set__(obj, self._value(written))
            else:
                obj.__dict__[name] = self._value(written)

    def _fill_items(self, obj: Any, content: list[Any]) -> None:
        for key, value in zip(content[::2], content[1::2], strict=True):
            obj[self._key(key)] = self._value(value)

    def _key(self, written: Any) -> Any:
        key = self._value(written)
        if not is_plain(key):
            raise StateError(f"the state is damaged: a key of {type(key).__name__}")
        return key

    def _value(self, written: Any) -> Any:
        if type(written) is not list:
            if isinstance(written, dict | msgspec.msgpack.Ext):
                raise StateError("the state is damaged: a value of an unknown kind")
            return written
        kind, *content = written
        if type(kind) is int:
            return self.objects[_natural(kind)]
        if kind == "t":
            return tuple(map(self._value, content))
        if kind == "f":
            return frozenset(map(self._key, content))
        if kind == "i":
            return int.from_bytes(content[0], "little", signed=True)
        if kind == "T":
            return datetime.fromisoformat(content[0])
        if kind == "n":
            return np.frombuffer(content[1], _known(content[0]))[0]
        if kind == "c":
            return factory_named(content[0])
        if kind == "p":
            return partial(partial_named(content[0]), *map(self._value, content[1:]))
        if kind == "R":
            return random.Random(0)
        if kind == "m":
            owner, name = self._value(content[0]), content[1]
            if not method_allowed(type(owner), name):
                raise StateError(f"method {name!r} is not one that a state may hold")
            return types.MethodType(getattr(type(owner), name), owner)
        raise StateError(f"the state is damaged: kind {kind!r}")


_EMPTY = {"l": list, "d": dict, "D": defaultdict, "C": Counter, "O": OrderedDict, "s": set, "v": VectorDict}


def _natural(index: Any) -> int:
    if type(index) is not int or index < 0:
        raise StateError(f"the state is damaged: index {index!r}")
    return index


def _known(name: Any) -> np.dtype[Any]:
    if not isinstance(name, str) or name[1:2] not in ("b", "i", "u", "f"):
        raise StateError(f"the state is damaged: numpy type {name!r}")
    return np.dtype(name)
