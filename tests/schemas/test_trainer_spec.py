import pytest
from pydantic import ValidationError

from schemas.trainer_spec import CommandTrainer, filled

PLACES = {"dataset": "/d", "model": "/m"}


@pytest.mark.parametrize("argument", ["{data}", "--in={data}/x", "{dataset}{model_dir}"])
def test_an_unknown_placeholder_is_refused(argument: str) -> None:
    with pytest.raises(ValidationError, match=r"unknown placeholder \{\w+\}; \{dataset\} and \{model\} are known"):
        CommandTrainer(type="command", command=["python", argument])


@pytest.mark.parametrize(
    ("argument", "becomes"),
    [
        ("{dataset}", "/d"),
        ("{dataset}/{model}", "/d//m"),
        ("{{dataset}}", "{dataset}"),
        ("awk {{print}}", "awk {print}"),
        ("${HOME}", "${HOME}"),
        ('{"depth": 3}', '{"depth": 3}'),
        ("{}", "{}"),
        ("{1,2}", "{1,2}"),
    ],
)
def test_braces_that_are_no_placeholder_stay(argument: str, becomes: str) -> None:
    command = CommandTrainer(type="command", command=[argument]).command
    assert [filled(part, PLACES) for part in command] == [becomes]


def test_a_path_with_braces_is_not_filled_once_more() -> None:
    assert filled("{dataset}", {"dataset": "/a/{model}/{{x}}", "model": "/m"}) == "/a/{model}/{{x}}"
