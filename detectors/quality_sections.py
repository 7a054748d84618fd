"""Where a summary's vector holds what is counted of data quality, beside the defects of each feature."""

from collections.abc import Mapping

from schemas.spec import ModelSpec

DUPLICATE, LATE, REFUSED = range(3)
REJECTED = ("duplicate", "late", "refused")
"""What `rejected` counts: predictions that are not in the summary's rows."""


def section_of(rule: str) -> str:
    """Return the section that a rule is counted in: rows that break it, and rows that it applies to."""
    return f"expectation:{rule}"


def quality_sections(spec: ModelSpec, codes: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Return the sections of a traffic pane and their sizes, given the codes of the known categories.

    A section is named by its rule, so that a profile that was made before a rule was written says nothing of it.
    """
    sections = {"rejected": len(REJECTED)}
    sections |= {section_of(expectation.rule): 2 for expectation in spec.expectations}
    if spec.producer is not None:
        sections["producers"] = 2 * (len(codes[spec.producer]) + 1)  # rows, and defects of their other features
    return sections
