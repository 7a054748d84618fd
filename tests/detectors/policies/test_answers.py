"""What becomes of triggers decides whether the same change may trigger again, and how soon."""

from detectors.policies.answers import failed
from detectors.policies.state import REMEMBERED, PolicyState

from ..situations import NORTH, OVERALL, PERFORMANCE, SOUTH, episode, fires, history, quiet, situation, spec_of


def test_a_failed_retraining_lets_the_change_fire_again_under_another_id() -> None:
    state, spec, episodes = PolicyState(), spec_of(PERFORMANCE, cooldown="1s"), {OVERALL: episode()}
    first = fires(state, situation(spec, 20, episodes))
    quiet(state, situation(spec, 21, episodes))
    failed(state, "another trigger")
    quiet(state, situation(spec, 22, episodes))
    failed(state, first.id)
    again = fires(state, situation(spec, 23, episodes))
    assert again.id != first.id


def test_triggers_are_forgotten_in_the_end() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, cooldown="1s")
    for day in range(20, 20 + 2 * REMEMBERED):
        fires(state, situation(spec, day, {OVERALL: episode()}))
    assert len(state.triggers) == REMEMBERED


def test_a_later_change_triggers_while_an_earlier_one_goes_on() -> None:
    state, spec = PolicyState(), spec_of(PERFORMANCE, cooldown="1s")
    episodes = {OVERALL: episode(10)}
    first = fires(state, situation(spec, 20, episodes))
    past = history(40)
    episodes[NORTH] = episode(12)
    quiet(state, situation(spec, 21, episodes))
    assert episodes[NORTH].trigger == first.id
    episodes[SOUTH] = episode(25)
    assert fires(state, situation(spec, 30, episodes, past)).id != first.id
