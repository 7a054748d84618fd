"""Which part of a log is measured."""


def window(total: int) -> tuple[int, int]:
    """Return after how many of `total` records the clock starts, and after how many it stops."""
    return total // 10, total - total // 10
