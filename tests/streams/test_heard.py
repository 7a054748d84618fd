"""How far event time had come some time ago: never further than it had, and bounded."""

from streams.heard import STEPS, Heard


def test_it_tells_what_was_true_then_or_earlier() -> None:
    heard = Heard({}, 100.0, 60.0)
    for second in range(1, 600):
        heard.note({"predictions": second}, 100.0 + second)
        told = heard.before(100.0 + second).get("predictions", 0)
        assert max(0, second - 62) <= told <= max(0, second - 60)
    assert heard.before(1_000.0) == {"predictions": 599}, "after a silence, where it had come to"


def test_many_chunks_make_no_more_marks() -> None:
    heard = Heard({}, 0.0, 60.0)
    for chunk in range(50_000):
        heard.note({"feedback": chunk}, chunk / 100)
    assert len(heard._marks) <= STEPS + 3


def test_what_is_heard_is_a_copy() -> None:
    times = {"predictions": 1}
    heard = Heard(times, 0.0, 1.0)
    times["predictions"] = 2
    assert heard.before(5.0) == {"predictions": 1}
