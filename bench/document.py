"""Measured tables go into documents between two markers, so that what is written by hand stays."""

from pathlib import Path


def put_between(document: Path, begin: str, end: str, text: str) -> None:
    """Put text between the markers of a document, in place of what is there.

    Raises
    ------
    ValueError
        When the document lacks a marker.
    """
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"{document}: the markers {begin} and {end} are missing")
    document.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
