"""Labels and names of a whole column: what the contract does with each, at the price of a look at the types."""

import re
from collections.abc import Iterable
from types import NoneType
from typing import Any

from schemas.contract import normalise_label
from streams.fast_types import NAME

MOST_REMEMBERED = 1_000
"""Names that are not checked again. A producer that invents them must not fill memory."""

_TEXT = {str, NoneType}
_NAME = re.compile(NAME)
_LONGEST_NAME = 128


def texts_of(labels: list[Any]) -> list[str | None]:
    """Return labels as text."""
    return labels if _TEXT.issuperset(map(type, labels)) else [normalise_label(label) for label in labels]


class Names:
    """Tells which texts are names by the contract (`schemas.contract.Name`), and remembers those that are."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def unfit(self, texts: Iterable[str]) -> set[str]:
        """Return those that are no names."""
        return {text for text in set(texts) - self._known if not self._is_name(text)}

    def _is_name(self, text: str) -> bool:
        if len(text) > _LONGEST_NAME or not _NAME.match(text):
            return False
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known.add(text)
        return True
