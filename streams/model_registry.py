"""`ModelRegistry`: model directories by model and version, each there whole or not at all.

models/<model>/<version>/   what the trainer wrote, and manifest.json: of which trigger and dataset, with hashes
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streams.archive_names import encoded
from streams.dataset import sha256_of
from streams.errors import UserError

MANIFEST = "manifest.json"
UNHASHED = ("training.log",)
"""What a program said may hold times; it is no part of the model."""
SHORTEST = 8  # characters of a trigger's id that name its version


class ModelRegistry:
    """The models that were made here.

    Parameters
    ----------
    root
        Directory; made when the first model comes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def directory(self, model: str, version: str) -> Path:
        """Return where a version is, or would be."""
        return self.root / path_name(model) / path_name(version)

    def has(self, model: str, version: str) -> bool:
        """Say whether a version is there."""
        return self.manifest(model, version) is not None

    def manifest(self, model: str, version: str) -> dict[str, Any] | None:
        """Return what is said of a version; None where it is not there."""
        return manifest_of(self.directory(model, version))

    def version_for(self, model: str, trigger: str) -> str:
        """Return the name of the version that comes of a trigger: the beginning of its id, as long as it has to be."""
        for length in (SHORTEST, 2 * SHORTEST, len(trigger)):
            name = trigger[:length]
            known = self.manifest(model, name)
            if known is None or known.get("trigger") == trigger:
                return name
        return trigger

    def made(self, model: str, version: str, make: Callable[[Path], None], **said: Any) -> Path:
        """Let a version be made, unless it is there, and return its directory.

        Parameters
        ----------
        make
            Fills a new directory. When it raises, only `training.log` is left, beside where the version would be.
        said
            What the manifest says beside the hashes of the files.
        """
        directory = self.directory(model, version)
        if self.has(model, version):
            return directory
        beside = directory.with_name(f".{directory.name}.{os.getpid()}.part")
        try:
            self._clear(directory)
            beside.mkdir(parents=True)
            make(beside)
            files = {
                path.relative_to(beside).as_posix(): {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
                for path in sorted(beside.rglob("*"))
                if path.is_file() and path.name not in UNHASHED
            }
            manifest = {"model": model, "version": version, **said, "files": files}
            (beside / MANIFEST).write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            beside.replace(directory)
        except OSError as error:
            raise UserError(f"{directory}: the model cannot be written: {error.strerror or error}") from None
        except BaseException:
            self._keep_logs(beside, directory)
            raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)
        return directory

    def remove(self, model: str, version: str) -> None:
        """Delete a version."""
        shutil.rmtree(self.directory(model, version), ignore_errors=True)

    def _clear(self, directory: Path) -> None:
        """Delete what workers that were killed left of this version."""
        shutil.rmtree(directory, ignore_errors=True)
        for part in directory.parent.glob(f".{directory.name}.*.part"):
            shutil.rmtree(part, ignore_errors=True)

    @staticmethod
    def _keep_logs(beside: Path, directory: Path) -> None:
        for name in UNHASHED:
            if (beside / name).exists():
                (beside / name).replace(directory.with_name(f"{directory.name}.{name}"))


def manifest_of(directory: Path) -> dict[str, Any] | None:
    """Return what is said of the version in a directory; None where none is there."""
    try:
        found = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def path_name(name: str) -> str:
    """Return any name as a part of a path, which can lead nowhere else."""
    safe = encoded(name)
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe
