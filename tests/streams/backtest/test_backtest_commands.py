from pathlib import Path

import pytest
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
