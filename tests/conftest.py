"""What holds for all tests."""

import gc


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over what was collected, and run less often: up to a sixth of the time was its."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000)
