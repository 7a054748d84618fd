"""The budget of a pane: never exceeded, rules first, then the random draw, and the rest to the strategies."""

from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.curation.budget import shares_of
from schemas.label_request_spec import LabelRequestSpec

STRATEGIES = st.lists(st.sampled_from(["random", "uncertainty", "rare", "errors"]), unique=True)


@settings(max_examples=200, derandomize=True, deadline=None)
@given(st.integers(0, 300), STRATEGIES, st.floats(0, 1), st.integers(0, 400), st.data())
def test_the_budget_is_shared_and_never_exceeded(
    per_pane: int, names: list[str], random_share: float, matched: int, data: st.DataObject
) -> None:
    spec = LabelRequestSpec.model_validate({"per_pane": per_pane, "strategies": names, "random_share": random_share})
    usable = data.draw(st.integers(0, len([name for name in names if name != "random"])))
    shares = shares_of(spec, matched, usable)
    assert min(shares) >= 0
    assert shares.rules == min(matched, per_pane)
    assert sum(shares) == (per_pane if names else shares.rules)
    if names and not usable and "random" in names:
        assert shares.strategies == 0, "where nothing else can ask, all is drawn at random"


def test_without_strategies_nothing_is_drawn() -> None:
    assert shares_of(LabelRequestSpec(per_pane=10), 3, 0) == (3, 0, 0)


def test_a_share_of_zero_draws_nothing_at_random() -> None:
    assert shares_of(LabelRequestSpec(per_pane=10, strategies=["rare"], random_share=0.0), 0, 1) == (0, 0, 10)
