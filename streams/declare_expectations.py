"""`reference --expectations`: writes what the reference tables keep into the monitor file; the rest stays as it is.

Text is inserted below the model; nothing else of the file changes, not a comment and not a byte. What was written is
read again to prove it, and where that cannot be proved the lines are shown for their reader to paste.
"""

import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from detectors.infer_expectations import Inferred, infer_expectations
from schemas.spec import MonitorSpec
from streams.errors import UserError
from streams.monitor_yaml import read_yaml
from streams.profiling import reference_rows
from streams.report_text import clean
from streams.whole_file import whole_file

_BOM = "\ufeff"
_BREAKS = {ord(letter): f"\\u{ord(letter):04x}" for letter in "\x85\u2028\u2029\ufeff"}  # to YAML, they end lines


class NoPlace(ValueError):
    """Lines cannot be inserted into a monitor file: why."""


def declare_expectations(spec: MonitorSpec, monitor: Path) -> None:
    """Infer the expectations of each model from its reference tables and write them into the monitor file.

    Raises
    ------
    UserError
        When a reference table is missing or damaged, or the file cannot be written.
    """
    before = monitor.read_bytes().decode("utf-8")
    text = before
    for name, model in spec.models.items():
        rows = [row for part in reference_rows(spec, monitor.parent, name).values() for row, _ in part]
        inferred = infer_expectations(model, rows)
        if not inferred:
            sys.stdout.write(f"{clean(str(monitor))}: no expectations of {clean(name)} to add\n")
            continue
        try:
            text = with_expectations(text, name, inferred)
        except NoPlace as reason:
            block = "".join(_lines(inferred, 6, "\n"))
            sys.stdout.write(
                f"{clean(str(monitor))}: models.{clean(name)}: {reason}. Paste them there yourself:\n"
                f"    expectations:\n{block}"
            )
            continue
        sys.stdout.write(
            f"{clean(str(monitor))}: models.{clean(name)}: {len(inferred)} expectations added; read them, and delete "
            "what holds by chance\n"
        )
    if text != before:
        _write(monitor, text)


def with_expectations(text: str, model: str, inferred: Sequence[Inferred]) -> str:
    """Return a monitor file with more expectations of a model.

    Raises
    ------
    NoPlace
        Where the file is written in a way that lines cannot be inserted into without changing anything else.
    """
    bom, body = (_BOM, text[1:]) if text.startswith(_BOM) else ("", text)
    newline = "\r\n" if "\r\n" in body else "\n"
    entry = _value(_value(yaml.compose(body, Loader=yaml.SafeLoader), "models"), model)
    if not isinstance(entry, yaml.MappingNode) or entry.flow_style or not entry.value:
        raise NoPlace("the model is not written as a block of keys")
    indent = entry.value[0][0].start_mark.column
    known = _value(entry, "expectations")
    if known is None:
        place = _after(body, entry)
        lines = [" " * indent + "expectations:" + newline, *_lines(inferred, indent + 2, newline)]
    elif isinstance(known, yaml.SequenceNode) and not known.flow_style and known.value:
        place = _after(body, known)
        lines = _lines(inferred, known.start_mark.column, newline)
    else:
        raise NoPlace("its expectations are not written as a list of blocks")
    start = "" if body[:place].endswith("\n") else newline
    found = body[:place] + start + "".join(lines) + body[place:]
    _prove(body, found, model, inferred)
    return bom + found


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                found: yaml.Node = value
                return found
    return None


def _after(text: str, node: yaml.Node) -> int:
    """Return where the line after a node begins."""
    last = node
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        final = last.value[-1]
        last = final[1] if isinstance(final, tuple) else final
    end = len(text[: last.end_mark.index].rstrip())
    line = text.find("\n", end)
    return len(text) if line < 0 else line + 1


def _lines(inferred: Sequence[Inferred], indent: int, newline: str) -> list[str]:
    margin = " " * indent
    return [
        f"{margin}{line}{newline}"
        for one in inferred
        for line in (
            f"# the reference: {one.because}",
            f"- name: {_quoted(one.expectation.name)}",
            f"  dimension: {one.expectation.dimension}",
            f"  rule: {_quoted(one.expectation.rule)}",
        )
    ]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).translate(_BREAKS)


def _prove(before: str, after: str, model: str, inferred: Sequence[Inferred]) -> None:
    """Raise NoPlace unless the expectations are all that is new."""
    try:
        data: dict[str, Any] = read_yaml(before)
        added = [one.expectation.model_dump(include={"name", "dimension", "rule"}) for one in inferred]
        entry = data["models"][model]  # another model may be the same by an alias, so none is changed in place
        changed = {**entry, "expectations": [*(entry.get("expectations") or []), *added]}
        expected = {**data, "models": {**data["models"], model: changed}}
        if read_yaml(after) != expected:
            raise NoPlace("lines there would change something else")
        MonitorSpec.model_validate(expected)
    except (UserError, ValidationError):
        raise NoPlace("lines there would not be read as they are meant") from None


def _write(path: Path, text: str) -> None:
    path = path.resolve()
    with whole_file(path) as beside:
        beside.write_bytes(text.encode())
        shutil.copymode(path, beside)
