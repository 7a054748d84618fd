"""`report.html`: says what to do, never takes unknown for zero, is safe from strangers, and is always the same."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import get_type_hints

import pytest

from schemas.event_time import SECOND, to_micros
from schemas.examples import EXAMPLES
from schemas.pane_report import PaneReport
from schemas.reading import Reading
from schemas.schema_change import SchemaChange
from streams import report_data
from streams.errors import UserError
from streams.report import write_report
from streams.report_axes import TimeAxis, ValueAxis, evidence_axis, value_axis
from streams.report_data import read_outputs
from streams.report_series import LIMIT, Key, Point, Series
from streams.report_text import clean, length, number, ratio_text, sentence, title_of, value_text

from .report_fixture import (
    START,
    a_bad_month,
    accounting,
    alert,
    dead_letter,
    judged,
    label_request,
    pane,
    reading,
    spec,
    trigger,
    write,
)

VOID = {"meta", "link", "br", "circle", "path", "rect"}
EVIL = '<script>alert(1)</script>" onload="x\x1b[31m\u202e'


class Page(HTMLParser):
    """A page taken apart: visible text, tags and titles; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html, self.open, self.words = html, list[str](), list[str]()
        self.attributes: list[tuple[str, str, str]] = []
        self.feed(html)
        self.close()
        assert not self.open, f"never closed: {self.open}"
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open, f"</{tag}> closes nothing"
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and "script" not in self.open:
            self.words.append(data)

    def count(self, tag: str, css: str) -> int:
        return sum(each == tag and name == "class" and css in value.split() for each, name, value in self.attributes)


def page_of(out: Path, monitor: object = None) -> Page:
    path = write_report(out, monitor or spec())  # type: ignore[arg-type]
    assert path == out / "report.html"
    return Page(path.read_text())


def test_the_page_says_what_moved_since_when_how_sure_and_what_to_train_on(tmp_path: Path) -> None:
    text = page_of(a_bad_month(tmp_path)).text
    for said in (
        "Retrain credit",
        "5 % → 9 %",
        "Since 2026-01-20",
        "Evidence 1.7; 1 is enough. False alarms expected: at most 1 per 90d",
        "5,040 a day, in the unit of costs.loss: 4.2 more errors a day than in the reference.",
        "Predictions from 2026-01-20 to 2026-01-22: 1,234 labelled rows.",
        "must be in: region=north: 321 labelled rows (loss 5.00 % → 15.00 %)",
        "Train a new model on these rows.",
        "raised 2026-01-29, 9 d after its start · lasting",
    ):
        assert said in text


def test_the_change_the_alarm_and_the_trigger_are_marked_on_the_timeline(tmp_path: Path) -> None:
    page = page_of(a_bad_month(tmp_path))
    assert page.count("path", "since") == 1
    assert page.count("span", "alarm") == 1
    assert page.count("span", "trigger") == 1
    assert page.count("path", "fired") == 2  # on the timeline and on the evidence
    assert "reference 5 %" in page.text
    assert "baseline 6 %" in page.text


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_report(a_bad_month(tmp_path), spec()).read_bytes()
    assert write_report(tmp_path, spec()).read_bytes() == first
    (tmp_path / "elsewhere").mkdir()
    assert write_report(a_bad_month(tmp_path / "elsewhere"), spec()).read_bytes() == first


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    page = page_of(a_bad_month(tmp_path))
    loading = [each for each in page.attributes if each[1] in ("src", "srcset", "action", "data", "poster")]
    links = [value for _, name, value in page.attributes if name in ("href", "xlink:href")]
    assert not loading
    assert all(link.startswith("#") or link == "data:," for link in links)
    assert "url(" not in page.html
    assert "@import" not in page.html
    policy = next(value for tag, name, value in page.attributes if tag == "meta" and "default-src 'none'" in value)
    assert "script-src 'sha256-" in policy


def test_every_link_inside_the_page_leads_somewhere(tmp_path: Path) -> None:
    page = page_of(a_bad_month(tmp_path))
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {v[1:] for _, name, v in page.attributes if name == "href" and v.startswith("#")} <= set(ids)


