"""`whole_file`: what was there stays until the new file is whole, and nothing is left beside it."""

from pathlib import Path

import pytest

from streams.errors import UserError
from streams.whole_file import whole_file


@pytest.mark.parametrize("durable", [False, True])
def test_the_new_file_is_there_once_it_is_written_and_not_before(tmp_path: Path, durable: bool) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    with whole_file(path, durable=durable) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_what_was_there_stays_where_writing_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def give_up() -> None:
        with whole_file(path) as beside:
            beside.write_text("half of it")
            raise KeyError

    with pytest.raises(KeyError):
        give_up()
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "file"
    with pytest.raises(UserError, match=r"nowhere/file: cannot be written: No such file"), whole_file(path) as beside:
        beside.write_text("new")
