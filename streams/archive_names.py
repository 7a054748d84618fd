"""Where things stand in the archive: by kind, model, version and day, and in the name of a file its pane.

`rows/model_name=m/model_version=1/day=2026-01-01/20260101T000000Z--20260101T010000Z-p0of3.parquet`. The keys of the
directories differ from the columns `model` and `version` of the files: readers that make columns of directories would
else find one of each twice, of two types. Names are percent-encoded, as such readers expect them.
"""

import re
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b
from typing import Literal, NamedTuple
from urllib.parse import quote

from schemas.event_time import EARLIEST, LATEST, SECOND, Micros

Kind = Literal["rows", "labels"]
KINDS: tuple[Kind, Kind] = ("rows", "labels")

DAY_KEY = "day="
DAY: Micros = 86_400 * SECOND
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST = 160  # characters of an encoded name: file systems allow 255
_MOMENT = r"(\d{8}T\d{6}(?:\.\d{6})?Z)"
_NAME = re.compile(rf"^{_MOMENT}--{_MOMENT}-p(\d+)of(\d+)(?:-late-{_MOMENT})?\.parquet$")


class PaneFile(NamedTuple):
    """What the name of a file says."""

    start: Micros
    """Of the pane: of predictions (rows), or of when labels became known (labels)."""
    end: Micros
    partition: int
    partitions: int
    """How many source partitions there are; archives cut in two ways do not mix."""
    late: Micros | None = None
    """Rows of feedback with its prediction inside that came too late for its cohort: start of the label pane."""

    @property
    def name(self) -> str:
        """The name of the file."""
        late = "" if self.late is None else f"-late-{_text(self.late)}"
        return f"{_text(self.start)}--{_text(self.end)}-p{self.partition}of{self.partitions}{late}.parquet"

    def told_by(self, kind: Kind, moment: Micros) -> bool:
        """Say whether the label pane that it went with was over at a moment; rows of a cohort went with none."""
        if kind == "rows" and self.late is None:
            return True
        start = self.start if self.late is None else self.late
        return start + (self.end - self.start) <= moment

    @classmethod
    def of(cls, name: str) -> "PaneFile | None":
        """Return what a name says; None where it is no file of the archive."""
        found = _NAME.match(name)
        if found is None:
            return None
        start, end, partition, partitions, late = found.groups()
        known_late = None if late is None else _micros(late)
        return cls(_micros(start), _micros(end), int(partition), int(partitions), known_late)


def model_directory(kind: Kind, model: str) -> str:
    """Return where files of a model are."""
    return f"{kind}/model_name={encoded(model)}"


def version_directory(kind: Kind, model: str, version: str) -> str:
    """Return where files of a version are."""
    return f"{model_directory(kind, model)}/model_version={encoded(version)}"


def directory(kind: Kind, model: str, version: str, start: Micros) -> str:
    """Return where the file of a pane is."""
    return f"{version_directory(kind, model, version)}/{DAY_KEY}{day_of(start).isoformat()}"


def encoded(name: str) -> str:
    """Return a name as part of a path, whatever is in it; a very long one is cut, and told apart by a hash.

    Examples
    --------
    >>> encoded("a/b ü")
    'a%2Fb%20%C3%BC'
    """
    whole = quote(name, safe="", errors="surrogatepass")
    if len(whole) <= _LONGEST:
        return whole
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    cut = name
    while len(quote(cut, safe="", errors="surrogatepass")) > _LONGEST:
        cut = cut[:-1]
    return f"{quote(cut, safe='', errors='surrogatepass')}~{digest}"


def day_of(time: Micros) -> date:
    """Return the day of a moment, in UTC; of one that no event has, the first or last that one can have."""
    return (_EPOCH + timedelta(microseconds=min(max(time, EARLIEST), LATEST - 1))).date()


def day_start(day: date) -> Micros:
    """Return the first moment of a day."""
    return (day - _EPOCH.date()).days * DAY


def as_day(name: str) -> date | None:
    """Return the day that a directory is named after; None where it is not."""
    try:
        return date.fromisoformat(name.removeprefix(DAY_KEY)) if name.startswith(DAY_KEY) else None
    except ValueError:
        return None


def _text(time: Micros) -> str:
    moment = _EPOCH + timedelta(microseconds=time)
    return moment.strftime("%Y%m%dT%H%M%S") + (f".{moment.microsecond:06d}Z" if moment.microsecond else "Z")


def _micros(text: str) -> Micros:
    moment = datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ" if "." in text else "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