def test_what_strangers_wrote_is_text_and_nothing_else(tmp_path: Path) -> None:
    evil = {"feature": EVIL, "segment": f"{EVIL}=1"}
    panes = [
        pane(
            day,
            [
                reading(evidence=0.5, baseline=0.1, detector="e_detector"),
                reading(segment=f"region={EVIL}", evidence=0.1, detector="e_detector", status="alarm"),
                reading("missing", 0.5, tier="quality", status="unknown", reason=EVIL, **evil),
                reading("unseen", 0.5, tier="quality", status="alarm", **evil),
                reading("feature_drift", 0.5, tier="drift", **evil),
                reading(EVIL, 0.5, tier="proxies"),
            ],
            version=EVIL,
        )
        for day in range(3)
    ]
    write(
        tmp_path,
        panes=panes,
        alerts=[alert(1, summary=EVIL, action=EVIL, version=EVIL, episode=EVIL, **evil)],
        triggers=[
            trigger(1, reason=EVIL, version=EVIL, id=EVIL, provenance={"offsets": {EVIL: {EVIL: [EVIL, "<b>"]}}})
        ],
        dead_letters=[dead_letter(topic=EVIL, message=EVIL)],
        label_requests=[label_request(version=EVIL)],
    )
    page = page_of(tmp_path)
    assert page.html.count("<script>") == page.html.count("</script>") == 1
    assert not [each for each in page.attributes if each[1].startswith("on")]
    assert "\x1b" not in page.html
    assert "\u202e" not in page.html
    assert "<script>alert(1)</script>" in page.text


def test_an_unknown_reading_is_grey_with_its_reason_and_never_zero(tmp_path: Path) -> None:
    known = [judged(day, 0.05) for day in range(5)]
    unknown = [
        pane(day, [reading(value=None, n=day, status="unknown", reason=f"label coverage: {day} of 100 rows")])
        for day in range(5, 10)
    ]
    page = page_of(write(tmp_path, panes=known + unknown))
    assert page.count("rect", "unknown") == 2  # on the timeline and on the evidence
    assert "label coverage: 5 of 100 rows 5 of 10 2026-01-06 to 2026-01-11" in page.text
    tips = next(value for _, name, value in page.attributes if name == "data-tips")
    assert tips.splitlines()[-1] == "950|2026-01-10 · n 9 · unknown: label coverage: 9 of 100 rows"
    timeline = re.search(r'class="line s0" d="([^"]+)"', page.html)
    assert timeline is not None
    assert max(float(x) for x in re.findall(r"[ML]([\d.]+) ", timeline[1])) <= 500, "the line ends where knowledge ends"


def test_a_value_that_was_not_judged_is_drawn_as_a_guess_apart_from_the_line(tmp_path: Path) -> None:
    unknown = [pane(day, [reading(value=0.2, status="unknown", reason="too few", reference=0.1)]) for day in range(5)]
    page = page_of(write(tmp_path, panes=unknown))
    assert page.count("path", "guess") == 1
    assert 'class="line s0"' not in page.html
    assert "credit: performance is not known" in page.text
    assert "5 of 5 cohorts: too few" in page.text


def test_a_hole_between_panes_is_not_bridged(tmp_path: Path) -> None:
    page = page_of(write(tmp_path, panes=[judged(day, 0.05) for day in (0, 1, 2, 10, 11, 12)]))
    timeline = re.search(r'class="line s0" d="([^"]+)"', page.html)
    assert timeline is not None
    assert timeline[1].count("M") == 2


def test_without_any_pane_the_page_says_why_and_what_to_do(tmp_path: Path) -> None:
    text = page_of(write(tmp_path)).text
    assert "credit: no pane closed" in text
    assert "A pane of 1 d closes once event time has passed its end by the lateness (1 h)" in text
    assert "make `pane` shorter" in text


def test_an_empty_directory_still_has_a_page(tmp_path: Path) -> None:
    text = page_of(tmp_path).text
    assert "No event was read." in text
    assert "the run did not come to its end" in text


def test_quiet_is_said_with_the_strongest_evidence(tmp_path: Path) -> None:
    text = page_of(write(tmp_path, panes=[judged(day, 0.05, evidence=0.31) for day in range(30)])).text
    assert "credit: quiet" in text
    assert "The strongest evidence on performance was 0.31; an alarm needs 1." in text


def test_without_a_cohort_performance_is_not_known(tmp_path: Path) -> None:
    traffic = pane(0, [reading("volume", 100.0, tier="system")], "traffic")
    text = page_of(write(tmp_path, panes=[traffic])).text
    assert "credit: performance is not known" in text
    assert "quiet" not in text


