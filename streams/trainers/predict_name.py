"""What can be said of `predict` before a model is there: that it names a function, and is no slip of the pen."""

import ast
import importlib.util
from pathlib import Path

from streams.errors import UserError
from streams.spec_errors import did_you_mean


def require_predict(name: str, base: Path, where: str) -> None:
    """Refuse a name that is none, and one that is nowhere but for a name like it beside the monitor file.

    A module that is neither beside the monitor file nor installed may be one that the program writes into the model
    directory: that shows after the training. Nothing is imported here.

    Parameters
    ----------
    base
        Directory of the monitor file.
    where
        Path of the setting, for messages.

    Raises
    ------
    UserError
        When it is refused.
    """
    module, colon, function = name.partition(":")
    if not (module and colon and function):
        raise UserError(f"{where}: {name!r} is not module:function, such as scoring:load")
    path = base / f"{module.replace('.', '/')}.py"
    if path.is_file():
        defined = _names_in(path)
        if function not in defined and (hint := did_you_mean(function, defined)):
            raise UserError(f"{where}: {name}: {path.name} has no function {function!r}{hint}")
    elif not _installed(module) and (hint := did_you_mean(module, (found.stem for found in base.glob("*.py")))):
        raise UserError(
            f"{where}: {name}: no module {module!r}, neither beside the monitor file nor among what is installed{hint}"
        )


def _names_in(path: Path) -> set[str]:
    """Return what a module defines or imports, as far as its text shows; nothing where that does not tell."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return set() if "*" in found else found


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module.partition(".")[0]) is not None
    except (ImportError, ValueError):
        return False
