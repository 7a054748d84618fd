"""`known_model`: the settings of the model that is named, or one sentence that says which there are."""

import re

import pytest

from streams.errors import UserError
from streams.known_model import known_model

from .world import MODEL, spec_of

SPEC = spec_of(loan=MODEL)


def test_a_model_of_the_file_is_returned() -> None:
    assert known_model(SPEC, "loan") is SPEC.models["loan"]


@pytest.mark.parametrize(("name", "guess"), [("laon", " (did you mean 'loan'?)"), ("fraud", "")])
def test_any_other_is_answered_with_those_that_are_there(name: str, guess: str) -> None:
    with pytest.raises(UserError, match=re.escape(f"no model {name!r} in the monitor file{guess}; it has loan")):
        known_model(SPEC, name)