def test_an_open_alarm_without_a_trigger_is_the_verdict(tmp_path: Path) -> None:
    page = page_of(write(tmp_path, panes=[judged(day, 0.05) for day in range(30)], alerts=[alert()]))
    assert "credit: 1 alarm" in page.text


def test_a_recovered_episode_is_one_change_with_its_end(tmp_path: Path) -> None:
    back = alert(28, severity="recovered", summary="It is back.", evidence=None)
    page = page_of(write(tmp_path, panes=[judged(day, 0.05) for day in range(40)], alerts=[alert(), back]))
    assert "1 alarm, all over" in page.text
    assert "over 2026-02-06" in page.text
    assert page.count("li", "change") == 1


def test_each_model_and_version_has_its_part(tmp_path: Path) -> None:
    panes = [
        pane(day, [reading(evidence=0.1)], model=model, version=version)
        for model, version in (("second", "7"), ("credit", "2"), ("credit", "1"), ("gone", "1"))
        for day in range(3)
    ]
    page = page_of(write(tmp_path, panes=panes), spec("credit", "second"))
    heads = re.findall(r"(credit|second|gone) version (\d)", page.text)
    assert heads == [("credit", "1"), ("credit", "2"), ("second", "7"), ("gone", "1")]
    assert "not in the monitor file" in page.text


def test_a_regression_speaks_in_its_own_unit(tmp_path: Path) -> None:
    fields = {"detector": "e_detector", "reference": 3.3, "baseline": 3.5, "evidence": 0.1}
    panes = [pane(day, [reading("absolute_error", 3.25 + day / 10, **fields)]) for day in range(4)]
    page = page_of(write(tmp_path, panes=panes), spec(task="regression"))
    assert "Mean absolute error, by prediction time" in page.text
    assert "reference 3.3" in page.text
    assert "330 %" not in page.text


def test_a_signal_that_nobody_entered_is_shown_all_the_same(tmp_path: Path) -> None:
    panes = [
        pane(
            day,
            [
                reading("toxicity", 0.2, tier="proxies"),
                reading("toxicity", 0.3, tier="proxies", segment="region=north"),
                reading("queue_p50", 3.0, tier="system"),
                reading("queue_p99", 9.0, tier="system"),
                reading("consistency", 9.0, tier="quality"),
            ],
            "traffic",
        )
        for day in range(3)
    ]
    page = page_of(write(tmp_path, panes=panes))
    for title in ("Toxicity, by prediction time", "region=north", "Queue, quantiles", "Consistency"):
        assert title in page.text


def test_two_detectors_on_one_signal_are_two_charts(tmp_path: Path) -> None:
    both = [reading(detector="adwin", value=0.1), reading(detector="kswin", value=0.1)]
    write(tmp_path, panes=[pane(day, both, "label") for day in range(3)])
    series = read_outputs(tmp_path, spec()).versions[("credit", "1")].series
    assert sorted(key.detector for key in series) == ["", "kswin"]
    assert all(each.panes == 3 for each in series.values())


def test_bad_values_are_cells_and_clean_checks_are_only_counted(tmp_path: Path) -> None:
    def readings(day: int) -> list[Reading]:
        share = 0.3 if day == 5 else 0.0
        return [
            reading(
                "missing", share, tier="quality", feature="income", reference=0.0, status="alarm" if share else "ok"
            ),
            reading("invalid", 0.0, tier="quality", feature="income", reference=0.0),
            reading("missing", None, tier="quality", feature="region", status="unknown", reason="no profile"),
        ]

    page = page_of(write(tmp_path, panes=[pane(day, readings(day), "traffic") for day in range(10)]))
    assert page.count("rect", "h4") == 1
    assert page.count("rect", "hu") == 1, "one grey stretch"
    assert "income: missing" in page.text
    assert "30 % at worst" in page.text
    assert "region: missing" in page.text
    assert "never known" in page.text
    assert "1 other check found nothing in any pane." in page.text


def test_the_accounting_table_shows_each_bin_and_whether_it_adds_up(tmp_path: Path) -> None:
    good = accounting(1000, late=3, dead_lettered=7)
    good["events"]["feedback"]["orphaned"] += 1
    text = page_of(write(tmp_path, counts=good)).text
    assert "late 3 3" in text
    assert "dead lettered 7 7" in text
    assert "read 1,000 1,000" in text
    assert "adds up ✓ yes ✗ no" in text


