"""`Column`: what the cells of a table's column are, as far as they were looked at. For guesses, never for judgement."""

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from schemas.event_time import Micros, parse_duration
from streams import cells
from streams.cells import Cell

MANY = 50  # more values than this are no set of classes or categories that a person would list
_YEAR = 365 * parse_duration("1d")
_NUMBERS_ARE_TIMES = (20 * _YEAR, 130 * _YEAR)  # 1990 to 2100: outside of it a number is rather a number
_TEXT = 64  # characters of an id at most, on average
_FEW = 10  # rows: in so few anything may be different everywhere
_label = cells.label(())


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
        """Return whether the values may be read as moments, nearly all of them; so may any number."""
        return self._nearly_all(sum(cells.moment(cell) is not None for cell in self.values))

    def dates(self) -> bool:
        """Return whether the values are written as dates or times, nearly all of them."""
        return not self.numbers() and self.moments()

    def times(self) -> bool:
        """Return whether the values are moments, and, where they are numbers, moments of our days."""
        if not self.numbers():
            return self.moments()
        low, high = _NUMBERS_ARE_TIMES
        return self._nearly_all(sum(low <= time <= high for time in self._known()))

    def increasing(self) -> bool:
        """Return whether the values are moments, none before the one above it, and not all the same."""
        known = self._known()
        return self._nearly_all(len(known)) and all(a <= b for a, b in pairwise(known)) and known[0] < known[-1]

    def shares(self) -> bool:
        """Return whether all values lie between 0 and 1."""
        numbers = self.numbers()
        return bool(numbers) and all(0 <= number <= 1 for number in numbers)

    def repeats(self) -> bool:
        """Return whether the values are few, as classes are, each for several rows."""
        return len(self.distinct) <= min(MANY, max(2, len(self.values) / 2))

    def unique(self) -> bool:
        """Return whether no value comes twice."""
        return len({str(cell) for cell in self.values}) == len(self.values) > 0

    def identifies(self, rows: int) -> bool:
        """Return whether each of `rows` rows has a short text, or a whole number that counts up, of its own."""
        if rows < _FEW or len(self.values) != rows or not self.unique():
            return False
        numbers = self.numbers()
        if numbers:
            return all(number.is_integer() for number in numbers) and all(a < b for a, b in pairwise(numbers))
        if any(isinstance(cell, float | bool | date | list | dict) for cell in self.values) or self.moments():
            return False
        texts = [str(cell) for cell in self.values]
        return sum(map(len, texts)) <= _TEXT * rows and not any(" " in text for text in texts)

    def _known(self) -> list[Micros]:
        return [time for time in map(cells.moment, self.values) if time is not None]

    def _nearly_all(self, count: int) -> bool:
        return count > 0 and count >= 0.95 * len(self.values)
