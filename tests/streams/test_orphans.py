"""Why feedback found no prediction: it is dated before it, or its id is unknown; told exactly, by reading once more."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from .test_replay import small

START = datetime(2026, 2, 1, tzinfo=UTC)


def tables(shift: timedelta, *, rows: int = 60, unknown: int = 0) -> tuple[str, str]:
    """Predictions every ten minutes; each label is written half an hour later, by a clock that is off by `shift`."""
    times = [START + n * timedelta(minutes=10) for n in range(rows)]
    predictions = "".join(f"p{n},{time.isoformat()},1,1\n" for n, time in enumerate(times))
    said = [(time + timedelta(minutes=30) + shift).isoformat() for time in times]
    feedback = [f"{'q' if n < unknown else 'p'}{n},{time},1\n" for n, time in enumerate(said)]
    return predictions, "".join(feedback)


def told(base: Path, capsys: pytest.CaptureFixture[str], predictions: str, feedback: str) -> str:
    small(base, predictions, feedback)
    return " ".join(capsys.readouterr().out.split())


def test_labels_by_a_clock_that_is_behind_are_said_to_be_dated_before_their_predictions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(tmp_path, capsys, *tables(timedelta(hours=-6)))
    assert "Warning: 60 rows of feedback dated before the prediction of the same id, by about 5 h 30 min;" in said
    assert "that no prediction has" not in said


def test_unknown_ids_are_counted_by_themselves(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(tmp_path, capsys, *tables(timedelta(0), unknown=20))
    assert "Warning: 20 rows of feedback with an id that no prediction has;" in said
    assert "dated before" not in said


def test_a_few_orphans_are_no_reason_to_read_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = told(tmp_path, capsys, *tables(timedelta(0), unknown=3))
    assert "orphaned" in said
    assert "Warning" not in said
