"""`whole_file`: a file that is replaced whole or not at all, whatever is killed on the way."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streams.errors import UserError


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """Yield the path of a new file beside `path`, which replaces it once it is written.

    Parameters
    ----------
    durable
        Whether it has to be on the disk before it replaces the other: what somebody acts on afterwards.

    Raises
    ------
    UserError
        When it cannot be written; what was there stays.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        if durable:
            with beside.open("rb") as file:
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        beside.unlink(missing_ok=True)
