"""What `replay` says at its end: what it saw, what it raised, where it stands; at 80 columns and in a pipe."""

import io
from pathlib import Path

from rich.console import Console

from schemas.spec import MonitorSpec
from streams.terminal_report import print_report

from .report_fixture import (
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
    assert "unknown no cohort was judged: labels mature 7 d after a pane's end" in text


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
