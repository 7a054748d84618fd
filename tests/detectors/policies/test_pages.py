"""The worked examples of the pages on policies run and say what they print, and each policy has a page."""

import doctest
from pathlib import Path

import pytest

PAGES = Path(__file__).parents[3] / "docs" / "policies"
EXAMPLES = sorted(page.name for page in PAGES.glob("*.md") if page.name != "README.md")


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_the_page_hold(name: str) -> None:
    result = doctest.testfile(str(PAGES / name), module_relative=False)
    assert result.attempted > 0
    assert result.failed == 0


def test_each_policy_has_a_page_that_the_overview_links() -> None:
    overview = (PAGES / "README.md").read_text()
    assert {"cost.md", "performance.md", "drift.md", "schedule.md", "ad-hoc.md", "combinations.md"} <= set(EXAMPLES)
    assert [name for name in EXAMPLES if f"({name})" not in overview] == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_page_says_when_not_to_use_it(name: str) -> None:
    assert "\n## When not to use it\n" in (PAGES / name).read_text()
