"""What holds for all of the code: which way imports point, what is pure, and what no file may contain."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("schemas", "detectors", "streams")
ALLOWED_ARROWS = {"schemas": set(), "detectors": {"schemas"}, "streams": {"schemas", "detectors"}}
PURE = ("schemas", "detectors")

PURE_STANDARD_LIBRARY = {
    *("__future__", "abc", "bisect", "collections", "contextlib", "copy", "dataclasses", "datetime", "decimal", "enum"),
    *("ast", "difflib", "keyword"),
    *("fractions", "functools", "hashlib", "heapq", "itertools", "json", "math", "operator", "re", "statistics"),
    *("string", "struct", "textwrap", "types", "typing", "unicodedata", "zlib"),
}
"""What can neither reach the world nor surprise. A module that is missing here may be added; think first."""
PURE_LIBRARIES = {
    "schemas": {"cronsim", "msgspec", "numpy", "pydantic", "pydantic_core", "typing_extensions", "yaml"},
    "detectors": {"cronsim", "msgspec", "numpy", "pydantic", "river", "scipy", "typing_extensions"},
}
EXCEPTIONS = {
    ("detectors/state_reader.py", "random"): "restores seeded generators",
    ("detectors/state_writer.py", "random"): "saves seeded generators",
    ("detectors/state_classes.py", "importlib"): "finds classes of River by name, from a closed list",
}
IMPURE_NAMES = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint", "hash"}
"""Built-ins; `hash` because text hashes differently in each process."""
IMPURE_METHODS = {
    *("now", "today", "utcnow"),  # of datetime and date
    *("load", "loadtxt", "genfromtxt", "fromfile", "tofile", "save", "savez", "savez_compressed", "savetxt", "memmap"),
    *("read_text", "write_text", "read_bytes", "write_bytes"),
}
UNSAFE = {"pickle", "cPickle", "_pickle", "pickletools", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
KAFKA_CLIENTS = {"kafka", "aiokafka", "faust", "mode", "confluent_kafka"}

PRIVATE_PATH = re.compile(rb"(?<![\w.~>*-])/(?:root|work|workspace|home/\w+|Users/\w+)(?=/)")


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), str(path))


def modules(*packages: str) -> list[Path]:
    """The modules of packages; environments that stand in them are not ours."""
    found = (path for package in packages for path in (ROOT / package).rglob("*.py"))
    return sorted(path for path in found if not any(part.startswith(".venv") for part in path.parts))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and full name of everything imported, inside functions and `if TYPE_CHECKING` too."""
    yield from imports_in(tree(path), name(path))


def imports_in(module: ast.Module, file: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = ".".join(file.split("/")[: -node.level]) + "." if node.level else ""
            yield node.lineno, f"{above}{node.module or ''}".strip(".")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            first = node.args[0] if node.args else None
            if called in ("import_module", "__import__") and isinstance(first, ast.Constant):
                yield node.lineno, str(first.value)


def impurities(module: ast.Module, file: str) -> list[str]:
    """Return what in a module of a pure package reaches the world, the clock or chance."""
    package = file.split("/")[0]
    allowed = {*PURE_STANDARD_LIBRARY, *PURE_LIBRARIES[package], *PACKAGES}
    found = [
        f"{file}:{line}: imports {what}"
        for line, what in imports_in(module, file)
        if what.split(".")[0] not in allowed and (file, what) not in EXCEPTIONS
    ]
    for node in ast.walk(module):
        match node:
            case ast.Call(func=ast.Name(id=called)) if called in IMPURE_NAMES:
                found.append(f"{file}:{node.lineno}: calls {called}()")
            case ast.Call(func=ast.Attribute(value=of, attr=called)) if called in IMPURE_METHODS:
                if ast.unparse(of) not in ("self", "cls"):
                    found.append(f"{file}:{node.lineno}: calls {ast.unparse(of)}.{called}()")
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="random"):
                found.append(f"{file}:{node.lineno}: uses numpy.random")
            case ast.ImportFrom(module="numpy.random"):
                found.append(f"{file}:{node.lineno}: imports numpy.random")
            case ast.ImportFrom(module="numpy", names=names) if any(alias.name == "random" for alias in names):
                found.append(f"{file}:{node.lineno}: imports numpy.random")
            case ast.Import(names=names) if any(alias.name == "numpy.random" for alias in names):
                found.append(f"{file}:{node.lineno}: imports numpy.random")
    return found


def lines_of(found: list[str]) -> str:
    return "\n" + "\n".join(found)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_point_from_streams_to_detectors_to_schemas(package: str):
    wrong = [
        f"{name(path)}:{line}: imports {what}"
        for path in modules(package)
        for line, what in imports(path)
        if what.split(".")[0] in set(PACKAGES) - {package} - ALLOWED_ARROWS[package]
    ]
    assert not wrong, lines_of(wrong)
    assert modules(package)


def test_the_packages_do_not_import_tests_bench_or_examples():
    wrong = [
        f"{name(path)}:{line}: imports {what}"
        for path in modules(*PACKAGES)
        for line, what in imports(path)
        if what.split(".")[0] in ("tests", "bench", "examples", "pytest", "hypothesis")
    ]
    assert not wrong, lines_of(wrong)


