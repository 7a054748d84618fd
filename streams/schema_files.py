"""`streamgauge schema`: published schemas to files, and files of schemas compared."""

import json
import sys
from pathlib import Path
from typing import Any

from schemas.compatibility import Mode, compare
from schemas.publish import documents
from streams.errors import UserError


def export(out: Path) -> None:
    """Write every published document to the directory `out`, and say so on stdout.

    Raises
    ------
    UserError
        When `out` cannot be written to.
    """
    files = documents()
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{error.filename or out}: cannot be written: {error.strerror}; give another --out") from None
    sys.stdout.write(f"wrote {len(files)} files to {out}\n")


def check(paths: list[Path], mode: Mode) -> int:
    """Compare the last of `paths` with those before it; return the exit code: 1 when it is incompatible.

    Raises
    ------
    UserError
        When there are fewer than two, or one is no JSON Schema.
    """
    if len(paths) < 2:
        raise UserError("schema check: give an old schema and a new one: streamgauge schema check OLD NEW")
    *old, new = [(path, _read(path)) for path in paths]
    if not mode.endswith("_TRANSITIVE"):
        old = old[-1:]
    found = 0
    for path, schema in old:
        try:
            findings = compare(schema, new[1], mode)
        except ValueError as error:
            raise UserError(f"{path} or {new[0]}: {error}") from None
        for finding in findings:
            found += 1
            sys.stdout.write(f"{path} -> {new[0]}: {finding}\n")
    names = ", ".join(str(path) for path, _ in old)
    if found:
        sys.stdout.write(
            f"{new[0]} is not {mode} compatible with {names}: {found} {'finding' if found == 1 else 'findings'}\n"
        )
        return 1
    sys.stdout.write(f"{new[0]} is {mode} compatible with {names}\n")
    return 0


def _read(path: Path) -> Any:
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file; schemas to compare with: streamgauge schema export --out DIR") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON: {error}") from None
    if not isinstance(schema, dict | bool):
        raise UserError(f"{path}: not a JSON Schema: it is neither an object nor true or false")
    return schema
