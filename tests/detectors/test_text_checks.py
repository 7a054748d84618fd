"""Texts that are empty, refuse to answer, hold a listed word or repeat themselves are told as such."""

import numpy as np
import pytest

from detectors.text_checks import TextChecks, repeated_share, text_buckets
from schemas.proxy_spec import REFUSALS, TextSpec

CHECKS = TextChecks(TextSpec(words=["Straße", "darn"]))


@pytest.mark.parametrize("text", ["", " \t\n", "\u200b", "\u00a0\u2003", " \u200b \ufeff\n", "\x00", None])
def test_what_nobody_can_see_is_empty(text: str | None) -> None:
    assert CHECKS.look([text]).empty == 1


@pytest.mark.parametrize("text", [".", "\u200bword", "é", "0", " \n x"])
def test_one_visible_character_is_enough(text: str) -> None:
    assert CHECKS.look([text]).empty == 0


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "  i’m  SORRY,\nbut I cannot do this",
        "“I'm unable to answer.”",
        "**I cannot assist with this.**",
        *REFUSALS,
    ],
)
def test_a_text_that_begins_with_a_refusal_refuses(text: str) -> None:
    assert CHECKS.look([text]).refused == 1


@pytest.mark.parametrize(
    "text", ["I can't wait to see you", "Sorry for the delay", "He said: I cannot help you", "As an aid, take this"]
)
def test_what_only_sounds_alike_does_not(text: str) -> None:
    assert CHECKS.look([text]).refused == 0


def test_the_list_of_refusals_is_the_users() -> None:
    checks = TextChecks(TextSpec(refusals=["Leider kann ich"]))
    assert checks.look(["leider kann ich das nicht", "I'm sorry, but I can't"]).refused == 1
    assert TextChecks(TextSpec(refusals=[])).look(["I'm sorry, but I can't"]).refused == 0


@pytest.mark.parametrize(
    ("text", "listed"), [("Darn!", 1), ("darned", 0), ("(STRASSE)", 1), ("in der straße.", 1), ("dar n", 0)]
)
def test_listed_words_are_whole_words_in_any_case(text: str, listed: int) -> None:
    assert CHECKS.look([text]).listed == listed


def test_repetition_is_the_share_of_groups_of_three_words_that_came_before() -> None:
    assert repeated_share(["a", "b", "c", "d", "e"]) == 0
    assert repeated_share(["a", "b", "c", "a", "b", "c"]) == 0.25
    assert repeated_share(["a"] * 12) == 0.9
    assert CHECKS.look(["a b c d", "a a a a a", "a b c d e"]).repetition.tolist() == [2 / 3, 0.0]


def test_the_bucket_of_a_text_is_the_same_for_ever() -> None:
    assert text_buckets(["", None, "an answer", "\ud800"], 256).tolist() == [0, 0, 218, 40]
    many = text_buckets([f"text {n}" for n in range(25_600)], 256)
    assert np.bincount(many, minlength=256).max() < 160, "buckets are filled evenly"


@pytest.mark.parametrize("code", range(128))
def test_ascii_ends_a_word_where_it_does_among_other_letters(code: int) -> None:
    text = f"a{chr(code)}darn{chr(code)}b"
    assert (
        CHECKS.look([text]).listed == CHECKS.look([f"{text} é"]).listed == int(not (chr(code).isalnum() or code == 95))
    )
