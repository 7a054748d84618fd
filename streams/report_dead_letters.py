"""Dead letters as reports count them: by topic and reason, with a few messages of each."""

import re
from dataclasses import dataclass, field

import msgspec

EXAMPLES = 3  # messages shown for one reason of dead letters
KINDS = 200  # kinds of dead letters told apart, for each reason a few topics: a bound, not a choice

_ROW = re.compile(r"^[^:]*, row \d+: ")  # where a row stands that was refused


class DeadLetter(msgspec.Struct, gc=False):
    """One of them, with the fields that are read here."""

    topic: str
    reason: str
    message: str


@dataclass
class DeadLetters:
    """Dead letters of one topic with one reason."""

    topic: str
    reason: str
    count: int = 0
    examples: list[str] = field(default_factory=list)


def note(known: dict[tuple[str, str], DeadLetters], letter: DeadLetter) -> None:
    """Count a dead letter among those of its topic and reason, in place."""
    key = (letter.topic, letter.reason)
    if key not in known and len(known) >= KINDS:
        key = ("other topics", letter.reason)
    letters = known.setdefault(key, DeadLetters(*key))
    letters.count += 1
    said = {_ROW.sub("", example) for example in letters.examples}
    if len(letters.examples) < EXAMPLES and _ROW.sub("", letter.message) not in said:
        letters.examples.append(letter.message)
