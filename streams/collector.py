"""`spare_the_collector`: keeps Python's garbage collector from walking over a heap that holds no garbage."""

import gc

THRESHOLDS = 100_000, 20, 50
"""Level 1 makes some ten objects for each event and drops them with the chunk, by reference count. At the default of
700 the collector would run for every hundred events, and at times over everything there is."""


def spare_the_collector() -> None:
    """Take what is there by now out of the collector's sight, and let it run less often. Call once, after start-up."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
