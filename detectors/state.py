"""Codec of detector state: objects to bytes and back, for a closed set of classes and without pickle.

Decoding makes objects of the classes that `state_classes` lists, sets their attributes, and calls nothing of what the
bytes name: no constructor, no `__setstate__`, no `__reduce__`. Same state, same bytes.

    bytes = magic, blake2b of the body, body
    body  = msgpack of [River's version, layouts, heap, root]

A *layout* is a class name with its attribute names. The *heap* holds what can change (lists, dicts, instances), each
once, so shared references and cycles survive; a value refers to it by index. What cannot change (numbers, text, tuples)
stands in place, so that bytes do not depend on which equal tuples happen to be one object. Against a cycle through
tuples alone there is no need of care: Python cannot make one.
"""

import hashlib
from typing import Any

import msgspec
import river

from detectors.state_classes import register
from detectors.state_error import StateError
from detectors.state_reader import StateReader
from detectors.state_writer import StateWriter

__all__ = ["StateError", "decode", "encode", "register"]

_MAGIC = b"SGS5"  # the number goes up when a class of ours no longer has the attributes that it had
_DIGEST = 16
_RIVER = ".".join(river.__version__.split(".")[:2])  # attributes of River's classes may change in a minor release


def encode(obj: object) -> bytes:
    """Return the state of `obj` as bytes: the same for the same state, in any process.

    Sets are written in sorted order: the order in which a set iterates is no part of a state.

    Raises
    ------
    StateError
        Something in it is not in the closed set: a function, a file, an object of a class that is not on the list.

    Examples
    --------
    >>> shared = [1.5]
    >>> first, second = decode(encode((shared, shared)))
    >>> first is second
    True
    """
    try:
        body = msgspec.msgpack.encode([_RIVER, *StateWriter().write(obj)])
    except RecursionError:
        raise StateError("tuples are nested too deeply") from None
    except UnicodeEncodeError as error:
        raise StateError(f"text that is not Unicode: {error.reason}") from None
    return _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST).digest() + body


def decode(data: bytes) -> Any:
    """Return the object that `encode` wrote; it goes on exactly as the original would have.

    The modules that `register` their classes must have been imported, but for those that `state_classes` names.

    Raises
    ------
    StateError
        The bytes are damaged, come from another minor version of River, or name what is not on the list.
    """
    start = len(_MAGIC) + _DIGEST
    if data[: len(_MAGIC)] != _MAGIC:
        if data[:3] == _MAGIC[:3]:
            raise StateError("the state was written by another version of this program: rebuild it from the log")
        raise StateError("these bytes are no state")
    body = data[start:]
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != data[len(_MAGIC) : start]:
        raise StateError("the state is damaged: its digest does not match")
    try:
        version, layouts, heap, root = msgspec.msgpack.decode(body)
        if version != _RIVER:
            raise StateError(
                f"the state was written with River {version} and this is {_RIVER}: rebuild it from the log"
            )
        return StateReader(layouts, heap).read(root)
    except StateError:
        raise
    except Exception as error:  # hostile bytes can fail in any way that Python knows
        raise StateError(f"the state is damaged: {type(error).__name__}: {error}") from error
