"""Whether a change of a JSON Schema breaks readers: `compare`, with Confluent's names for the modes.

BACKWARD: readers with the new schema read old data. FORWARD: readers with the old schema read new data. FULL: both.
The plain modes look at the last older version, the TRANSITIVE ones at all of them.

References
----------
Confluent, "Schema Evolution and Compatibility for Schema Registry", and its JSON Schema compatibility rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from schemas.containment import refusals
from schemas.json_values import JsonSchema
from schemas.refusal import Refusal

Mode = Literal["BACKWARD", "BACKWARD_TRANSITIVE", "FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"]
Direction = Literal["BACKWARD", "FORWARD"]

_READERS: dict[Direction, tuple[str, str]] = {"BACKWARD": ("old", "new"), "FORWARD": ("new", "old")}


@dataclass(frozen=True, slots=True)
class Incompatibility:
    """One way in which some data of one version is not read with the other."""

    direction: Direction
    path: str
    """Where in the data: `$` is the event, `$.a[*].b` a member of each item, `$.a.*` any other member."""
    change: str
    """What one schema allows and the other refuses."""
    reason: str
    """Who is broken by it."""
    version: int = -1
    """Index of the older schema that was compared with; -1 is the last."""

    def __str__(self) -> str:
        return f"{self.path}: {self.change} ({self.direction}: {self.reason})"


def compare(old: JsonSchema | Sequence[JsonSchema], new: JsonSchema, mode: Mode = "BACKWARD") -> list[Incompatibility]:
    """Return what breaks between `old` and `new`; nothing means that they are compatible.

    An empty answer is a proof: every instance that the one schema accepts, the other accepts too. The reverse does not
    hold: what cannot be decided (keywords that are not understood, conditions, references to elsewhere) is reported.

    Parameters
    ----------
    old
        The older schema, or all older ones, oldest first.
    new
        The new schema. Schemas are of draft 2020-12; what earlier drafts spell differently is reported.
    mode
        Which readers have to go on working.

    Raises
    ------
    ValueError
        When one of them is no JSON Schema.
    """
    versions: list[Any] = list(old) if isinstance(old, Sequence) else [old]
    transitive = mode.endswith("_TRANSITIVE")
    plain = mode.removesuffix("_TRANSITIVE")
    directions: list[Direction] = ["BACKWARD", "FORWARD"] if plain == "FULL" else ["BACKWARD"]
    if plain == "FORWARD":
        directions = ["FORWARD"]
    found: list[Incompatibility] = []
    for index, version in enumerate(versions):
        if not transitive and index < len(versions) - 1:
            continue
        for direction in directions:
            writer, reader = (version, new) if direction == "BACKWARD" else (new, version)
            try:
                refused = refusals(writer, reader)
            except (ArithmeticError, AttributeError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(f"not a JSON Schema: {error}") from error
            found += [_worded(refusal, direction, index - len(versions)) for refusal in refused]
    return found


def _worded(refusal: Refusal, direction: Direction, version: int) -> Incompatibility:
    writer, reader = _READERS[direction]
    change = refusal.text.format(writer=f"the {writer} schema", reader=f"the {reader} one")
    reason = f"readers with the {reader} schema refuse such {writer} data"
    return Incompatibility(direction, refusal.path, change, reason, version)
