"""What is deleted of the archive: whole days, the oldest first, none that is open; by one partition."""

import logging
from pathlib import Path
from typing import Any

import pytest

from schemas.archive_spec import ArchiveSpec
from schemas.spec import MonitorSpec
from streams.archive import Archive
from streams.archive_files import ArchiveFiles
from streams.errors import UserError
from streams.records import ROLES

from .level_one import LAYOUTS
from .test_archive_panes import open_source
from .world import DAY, HOUR, MODEL, T0, feedback, log_of, prediction, spec_of, watermark

DAYS = 20


def kept_days(tmp_path: Path, settings: dict[str, Any] | None = None, partition: int = 0, **limits: Any) -> list[int]:
    """Read twenty days, and return which of them are there at the end."""
    spec = with_archive(tmp_path, settings, **limits)
    source = open_source(spec, LAYOUTS, tmp_path / "store", None, partition, 2)
    for day in range(DAYS):
        times = [T0 + day * DAY + hour * HOUR for hour in range(0, 24, 6)]
        start = day * len(times)
        source.process("predictions", log_of([prediction(f"p{time}", time) for time in times], start))
        late = [feedback(f"p{time}", time + 5 * HOUR) for time in times[:-1]]
        source.process("feedback", log_of([*late, watermark(times[-1])], start))
        source.checkpoint()
        source.sent()
    source.close()
    archive = Archive(spec.archive or ArchiveSpec(url=""), tmp_path)
    return [(day.toordinal() - archive_day(T0)) for day in archive.days("m")]


def archive_day(time: int) -> int:
    return 719_163 + time // DAY  # the first day of 1970 has the ordinal 719163


def with_archive(tmp_path: Path, settings: dict[str, Any] | None = None, **limits: Any) -> MonitorSpec:
    archive = ArchiveSpec.model_validate({"url": str(tmp_path / "archive"), **limits})
    return spec_of(m={**MODEL, **(settings or {})}).model_copy(update={"archive": archive})


def test_without_limits_all_stays(tmp_path: Path) -> None:
    assert kept_days(tmp_path) == list(range(DAYS))


def test_days_older_than_the_retention_go_in_event_time_with_their_late_labels(tmp_path: Path) -> None:
    assert kept_days(tmp_path, retention="5d") == list(range(DAYS - 6, DAYS))
    labels = tmp_path / "archive" / "labels" / "model_name=m" / "model_version=1"
    assert len(list(labels.iterdir())) in (6, 7)


def test_a_day_that_waits_for_labels_stays_however_short_the_retention(tmp_path: Path) -> None:
    assert kept_days(tmp_path / "short", retention="1s") == [DAYS - 1], "it is open"
    kept = kept_days(tmp_path / "long", {"label_horizon": "2d"}, retention="1s")
    assert kept == list(range(DAYS - 5, DAYS)), "two horizons and a pane"


def test_too_much_goes_oldest_first(tmp_path: Path) -> None:
    whole = kept_days(tmp_path / "whole")
    size = sum(path.stat().st_size for path in (tmp_path / "whole" / "archive").rglob("*.parquet"))
    kept = kept_days(tmp_path / "capped", max_bytes=size // 2)
    assert kept == whole[-len(kept) :]
    assert DAYS // 2 - 2 < len(kept) <= DAYS // 2 + 2
    now = sum(path.stat().st_size for path in (tmp_path / "capped" / "archive").rglob("*.parquet"))
    assert now < size // 2 + 2 * size // DAYS, "but for the days that came since"


def test_a_cap_that_open_days_exceed_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    assert kept_days(tmp_path, max_bytes=1) == [DAYS - 1]
    assert "still waits for labels: nothing more can be deleted" in caplog.text


def test_only_the_first_partition_deletes(tmp_path: Path) -> None:
    assert kept_days(tmp_path, partition=1, retention="1d") == list(range(DAYS))


def test_a_day_that_another_deletes_at_the_same_time_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    local = type(fsspec.filesystem("file"))
    remove = local.rm_file

    def twice(self: Any, path: str) -> None:
        remove(self, path)
        remove(self, path)

    monkeypatch.setattr(local, "rm_file", twice)
    assert kept_days(tmp_path, retention="5d") == list(range(DAYS - 6, DAYS))


def test_days_of_models_that_are_gone_from_the_monitor_file_go_too(tmp_path: Path) -> None:
    old = tmp_path / "archive" / "rows" / "model_name=gone" / "model_version=1" / "day=2025-06-01"
    old.mkdir(parents=True)
    (old / "20250601T000000Z--20250602T000000Z-p0of1.parquet").write_bytes(b"old")
    strange = old.parent / "notes"
    strange.mkdir()
    kept_days(tmp_path, retention="5d")
    assert not old.exists()
    assert strange.exists(), "what is no day is left alone"


def test_event_time_that_stands_still_deletes_nothing(tmp_path: Path) -> None:
    spec = with_archive(tmp_path, retention="1s")
    source = open_source(spec, LAYOUTS, tmp_path / "store")
    for role in ROLES:
        source.process(role, log_of([watermark(T0)]))
    source.checkpoint()
    source.close()
    assert list((tmp_path / "archive").iterdir()) == []


def test_what_cannot_be_deleted_stops_nobody_and_is_tried_again_the_next_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [PermissionError("not yours"), UserError("cannot be listed"), LookupError("of the store's own kind")]
    remove, failures = ArchiveFiles.remove, iter(errors)

    def sometimes(self: ArchiveFiles, path: str) -> None:
        if error := next(failures, None):
            raise error
        remove(self, path)

    monkeypatch.setattr(ArchiveFiles, "remove", sometimes)
    assert kept_days(tmp_path, retention="5d") == list(range(DAYS - 6, DAYS))
    for error in errors:
        assert f"archive: nothing more is deleted for now: {error}" in caplog.messages
