"""What we use of River's compiled core, which its documentation does not promise: pyproject.toml pins its version."""

import importlib
import inspect
from typing import Any

import pytest

SEAMS = {
    "drift.AdaptiveWindowing": "(delta=0.002, clock=32, max_buckets=5, min_window_length=5, grace_period=10)",
    "drift.AdaptiveWindowing.update": "(self, /, value)",
    "drift.AdaptiveWindowing.get_width": "(self, /)",
    "drift.AdaptiveWindowing.get_total": "(self, /)",
    "drift.AdaptiveWindowing.__getstate__": "(self, /)",
    "drift.AdaptiveWindowing.__setstate__": "(self, /, state)",
    "stats.RsEWMean": "(alpha)",
    "stats.RsEWMean.__getstate__": "(self, /)",
    "stats.RsEWMean.__setstate__": "(self, /, state)",
    "vectordict.VectorDict": "(data=None, default_factory=None, mask=None, copy=False)",
    "vectordict.VectorDict.__reduce__": "(self, /)",
}
"""Classes and methods below `river._river_rust`, with their signatures."""


def found(seam: str) -> Any:
    module, *names = seam.split(".")
    value = importlib.import_module(f"river._river_rust.{module}")
    for name in names:
        value = getattr(value, name)
    return value


@pytest.mark.parametrize(("seam", "signature"), SEAMS.items())
def test_the_private_seams_are_as_we_call_them(seam: str, signature: str) -> None:
    assert str(inspect.signature(found(seam))) == signature


def test_adwin_by_hand_is_the_one_of_rivers_own_adwin() -> None:
    from river.drift import ADWIN

    assert type(ADWIN()._helper) is found("drift.AdaptiveWindowing")


def test_a_vector_gives_its_entries_factory_and_mask() -> None:
    assert found("vectordict.VectorDict")({"a": 1.0}).__reduce__()[1][:3] == ({"a": 1.0}, None, None)
