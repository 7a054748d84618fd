"""What tests of level 1 share: their monitor files and references, and the end of their logs."""

from .world import HOUR, MODEL, T0, layouts_of, spec_of

SPEC = spec_of()
"""Two models: `m`, and `r` with other times."""
ONE = spec_of(m=MODEL)
"""Horizon 6 h, maturity 3 h, lateness 10 min, panes of an hour."""
LAYOUTS = layouts_of(SPEC)
"""Of both monitor files: the reference of `m` is the same."""
END = T0 + 500 * HOUR
"""A watermark of that time, in both topics, settles everything."""