def test_dead_letters_are_counted_by_reason_with_few_examples(tmp_path: Path) -> None:
    letters = [dead_letter(place, message=f"row {place}") for place in range(50)]
    text = page_of(write(tmp_path, dead_letters=[*letters, dead_letter(50, reason="not_json", message="no")])).text
    assert "contract 50 row 0 row 1 row 2" in text
    assert "not_json 1 no" in text


def test_what_fired_is_drawn_large_and_all_else_small(tmp_path: Path) -> None:
    names = ("confidence", "entropy", "margin", "repeated_outputs")
    panes = [
        pane(
            day,
            [
                reading(name, 0.5, tier="proxies", status="alarm" if (name, day) == ("confidence", 20) else "ok")
                for name in names
            ],
            "traffic",
        )
        for day in range(30)
    ]
    page = page_of(write(tmp_path, panes=panes))
    assert page.count("figure", "medium") == 1
    assert page.count("figure", "small") == 3
    assert "Confidence, by prediction time" in page.text
    assert page.count("figure", "notice") == 1  # a proxy raises notices, and this one joined another's alert


@pytest.mark.parametrize("fired", [False, True])
def test_what_nobody_has_to_look_at_is_folded_unless_it_fired(tmp_path: Path, fired: bool) -> None:
    names = ("volume", "throughput", "rejected")
    last = {"rejected": "alarm" if fired else "ok"}
    panes = [
        pane(day, [reading(name, 0.5, tier="system", status=last.get(name, "ok")) for name in names], "traffic")
        for day in range(30)
    ]
    page = page_of(write(tmp_path, panes=panes))
    folded = [(tag, value) for tag, name, value in page.attributes if name == "class" and value == "section"]
    assert [tag for tag, _ in folded].count("details") == (0 if fired else 1)
    assert page.count("figure", "small") == (2 if fired else 3)


def test_the_numbers_of_data_quality_are_drawn_where_they_fell_and_named_where_not(tmp_path: Path) -> None:
    panes = [
        pane(
            day,
            [
                reading("quality_completeness", 1.0 if day < 25 else 0.8, tier="quality"),
                reading("quality_integrity", 1.0, tier="quality"),
            ],
            "traffic",
        )
        for day in range(30)
    ]
    page = page_of(write(tmp_path, panes=panes))
    assert page.count("figure", "small") == 1
    assert "Completeness of the data" in page.text
    assert "Never below 99.9 %: integrity." in page.text


def test_a_baseline_that_moves_is_no_level(tmp_path: Path) -> None:
    fields = {"tier": "drift", "detector": "classifier_bets", "reference": 0.2}
    for changes, drawn in ((0.0, 1), (0.01, 0)):
        panes = [
            pane(day, [reading("joint_drift", 0.5, baseline=0.3 + changes * day, **fields)], "traffic")
            for day in range(30)
        ]
        page = page_of(write(tmp_path, panes=panes))
        assert page.count("path", "baseline") == page.count("path", "reference") == drawn


def test_schema_changes_have_their_place(tmp_path: Path) -> None:
    change = SchemaChange.model_validate({**EXAMPLES["schema_change"], "model": "credit"})
    text = page_of(write(tmp_path, panes=[judged(0, 0.05)], schema_changes=[change])).text
    assert "Schema changes of credit" in text
    assert "debt_to_income_ratio" in text
    assert "Compatibility: FORWARD." in text


@pytest.mark.parametrize(
    ("signal", "title"),
    [
        ("estimated_roc_auc", "estimated ROC AUC"),
        ("quality_validity", "validity of the data"),
        ("expectation:income_is_positive", "rule broken: income_is_positive"),
        ("label_drift", "drift of the labels (PSI)"),
        ("somebodys_signal", "somebodys signal"),
    ],
)
def test_signals_have_names_in_words(signal: str, title: str) -> None:
    assert title_of(signal) == title


