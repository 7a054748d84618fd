"""The steps of one retraining, on an archive in memory; and the triggers of a replay."""

import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from schemas.archive_spec import ArchiveSpec
from schemas.command import CommandAdapter
from schemas.event_time import to_micros
from schemas.spec import MonitorSpec
from schemas.trigger import RetrainingTrigger
from streams.dataset import HOLDOUT, read_rows
from streams.errors import UserError
from streams.model_registry import ModelRegistry, path_name
from streams.retrain import MOST_ATTEMPTS, Retraining
from streams.retrain_files import retrain_files
from streams.retrain_reports import Report, answered, decoded, encoded
from streams.retrain_work import DATASETS, RetrainWork
from streams.retrain_worker import run
from streams.trainers.choose import require_trainers, trainer_of
from streams.trainers.given_up import GivenUp

from .archived import MONITOR, ROWS, Archive, archived, trigger_for
from .world import T0

END = T0 + ROWS * 60_000_000
TRIGGER: RetrainingTrigger = trigger_for(T0, END)
VERSION = TRIGGER.id[:8]


def monitor(trainer: dict[str, Any]) -> MonitorSpec:
    found = MONITOR.model_dump(mode="json")
    found["models"]["m"]["retraining"] |= {"trainer": trainer, "checks": {"fuzz": 20, "memorize": 0}}
    return MonitorSpec.model_validate(found)


SPEC = monitor({"type": "river"})
KEPT = SPEC.model_copy(update={"archive": ArchiveSpec(url="archive")})


@pytest.fixture(scope="module")
def rows() -> pa.Table:
    return archived(MONITOR.models["m"])


