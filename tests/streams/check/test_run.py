"""All tests together: one verdict with reasons, the same each time, for every task, whatever the candidate does."""

import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console
from threadpoolctl import threadpool_limits

from schemas.check_report import CheckReport, CheckResult
from streams.archive_schema import FEATURE
from streams.check.context import Check, worst_of
from streams.check.report import as_json, as_page, write_files
from streams.check.run import all_checks, run_checks
from streams.check.terminal import print_report
from streams.errors import UserError
from streams.trainer import Features, ModelOutput
from streams.trainers.choose import trainer_of

from .test_memorization import ByHeart
from .world import DAY, Model, good, guess, number, rows, spec_of, with_column

NAMES = [
    "comparison",
    "slices",
    "fuzz",
    "invariance",
    "monotonicity",
    "memorization",
    "hardest",
    "training_set",
    "leakage",
    "importance",
    "top_bottom",
]


def checked(candidate: Any = good, table: pa.Table | None = None, *, task: str = "binary", **more: Any) -> CheckReport:
    spec = spec_of(task, more.pop("checks", None))
    given: dict[str, Any] = {"train": None, "champion": None, "trainer": None, "trigger": None, "suite": None}
    model = candidate if hasattr(candidate, "outputs") else Model(spec, candidate)
    return run_checks(spec, "loan", model, rows(spec) if table is None else table, **given | more)


def of(report: CheckReport, name: str) -> CheckResult:
    return next(result for result in report.results if result.name == name)


def test_each_test_is_in_the_report_in_the_same_order_and_keeps_the_protocol() -> None:
    checks: list[Check] = all_checks()
    assert [check.name for check in checks] == NAMES
    report = checked()
    assert [result.name for result in report.results] == NAMES
    assert all(result.reason for result in report.results)


def test_a_good_candidate_passes_and_the_reasons_name_what_is_not_known() -> None:
    report = checked(champion_name="the old one")
    assert report.verdict == "passed"
    assert report.passed
    assert "it is better" in report.reasons[0]
    assert "not known: " in report.reasons[1]
    assert report.champion == "the old one"


def test_one_failed_test_fails_the_whole_and_is_the_first_reason() -> None:
    report = checked(lambda row: ModelOutput(score=min(row["income"] / 100, 1.0)))
    assert report.verdict == "failed"
    assert report.reasons[0].startswith("Answers to made-up rows: ")


def test_what_rows_do_not_settle_leaves_the_whole_unknown_and_it_has_not_passed() -> None:
    report = checked(table=rows(spec_of(), 30))
    assert report.verdict == "unknown"
    assert not report.passed
    assert report.reasons[0].startswith("Candidate against champion on held-out rows: ")


def test_a_candidate_that_answers_nothing_fails_and_no_test_breaks() -> None:
    def broken(row: object) -> ModelOutput:
        raise RuntimeError("no weights")

    report = checked(broken)
    assert report.verdict == "failed"
    assert of(report, "comparison").verdict == "failed"
    assert "RuntimeError: no weights" in of(report, "comparison").reason
    assert [result.name for result in report.results] == NAMES


def test_a_champion_that_breaks_leaves_the_comparison_unknown_not_the_candidate_failed() -> None:
    class Broken:
        def outputs(self, features: Features) -> list[ModelOutput]:
            raise UserError("gone")

    report = checked(champion=Broken())
    assert report.verdict == "unknown"
    assert "the champion does not answer: gone" in of(report, "comparison").reason


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_it_is_the_same_byte_for_byte_and_holds_for_what_our_trainers_make(task: str, tmp_path: Path) -> None:
    spec = spec_of(task, {"monotonic": {"income": "increasing"}} if task != "multiclass" else None)
    settings_rows = rows(spec, 600, 9, champion=None)
    wrong = ModelOutput(value=0.0) if task == "regression" else ModelOutput(label="high", score=0.5)
    held_out = rows(spec, 400, 0, champion=lambda row: wrong)
    trainer = trainer_of(spec, "loan", tmp_path)
    with threadpool_limits(1):  # many threads on busy cores take minutes
        candidate = trainer.fit(settings_rows)
    pages = []
    for attempt in range(2):
        report = run_checks(
            spec,
            "loan",
            candidate,
            held_out,
            train=settings_rows,
            champion=None,
            trainer=trainer,
            trigger=None,
            suite=tmp_path / f"{task}.parquet",
        )
        assert of(report, "comparison").verdict == "passed", attempt
        assert of(report, "fuzz").verdict == "passed"
        assert of(report, "memorization").verdict in ("passed", "unknown")
        pages.append((as_json(report), as_page(report), (tmp_path / f"{task}.parquet").read_bytes()))
    assert pages[0] == pages[1]


