"""Rules and producers are counted exactly: in any chunks, and in step with the defects of each feature."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.layout import QUALITY, Layout
from detectors.quality_sections import section_of
from detectors.summary import PaneSummary

from .builders import LabelledRow, key_of, layout_of, model_spec, profile_of, summary_of
from .strategies import row_lists

RULES = ["income >= 0", "missing(income) or owner", "region in ['north']", "len(note) > 2"]
SPEC = model_spec(
    expectations=[{"name": rule, "dimension": "validity", "rule": rule} for rule in RULES], producer="region"
)
LAYOUTS = {"bare": layout_of(SPEC, None), "learnt": layout_of(SPEC, profile_of(SPEC))}


def view(layout: Layout, summary: PaneSummary, section: str) -> np.ndarray:
    return layout.families["traffic"].view(summary.counts, section)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(LAYOUTS)), row_lists(SPEC), st.integers(1, 5))
def test_counts_are_exact(name: str, rows: list[LabelledRow], chunk: int) -> None:
    layout = LAYOUTS[name]
    summary = summary_of(layout, key_of("traffic"), rows)
    assert summary.counts.tolist() == summary_of(layout, key_of("traffic"), rows, chunk).counts.tolist()
    for rule in RULES:
        failed, applicable = view(layout, summary, section_of(rule))
        assert 0 <= failed <= applicable <= len(rows)
    of_rows, defects = view(layout, summary, "producers").reshape(2, -1)
    assert of_rows.sum() == len(rows)
    others = [f"quality:{feature}" for feature in SPEC.features if feature != "region"]
    assert defects.sum() == sum(int(view(layout, summary, section).sum()) for section in others)


def test_what_is_not_declared_takes_no_room() -> None:
    sections = layout_of(model_spec(), None).families["traffic"].sections
    assert not [name for name in sections if name.startswith("expectation") or name == "producers"]
    assert len(QUALITY) == sections["quality:income"].stop - sections["quality:income"].start


@pytest.mark.parametrize("change", [{"expectations": []}, {"producer": "owner"}, {"producer": None}])
def test_another_rule_or_producer_is_another_layout(change: dict[str, object]) -> None:
    assert layout_of(SPEC.model_copy(update=change), None).fingerprint != LAYOUTS["bare"].fingerprint