def test_a_page_over_very_many_panes_stays_small_and_keeps_the_peak(tmp_path: Path) -> None:
    panes = [judged(day, 0.9 if day == 3210 else 0.05, status="alarm" if day == 3210 else "ok") for day in range(5000)]
    page = page_of(write(tmp_path, panes=panes))
    assert len(page.html) < 300_000
    assert page.count("path", "band") or "each pane" in page.text
    series = next(iter(read_outputs(tmp_path, spec()).versions[("credit", "1")].series.values()))
    assert len(series.buckets) <= LIMIT
    assert series.high == 0.9
    assert sum(bucket.alarms for bucket in series.in_order(100)) == 1
    assert len(series.in_order(100)) <= 100
    assert series.mean == pytest.approx((0.9 + 4999 * 0.05) / 5000)


def test_a_directory_that_cannot_be_written_is_a_users_error(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(UserError, match="cannot be written"):
        write_report(tmp_path, spec())


def test_the_quick_reader_of_panes_knows_the_contract() -> None:
    for mirror, contract in ((report_data._Reading, Reading), (report_data._PaneReport, PaneReport)):
        assert set(get_type_hints(mirror)) <= set(contract.model_fields)


def test_means_are_weighted_by_rows_but_a_count_is_not() -> None:
    rate, volume = (Series(Key("system", name, "traffic"), 10) for name in ("rate", "volume"))
    for start, value, n in ((0, 0.0, 300), (10, 1.0, 100)):
        rate.add(Point(start, start + 10, value, n, "ok"))
        volume.add(Point(start, start + 10, float(n), n, "ok"))
    assert rate.mean == 0.25
    assert volume.mean == 200


@pytest.mark.parametrize("days", [1 / 24, 1, 3, 20, 60, 200, 900, 20_000])
def test_the_time_axis_has_few_labels_in_order(days: float) -> None:
    start = to_micros(START)
    ticks = TimeAxis(start, start + round(days * 86_400 * SECOND)).ticks()
    assert 2 <= len(ticks) <= 12
    assert all(a.place < b.place for a, b in pairwise(ticks))
    assert len({tick.text for tick in ticks}) > 1


@pytest.mark.parametrize(
    "values", [[], [0.0], [5.0], [-5.0], [-1.0, 1.0], [0.94, 0.95], [1e-12], [3e9, 1.0], [float("inf"), 1.0]]
)
def test_the_value_axis_holds_all_values_and_has_round_labels(values: list[float]) -> None:
    axis = value_axis(values)
    assert axis.low < axis.high
    assert 1 <= len(axis.values()) <= 8
    finite = [value for value in values if abs(value) < float("inf")]
    assert all(axis.low <= value <= axis.high for value in finite)


@pytest.mark.parametrize("largest", [0.0, 0.5, 1.0, 10.0, 1e6, 1e300])
def test_the_line_at_which_evidence_fires_is_always_in_the_picture(largest: float) -> None:
    axis = evidence_axis(largest)
    assert 0 < axis.y(1.0) < 100
    assert 1.0 in axis.values()
    assert axis.y(0.0) == 100


def test_a_value_off_the_axis_is_drawn_at_its_edge() -> None:
    assert ValueAxis(0, 1).y(7) == 0
    assert TimeAxis(0, 10).x(-5) == 0
    assert TimeAxis(3, 3).x(3) == 0


def test_numbers_lengths_and_moments_read_well() -> None:
    assert [number(x) for x in (0, 0.05, 1.5, 12.34, 5973.9, 0.00001234, -0.2)] == [
        "0",
        "0.05",
        "1.5",
        "12.3",
        "5,974",
        "0.00001234",
        "-0.2",
    ]
    assert [length(s * SECOND) for s in (0, 35, 90, 5_400, 86_400, 7 * 86_400 + 3_600, 40 * 86_400)] == [
        "0 s",
        "35 s",
        "1 min 30 s",
        "1 h 30 min",
        "1 d",
        "7 d 1 h",
        "40 d",
    ]
    assert value_text(None, "share") == "–"
    assert value_text(0.0564, "share") == "5.64 %"
    assert [ratio_text(x) for x in (0.0, 0.0001, 2.34, 1e11)] == ["0", "under 0.001", "2.34", "over 1,000"]
    assert sentence("since 2026-01-20T06:30:00Z.") == "since 2026-01-20 06:30."
    assert sentence("in 2026-99-99T00:00:00Z") == "in 2026-99-99T00:00:00Z"
    assert clean("a\x00\x9b\u200fb\nc") == "a���b c"
