import json
import shutil
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from schemas.spec import MonitorSpec
from streams.backtest.run import chosen
from streams.cli import app
from streams.errors import UserError
from tests.streams.backtest.streams_of_signs import spec


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["backtest", "none.yaml"], "none.yaml"),
        (["backtest", "none.yaml", "m", "--training-time", "soon"], "--training-time"),
        (["backtest", "none.yaml", "--decisions", "0"], "--decisions"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(arguments: list[str], says: str, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert says in done.stderr
    assert "Traceback" not in done.output


def test_a_model_has_to_be_named_where_there_are_several_and_has_to_be_there():
    both = MonitorSpec(models={"loan": spec(), "card": spec()})
    with pytest.raises(UserError, match="which one"):
        chosen(both, None)
    with pytest.raises(UserError, match="did you mean 'loan'"):
        chosen(both, "loam")
    assert chosen(both, "card") == "card"


def test_texts_of_a_model_that_never_wrote_are_not_made_up():
    model = spec(task="text", positive_label=None, costs={})
    with pytest.raises(UserError, match="what another model would have written"):
        chosen(MonitorSpec(models={"m": model}), None)


def test_json_is_one_object_and_the_report_says_the_same(monitor: Path, tmp_path: Path):
    done = CliRunner().invoke(app, ["backtest", str(monitor), "--decisions", "4", "--json", "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    whole = json.loads(done.stdout)
    assert whole == json.loads((tmp_path / "backtest.json").read_text())
    assert whole["decisions"] == 4
    assert whole["policies"][0]["total"] >= whole["oracle"]["total"]
    assert whole["recommendation"]["name"] in (tmp_path / "backtest.html").read_text()


def test_the_archive_is_gone_through_where_it_is_asked_for(monitor: Path, tmp_path: Path):
    base = tmp_path / "archived"
    shutil.copytree(monitor.parent, base)
    settings = yaml.safe_load((base / "monitor.yaml").read_text())
    (base / "monitor.yaml").write_text(yaml.safe_dump(settings | {"archive": {"url": "archive"}}, sort_keys=False))
    arguments = ["backtest", str(base / "monitor.yaml"), "m", "--decisions", "4", "--json", "--from-archive"]
    empty = CliRunner().invoke(app, arguments)
    assert empty.exit_code == 2
    assert "archive" in empty.stderr
    assert (
        CliRunner().invoke(app, ["replay", str(base / "monitor.yaml"), "--out", str(tmp_path / "out")]).exit_code == 0
    )
    for name in ("stream.csv", "reference.csv"):  # the archive has the rows
        (base / name).unlink()
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    whole = json.loads(done.stdout)
    tables = json.loads(CliRunner().invoke(app, ["backtest", str(monitor), "--decisions", "4", "--json"]).stdout)
    assert whole["start"] == tables["start"]
    assert 0 < whole["labelled"] <= tables["labelled"]
    names = {policy["name"] for policy in whole["policies"]}
    assert names >= {"never", "as in the monitor file: performance", "cost"}