@pytest.fixture
def archive(rows: pa.Table, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.retrain.ModelArchive", lambda *_: Archive(rows, batch=1_000))


class World:
    def __init__(self, base: Path, spec: MonitorSpec = SPEC, **more: Any) -> None:
        self.base, self.work = base, RetrainWork(base / "work")
        self.sent: list[Report] = []
        time_of = lambda trigger: to_micros(trigger.time)  # noqa: E731
        self.retraining = Retraining(spec, base, self.work, self.sent.append, time_of, patience=0, **more)

    def types(self) -> list[str]:
        return [report.type.removeprefix("retraining_") for report in self.sent]


@pytest.mark.usefixtures("archive")
def test_a_trigger_becomes_a_version_with_all_that_is_said_of_it(tmp_path: Path):
    world = World(tmp_path)
    report = world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started", "finished"]
    assert report.new_version == VERSION
    assert report.held_out_rows > 300
    assert report.held_out_loss < 0.2
    assert report.checks == "passed", report.reason
    directory = Path(report.model_uri.removeprefix("file://"))
    assert directory == world.work.models.directory("m", VERSION)
    manifest = json.loads((directory / "manifest.json").read_text())
    assert (manifest["trigger"], manifest["replaces"], manifest["begun_from"]) == (TRIGGER.id, "3", None)
    assert set(manifest["files"]) == {"challenger.state", "meta.json"}
    assert (world.work.root / "triggers" / TRIGGER.id / "check.json").exists()
    assert decoded(encoded(report)) == report
    assert answered(world.sent) == {TRIGGER.id}


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("step", ["started", "dataset", "train", "check", "final"])
def test_a_worker_that_is_gone_after_any_step_is_followed_by_one_that_reports_the_same(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    undisturbed = World(tmp_path / "a")
    undisturbed.retraining.carry_out(TRIGGER)

    class Killed(BaseException):
        """As kill -9, which no code of ours sees: it is not taken back that there was an attempt."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    world = World(tmp_path / "b")
    with monkeypatch.context() as patch:
        patch.setattr(world.work, "given_up", lambda _: None)
        if step == "started":
            patch.setattr("streams.retrain.form_dataset", killed)
        elif step == "dataset":
            patch.setattr("streams.retrain.trainer_of", killed)
        elif step == "train":
            patch.setattr("streams.retrain.chosen", killed)
        elif step == "check":
            patch.setattr("streams.retrain.finished", killed)
        else:
            patch.setattr(world.retraining, "_report", lambda report: killed() if "fin" in report.type else None)
        with pytest.raises(Killed):
            world.retraining.carry_out(TRIGGER)
    first = [encoded(report) for report in world.sent]
    again = World(tmp_path / "b")
    again.retraining.carry_out(TRIGGER)
    sent = {encoded(report) for report in again.sent} | set(first)
    place, there = str(tmp_path / "b"), str(tmp_path / "a")
    expected = {encoded(report).replace(there.encode(), place.encode()) for report in undisturbed.sent}
    assert sent - expected == set()
    assert encoded(again.sent[-1]) in expected
    manifests = [
        (base / "work/models/m" / VERSION / "manifest.json").read_text() for base in (tmp_path / "a", tmp_path / "b")
    ]
    assert manifests[0] == manifests[1]


@pytest.mark.usefixtures("archive")
def test_a_training_that_fails_is_reported_with_its_reason(tmp_path: Path):
    spec = monitor({"type": "sklearn", "parameters": {"max_iter": -1}})
    world = World(tmp_path, spec)
    world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started", "failed"]
    assert "max_iter" in world.sent[-1].reason
    assert not world.work.models.has("m", VERSION)


@pytest.mark.usefixtures("archive")
def test_what_nobody_foresaw_is_a_failure_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("streams.retrain.trainer_of", lambda *_, **__: 1 / 0)
    world = World(tmp_path)
    world.retraining.carry_out(TRIGGER)
    assert world.sent[-1].reason == "unexpectedly: ZeroDivisionError: division by zero"


def test_without_rows_the_reason_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: pa.Table):
    monkeypatch.setattr("streams.retrain.ModelArchive", lambda *_: Archive(rows.slice(0, 0)))
    world = World(tmp_path)
    world.retraining.carry_out(TRIGGER)
    assert "no row to train on" in world.sent[-1].reason
    world = World(tmp_path / "other")
    monkeypatch.undo()
    world.retraining.carry_out(TRIGGER)
    assert "has no archive.url" in world.sent[-1].reason


def test_rows_that_the_trigger_counted_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: pa.Table):
    found = iter([rows.slice(0, 0), rows.slice(0, 500), rows, rows])
    archive = Archive(rows, batch=5_000)
    whole = archive._batches

    def batches(*arguments: Any, **more: Any) -> Any:
        archive._batches = [next(found)]
        return Archive.batches(archive, *arguments, **more)

    assert len(whole) == 1
    monkeypatch.setattr("streams.retrain.ModelArchive", lambda *_: archive)
    monkeypatch.setattr(archive, "batches", batches)
    monkeypatch.setattr("streams.retrain.sleep", lambda _: None)
    labelled = len(rows) - rows["label"].null_count
    trigger = trigger_for(T0, END, labelled_rows=labelled)
    world = World(tmp_path)
    world.retraining._patience = 600
    world.retraining.carry_out(trigger)
    manifest = json.loads((world.work.dataset(trigger) / "manifest.json").read_text())
    assert manifest["window"]["rows"]["labelled"] == labelled
    assert manifest["not_had"] == []


@pytest.mark.usefixtures("archive")
def test_a_trigger_that_takes_the_worker_down_again_and_again_is_given_up(tmp_path: Path):
    world = World(tmp_path)
    for _ in range(MOST_ATTEMPTS):
        world.work.begin(TRIGGER)
    world.retraining.carry_out(TRIGGER)
    assert "ended 5 times in the middle of it" in world.sent[-1].reason


@pytest.mark.usefixtures("archive")
def test_a_stop_is_no_attempt_and_no_report(tmp_path: Path):
    asked = iter([False, True])
    world = World(tmp_path, stopping=lambda: next(asked))
    with pytest.raises(GivenUp):
        world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started"]
    assert world.work.begin(TRIGGER) == 1


@pytest.mark.usefixtures("archive")
def test_what_fails_while_it_is_stopped_is_no_failure_of_the_trigger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The next owner of the trigger, on the same disk, clears what this one was writing."""
    stopped: list[bool] = []
    world = World(tmp_path, stopping=lambda: bool(stopped))

    def taken_away(*_: Any, **__: Any) -> Any:
        stopped.append(True)
        raise UserError("the model cannot be written: No such file or directory")

    monkeypatch.setattr(ModelRegistry, "made", taken_away)
    with pytest.raises(GivenUp):
        world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started"]
    assert world.work.kept(TRIGGER, "final") is None


def older(world: World, version: str, seed: int, flip: bool, rows: pa.Table) -> None:
    """Put a version into the registry: one that knows the world, or one that has it the wrong way round."""
    labels = [None if label is None else "10"[int(label)] for label in rows["label"].to_pylist()] if flip else None
    place = rows.schema.get_field_index("label")
    learnt = rows if labels is None else rows.set_column(place, rows.schema.field(place), pa.array(labels))
    dataset = world.base / f"dataset-{version}"
    dataset.mkdir()
    import pyarrow.parquet as pq

    pq.write_table(learnt, dataset / "train.parquet")
    trainer = trainer_of(SPEC, "m", world.base)
    world.work.models.made("m", version, lambda at: trainer.train(dataset, at), trigger=f"older-{seed}")


def candidates(*versions: str) -> RetrainingTrigger:
    moment = TRIGGER.time.isoformat()
    found = [{"version": each, "first": moment, "last": moment, "rows": 9, "loss": 0.1} for each in versions]
    return RetrainingTrigger.model_validate({**TRIGGER.model_dump(mode="json"), "candidates": found})


def test_an_older_version_that_loses_less_is_reported_and_the_new_one_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: pa.Table
):
    monkeypatch.setattr("streams.retrain.ModelArchive", lambda *_: Archive(rows))
    world = World(tmp_path)
    older(world, "1", 1, True, rows)
    older(world, "2", 2, False, rows)

    class Poor:
        def train(self, dataset: Path, model: Path) -> None:
            for name in ("challenger.state", "meta.json"):
                shutil.copy(world.work.models.directory("m", "1") / name, model)

    monkeypatch.setattr("streams.retrain.trainer_of", lambda *_, **__: Poor())
    report = world.retraining.carry_out(candidates("1", "2", "7"))
    assert report.new_version == "2", report.reason
    held_out = read_rows(world.work.dataset(TRIGGER), HOLDOUT)
    assert report.held_out_rows == len(held_out) // 2, "the rows that chose it are not those that say what it loses"
    assert "Version 2 loses" in report.reason
    assert not world.work.models.has("m", VERSION)
    assert world.work.models.has("m", "2")


@pytest.mark.usefixtures("archive")
def test_an_older_version_that_loses_more_or_cannot_be_asked_is_not(tmp_path: Path, rows: pa.Table):
    world = World(tmp_path)
    older(world, "1", 1, True, rows)
    older(world, "2", 2, False, rows)
    (world.work.models.directory("m", "2") / "challenger.state").write_bytes(b"x")
    report = world.retraining.carry_out(candidates("1", "2", "nowhere"))
    assert report.new_version == VERSION
    assert "Older version 2 could not be asked" in report.reason


@pytest.mark.usefixtures("archive")
def test_a_command_without_predict_is_reported_unchecked(tmp_path: Path):
    world = World(
        tmp_path,
        monitor({"type": "command", "command": ["sh", "-c", 'cp "$0/train.parquet" "$1"', "{dataset}", "{model}"]}),
    )
    report = world.retraining.carry_out(TRIGGER)
    assert (report.type, report.checks, report.held_out_loss) == ("retraining_finished", "not_run", None)
    assert "predict is not given" in report.reason


@pytest.mark.usefixtures("archive")
def test_the_log_of_a_command_that_failed_is_kept(tmp_path: Path):
    world = World(tmp_path, monitor({"type": "command", "command": ["sh", "-c", "echo why; exit 4"]}))
    world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started", "failed"]
    assert (tmp_path / "work/models/m" / f"{VERSION}.training.log").read_text() == "why\n"


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../../etc", ".hidden", "é" * 200, "x"])
def test_any_name_stays_in_its_directory(name: str, tmp_path: Path):
    directory = ModelRegistry(tmp_path / "models").directory(name, name)
    assert directory.resolve().parent.parent == (tmp_path / "models").resolve()
    assert not path_name(name).startswith(".")


def test_versions_of_two_triggers_have_two_names(tmp_path: Path):
    registry = ModelRegistry(tmp_path)
    first, second = "abcdefgh" + "0" * 24, "abcdefgh" + "1" * 24
    for trigger, name in ((first, "abcdefgh"), (second, "abcdefgh11111111"), (first, "abcdefgh")):
        assert registry.version_for("m", trigger) == name
        registry.made("m", name, lambda at: (at / "file").touch(), trigger=trigger)  # type: ignore[arg-type, func-returns-value]


def test_old_datasets_make_room(tmp_path: Path):
    work = RetrainWork(tmp_path)
    for number in range(DATASETS + 3):
        (tmp_path / "datasets" / str(number)).mkdir(parents=True)
    work.make_room()
    assert len(list((tmp_path / "datasets").iterdir())) == DATASETS


@pytest.mark.usefixtures("archive")
def test_the_triggers_of_a_replay_are_answered_once_in_the_order_of_time(tmp_path: Path, capsys: Any):
    out = tmp_path / "out"
    out.mkdir()
    triggers = [
        trigger_for(T0, T0 + hours * 3_600_000_000, id=f"{number}" * 32)
        for number, hours in ((1, 10), (2, 20), (3, 30))
    ]
    (out / "triggers.jsonl").write_text("".join(each.model_dump_json() + "\n" for each in triggers))
    work = RetrainWork(out / "retrain")
    assert retrain_files(KEPT, tmp_path, out, work, id="22222222") == 0
    assert "2222: retraining finished" in capsys.readouterr().out
    promote = {
        "type": "promote",
        "id": "p",
        "model": "m",
        "version": "22222222",
        "timestamp": triggers[1].time.isoformat(),
    }
    with (out / "commands.jsonl").open("a") as file:
        file.write(json.dumps(promote) + "\n{torn")
    assert retrain_files(KEPT, tmp_path, out, work) == 0
    assert "22222222222222222222222222222222: finished before, as version 22222222 (checks: " in capsys.readouterr().out
    lines = [line for line in (out / "commands.jsonl").read_bytes().splitlines() if line != b"{torn"]
    commands = [CommandAdapter.validate_json(line) for line in lines]
    kinds = [(each.type.removeprefix("retraining_"), getattr(each, "trigger", None)) for each in commands]
    expected = [(kind, each.id) for each in triggers for kind in ("started", "finished")]
    assert kinds == [*expected[:4], ("promote", None), *expected[4:]]
    before = (out / "commands.jsonl").read_bytes()
    assert retrain_files(KEPT, tmp_path, out, work) == 0
    assert (out / "commands.jsonl").read_bytes() == before


def files_of(out: Path) -> list[tuple[str, str]]:
    """Return what stands in commands.jsonl: kind and trigger."""
    commands = [CommandAdapter.validate_json(line) for line in (out / "commands.jsonl").read_bytes().splitlines()]
    return [(each.type.removeprefix("retraining_"), each.trigger) for each in commands]


def place_of(tmp_path: Path, *triggers: RetrainingTrigger) -> Path:
    out = tmp_path / "out"
    out.mkdir()
    (out / "triggers.jsonl").write_text("".join(each.model_dump_json() + "\n" for each in triggers))
    return out


@pytest.mark.usefixtures("archive")
@pytest.mark.parametrize("same_work", [True, False])
def test_a_training_that_failed_is_tried_again_and_a_replay_finds_one_answer(
    same_work: bool, tmp_path: Path, capsys: Any
):
    out = place_of(tmp_path, TRIGGER)
    broken = monitor({"type": "command", "command": ["sh", "-c", "echo crashed; exit 4"]})
    broken = broken.model_copy(update={"archive": KEPT.archive})
    work = RetrainWork(out / "retrain")
    for _ in range(2):
        assert retrain_files(broken, tmp_path, out, work) == 1
        assert files_of(out) == [("started", TRIGGER.id), ("failed", TRIGGER.id)]
    said = capsys.readouterr().out
    assert "failed before (models.m.retraining.trainer.command: sh ended with exit code 4" in said
    assert "crashed" in said
    assert retrain_files(KEPT, tmp_path, out, work if same_work else RetrainWork(tmp_path / "other")) == 0
    assert files_of(out) == [("started", TRIGGER.id), ("finished", TRIGGER.id)]


@pytest.mark.usefixtures("archive")
def test_what_failed_and_was_not_yet_said_is_tried_again_too(tmp_path: Path):
    """A kill between the two: the report lies in the work, and not in the file."""
    out, work = place_of(tmp_path, TRIGGER), RetrainWork(tmp_path / "work")
    failure = World(tmp_path / "beside", monitor({"type": "command", "command": ["sh", "-c", "exit 4"]}))
    work.keep(TRIGGER, "final", failure.retraining.carry_out(TRIGGER))
    assert retrain_files(KEPT, tmp_path, out, work) == 0
    assert files_of(out) == [("started", TRIGGER.id), ("finished", TRIGGER.id)]


@pytest.mark.usefixtures("archive")
def test_a_finished_one_is_done_again_where_that_is_asked_for_and_with_what_the_file_says_now(
    tmp_path: Path, capsys: Any
):
    out, work = place_of(tmp_path, TRIGGER), RetrainWork(tmp_path / "work")
    retrain_files(KEPT, tmp_path, out, work)
    before = (out / "commands.jsonl").read_bytes()
    other = monitor({"type": "sklearn", "estimator": "sklearn.linear_model.LogisticRegression"})
    other = other.model_copy(update={"archive": KEPT.archive})
    capsys.readouterr()
    assert retrain_files(other, tmp_path, out, work) == 0
    assert f"finished before, as version {VERSION} (checks: passed); to do it once more: --again" in (
        capsys.readouterr().out
    )
    assert (out / "commands.jsonl").read_bytes() == before
    assert retrain_files(other, tmp_path, out, work, again=True) == 0
    assert files_of(out) == [("started", TRIGGER.id), ("finished", TRIGGER.id)]
    assert (out / "commands.jsonl").read_bytes() != before
    meta = json.loads((work.models.directory("m", VERSION) / "meta.json").read_text())
    assert meta["trainer"] == "sklearn"
    assert retrain_files(KEPT, tmp_path, out, work, again=True) == 0
    assert (out / "commands.jsonl").read_bytes() == before, "the same trainer on the same rows says the same"


@pytest.mark.usefixtures("archive")
def test_one_that_is_done_again_and_cut_off_has_no_answer_and_is_taken_up_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    out, work = place_of(tmp_path, TRIGGER), RetrainWork(tmp_path / "work")
    retrain_files(KEPT, tmp_path, out, work)
    with monkeypatch.context() as patch:
        patch.setattr("streams.retrain.form_dataset", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            retrain_files(KEPT, tmp_path, out, work, again=True)
    assert files_of(out) == [("started", TRIGGER.id)]
    assert retrain_files(KEPT, tmp_path, out, work) == 0
    assert files_of(out) == [("started", TRIGGER.id), ("finished", TRIGGER.id)]


def test_without_an_archive_nothing_is_begun(tmp_path: Path):
    out = place_of(tmp_path, TRIGGER)
    with pytest.raises(UserError, match=r"no archive\.url"):
        retrain_files(SPEC, tmp_path, out, RetrainWork(tmp_path / "work"))
    assert not (out / "commands.jsonl").exists()
    with pytest.raises(UserError, match=r"no archive\.url"):
        run(SPEC, tmp_path, RetrainWork(tmp_path / "work"))


@pytest.mark.usefixtures("archive")
def test_what_the_archive_lacks_stands_in_the_report_and_in_the_check(tmp_path: Path):
    world, trigger = World(tmp_path), trigger_for(T0, END, labelled_rows=8_688)
    report = world.retraining.carry_out(trigger)
    said = "the trigger counted 8,688 labelled rows in its window, and the archive has"
    assert f"Not to be had: {said}" in report.reason
    check = json.loads((world.work.root / "triggers" / trigger.id / "check.json").read_text())
    assert check["notes"][0].startswith(said)


@pytest.mark.parametrize(
    ("trainer", "says"),
    [
        ({"type": "sklearn", "estimator": "sklearn.ensemble.RandomForest"}, "did you mean 'RandomForestClassifier'"),
        ({"type": "command", "command": ["sh"], "predict": "scoring"}, "'scoring' is not module:function"),
        ({"type": "command", "command": ["sh"], "predict": "scorin:load"}, ".did you mean 'scoring'"),
        ({"type": "command", "command": ["sh"], "predict": "scoring:laod"}, ".did you mean 'load'"),
        ({"type": "sklearn", "estimator": "sklearn.svm.SVX"}, "has no class 'SVX' .did you mean 'SV"),
        ({"type": "command", "command": ["no-such-program"]}, "there is no program 'no-such-program'"),
        ({"type": "command", "command": ["./fit.sh"]}, r"there is no program './fit.sh'"),
    ],
)
def test_a_trainer_that_is_not_there_is_said_before_a_trigger_comes(trainer: dict[str, Any], says: str, tmp_path: Path):
    (tmp_path / "scoring.py").write_text("def load(directory):\n    return None\n")
    with pytest.raises(UserError, match=says) as told:
        require_trainers(monitor(trainer), tmp_path, Path("monitor.yaml"))
    assert str(told.value).startswith("monitor.yaml: models.m.retraining.trainer")


@pytest.mark.parametrize("predict", ["scoring:load", "written_later:load", "json:loads", "scoring:unlike_all"])
def test_what_may_be_right_is_not_refused_before_the_training(predict: str, tmp_path: Path):
    (tmp_path / "scoring.py").write_text("def load(directory):\n    return None\n")
    require_trainers(monitor({"type": "command", "command": ["sh"], "predict": predict}), tmp_path)


@pytest.mark.usefixtures("archive")
def test_a_model_that_predict_cannot_read_is_a_failed_training(tmp_path: Path):
    command = ["sh", "-c", 'cp "$0/train.parquet" "$1"', "{dataset}", "{model}"]
    world = World(tmp_path, monitor({"type": "command", "command": command, "predict": "nowhere:load"}))
    world.retraining.carry_out(TRIGGER)
    assert world.types() == ["started", "failed"]
    assert "no module named 'nowhere'" in world.sent[-1].reason
    assert not world.work.models.has("m", VERSION)


def test_what_is_no_file_of_triggers_is_said(tmp_path: Path):
    (tmp_path / "triggers.jsonl").write_text('{"id": 1}\n')
    with pytest.raises(UserError, match=r"triggers.jsonl, line 1: not a trigger"):
        retrain_files(SPEC, tmp_path, tmp_path, RetrainWork(tmp_path / "w"))
    (tmp_path / "triggers.jsonl").write_text(TRIGGER.model_dump_json() + "\n")
    with pytest.raises(UserError, match="no trigger 'ffffff' there; the newest are 0123456789abcdef"):
        retrain_files(SPEC, tmp_path, tmp_path, RetrainWork(tmp_path / "w"), id="ffffff")
    with pytest.raises(UserError, match="'01234' is too short for the beginning of an id: 6 characters or more"):
        retrain_files(SPEC, tmp_path, tmp_path, RetrainWork(tmp_path / "w"), id="01234")
