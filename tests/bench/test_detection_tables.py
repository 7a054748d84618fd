"""Lines on tables: champions, drifts, oracles, and what is said where a table is missing."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from bench.detection import __main__ as main
from bench.detection import champion
from bench.detection.lines import elec2, tornado
from bench.detection.peers import ADWIN, Tuned, as_shipped
from bench.detection.protocol import CHAMPION_REFERENCE, ELEC2_FLIPPED, ELEC2_RISE, IID, Scale, generator
from bench.detection.streams import changing, stationary
from bench.measuring import attempt, finish
from bench.tables import MissingTables


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STREAMGAUGE_DATA", str(tmp_path))
    return tmp_path


def write(path: Path, rows: int, turned_round_after: int, classes: str = "pn") -> None:
    rng = generator("test, table")
    lines = ["x,y,class"]
    for at, (x, y) in enumerate(rng.random((rows, 2)).tolist()):
        lines.append(f"{x:.4f},{y:.4f},{classes[(x > 0.5) != (at >= turned_round_after)]}")
    path.write_bytes(gzip.compress("\n".join(lines).encode()))


def test_a_champion_errs_where_the_concept_has_changed(tables: Path) -> None:
    write(tables / "t.csv.gz", 4_000, turned_round_after=3_000)
    rows = champion.examples("t")
    assert set(rows[0][0]) == {"x", "y"}
    errors = champion.frozen_errors(rows[:2_000], rows[2_000:])
    assert errors[:1_000].mean() < 0.1
    assert errors[1_000:].mean() > 0.9
    learning = champion.prequential_errors(rows)
    assert learning[1_000:3_000].mean() < 0.1
    assert learning[3_000:3_200].mean() > 0.5


def test_a_segment_has_its_drift_where_it_says(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TORNADO_LENGTH", 6_000), ("FOUND_WITHIN", 500), ("SETTLED", 100)):
        monkeypatch.setattr(tornado, name, value)
    monkeypatch.setattr(tornado, "CHAMPION_ROWS", 600)
    monkeypatch.setattr(tornado, "CHAMPION_REFERENCE", 1_500)
    monkeypatch.setattr(tornado, "TORNADO", {"sine1": (3_000, 50)})
    write(tables / "tornado_sine1_101.csv.gz", 6_000, turned_round_after=3_000)
    first, last = tornado.segments("tornado_sine1_101")
    assert first.drift == 900
    assert len(first.values) == 1_400
    assert first.values[:900].mean() < 0.1 < 0.8 < first.values[900:].mean()
    assert last.drift is None
    assert len(last.values) == 6_000 - (3_000 + 150 + 600 + 1_500)
    assert last.values.mean() < 0.1
    assert len(first.reference.sums) == 30


def test_none_of_ours_is_nothing_and_some_of_ours_against_none_is_endless() -> None:
    assert tornado.ratio(0, 0) == 0
    assert tornado.ratio(1, 4) == 0.25
    assert tornado.ratio(1, 0) == float("inf")


def test_changes_are_put_in_by_turns_and_nowhere_else() -> None:
    rng = generator("test, elec2")
    rows = [({"nswprice": price}, "UP") for price in rng.random(25_000).tolist()]
    changed, starts = elec2._changed(rows, rng)
    assert starts == [14_000, 19_000]
    flipped = np.array([kind == "DOWN" for _, kind in changed])
    assert not flipped.any()  # a table with one class has no other
    rows[0] = (rows[0][0], "DOWN")
    changed, _ = elec2._changed(rows, rng)
    flipped = np.array([kind == "DOWN" for _, kind in changed])
    assert flipped[14_000:15_000].mean() == pytest.approx(ELEC2_FLIPPED, abs=0.04)
    prices = np.array([features["nswprice"] for features, _ in rows])
    dear = prices > np.median(prices)
    late = np.arange(25_000) >= 19_000
    assert flipped[late & dear][:400].mean() == pytest.approx(2 * ELEC2_FLIPPED, abs=0.08)
    assert not flipped[late & ~dear].any()
    assert not flipped[1:14_000].any()


def test_the_oracle_sees_a_rise_and_not_a_fall() -> None:
    errors = changing(generator("test, oracle"), IID, 5_000, 0.4, 5_000)
    rises = np.flatnonzero(elec2.oracle_rises(errors))
    assert abs(rises[len(rises) // 2] - 5_000) < 200
    assert rises.min() > 4_000
    assert rises.max() < 6_000
    fall = changing(generator("test, oracle", 1), IID, 5_000, IID.mean - 2 * ELEC2_RISE, 5_000)
    assert not elec2.oracle_rises(fall)[4_000:6_000].any()


def test_an_alarm_is_about_the_rise_before_it() -> None:
    assert elec2._since([100, 5_000], 101) == 100
    assert elec2._since([100, 5_000], 1_100) == 100
    assert elec2._since([100, 5_000], 1_101) is None
    rises = np.zeros(5_000)
    rises[2_000:2_100] = 1
    assert elec2._near(rises, 3_050) == 2_000
    assert elec2._near(rises, 2_000) is None
    assert elec2._near(rises, 3_200) is None


def test_after_an_alarm_the_next_rows_are_the_reference() -> None:
    before = stationary(generator("test, anew"), IID, CHAMPION_REFERENCE)
    values = changing(generator("test, anew", 1), IID, 3_000, 0.6, 20_000)
    found = list(elec2.referenced_anew(before, values))
    assert next(at for at in found if at > 3_000) < 3_300
    assert len(found) == 1  # what has risen once is what is compared with from then on


def test_a_peer_as_shipped_is_rivers_own_and_tells_falls_apart() -> None:
    assert {each.peer.name: each.setting for each in as_shipped()}["ADWIN"] == 0.002
    values = changing(generator("test, falls"), IID, 5_000, 0.9, 5_000)
    assert Tuned(ADWIN, 0.002).falls(values) == 0
    assert Tuned(ADWIN, 0.002).falls(values[::-1]) >= 1


def test_a_line_without_its_table_is_left_out_and_no_failure(tables: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(MissingTables, match="STREAMGAUGE_DATA"):
        champion.examples("elec2")
    assert main._measured("elec2", Scale(0.05), "today") == {}
    assert main._measured("tornado", Scale(0.05), "today") == {}
    assert "left out" in capsys.readouterr().err


def test_what_fails_is_noted_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.detection import report

    monkeypatch.setattr("bench.measuring.ROOT", tmp_path)
    errors: dict[str, str] = {}
    attempt("good", lambda: None, errors)
    assert finish({"lines": {}}, errors, report, tmp_path / "a.json") == 0
    attempt("bad", lambda: 1 / 0, errors)
    assert errors == {"bad": "ZeroDivisionError: division by zero"}
    assert finish({"lines": {}}, errors, report, tmp_path / "a.json") == 1
    assert "ZeroDivisionError" in (tmp_path / "a.json").read_text()
