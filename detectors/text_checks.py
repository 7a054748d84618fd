"""`TextChecks`: what is wrong with generated texts, as far as a look at their characters and words can tell."""

import re
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.proxy_spec import TextSpec

FEWEST_WORDS = 5  # of a text whose repetition is looked at: three groups of three words
HEAD_WORDS = 40  # in which a refusal begins; a phrase of the list has fewer

_BETWEEN_WORDS = re.compile(r"\W+")
_ASCII_WORDS = {code: " " for code in range(128) if _BETWEEN_WORDS.fullmatch(chr(code))}
_QUOTES = "\"'“”‘’*_#> "


class TextFindings(NamedTuple):
    """What some texts are."""

    empty: int
    """Texts without any visible character."""
    refused: int
    listed: int
    """Texts with a word of the list."""
    repetition: npt.NDArray[np.float64]
    """`repeated_share` of each text of `FEWEST_WORDS` words or more."""


class TextChecks:
    """Looks at texts; it keeps nothing of them.

    Examples
    --------
    >>> checks = TextChecks(TextSpec(words=["darn"]))
    >>> found = checks.look(["", "I'm sorry, but I can't do that.", "Darn! a b c a b c"])
    >>> found.empty, found.refused, found.listed, found.repetition.tolist()
    (1, 1, 1, [0.0, 0.2])
    """

    def __init__(self, spec: TextSpec) -> None:
        self._refusals = tuple(map(_plain, spec.refusals))
        self._words = frozenset(word.casefold() for word in spec.words)

    def look(self, texts: Iterable[str | None]) -> TextFindings:
        """Return what the texts are; None is an empty one."""
        empty = refused = listed = 0
        repetition = []
        refusals, listed_words = self._refusals, self._words
        for text in texts:
            words = text.split() if text else []
            if not words or not (words[0].isprintable() or any(map(str.isprintable, "".join(words)))):
                empty += 1
                continue
            refused += _plain(" ".join(words[:HEAD_WORDS])).startswith(refusals)
            if listed_words and not listed_words.isdisjoint(_words(text or "")):
                listed += 1
            if len(words) >= FEWEST_WORDS:
                repetition.append(repeated_share(words))
        return TextFindings(empty, refused, listed, np.array(repetition, dtype=np.float64))


def repeated_share(words: Sequence[str]) -> float:
    """Return the share of the groups of three words in a row that were there before; of at least three words.

    Source: the complement of distinct-n of Li et al., "A diversity-promoting objective function for neural conversation
    models", NAACL 2016, with n = 3.
    """
    groups = len(words) - 2
    return (groups - len(set(zip(words, words[1:], words[2:], strict=False)))) / groups


def text_buckets(texts: Sequence[str | None], buckets: int) -> npt.NDArray[np.int64]:
    """Return the hashed bucket of each text, the same for ever."""
    hashes = [zlib.crc32((text or "").encode(errors="surrogatepass")) for text in texts]
    return np.array(hashes, dtype=np.int64) % buckets


def _words(text: str) -> Sequence[str]:
    """Return the words of a text in one case; in ASCII that takes half as long, and gives the same."""
    folded = text.casefold()
    return folded.translate(_ASCII_WORDS).split() if folded.isascii() else _BETWEEN_WORDS.split(folded)


def _plain(text: str) -> str:
    """Return text as phrases are compared: in one case, with straight apostrophes, without quotes around it."""
    return text.casefold().replace("’", "'").lstrip(_QUOTES)