@pytest.mark.parametrize("package", PURE)
def test_a_pure_package_does_no_io_reads_no_clock_and_throws_no_dice(package: str):
    found = [line for path in modules(package) for line in impurities(tree(path), name(path))]
    assert not found, lines_of(found)


@pytest.mark.parametrize(
    "source",
    [
        "import os",
        "import time",
        "import logging",
        "from pathlib import Path",
        "def f():\n    import socket",
        "import random",
        "from numpy import random",
        "import kafka",
        "x = open('file')",
        "x = datetime.now()",
        "x = datetime.datetime.now(datetime.UTC)",
        "x = date.today()",
        "x = np.random.default_rng()",
        "x = np.load('file')",
        "import numpy.random",
        "from numpy.random import default_rng",
        "x = hash('text')",
    ],
)
def test_an_impure_line_is_found(source: str):
    assert len(impurities(ast.parse(source), "detectors/adwin.py")) == 1


def test_every_exception_is_still_needed():
    used = {(name(path), what) for path in modules(*PURE) for _, what in imports(path)}
    assert set(EXCEPTIONS) <= used


def test_relative_and_late_imports_are_seen():
    source = "def f():\n    from ..streams import cli\n    importlib.import_module('streams.worker')"
    found = [what for _, what in imports_in(ast.parse(source), "detectors/signals/drift.py")]
    assert found == ["detectors.streams", "streams.worker"]


def test_nothing_that_ships_can_load_a_pickle():
    found = []
    for path in modules(*PACKAGES, "bench", "examples"):
        found += [f"{name(path)}:{line}: {what}" for line, what in imports(path) if what.split(".")[0] in UNSAFE]
        found += [
            f"{name(path)}:{node.value.lineno}: allow_pickle"
            for node in ast.walk(tree(path))
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
        ]
    assert not found, lines_of(found)


def test_kafka_clients_are_known_to_streams_only():
    found = [
        f"{name(path)}:{line}: imports {what}"
        for path in modules("schemas", "detectors")
        for line, what in imports(path)
        if what.split(".")[0] in KAFKA_CLIENTS
    ]
    assert not found, lines_of(found)
    assert any(what.split(".")[0] in KAFKA_CLIENTS for path in modules("streams") for _, what in imports(path))


def test_importing_the_pure_packages_loads_no_kafka_client():
    """What the imports of a pure module bring in counts too."""
    pure = [name(path)[:-3].replace("/", ".").removesuffix(".__init__") for path in modules(*PURE)]
    code = f"import importlib, sys\nfor m in {pure}: importlib.import_module(m)\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not KAFKA_CLIENTS & set(done.stdout.split())


def repository_files() -> list[Path]:
    """Return the files that git has, or would take."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git repository: there is no list of its files")
    return [path for text in listed.decode().split("\0") if text and (path := ROOT / text).is_file()]


def test_no_file_names_a_place_on_somebodys_machine():
    files = repository_files()
    found = [
        f"{name(path)}:{data[: hit.start()].count(10) + 1}: {hit[0].decode()}"
        for path in files
        for data in [path.read_bytes()]
        for hit in PRIVATE_PATH.finditer(data)
    ]
    assert not found, lines_of(found)
    assert ROOT / "pyproject.toml" in files


def test_a_private_path_is_found():
    for place in ("root", "work", "home/ada", "Users/ada"):
        assert PRIVATE_PATH.search(f'see "/{place}/project/x.py"'.encode())
    for fine in ("tests/work/x", "https://example.org/home/ada/", "./work/x", "/var/lib/streamgauge/root/"):
        assert not PRIVATE_PATH.search(fine.encode()), fine


HEAVY = ("scipy.stats", "scipy.optimize", "river.drift", "river.tree", "pandas", "sklearn", "pyarrow")
"""What takes 20 MB or more and a worker needs at most for a challenger."""


@pytest.mark.parametrize(
    ("module", "heavy"), [("streams.worker", HEAVY), ("streams.replay", [one for one in HEAVY if one != "pyarrow"])]
)
def test_what_runs_for_long_imports_nothing_heavy_that_it_does_not_need(module: str, heavy: list[str]):
    program = f"import sys; sys.path.insert(0, sys.argv[1]); import {module}; print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=True)
    loaded = told.stdout.split()
    assert module in loaded
    assert [one for one in heavy if one in loaded] == []


LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


def pins(lock: Path) -> dict[str, list[str]]:
    """Return the entries of a lock file: `name==version ; marker` and their hashes."""
    found: dict[str, list[str]] = {}
    for line in lock.read_text().splitlines():
        if match := re.match(r"(\S+==[^\\]+?)\s*\\?$", line):
            hashes = found[match[1]] = []
        elif match := re.match(r"\s+--hash=(sha256:[0-9a-f]{64})", line):
            hashes.append(match[1])
        else:
            assert not line.strip() or line.strip().startswith("#"), f"{lock.name}: {line}"
    return found


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_pins_by_hash_and_names_no_registry(lock: Path):
    found = pins(lock)
    assert found
    assert all(found.values()), [entry for entry, hashes in found.items() if not hashes]
    assert not re.search(r"https?:|file:|--(extra-)?index-url|--find-links|--trusted-host", lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_what_runs_and_builds_is_what_was_tested(lock: Path):
    tested = pins(ROOT / "requirements" / "dev.lock")
    assert {entry: hashes for entry, hashes in pins(lock).items() if tested.get(entry) != hashes} == {}
