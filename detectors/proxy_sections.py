"""Which proxies are counted for a model, and in which sections of a traffic pane's vector.

A proxy says something of an output without its label. A value in [0, 1] is counted as losses are: rows and fixed-point
sums by equal bins, so that bets on its mean know more than the mean. Values are the larger the worse.
"""

from schemas.spec import ModelSpec, Task

UNIT_BINS = 20
OUTPUT_BUCKETS = 256  # hashed buckets of texts and predicted numbers
EMPTY, OVERSIZED, REFUSED, LISTED = range(4)
TEXTS = ("empty", "oversized", "refused", "listed")
"""What the section `texts` counts."""

ACTIVITY_CELLS = 16
"""Equal parts of a pane whose predictions are counted apart."""

UNIT_VALUES: dict[Task, tuple[str, ...]] = {
    "binary": ("doubt", "entropy"),
    "multiclass": ("doubt", "entropy"),
    "regression": (),
    "text": ("repetition",),
}
"""Sections of values in [0, 1]; `doubt` is 1 - confidence."""


def proxy_sections(spec: ModelSpec) -> dict[str, int]:
    """Return the sections with their sizes, but for those of attached scores."""
    sections = {"activity": ACTIVITY_CELLS}
    for name in UNIT_VALUES[spec.task]:
        sections |= {name: UNIT_BINS, f"{name}_sums": UNIT_BINS}
    if spec.task in ("binary", "multiclass"):
        sections["margin"] = 2  # rows, and the sum over them
    else:
        sections["outputs"] = OUTPUT_BUCKETS
    if spec.task == "text":
        sections["texts"] = len(TEXTS)
    return sections
