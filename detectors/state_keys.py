"""What may be a key of a dict or a member of a set in a state, and in which order sets are written."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import numpy as np

_KEY_TYPES = (type(None), bool, int, float, str, bytes, datetime, np.generic)


def is_plain(value: object) -> bool:
    """Whether a value may be a key: hashing it and comparing it runs no code of a class on the list."""
    if isinstance(value, tuple | frozenset):
        return all(map(is_plain, value))
    return isinstance(value, _KEY_TYPES)


def sorted_keys(values: Collection[Any]) -> list[Any]:
    """Return the members of a set in an order that depends on them alone: a set's own depends on its past."""
    kinds = {type(value) for value in values}
    if len(kinds) == 1 and kinds <= {int, str, bytes, bool}:
        return sorted(values)
    return sorted(values, key=_order)


def _order(value: object) -> tuple[str, str]:
    if isinstance(value, tuple | frozenset):
        return type(value).__name__, repr(
            [_order(item) for item in sorted_keys(value)] if isinstance(value, frozenset) else [*map(_order, value)]
        )
    return type(value).__name__, repr(value)
