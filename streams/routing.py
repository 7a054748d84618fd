"""Who answers a prediction: what a server does with a `Serving` record. Small enough to be written in any language."""

import hashlib

from schemas.serving import Serving

WHOLE = 2**64


def answers(serving: Serving, prediction_id: str) -> str:
    """Return the version that answers a prediction.

    In a canary, that is the candidate where the first eight bytes of SHA-256 over the UTF-8 text
    `candidate`, line feed, `prediction_id`, read as a big-endian whole number and divided by 2⁶⁴, are less than the
    share. So a larger share keeps all that a smaller one had, and each candidate has a draw of its own.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> record = Serving(
    ...     id="1", number=2, model="m", version="1", candidate="2", stage="canary", share=0.25,
    ...     time=datetime(2026, 1, 1, tzinfo=UTC), reason="Version 2 answers a quarter.",
    ... )
    >>> [answers(record, f"prediction-{number}") for number in range(8)]
    ['1', '1', '1', '2', '1', '1', '2', '2']
    """
    if serving.stage != "canary" or serving.candidate is None:
        return serving.version
    return serving.candidate if place(serving.candidate, prediction_id) < serving.share else serving.version


def shadows(serving: Serving) -> str | None:
    """Return the version that is asked beside, for every prediction, and whose answers nobody sees; None where none is.

    Its predictions go to the same topic, with its own version and the same prediction_id.
    """
    return serving.candidate if serving.stage == "shadow" else None


def place(candidate: str, prediction_id: str) -> float:
    """Return where in [0, 1) the hash of a prediction lies.

    Examples
    --------
    >>> round(place("2", "prediction-1"), 6)
    0.830777
    """
    digest = hashlib.sha256(f"{candidate}\n{prediction_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / WHOLE


def newer(known: Serving | None, found: Serving) -> Serving:
    """Return the one of two records of a model that holds: the one with the larger number."""
    return found if known is None or found.number >= known.number else known
