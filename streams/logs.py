"""Where the worker's log goes, and how much of it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from streams.errors import Stopped, UserError

QUIET = ("faust", "mode", "aiokafka", "kafka", "asyncio", "streams.transport")
"""Libraries, and the classes of theirs that we extend, of which only warnings are logged unless all is to be seen."""

REPEAT_AFTER = 10.0
"""Seconds for which a library does not say the same again: without a broker, aiokafka writes forty lines a second."""


@contextmanager
def told_by_us(library: str) -> Iterator[None]:
    """Let a library log nothing of what goes wrong meanwhile, as our own sentence says it; unless all is to be seen."""
    logger = logging.getLogger(library)
    before = logger.level
    if before != logging.DEBUG:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def log_to_stderr(level: str) -> None:
    """Log from `level` on; libraries say less."""
    logging.basicConfig(level=level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(level.upper() if level in ("debug", "error") else "WARNING")
    if level != "debug":
        for handler in logging.getLogger().handlers:
            handler.addFilter(Sparing())


class Sparing(logging.Filter):
    """Lets a message of aiokafka pass once in `REPEAT_AFTER` seconds, and says how often it was kept back."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}
        self._kept_back: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Say whether the record is to be written."""
        if record.exc_info and isinstance(record.exc_info[1], UserError | Stopped):
            return False  # the command line says it in a sentence
        if not record.name.startswith("aiokafka"):
            return True
        what, now = (record.name, str(record.msg)), monotonic()
        if now - self._said.get(what, -REPEAT_AFTER) < REPEAT_AFTER:
            self._kept_back[what] = self._kept_back.get(what, 0) + 1
            return False
        self._said[what] = now
        if again := self._kept_back.pop(what, 0):
            record.msg = f"{record.msg} ({again} more like this)"
        return True