def test_the_order_of_the_rows_given_makes_no_difference() -> None:
    spec = spec_of()
    table = rows(spec)
    turned = table.take(pa.array(list(range(len(table)))[::-1]))
    assert as_json(checked(table=table)) == as_json(checked(table=turned))


def test_a_text_model_is_unknown_with_a_reason_for_each_test() -> None:
    spec = spec_of("text")
    schema_rows = rows(spec_of(), 100)
    table = with_column(schema_rows, "rating", [0.5] * 100)
    report = run_checks(
        spec,
        "loan",
        Model(spec, lambda row: ModelOutput()),
        table,
        train=table.slice(0, 50),
        champion=None,
        trainer=None,
        trigger=None,
        suite=None,
    )
    assert report.verdict in ("unknown", "failed")
    unknown = {result.name for result in report.results if result.verdict == "unknown"}
    assert {"comparison", "slices", "fuzz", "memorization", "importance", "top_bottom"} <= unknown
    assert of(report, "training_set").verdict == "passed"


def test_more_rows_than_are_looked_at_are_thinned_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.check.run.HELD_OUT", 300)
    report = checked()
    assert report.rows["held_out"] == 300
    assert report.rows["held_out_given"] == 600


def test_a_shadows_row_of_the_same_id_is_not_counted_twice() -> None:
    spec = spec_of()
    table = rows(spec, 200)
    shadow = with_column(rows(spec, 200, champion=good), "version", ["2"] * 200)
    both = pa.concat_tables([shadow, table])
    trigger_less = checked(table=pa.concat_tables([both, with_column(rows(spec, 10, 5), "time", [90 * DAY] * 10)]))
    assert trigger_less.rows["held_out"] == 210
    assert of(trigger_less, "comparison").numbers["champion_loss"] > 0.3  # version 1's, which answered last
    assert trigger_less.champion == "version 1, recorded answers"


def test_columns_that_are_not_there_are_null_and_columns_of_no_use_are_an_error() -> None:
    spec = spec_of()
    few = rows(spec).drop_columns(["partition", "loss", "weight", "latency_ms"])
    assert checked(table=few).verdict == "passed"
    odd = rows(spec).drop_columns([FEATURE + "income"])
    odd = odd.append_column(FEATURE + "income", pa.array([[1.0]] * 600))
    with pytest.raises(UserError, match=r"column 'feature.income' is list"):
        checked(table=odd)


def test_no_rows_at_all_are_unknown() -> None:
    report = checked(table=rows(spec_of(), 5).slice(0, 0))
    assert of(report, "comparison").verdict == "unknown"
    assert of(report, "fuzz").verdict == "passed"


def test_memorization_that_fails_fails_the_whole() -> None:
    report = checked(trainer=ByHeart(blind=True))
    assert report.verdict == "failed"
    assert report.reasons[0].startswith("Learning a small batch by heart")


def test_the_worst_verdict_counts() -> None:
    assert worst_of(["passed", "unknown", "failed"]) == "failed"
    assert worst_of(["passed", "unknown"]) == "unknown"
    assert worst_of([]) == "passed"


def hostile(row: Any) -> ModelOutput:
    return ModelOutput(score=math.nan if "<script>" in str(row["region"]) else 0.5 + number(row["income"]) / 1e9)


def test_the_page_is_self_contained_and_nothing_of_a_strangers_runs_in_it(tmp_path: Path) -> None:
    spec = spec_of()
    table = rows(spec)
    names = ["<script>alert(1)</script>" if i % 3 else "\x1b[31m\u202ered" for i in range(600)]
    report = checked(hostile, with_column(table, FEATURE + "region", names))
    write_files(report, tmp_path / "made" / "here")
    page = (tmp_path / "made" / "here" / "report.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "\x1b" not in page
    assert "\u202e" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")
    assert "The candidate failed" in page
    found = json.loads((tmp_path / "made" / "here" / "check.json").read_text())
    assert CheckReport.model_validate(found) == report


def test_the_terminal_says_the_verdict_first_and_shows_rows_of_failures(capsys: pytest.CaptureFixture[str]) -> None:
    report = checked(lambda row: ModelOutput(score=math.nan if row["owner"] is None else good(row).score))
    print_report(Console(width=100, no_color=True), report)
    out = capsys.readouterr().out
    assert out.startswith("The candidate failed: loan, candidate")
    assert "owner=missing" in out
    assert "odd: owner" in out


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot be written"):
        write_files(checked(guess), tmp_path / "file" / "below")
