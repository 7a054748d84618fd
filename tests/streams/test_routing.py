"""Who answers: the rule that servers in any language follow, by fixed examples, and that it is a fair draw."""

import hashlib

import pytest

from schemas.serving import Serving
from streams.routing import answers, newer, place, shadows

IDS = [f"prediction-{number}" for number in range(20_000)]


def serving(stage: str = "canary", share: float = 0.1, number: int = 1, candidate: str | None = "2") -> Serving:
    given = {"id": "x", "number": number, "model": "m", "version": "1", "candidate": candidate, "stage": stage}
    return Serving.model_validate(given | {"share": share, "time": "2026-01-01T00:00:00Z", "reason": "So."})


def test_the_rule_is_what_the_page_says() -> None:
    digest = hashlib.sha256(b"2\nprediction-1").digest()
    assert place("2", "prediction-1") == int.from_bytes(digest[:8], "big") / 2**64 == pytest.approx(0.830777, abs=1e-6)
    assert place("2", "é") == int.from_bytes(hashlib.sha256("2\né".encode()).digest()[:8], "big") / 2**64


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_canary_gets_its_share_and_keeps_it_when_the_share_grows(share: float) -> None:
    small = {id_ for id_ in IDS if answers(serving(share=share), id_) == "2"}
    large = {id_ for id_ in IDS if answers(serving(share=share + 0.2), id_) == "2"}
    assert len(small) / len(IDS) == pytest.approx(share, abs=0.01)
    assert small < large


def test_each_candidate_has_a_draw_of_its_own() -> None:
    both = [id_ for id_ in IDS if place("2", id_) < 0.1 and place("3", id_) < 0.1]
    assert len(both) / len(IDS) == pytest.approx(0.01, abs=0.005)


def test_in_shadow_and_alone_the_serving_version_answers_all() -> None:
    shadow, full = serving("shadow", 0.0), serving("full", 0.0, candidate=None)
    assert {answers(each, id_) for each in (shadow, full) for id_ in IDS[:100]} == {"1"}
    assert (shadows(shadow), shadows(full), shadows(serving())) == ("2", None, None)


def test_a_record_that_comes_again_after_a_newer_one_is_left_out() -> None:
    first, second = serving(number=1), serving(number=2)
    held = None
    for found in (first, second, first):
        held = newer(held, found)
    assert held is second
    assert newer(first, second) is second
