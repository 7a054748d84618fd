"""`docs/monitor-file.md` is current, and leaves no key of the monitor file out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schemas.examples import EXAMPLES
from schemas.monitor_file import monitor_file
from schemas.spec import MonitorSpec

PAGE = Path(__file__).parents[2] / "docs" / "monitor-file.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == monitor_file() + "\n", "stale: run make schemas"


def test_every_key_of_every_block_is_there_with_a_sentence() -> None:
    page = monitor_file()
    sections = [section.partition("|---|---|---|---|\n")[2].splitlines() for section in page.split("\n## ")[1:]]
    rows = [[cell.strip() for cell in row.strip("|").split(" | ")] for section in sections for row in section if row]
    assert all(len(row) == 4 and row[1] and row[3].endswith(".") for row in rows)
    definitions = MonitorSpec.model_json_schema()["$defs"]
    keys = sum(len(each["properties"]) for each in definitions.values()) + len(MonitorSpec.model_fields)
    assert len(rows) == keys


def test_types_and_defaults_are_in_the_words_of_the_file() -> None:
    page = monitor_file()
    for row in (
        "| `lateness` | duration | `1h` |",
        "| `task` | `binary` or `multiclass` or `regression` or `text` |  |",
        "| `threshold` | number, 0 to 1 | `0.5` |",
        "| `sample` | whole number, above 0, at most 20,000 | `2000` |",
        "| `policies` | list of mappings | `[{type: cost, burn_in: 500, ",
        "| `classes` | list of classes | none |",
        "| `false_alarms` | text or mapping |  |",
    ):
        assert row in page


def test_the_example_uses_only_keys_that_the_page_names() -> None:
    page = monitor_file()
    assert not [key for key in _keys(EXAMPLES["monitor_spec"]["models"]["car_loan"]) if f"| `{key}` |" not in page]


def _keys(block: dict[str, Any]) -> Iterator[str]:
    for key, value in block.items():
        yield key
        if isinstance(value, dict) and key != "features":
            yield from _keys(value)
