"""`streamgauge replay --archive`: the tables' joined rows, and how many were not over at the end."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from typer.testing import CliRunner

from schemas.archive_spec import ArchiveSpec
from schemas.event_time import rfc3339
from streams.archive import Archive
from streams.cli import app
from streams.files import load_spec, save_profile

from .archive_oracle import in_micros
from .world import HOUR, MODEL, T0, layouts_of, spec_of

ROWS = 100


@pytest.fixture
def monitor(tmp_path: Path) -> Path:
    """Four rows an hour, labelled after an hour."""
    with (tmp_path / "rows.csv").open("w", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "time", "x", "c", "label", "score", "truth"])
        for number in range(ROWS):
            writer.writerow([f"p{number}", rfc3339(T0 + number * HOUR // 4), number, "a", 1, 0.9, number % 2])
    (profile,) = layouts_of(spec_of(m=MODEL)).profiles("m").values()
    save_profile(profile, tmp_path / "m.json")
    columns = {"prediction_id": "id", "timestamp": "time", "label": "label", "score": "score"}
    feedback = {"path": "rows.csv", "columns": {"prediction_id": "id", "label": "truth"}, "delay": "1h"}
    files = {"predictions": {"path": "rows.csv", "columns": columns}, "feedback": feedback}
    (tmp_path / "monitor.yaml").write_text(yaml.safe_dump({"models": {"m": MODEL}, "files": files}, sort_keys=False))
    return tmp_path / "monitor.yaml"


def test_joined_rows_are_archived_and_those_of_open_panes_are_told(monitor: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "out"), "--archive", str(tmp_path / "archive")]
    ran = CliRunner().invoke(app, ["replay", str(monitor), *options], env={"COLUMNS": "200"})
    assert ran.exit_code == 0, ran.output
    told = json.loads((tmp_path / "out" / "accounting.json").read_text())["archive"]
    assert told["rows"] + told["rows_of_open_panes"] == ROWS
    assert 0 < told["rows_of_open_panes"] < 25
    assert f"{told['rows_of_open_panes']} rows are not there" in " ".join(ran.output.split())
    spec = load_spec(monitor)
    settings = spec.models["m"]
    archive = Archive(ArchiveSpec(url="archive"), tmp_path)
    rows = in_micros(archive.rows("m", settings, T0, T0 + 1_000 * HOUR, labelled=True))
    assert [one["prediction_id"] for one in rows] == [f"p{number}" for number in range(told["rows"])]
    assert [one["loss"] for one in rows] == [float(number % 2 == 0) for number in range(told["rows"])]


def test_a_second_replay_writes_the_same_bytes(monitor: Path, tmp_path: Path) -> None:
    written = []
    for _ in range(2):
        options = ["--out", str(tmp_path / "out"), "--archive", str(tmp_path / "archive")]
        assert CliRunner().invoke(app, ["replay", str(monitor), *options]).exit_code == 0
        written.append({path: path.read_bytes() for path in (tmp_path / "archive").rglob("*.parquet")})
    assert written[0] == written[1]
    assert sum(pq.read_metadata(path).num_rows for path in written[0]) > ROWS // 2


def replay_into(archive: Path, monitor: Path) -> tuple[int, str]:
    options = ["--out", str(monitor.parent / "out"), "--archive", str(archive)]
    ran = CliRunner().invoke(app, ["replay", str(monitor), *options])
    return ran.exit_code, " ".join(ran.output.split())


def set_otherwise(monitor: Path, **settings: str) -> None:
    """Change settings of the model, and the profile with them, as `streamgauge reference` would."""
    said = yaml.safe_load(monitor.read_text())
    said["models"]["m"] |= settings
    monitor.write_text(yaml.safe_dump(said, sort_keys=False))
    (profile,) = layouts_of(load_spec(monitor)).profiles("m").values()
    save_profile(profile, monitor.with_name("m.json"))


def test_what_would_count_twice_is_refused_before_anything_is_written(monitor: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    assert replay_into(archive, monitor)[0] == 0
    before = {path: path.read_bytes() for path in archive.rglob("*.parquet")}
    set_otherwise(monitor, pane="2h")
    code, text = replay_into(archive, monitor)
    assert code == 2
    assert "was archived by panes of 1h, and the monitor file has 2h now" in text
    assert "--archive DIR" in text
    assert {path: path.read_bytes() for path in archive.rglob("*.parquet")} == before
    assert replay_into(tmp_path / "another", monitor)[0] == 0


def test_the_place_of_a_worker_is_refused(monitor: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    assert replay_into(archive, monitor)[0] == 0
    for path in archive.rglob("*-p0of1.parquet"):
        path.rename(path.with_name(path.name.replace("p0of1", "p2of3")))
    code, text = replay_into(archive, monitor)
    assert code == 2
    assert "from topics of 3 partitions, so by a worker" in text


def test_another_time_in_other_panes_is_no_obstacle(monitor: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    assert replay_into(archive, monitor)[0] == 0
    rows = (tmp_path / "rows.csv").read_text().splitlines()
    later = [line.replace("2026-", "2027-") for line in rows]
    assert later[1:] != rows[1:]
    (tmp_path / "rows.csv").write_text("\n".join(later))
    set_otherwise(monitor, pane="2h")
    code, text = replay_into(archive, monitor)
    assert code == 0, text


def test_a_longer_maturity_leaves_files_of_late_labels_and_changes_no_answer(monitor: Path, tmp_path: Path) -> None:
    """As `docs/archive.md` says of a replay with other settings into the same archive."""
    monitor.write_text(monitor.read_text().replace("delay: 1h", "delay: 6h"))
    archive = tmp_path / "archive"
    answers, late = [], []
    for maturity in ("1h", "12h"):
        set_otherwise(monitor, label_horizon="1d", label_maturity=maturity)
        code, text = replay_into(archive, monitor)
        assert code == 0, text
        settings = load_spec(monitor).models["m"]
        rows = in_micros(Archive(ArchiveSpec(url="archive"), tmp_path).rows("m", settings, T0, T0 + 1_000 * HOUR))
        answers.append({one["prediction_id"]: (one["label"], one["label_time"], one["loss"]) for one in rows})
        late.append({path: path.read_bytes() for path in (archive / "labels").rglob("*.parquet")})
    assert len(late[0]) > 10
    assert late[0] == late[1], "nothing is late any more, and the files stay"
    labelled = [id for id, (label, *_) in answers[0].items() if label is not None]
    assert len(labelled) > ROWS // 2
    assert all(answers[0][id] == answers[1][id] for id in labelled)


def test_a_place_without_a_name_is_refused(monitor: Path, tmp_path: Path) -> None:
    ran = CliRunner().invoke(app, ["replay", str(monitor), "--out", str(tmp_path / "out"), "--archive", " "])
    assert ran.exit_code == 2
    assert "--archive: names no place" in ran.output
