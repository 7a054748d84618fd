"""Every example in a docstring of `detectors` runs, and says what it prints."""

import doctest
import importlib
import pkgutil

import pytest

import detectors

MODULES = [module.name for module in pkgutil.walk_packages(detectors.__path__, "detectors.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_the_module_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_modules_are_found() -> None:
    assert {"detectors.adwin", "detectors.challenger", "detectors.state"} <= set(MODULES)
