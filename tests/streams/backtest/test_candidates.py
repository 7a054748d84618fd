"""Candidates of a trainer that works on directories: a real program, run for each fit."""

import sys
from pathlib import Path

import pytest

from schemas.trainer_spec import CommandTrainer
from streams.backtest.candidates import RECORDED, learner_of
from streams.trainers.command import CommandTraining
from tests.streams.backtest import streams_of_signs as world
from tests.streams.backtest.streams_of_signs import BEGIN, spec, table

TRAIN = """
import sys
from pathlib import Path
import pyarrow.parquet as pq
rows = pq.read_table(Path(sys.argv[1]) / "train.parquet")
agree = [(t == "1") == (x > 0) for t, x in zip(rows["label"].to_pylist(), rows["feature.x"].to_pylist())]
(Path(sys.argv[2]) / "sign").write_text("1" if sum(agree) * 2 >= len(agree) else "-1")
"""
PREDICT = """
from pathlib import Path

def load(directory):
    def predict(rows):  # reads its directory whenever it is asked
        sign = int((Path(directory) / "sign").read_text())
        return [{"label": "1" if sign * (row.get("x") or 0) > 0 else "0"} for row in rows]
    return predict
"""


@pytest.mark.parametrize("sign", [1, -1])
def test_a_program_of_ones_own_makes_candidates(sign: int, tmp_path: Path):
    (tmp_path / "train.py").write_text(TRAIN)
    (tmp_path / "own_model.py").write_text(PREDICT)
    model = spec()
    named = CommandTrainer(
        type="command",
        command=[sys.executable, str(tmp_path / "train.py"), "{dataset}", "{model}"],
        predict="own_model:load",
    )
    learn = learner_of(CommandTraining(named, model, tmp_path, "trainer"), directories=True)
    candidates = world.candidates(model, table(model, [sign] * 12), learner=learn)
    candidate, problem = candidates.of(BEGIN, 3)
    assert problem is None
    after = slice(4, None)
    mistakes = candidates.history.labelled[candidates.points.from_birth(3)].sum() * world.NOISE
    assert candidates.costs(candidate)[after].sum() == pytest.approx(mistakes, rel=0.6)
    if sign < 0:
        assert candidates.costs(RECORDED)[after].sum() > 10 * candidates.costs(candidate)[after].sum()


def test_a_fit_that_failed_is_not_tried_again():
    model, tried = spec(), []

    def fails(rows: object) -> world.SignModel:
        tried.append(rows)
        raise world.UserError("no")

    candidates = world.candidates(model, table(model, [1] * 12), learner=fails)
    assert candidates.of(BEGIN, 3)[1] == candidates.of(BEGIN, 3)[1] == "no"
    assert len(tried) == 1
    assert candidates.fitted == [RECORDED]
