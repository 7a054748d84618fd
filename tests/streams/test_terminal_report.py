"""What `replay` says at its end: what it saw, what it raised, where it stands; at 80 columns and in a pipe."""

import io
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from schemas.advice import Advice
from schemas.alert import Along, ChangeSlice, Mover, Reason
from schemas.examples import EXAMPLES
from schemas.pane_report import Joined, PaneReport
from schemas.schema_change import SchemaChange
from schemas.spec import MonitorSpec
from streams.report import write_report
from streams.terminal_report import print_report

from .report_fixture import (
    DAY,
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


def printed(out: Path, monitor: MonitorSpec | None = None, *, terminal: bool = False, width: int = 80) -> str:
    file = io.StringIO()
    print_report(Console(file=file, force_terminal=terminal, width=width), out, monitor or spec())
    return file.getvalue()


def said(out: Path, monitor: MonitorSpec | None = None) -> str:
    """Return what is printed without its line breaks."""
    return " ".join(printed(out, monitor).split())


def test_it_says_what_was_seen_what_moved_and_what_to_train_on(tmp_path: Path) -> None:
    text = said(a_bad_month(tmp_path))
    for part in (
        "Read 2,000 events (1,000 predictions, 1,000 feedback)",
        "Closed 30 panes, 2026-01-01 to 2026-01-31",
        "credit: 1 alarm, 0 notices, 1 retraining trigger",
        "retrain Error rate rose from 5.00 % to 9.00 % over 200 rows since 2026-01-20.",
        "since 2026-01-20 decided 2026-01-29 by the performance policy",
        "how sure Evidence 1.7; 1 is enough.",
        "waiting costs 5,040 a day",
        "train on Predictions from 2026-01-20 to 2026-01-22: 1,234 labelled rows.",
        "must be in: region=north: 321 labelled rows",
        "alarm Error rate rose",
        "Raised 2026-01-29, 9 d after its start. Evidence 1.7; 1 is enough.",
    ):
        assert part in text
    assert "dead letter" not in text


def test_in_a_pipe_there_are_no_colours_and_no_line_is_too_long(tmp_path: Path) -> None:
    text = printed(a_bad_month(tmp_path))
    assert "\x1b" not in text
    assert "\N{NO-BREAK SPACE}" not in text
    lines = [line for line in text.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line != line.rstrip()]
    assert not [line for line in lines if line.strip().startswith("%")]


def test_on_a_terminal_only_the_labels_are_coloured(tmp_path: Path) -> None:
    assert "\x1b[1;31malarm" in printed(a_bad_month(tmp_path), terminal=True)


def test_the_path_of_the_report_stays_on_one_line(tmp_path: Path) -> None:
    out = tmp_path / ("long " * 30)
    out.mkdir()
    assert f"Report: {out / 'report.html'}\n" in printed(a_bad_month(out))


def test_a_notice_that_became_an_alarm_says_when(tmp_path: Path) -> None:
    write(tmp_path, panes=[judged(0, 0.05)], alerts=[alert(20, id="n", severity="notice"), alert(22, id="a")])
    text = said(tmp_path)
    assert "after its start, as a notice; an alarm since 2026-01-31." in text


def test_a_schema_change_is_a_line(tmp_path: Path) -> None:
    change = SchemaChange.model_validate({**EXAMPLES["schema_change"], "model": "credit"})
    write(tmp_path, panes=[judged(0, 0.05)], schema_changes=[change])
    text = said(tmp_path)
    assert (
        "schema Feature debt_to_income_ratio of car_loan 3 has vanished, in 100.0 % of rows, since 2026-02-10." in text
    )
    assert "schema_changes.jsonl" in text


def test_quiet_is_said_in_a_line(tmp_path: Path) -> None:
    assert "credit: quiet, neither alarm nor notice" in printed(write(tmp_path, panes=[judged(0, 0.05)]))


def test_without_any_pane_it_says_why_and_what_to_do(tmp_path: Path) -> None:
    text = said(write(tmp_path))
    assert "credit: no pane closed, so nothing is known" in text
    assert "the events must span more than 1 d 1 h." in text
    assert "make `pane` shorter" in text


def test_when_nearly_everything_was_refused_that_is_the_reason(tmp_path: Path) -> None:
    letters = [dead_letter(offset) for offset in range(1990)]
    text = said(write(tmp_path, dead_letters=letters, counts=accounting(1000, dead_lettered=995)))
    assert "Most events were refused." in text
    assert "1,990 dead letters, by reason: 1,990 predictions, contract: timestamp: no time zone" in text


def test_when_no_event_was_read_that_is_the_reason(tmp_path: Path) -> None:
    assert "No event was read." in said(write(tmp_path, counts=accounting(0)))


def test_a_model_that_no_event_names_is_told_apart_from_one_with_too_little_data(tmp_path: Path) -> None:
    text = said(write(tmp_path, panes=[judged(0, 0.05)]), spec("credit", "other"))
    assert "other: no pane closed, so nothing is known Other models closed some: do events name this one?" in text


def test_without_a_cohort_it_says_that_performance_is_unknown(tmp_path: Path) -> None:
    traffic = pane(0, [reading("volume", 100.0, tier="system")], "traffic")
    text = said(write(tmp_path, panes=[traffic]))
    assert "credit: performance is not known" in text
    assert "performance is not known: no cohort was judged: labels mature 7 d after a pane's end" in text
    assert "quiet" not in text


def unjudged(day: int, **fields: Any) -> PaneReport:
    """Return a cohort of which nothing could be judged."""
    unknown: dict[str, Any] = {"value": None, "n": 0, "status": "unknown", "reason": f"only {day} panes"}
    losses = [reading(signal, **unknown) for signal in ("error_rate", "recall")]
    return pane(day, [*losses, reading(segment="region=north", **unknown)], **fields)


def test_a_model_that_was_never_judged_is_not_quiet(tmp_path: Path) -> None:
    out = write(tmp_path, panes=[unjudged(day) for day in range(236)])
    text, page = said(out), write_report(out, spec()).read_text()
    assert "credit: performance is not known" in text
    assert "unknown performance is not known: 236 of 236 cohorts: only 0 panes" in text
    assert "unknown recall is not known: 236 of 236 cohorts: only 0 panes" in text
    assert "region=north" not in text, "where the whole is not known, neither are its parts"
    assert "236 of 236 cohorts: only 0 panes." in page, "the page has the same words"
    assert "quiet" not in text
    assert "all quiet" not in page


def test_features_that_could_mostly_not_be_judged_are_named_with_the_reason(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"tier": "drift", "value": None, "status": "unknown", "reason": "12 panes are too few"}
    drift = [reading("feature_drift", feature=name, **fields) for name in "abcdef"]
    known = reading("feature_drift", feature="known", tier="drift")
    text = said(write(tmp_path, panes=[judged(0, 0.05), pane(0, [*drift, known], "traffic")]))
    assert "credit: quiet, neither alarm nor notice" in text
    assert "unknown drift (PSI) of a, b, c, d and 2 more are not known: 1 of 1 panes: 12 panes are too few" in text


def test_each_version_whose_performance_is_not_known_is_named(tmp_path: Path) -> None:
    out = write(tmp_path, panes=[judged(0, 0.05), unjudged(0, version="2")], alerts=[alert()])
    text = said(out)
    assert "1 alarm, 0 notices, 0 retraining triggers, performance of version 2 is not known" in text
    assert "performance of version 2 is not known: 1 of 1 cohorts: only 0 panes" in text
    page = write_report(out, spec()).read_text()
    assert "performance of version 2 is not known: 1 of 1 cohorts: only 0 panes" in page


def test_a_trigger_that_is_held_back_is_told_with_the_reason(tmp_path: Path) -> None:
    held = [json.loads(judged(day, 0.09).model_dump_json()) for day in range(3)]
    held[0]["held_back"], held[2]["held_back"] = "the cooldown", "120 of 500 labelled rows"
    write(tmp_path)
    (tmp_path / "panes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in held))
    assert "A trigger is held back: 120 of 500 labelled rows" in said(tmp_path)
    assert "A trigger is held back: 120 of 500 labelled rows" in write_report(tmp_path, spec()).read_text()
    held[2]["held_back"] = None
    (tmp_path / "panes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in held))
    assert "held back" not in said(tmp_path)


def test_what_became_of_events_that_were_not_counted_is_said_in_words(tmp_path: Path) -> None:
    bins = {"dead_lettered": 1, "duplicate": 2, "late": 3, "expired": 4, "orphaned": 5, "waiting": 6}
    text = said(write(tmp_path, panes=[judged(0, 0.05)], counts=accounting(1000, **bins, corrected=1200)))
    for words in ("1 refused", "2 duplicate", "3 late", "4 expired", "5 orphaned", "6 waiting", "1,200 corrected"):
        assert words in text
    assert "of predictions: 1 refused (see the dead letters); 2 duplicate" in text
    assert "conflicting" not in text
    assert "of feedback" not in said(write(tmp_path, panes=[judged(0, 0.05)], counts=accounting()))


def test_events_that_do_not_add_up_are_an_error(tmp_path: Path) -> None:
    assert "do not add up" in printed(write(tmp_path, counts=accounting() | {"adds_up": False}))


def test_labels_that_would_help_are_told(tmp_path: Path) -> None:
    write(tmp_path, panes=[judged(0, 0.05)], label_requests=[label_request(id=str(n)) for n in range(3)])
    assert "3 labels of version 1 would help; see label_requests.jsonl" in printed(tmp_path)


def test_many_changes_are_cut_short_and_counted(tmp_path: Path) -> None:
    alerts = [alert(20, episode=str(n), severity="notice") for n in range(25)]
    text = printed(write(tmp_path, panes=[judged(0, 0.05)], alerts=alerts))
    assert text.count("notice   ") == 20
    assert "and 5 more changes in alerts.jsonl" in text


def test_with_several_versions_each_change_names_its_own(tmp_path: Path) -> None:
    panes = [judged(0, 0.05), judged(0, 0.05, detector="e_detector")]
    panes.append(pane(0, [reading()], version="2"))
    assert "(version 2)" in said(write(tmp_path, panes=panes, alerts=[alert(version="2")]))


def test_what_strangers_wrote_neither_drives_the_terminal_nor_is_markup(tmp_path: Path) -> None:
    evil = "[bold red]\x1b[2J\x1b]0;owned\x07\x9b31m\u202e%s[/]"
    write(
        tmp_path,
        panes=[judged(0, 0.05), pane(0, [reading()], version=evil)],
        alerts=[alert(summary=evil, version=evil, segment=evil)],
        triggers=[trigger(reason=evil, version=evil)],
        dead_letters=[dead_letter(topic=evil, message=evil)],
        label_requests=[label_request(version=evil)],
    )
    text = printed(tmp_path)
    assert not [each for each in text if (ord(each) < 32 and each != "\n") or each in "\x9b\u202e"]
    assert "[bold red]" in text


def test_a_feature_with_values_of_another_type_is_told_with_its_share(tmp_path: Path) -> None:
    invalid = [
        reading("invalid", share, tier="quality", feature=name) for name, share in (("income", 0.01), ("region", 0))
    ]
    text = said(write(tmp_path, panes=[judged(0, 0.05), pane(0, invalid, "traffic")]))
    assert "income: 1.0 % of its values are not numeric" in text
    assert "region:" not in text


def test_a_drift_is_told_as_the_share_that_moved_and_not_as_psi(tmp_path: Path) -> None:
    summary = "Share of income > 103.5 rose from 25.00 % to 43.40 % over 900 rows since 2026-01-20T00:00:00Z."
    drift: dict[str, Any] = {"tier": "drift", "signal": "feature_drift", "value": 0.434, "reference": 0.25}
    notice = alert(id="n", severity="notice", feature="income", summary=summary, **drift)
    moved = trigger().evidence[0].model_copy(update={**drift, "alert": "n", "feature": "income"})
    raised = trigger(policy="drift", tier="drift", signal="feature_drift", evidence=[moved])
    out = write(tmp_path, panes=[judged(0, 0.05)], alerts=[notice], triggers=[raised])
    write_report(out, spec())
    page = (out / "report.html").read_text()
    assert "<p>Share of income &gt; 103.5</p>" in page
    assert "Share of income &gt; 103.5: 25 % → 43.4 % over 200 rows" in page
    assert "drift (PSI) of income" not in page


def moved_along(signal: str, **fields: Any) -> Along:
    given: dict[str, Any] = {"severity": "notice", "tier": "drift", "detector": "cdf_bets", "since": START, **fields}
    return Along(signal=signal, what=f"share of {signal}", value=0.4, reference=0.2, n=50, **given)


def test_a_change_says_what_moved_with_it_where_it_sits_and_which_reasons_are_others(tmp_path: Path) -> None:
    where = ChangeSlice(
        conditions=["region = north"],
        rows=50,
        of=200,
        share=0.8,
        loss=0.3,
        before=0.1,
        description="region = north: 80 %",
    )
    reason = Reason(
        feature="income", reference=0.6, value=-0.2, low=-0.3, high=-0.1, n=800, description="income: -0.20"
    )
    first = alert(id="1", severity="notice", along=[moved_along("feature_drift", feature="income")])
    second = alert(id="2", slice=where, reasons=[reason], along=[moved_along("error_rate", detector="adwin")])
    joined = Joined(episode="episode", signal="missing", feature="income", detector="e_detector")
    out = write(tmp_path, panes=[judged(0, 0.05), pane(1, [reading()], joined=[joined])], alerts=[first, second])
    text = said(out)
    assert text.count("With it ") == 1
    with_it = "With it 2 other signals: drift (PSI) of income (share of feature_drift 20 % → 40 %), missing of income."
    assert with_it in text  # and not the same loss by another detector
    assert "Where: region = north: 80 %." in text
    assert "What sets high scores apart from low ones has changed: income: -0.20." in text
    write_report(out, spec())
    page = (out / "report.html").read_text()
    assert with_it in page
    assert "Where: region = north: 80 %." in page


def test_a_slice_that_the_sentence_names_is_not_said_twice(tmp_path: Path) -> None:
    where = ChangeSlice(conditions=["a"], rows=5, of=9, share=0.8, loss=0.3, before=0.1, description="a: 80 % of it")
    out = write(tmp_path, panes=[judged(0, 0.05)], alerts=[alert(slice=where, summary="It rose, where a: 80 % of it.")])
    assert said(out).count("80 % of it") == 1


def test_the_alarm_that_called_first_leads_and_every_other_alert_is_a_line_with_its_date(tmp_path: Path) -> None:
    where = ChangeSlice(conditions=["a"], rows=5, of=9, share=0.8, loss=0.3, before=0.1, description="a: 80 % of it")
    alerts = [
        alert(20, id="1", severity="notice", since=START + 21 * DAY, summary="A notice."),
        alert(22, id="2", evidence=1064.98, since=START + 19 * DAY, slice=where, summary="The performance."),
        alert(22, id="3", evidence=1.5, tier="quality", signal="missing", summary="The pipeline."),
        alert(44, id="4", evidence=1.04, tier="outcomes", signal="acceptance_rate", summary="What users say."),
        alert(50, id="5", severity="recovered", evidence=None, summary="It is back, and with it 3 other signals. So."),
    ]
    out = write(tmp_path, panes=[judged(0, 0.05)], alerts=alerts)
    text = said(out)
    assert (
        "alarm The performance. Raised 2026-01-29, 9 d after its start, as a notice; an alarm since 2026-01-31." in text
    )
    assert "since 2026-01-31. Evidence over 1,000; 1 is enough. Over since 2026-02-28." in text
    assert "With it 2 other signals: missing (5 % → 9 %), acceptance rate (5 % → 9 %). Where: a: 80 % of it." in text
    assert (
        "2026-01-29 notice: A notice. 2026-01-31 alarm: The pipeline. 2026-02-22 alarm: What users say. "
        "2026-02-28 recovered: It is back. So. "
    ) in text
    assert text.count("The performance.") == 1
    page = write_report(out, spec()).read_text()
    assert '<p class="said">The performance.</p>' in page
    assert "since 2026-01-20 · raised 2026-01-29, 9 d after its start, as a notice; an alarm since 2026-01-31" in page
    assert "<p>2026-02-22 alarm: What users say.</p>" in page


def test_a_notice_told_before_the_start_that_the_alarm_has_is_told_without_a_delay(tmp_path: Path) -> None:
    alerts = [alert(20, id="n", severity="notice"), alert(40, id="a", since=START + 35 * DAY)]
    text = said(write(tmp_path, panes=[judged(0, 0.05)], alerts=alerts))
    assert "Raised 2026-01-29, as a notice; an alarm since 2026-02-18." in text


def test_what_moved_along_is_counted_from_the_list_and_not_by_each_alert(tmp_path: Path) -> None:
    along = [moved_along("missing", feature=name, tier="quality") for name in "abcdefgh"]
    told = alert(summary="It rose; 1 other signal moved along.", along=along[:1])
    later = alert(30, tier="outcomes", signal="rating", along=along, summary="It fell; 9 other signals moved along.")
    out = write(tmp_path, panes=[judged(0, 0.05)], alerts=[told, later])
    text, page = said(out), write_report(out, spec()).read_text()
    assert "moved along" not in text
    assert "other signals moved along" not in page
    assert "With it 9 other signals: missing of a (20 % → 40 %), " in text
    assert "missing of f (20 % → 40 %) and 3 more." in text
    write(out, panes=[judged(0, 0.05)], alerts=[told.model_copy(update={"along": along, "along_more": 30})])
    assert "With it 38 other signals: " in said(out)
    assert "and 32 more." in said(out)


def test_what_was_advised_at_once_is_told_where_the_alerts_are(tmp_path: Path) -> None:
    out = a_bad_month(tmp_path)
    advice = Advice.model_validate(EXAMPLES["advice"] | {"model": "credit", "reason": "Go back to version 2 <now>."})
    (out / "advice.jsonl").write_text(advice.model_dump_json() + "\n")
    text, page = said(out), write_report(out, spec()).read_text()
    assert "at once: Go back to version 2 <now>." in text
    assert "at once: Go back to version 2 &lt;now&gt;." in page


def test_evidence_beyond_any_doubt_is_told_in_words(tmp_path: Path) -> None:
    out = write(tmp_path, panes=[judged(0, 0.05, evidence=2.4e254)], alerts=[alert(evidence=2.4e254)])
    assert "Evidence over 1,000; 1 is enough." in said(out)
    assert "e+254" not in said(out) + write_report(out, spec()).read_text()


def test_performance_that_is_known_of_some_cohorts_is_said_to_be_unknown_in_the_others(tmp_path: Path) -> None:
    panes = [unjudged(day) for day in range(31)] + [judged(day, 0.05) for day in range(31, 59)]
    out = write(tmp_path, panes=panes)
    text, page = said(out), write_report(out, spec()).read_text()
    assert "credit: performance is not known in 31 of 59 cohorts" in text
    assert "unknown performance is not known in 31 of 59 cohorts: only 0 panes" in text
    assert "credit: performance is not known in 31 of 59 cohorts" in page


def test_cohorts_are_counted_once_however_many_losses_are_judged_in_them(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"value": None, "n": 0, "status": "unknown", "reason": "no labels", "reference": 0.1}
    losses = [reading(signal, **fields) for signal in ("cost", "error_rate", "log_loss")]
    text = said(write(tmp_path, panes=[pane(day, losses) for day in range(60)]))
    assert "performance is not known: 60 of 60 cohorts: no labels" in text
    assert "180" not in text


def test_what_waiting_costs_is_in_the_unit_of_what_was_declared(tmp_path: Path) -> None:
    out = a_bad_month(tmp_path)
    assert "5,040 a day, in the unit of costs.loss: 4.2 more errors a day than in the reference." in said(out)
    matrix = spec(costs={"matrix": {"1": {"0": 10.0}, "0": {"1": 1.0}}})
    told = "5,040 a day, in the unit of costs.matrix; 4.2 more errors a day than in the reference."
    assert told in said(out, matrix)
    assert told in write_report(out, matrix).read_text()


def test_evidence_that_shares_an_alert_is_told_as_its_own_share(tmp_path: Path) -> None:
    summary = "Share of income > 103.5 rose from 25.00 % to 43.40 % over 900 rows since 2026-01-20T00:00:00Z."
    drift: dict[str, Any] = {"tier": "drift", "signal": "feature_drift", "value": 0.434, "reference": 0.25}
    along = moved_along("feature_drift", feature="region")
    notice = alert(id="n", severity="notice", feature="income", summary=summary, along=[along], **drift)
    features = ("income", "region", "age")
    evidence = [trigger().evidence[0].model_copy(update={**drift, "alert": "n", "feature": each}) for each in features]
    raised = trigger(policy="drift", tier="drift", signal="feature_drift", evidence=evidence)
    out = write(tmp_path, panes=[judged(0, 0.05)], alerts=[notice], triggers=[raised])
    write_report(out, spec())
    page = (out / "report.html").read_text()
    assert "Share of income &gt; 103.5: 25 % → 43.4 %" in page
    assert "Share of feature_drift: 25 % → 43.4 %" in page
    assert "drift of age (a share of rows): 25 % → 43.4 %" in page


def test_which_class_is_mistaken_for_which_is_said_with_the_change(tmp_path: Path) -> None:
    mistake = Mover(effect=0.098, description="tech answered as sales: 0.60 % → 10.40 % of rows")
    moved = [mistake, Mover(feature="income", effect=0.3, description="income: PSI 0.300 of late, beyond chance")]
    write(tmp_path, panes=[judged(0, 0.05)], alerts=[alert(20, movers=moved)])
    text = said(tmp_path)
    assert "Mistakes: tech answered as sales: 0.60 % → 10.40 % of rows." in text
    assert "PSI 0.300" not in text


def test_a_change_of_one_segment_is_not_said_to_be_spread_over_all_rows(tmp_path: Path) -> None:
    def where(description: str) -> ChangeSlice:
        return ChangeSlice(conditions=[], rows=9, of=9, share=1.0, loss=0.2, before=0.1, description=description)

    own = alert(20, segment="city=Graz", slice=where("within city=Graz: spread over all its rows"))
    whole = alert(22, id="later", slice=where("spread over all rows"))
    write(tmp_path, panes=[judged(0, 0.05)], alerts=[own, whole])
    text = said(tmp_path)
    assert "Where: within city=Graz: spread over all its rows." in text
    assert "spread over all rows" not in text
