"""The join: by hand, one verdict after the other, and that the interleaving of the two logs decides nothing."""

import pickle
import random
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.layout import FIXED
from detectors.layouts import Layouts
from detectors.row import Label
from detectors.summary import PaneSummary
from schemas.event_time import SECOND, Micros
from schemas.reading import Family
from schemas.spec import MonitorSpec
from schemas.watermark import Watermark
from streams.accounting import BINS, DETAILS, adds_up
from streams.decode import Refusal, decode
from streams.fit import Fit
from streams.join import MOST_FEEDBACK
from streams.label_log import said_how
from streams.messages import SummaryMessage, summary_of
from streams.partition import SourcePartition
from streams.pending_log import Accepted, Outcome
from streams.pending_rows import MOST_ROWS
from streams.records import ROLES, Record, Role
from streams.row_log import REPEATED
from streams.store import Table

from .join_oracle import JoinOracle, panes, stored_rows, tiny
from .level_one import END, LAYOUTS, ONE, SPEC
from .world import (
    HOUR,
    MINUTE,
    MODEL,
    OTHER,
    T0,
    Logs,
    Told,
    busy_logs,
    feedback,
    layouts_of,
    log_of,
    open_source,
    prediction,
    read_on,
    run,
    spec_of,
    steps,
    watermark,
)


def joined(
    path: Path, predictions: Iterable[dict[str, Any]], labels: Iterable[dict[str, Any]], feedback_first: bool = False
) -> Told:
    """Read two logs, each with a watermark at its end that settles everything."""
    logs: Logs = {
        "predictions": log_of([*predictions, watermark(END)]),
        "feedback": log_of([*labels, watermark(END)]),
    }
    order: list[Role] = ["feedback", "predictions"] if feedback_first else ["predictions", "feedback"]
    return run(SPEC, LAYOUTS, logs, path, [(role, 1_000) for role in order])


def bins(told: Told, role: Role = "feedback") -> dict[str, int]:
    """Return the bins and details that are not empty, without the watermark at the end."""
    assert adds_up(told.counts[role])
    assert told.counts[role]["control"] == 1
    found = {name: told.counts[role][name] for name in (*BINS, "waiting", *DETAILS) if name != "control"}
    return {name: count for name, count in found.items() if count}


def count(told: Told, family: str, section: str, model: str = "m", version: str | None = None) -> int:
    """Return the sum of a section over all panes."""
    total = 0
    for one in finals(told):
        if one.family == family and one.model == model and version in (None, one.version):
            layout = LAYOUTS.of(one.model, one.version).families[one.family]
            total += int(layout.view(summary_of(one).counts, section).sum())
    return total


def cells(told: Told, family: Family, section: str, model: str = "m") -> list[int]:
    """Return a section summed over all panes."""
    layout = LAYOUTS.of(model, "1").families[family]
    found = [summary_of(one).counts for one in finals(told) if (one.family, one.model) == (family, model)]
    total: list[int] = sum(layout.view(counts, section) for counts in found).tolist()
    return total


def finals(told: Told) -> list[SummaryMessage]:
    keys = [(one.model, one.version, one.family, one.start) for one in told.summaries()]
    assert len(keys) == len(set(keys)), "without idleness, each pane is sent once"
    return told.summaries()


@pytest.mark.parametrize("feedback_first", [False, True], ids=["prediction first", "feedback first"])
def test_a_label_meets_its_prediction_whichever_is_read_first(tmp_path: Path, feedback_first: bool) -> None:
    told = joined(tmp_path, [prediction("a", T0)], [feedback("a", T0 + HOUR)], feedback_first)
    assert bins(told) == {"summarised": 1}
    assert bins(told, "predictions") == {"summarised": 1}
    assert count(told, "traffic", "n") == count(told, "cohort", "n") == count(told, "label", "n") == 1
    assert count(told, "cohort", "losses") == count(told, "label", "losses") == 1


def test_the_label_pane_is_that_of_when_the_outcome_became_known(tmp_path: Path) -> None:
    events = [prediction("a", T0 + 55 * MINUTE), prediction("b", T0 + 65 * MINUTE)]
    told = joined(tmp_path, events, [feedback("b", T0 + 59 * MINUTE), feedback("a", T0 + 2 * HOUR)])
    starts = sorted(one.start for one in finals(told) if one.family == "label")
    assert starts == [T0 + HOUR, T0 + 2 * HOUR], "a label stamped before its prediction counts at the prediction's time"


@pytest.mark.parametrize(
    ("known", "bin_"),
    [
        (T0 + 6 * HOUR, "summarised"),
        (T0 + 6 * HOUR + 1, "expired"),
        (T0 + 12 * HOUR, "expired"),
        (T0 + 12 * HOUR + 1, "orphaned"),
        (T0 - 30 * MINUTE, "summarised"),
        (T0 - 30 * MINUTE - 1, "orphaned"),
    ],
)
@pytest.mark.parametrize("feedback_first", [False, True], ids=["prediction first", "feedback first"])
def test_the_horizon_and_the_lateness_are_exact(tmp_path: Path, known: Micros, bin_: str, feedback_first: bool) -> None:
    assert bins(joined(tmp_path, [prediction("a", T0)], [feedback("a", known)], feedback_first)) == {bin_: 1}


def test_expired_feedback_is_told_from_orphaned_even_when_its_row_is_about_to_be_dropped(tmp_path: Path) -> None:
    """Feedback two horizons after its prediction, and event time that comes on in small steps."""
    moments = [T0 + 12 * HOUR + minutes * MINUTE for minutes in range(0, 240, 5)]
    logs: Logs = {
        "predictions": log_of([prediction("a", T0), *(prediction(f"p{t}", t) for t in moments)]),
        "feedback": log_of([feedback("a", T0 + 12 * HOUR), *(feedback(f"p{t}", t) for t in moments)]),
    }
    turns: list[tuple[Role, int]] = [("predictions", 1), ("feedback", 1)]
    told = run(SPEC, LAYOUTS, logs, tmp_path, turns * len(logs["predictions"]))
    assert told.counts["feedback"]["expired"] == 1
    assert told.counts["feedback"]["orphaned"] == 0


def test_feedback_on_nobody_is_orphaned_and_waits_until_then(tmp_path: Path) -> None:
    logs: Logs = {"predictions": log_of([prediction("a", T0)]), "feedback": log_of([feedback("b", T0)])}
    waiting = run(SPEC, LAYOUTS, logs, tmp_path / "waiting")
    assert waiting.counts["feedback"]["waiting"] == 1
    assert adds_up(waiting.counts["feedback"])
    assert bins(joined(tmp_path / "over", [prediction("a", T0)], [feedback("b", T0)])) == {"orphaned": 1}


def test_a_late_label_is_counted_and_joins_nothing(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR), feedback("b", T0 + 30 * MINUTE), feedback("c", T0 + 30 * MINUTE - 1)]
    told = joined(tmp_path, [prediction(id, T0) for id in "abc"], labels)
    assert bins(told) == {"summarised": 2, "late": 1}
    assert count(told, "label", "n") == 2


def test_lateness_is_judged_before_duplication(tmp_path: Path) -> None:
    events = [prediction("a", T0), prediction("b", T0 + HOUR), prediction("a", T0)]
    assert bins(joined(tmp_path, events, []), "predictions") == {"summarised": 2, "late": 1}


def test_the_first_prediction_of_an_id_in_log_order_wins(tmp_path: Path) -> None:
    first = prediction("a", T0, output={"label": "1", "score": 0.9})
    second = prediction("a", T0 + MINUTE, output={"label": "0", "score": 0.1})
    told = joined(tmp_path, [first, second], [feedback("a", T0 + HOUR, label="1")])
    assert bins(told, "predictions") == {"summarised": 1, "duplicate": 1}
    assert count(told, "traffic", "n") == 1
    assert count(told, "cohort", "loss_sums") == 0, "the first one was right"


def test_an_id_may_be_used_again_after_the_horizon(tmp_path: Path) -> None:
    events = [prediction("a", T0), prediction("a", T0 + 6 * HOUR), prediction("a", T0 + 6 * HOUR + 1)]
    told = joined(tmp_path, events, [feedback("a", T0 + 7 * HOUR)])
    assert bins(told, "predictions") == {"summarised": 2, "duplicate": 1}
    assert bins(told) == {"summarised": 1}, "the label is of the second use: the first is past its horizon"
    assert count(told, "label", "n") == 1


def test_the_same_label_again_is_a_duplicate_and_nothing_more(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR), feedback("a", T0 + HOUR), feedback("a", T0 + 2 * HOUR, source="annotator")]
    told = joined(tmp_path, [prediction("a", T0)], labels)
    assert bins(told) == {"summarised": 1, "duplicate": 2}
    assert count(told, "label", "n") == 1


def test_another_label_is_a_conflict(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR, label="1"), feedback("a", T0 + 2 * HOUR, label="0")]
    told = joined(tmp_path, [prediction("a", T0, output={"label": "1"})], labels)
    assert bins(told) == {"summarised": 1, "duplicate": 1, "conflicting": 1}
    assert count(told, "cohort", "loss_sums") == 0, "the first label stays"


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_label_with_a_number_is_another_label_than_the_same_without(tmp_path: Path, value: float) -> None:
    labels = [feedback("a", T0 + HOUR, label="1"), feedback("a", T0 + 2 * HOUR, label="1", value=value)]
    told = joined(tmp_path, [prediction("a", T0)], [*labels, feedback("a", T0 + 3 * HOUR, label="1")])
    assert bins(told) == {"summarised": 1, "duplicate": 2, "conflicting": 1}


@pytest.mark.parametrize("change", [{"label": "0", "source": "annotator"}, {"correction": "0"}])
def test_another_label_from_somebody_who_may_correct_is_a_correction(tmp_path: Path, change: dict[str, Any]) -> None:
    labels = [feedback("a", T0 + HOUR, label="1"), feedback("a", T0 + 2 * HOUR, **change)]
    assert bins(joined(tmp_path, [prediction("a", T0)], labels)) == {"summarised": 1, "duplicate": 1, "corrected": 1}


CORRECTIONS: list[tuple[list[dict[str, Any]], list[int], list[int]]] = [
    # feedback on a prediction of 1; corrections of all that says a label; agreeing of all that users say
    ([{"label": "1"}, {"correction": "0"}], [1, 2], [0, 1]),
    ([{"label": "0"}, {"correction": "1"}], [1, 2], [1, 1]),
    ([{"label": "1"}, {"correction": "1"}], [0, 1], [0, 0]),
    ([{"label": "1"}, {"correction": "0"}, {"correction": "0"}], [1, 2], [0, 1]),
    ([{"correction": "0"}, {"correction": "1"}], [1, 1], [0, 1]),
    ([{"label": "1"}, {"label": "0", "source": "annotator"}, {"correction": "0"}], [1, 2], [0, 0]),
    ([{"label": "0", "source": "annotator"}], [0, 1], [0, 0]),
    ([{"label": "1"}, {"label": "0", "source": "user"}], [0, 1], [0, 0]),
    ([{"label": "0", "source": "user"}, {"label": "1", "source": "annotator"}], [1, 2], [0, 1]),
    ([{"rating": 0.0}, {"correction": "0", "rating": 1.0}], [1, 1], [0, 1]),
    ([{"label": "1", "rating": 1.0}, {"correction": "0"}], [1, 2], [0, 1]),
]


@pytest.mark.parametrize("feedback_first", [False, True], ids=["prediction first", "feedback first"])
@pytest.mark.parametrize(("said", "corrections", "accepted"), CORRECTIONS)
def test_the_first_correction_is_told_once_and_changes_no_loss(
    tmp_path: Path, said: list[dict[str, Any]], corrections: list[int], accepted: list[int], feedback_first: bool
) -> None:
    events = [prediction("a", T0, output={"label": "1"})]
    labels = [feedback("a", T0 + HOUR + number * MINUTE, **one) for number, one in enumerate(said)]
    told = joined(tmp_path, events, labels, feedback_first)
    first = next(one.get("correction", one.get("label")) for one in said if {"label", "correction"} & one.keys())
    assert count(told, "label", "losses") == count(told, "cohort", "losses") == 1
    assert count(told, "label", "loss_sums") == count(told, "cohort", "loss_sums") == (first != "1") * FIXED
    assert cells(told, "label", "corrections") == corrections
    assert cells(told, "label", "accepted")[2:] == accepted
    assert cells(told, "label", "outcomes") == [int(first != "1"), int(first == "1"), 0]


def test_a_correction_of_a_number_is_told_as_one(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR, value=12.0), feedback("a", T0 + 2 * HOUR, correction="12.0")]
    labels.append(feedback("a", T0 + 2 * HOUR, correction="10"))
    told = joined(tmp_path, [prediction("a", T0, "r", output={"value": 10.0})], labels)
    assert (cells(told, "label", "corrections", "r"), cells(told, "label", "accepted", "r")) == ([1, 2], [0, 0, 1, 1])
    assert count(told, "label", "losses", "r") == 1


def test_a_correction_that_comes_after_a_label_is_told_once_across_a_crash_and_a_restart(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR, label="1"), feedback("a", T0 + HOUR, correction="0")]
    labels += [feedback("a", T0 + HOUR, correction="0", rating=0.5), watermark(END)]
    predictions = [prediction("a", T0, output={"label": "1"}), watermark(END)]
    logs: Logs = {"predictions": log_of(predictions), "feedback": log_of(labels)}
    expected = run(SPEC, LAYOUTS, logs, tmp_path / "at once")
    assert cells(expected, "label", "corrections") == [1, 2]
    for number, roles in enumerate([ROLES, ROLES[::-1]]):
        path, told = tmp_path / str(number), Told()
        for role in roles:
            for _ in logs[role]:  # what is read and not written is read again
                for written in (False, True):
                    source = open_source(SPEC, LAYOUTS, path)
                    read_on(source, logs, role, 1)
                    if written:
                        told.take(source.checkpoint())
                        source.sent()
                    told.counts = source.counts()
                    source.close()
        assert (told.finals(), told.counts) == (expected.finals(), expected.counts)


def test_a_rating_and_a_label_of_one_prediction_are_both_taken(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + HOUR, rating=0.5), feedback("a", T0 + HOUR, label="1")]
    told = joined(tmp_path, [prediction("a", T0)], [*labels, feedback("a", T0 + HOUR, rating=0.1)])
    assert bins(told) == {"summarised": 2, "duplicate": 1}
    assert count(told, "label", "ratings") == 1
    assert count(told, "label", "losses") == 1


@pytest.mark.parametrize("said", ["nan", "inf", "-inf", "1e999"])
def test_a_correction_that_is_no_finite_number_is_no_number(tmp_path: Path, said: str) -> None:
    told = joined(tmp_path, [prediction("a", T0, "r")], [feedback("a", T0 + HOUR, correction=said)])
    assert bins(told) == {"orphaned": 1}  # it says nothing that a prediction could learn from


def test_a_correction_is_a_number_where_numbers_are_predicted(tmp_path: Path) -> None:
    event = prediction("a", T0, "r", output={"value": 10.0})
    told = joined(tmp_path, [event], [feedback("a", T0 + HOUR, correction="10.0")])
    assert (count(told, "label", "losses", "r"), count(told, "label", "loss_sums", "r")) == (1, 0)


@pytest.mark.parametrize("feedback_first", [False, True], ids=["predictions first", "feedback first"])
def test_one_label_joins_all_versions_of_its_id_and_counts_once(tmp_path: Path, feedback_first: bool) -> None:
    events = [prediction("a", T0, version="1"), prediction("a", T0, version="2"), prediction("a", T0, "r")]
    told = joined(tmp_path, events, [feedback("a", T0 + HOUR)], feedback_first)
    assert bins(told) == {"summarised": 1}
    assert [count(told, "label", "n", version=version) for version in "12"] == [1, 1]
    assert count(told, "label", "n", "r") == 1


@pytest.mark.parametrize("first", ["m", "r"])
def test_what_one_label_is_to_rows_of_two_models_goes_by_their_order_in_the_log(tmp_path: Path, first: str) -> None:
    """The second label is news to m and not to r: it counts for what it was to the row that came first."""
    events = [prediction("a", T0, first), prediction("a", T0, "m" if first == "r" else "r")]
    labels = [feedback("a", T0, model="r", value=9.0), feedback("a", T0, label="0", value=12.0)]
    logs: Logs = {"predictions": log_of([*events, watermark(END)]), "feedback": log_of([*labels, watermark(END)])}
    whole: list[tuple[Role, int]] = [("predictions", 9), ("feedback", 9)]
    single: list[tuple[Role, int]] = [("predictions", 1), ("predictions", 9), ("feedback", 1), ("feedback", 9)]
    expected = {"summarised": 2} if first == "m" else {"summarised": 1, "duplicate": 1, "conflicting": 1}
    for number, chunks in enumerate([whole, whole[::-1], single, [*single[2:], *single[:2]]]):
        assert bins(run(SPEC, LAYOUTS, logs, tmp_path / str(number), chunks)) == expected, chunks


def test_feedback_that_names_a_model_and_version_joins_those_alone(tmp_path: Path) -> None:
    events = [prediction("a", T0, version="1"), prediction("a", T0, version="2"), prediction("a", T0, "r")]
    told = joined(tmp_path, events, [feedback("a", T0 + HOUR, model="m", version="2")])
    assert [count(told, "label", "n", version=version) for version in "12"] == [0, 1]
    assert count(told, "label", "n", "r") == 0


def test_feedback_for_a_version_that_predicted_nothing_is_orphaned_even_if_another_version_is_old(
    tmp_path: Path,
) -> None:
    labels = [feedback("a", T0 + 7 * HOUR, version="2"), feedback("a", T0 + 7 * HOUR, version="1")]
    told = joined(tmp_path, [prediction("a", T0, version="1")], labels)
    assert bins(told) == {"orphaned": 1, "expired": 1}


def test_self_contained_feedback_needs_no_prediction_and_is_no_traffic(tmp_path: Path) -> None:
    told = joined(tmp_path, [], [feedback("a", T0 + HOUR, prediction=prediction("a", T0))])
    assert bins(told) == {"summarised": 1}
    assert [count(told, family, "n") for family in ("traffic", "cohort", "label")] == [0, 1, 1]


def test_self_contained_feedback_after_the_horizon_is_expired(tmp_path: Path) -> None:
    told = joined(tmp_path, [], [feedback("a", T0 + 6 * HOUR + 1, prediction=prediction("a", T0))])
    assert bins(told) == {"expired": 1}
    assert told.summaries() == []


def test_self_contained_feedback_that_says_the_same_again_is_a_duplicate(tmp_path: Path) -> None:
    one = feedback("a", T0 + HOUR, prediction=prediction("a", T0))
    told = joined(tmp_path, [], [one, one])
    assert bins(told) == {"summarised": 1, "duplicate": 1}
    assert [count(told, family, "n") for family in ("cohort", "label")] == [1, 1]


@pytest.mark.parametrize("seed", range(3))
def test_self_contained_feedback_is_told_apart_by_id_however_often_an_id_comes_in_a_chunk(
    tmp_path: Path, seed: int
) -> None:
    rng, events = random.Random(seed), []
    for number in range(200):
        id, time = f"p{min(rng.randrange(40), rng.randrange(40))}", T0 + number * MINUTE
        inside = prediction(id, time - rng.choice([0, 1, 7]) * HOUR, rng.choice("mmr"), version=rng.choice("12"))
        said: dict[str, Any] = rng.choice([{"label": "1", "value": 1.0}, {"label": "0", "value": 2.0}, {"rating": 0.5}])
        events.append(feedback(id, time, **said, **({"prediction": inside} if rng.random() < 0.9 else {})))
    logs: Logs = {"predictions": log_of([watermark(END)]), "feedback": log_of([*events, watermark(END)])}
    one, whole = (
        run(SPEC, LAYOUTS, logs, tmp_path / str(size), [("feedback", size)] * (202 // size + 1) + [("predictions", 1)])
        for size in (1, 201)
    )
    assert all(whole.counts["feedback"][bin_] > 5 for bin_ in ("summarised", "duplicate", "expired", "conflicting"))
    assert (whole.counts, whole.finals()) == (one.counts, one.finals())


def test_self_contained_feedback_after_the_judgement_does_not_open_the_cohort_again(tmp_path: Path) -> None:
    """Within the horizon (6 h), after the cohort was due (pane 1 h + maturity 3 h): it learns, and is not judged."""
    early = feedback("early", T0 + HOUR, prediction=prediction("early", T0))
    after = feedback("after", T0 + 5 * HOUR, prediction=prediction("after", T0))
    logs: Logs = {
        "predictions": log_of([prediction("a", T0), watermark(T0 + 5 * HOUR), watermark(END)]),
        "feedback": log_of([early, watermark(T0 + 5 * HOUR), after, watermark(END)]),
    }
    at_once = run(SPEC, LAYOUTS, logs, tmp_path / "at once")
    turns: list[tuple[Role, int]] = [("predictions", 2), ("feedback", 2), ("feedback", 9), ("predictions", 9)]
    step_by_step = run(SPEC, LAYOUTS, logs, tmp_path / "step by step", turns)
    for told in (at_once, step_by_step):
        assert bins_of(told) == {"summarised": 2}
        assert count(told, "cohort", "n") == 2, "a and early"
        assert count(told, "label", "n") == 2
    assert at_once.finals() == step_by_step.finals()


def bins_of(told: Told) -> dict[str, int]:
    return {name: told.counts["feedback"][name] for name in BINS if name != "control" and told.counts["feedback"][name]}


def test_a_label_after_the_judgement_is_learnt_from_and_not_judged(tmp_path: Path) -> None:
    told = joined(tmp_path, [prediction("a", T0)], [feedback("a", T0 + 4 * HOUR)])
    assert count(told, "cohort", "losses") == 0
    assert count(told, "label", "losses") == 1
    on_time = joined(tmp_path / "2", [prediction("a", T0)], [feedback("a", T0 + 4 * HOUR - 1)])
    assert count(on_time, "cohort", "losses") == 1


def test_an_id_that_comes_for_ever_waits_a_limited_number_of_times(tmp_path: Path) -> None:
    labels = [feedback("a", T0 + n, label="1") for n in range(MOST_FEEDBACK + 20)]
    others = [feedback(f"b{n}", T0 + n) for n in range(5)]
    for feedback_first in (False, True):
        path = tmp_path / str(feedback_first)
        told = joined(path, [prediction("b0", T0), prediction("b1", T0)], [*labels, *others, *others], feedback_first)
        assert bins(told) == {"orphaned": MOST_FEEDBACK + 2 * 3, "duplicate": 20 + 2, "summarised": 2}


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_an_id_that_is_predicted_for_ever_is_a_duplicate_in_the_end_and_no_other_id_is(
    tmp_path: Path, size: int
) -> None:
    """Each time with another version; each other id comes with two versions, before and after that."""
    endless = [prediction("a", T0, version=str(n)) for n in range(MOST_ROWS + 20)]
    before = [prediction(f"b{n}", T0, version="1") for n in range(10)]
    after = [prediction(f"b{n}", T0, version="2") for n in range(10)]
    logs: Logs = {
        "predictions": log_of([*endless, *before, *endless[-3:], *after, watermark(END)]),
        "feedback": log_of([watermark(END)]),
    }
    first = len(endless) + len(before)
    order: list[tuple[Role, int]] = [("predictions", min(size, first - at)) for at in range(0, first, size)]
    order += [("predictions", size)] * (24 // size + 1)
    told = run(SPEC, LAYOUTS, logs, tmp_path, [*order, ("feedback", 9)])
    assert bins(told, "predictions") == {"summarised": MOST_ROWS + 20, "duplicate": 20 + 3}


def test_a_prediction_that_comes_by_itself_and_in_feedback_is_sampled_the_same_in_any_interleaving(
    tmp_path: Path,
) -> None:
    own = feedback("a", T0 + HOUR, label="1", prediction=prediction("a", T0, output={"label": "1"}))
    events = [prediction("a", T0, output={"label": "0"})]
    one, other = (joined(tmp_path / str(first), events, [own], first) for first in (False, True))
    assert one.counts == other.counts
    assert one.finals() == other.finals()


IDS = "abc"
MOMENTS = st.integers(0, 40).map(lambda quarter: T0 + quarter * 15 * MINUTE)


@st.composite
def predictions(draw: st.DrawFn) -> tuple[Micros, dict[str, Any]]:
    time = draw(MOMENTS)
    event = prediction(
        draw(st.sampled_from(IDS)),
        time,
        draw(st.sampled_from(["m", "m", "r"])),
        version=draw(st.sampled_from(["1", "1", "2"])),
    )
    return time + draw(st.sampled_from([0, 0, 5, 15, 45])) * MINUTE, event


@st.composite
def labels(draw: st.DrawFn) -> tuple[Micros, dict[str, Any]]:
    id, time = draw(st.sampled_from(IDS)), draw(MOMENTS) + draw(st.sampled_from([0, 0, 2, 5, 12])) * HOUR
    said: dict[str, Any] = draw(
        st.sampled_from(
            [{"label": "1", "value": 9.0}, {"label": "0", "value": 12.0}, {"rating": 0.25}, {"correction": "0"},
             {"label": "1", "value": 9.0, "source": "annotator"}]
        )
    )  # fmt: skip
    aimed: dict[str, Any] = draw(st.sampled_from([{}, {}, {}, {"version": "2"}, {"model": "r"}]))
    if draw(st.integers(0, 5)) == 0:
        before = draw(st.sampled_from([0, 1, 3, 5, 7]))
        aimed = {"prediction": prediction(id, time - before * HOUR, draw(st.sampled_from(["m", "r"])))}
    return time + draw(st.sampled_from([0, 0, 20, 60])) * MINUTE, feedback(id, time, **said, **aimed)


@st.composite
def two_logs(draw: st.DrawFn) -> Logs:
    """Draw two logs, each in the order in which its events arrive: some are late, doubled, conflicting, too early."""
    logs: Logs = {}
    for role, events in (("predictions", predictions()), ("feedback", labels())):
        arrivals = sorted(draw(st.lists(events, max_size=25)), key=lambda pair: pair[0])
        found = [event for _, event in arrivals]
        if found and draw(st.booleans()):
            found.insert(draw(st.integers(0, len(found))), watermark(draw(MOMENTS)))
        logs[role] = log_of([*found, watermark(END)])
    return logs


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(two_logs(), st.integers(0, 2**32), st.integers(1, 8))
def test_no_interleaving_and_no_chunking_changes_a_summary_or_a_count(logs: Logs, seed: int, largest: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        orders: list[list[tuple[Role, int]]] = [
            [("predictions", 1_000), ("feedback", 1_000)],
            [("feedback", 1_000), ("predictions", 1_000)],
            list(steps(random.Random(seed), logs, largest)),
            list(steps(random.Random(seed + 1), logs, 1)),
        ]
        first, *others = [run(SPEC, LAYOUTS, logs, path / str(n), order) for n, order in enumerate(orders)]
        for told in (first, *others):
            assert all(adds_up(told.counts[role]) and told.counts[role]["waiting"] == 0 for role in ROLES)
            finals(told)
            assert told.counts == first.counts
            assert told.finals() == first.finals()


def test_a_long_busy_stream_too_comes_out_the_same_in_any_interleaving(tmp_path: Path) -> None:
    logs = busy_logs(3)
    one = run(SPEC, LAYOUTS, logs, tmp_path / "one")
    assert all(one.counts["feedback"][bin_] > 5 for bin_ in ("summarised", "duplicate", "late", "expired", "orphaned"))
    assert all(one.counts["feedback"][detail] > 5 for detail in ("corrected", "conflicting"))
    for seed in range(3):
        other = run(SPEC, LAYOUTS, logs, tmp_path / str(seed), steps(random.Random(seed), logs))
        assert (other.counts, other.finals()) == (one.counts, one.finals())


def test_rows_and_feedback_leave_memory_and_the_store_when_nothing_can_refer_to_them(tmp_path: Path) -> None:
    """Two horizons and a lateness after a prediction there is nothing left of it, but for a block that is not full."""
    spec, sealed = spec_of(m=MODEL), 30
    hours, each = range(80), 10
    logs: Logs = {
        "predictions": log_of([prediction(f"{h}-{i}", T0 + h * HOUR + i) for h in hours for i in range(each)]),
        "feedback": log_of([feedback(f"{h}-{i}", T0 + h * HOUR + i) for h in hours for i in range(each)]),
    }
    held = []
    with tiny(sealed, 2 * sealed):
        source = open_source(spec, layouts_of(spec), tmp_path)
        for _ in hours:
            for role in ROLES:
                read_on(source, logs, role, each)
            source.checkpoint()
            source.sent()
            held.append(kept(source))
        assert max(one["rows"] for one in held) <= each * (12 + 2) + sealed, "two horizons, and the hours at both ends"
        assert max(one["feedback"] for one in held) <= each * 3
        assert max(one["row blocks"] for one in held) <= each * (12 + 2) // sealed + 2
        assert max(one["label blocks"] for one in held) <= each * (12 + 2) // sealed + 3
        assert max(one["feedback blocks"] for one in held) <= each * 3 // sealed + 2
        for role in ROLES:
            source.process(role, log_of([watermark(END)], start=1_000))
        source.checkpoint()
        left = kept(source)
    assert left["feedback"] == 0
    assert left["rows"] < sealed
    assert [left[name] for name in ("row blocks", "label blocks", "feedback blocks")] == [1, 1, 1], "numbers go on"


def kept(source: SourcePartition) -> dict[str, int]:
    """Return how much of both topics is kept."""
    tables: list[Table] = ["rows", "labels", "feedback"]
    blocks = [len(list(source._store.items(table))) for table in tables]
    return {
        "rows": sum(len(log.rows) for log in source._join.logs),
        "feedback": len(source._join._waiting),
        **dict(zip(("row blocks", "label blocks", "feedback blocks"), blocks, strict=True)),
    }


def test_self_contained_rows_are_apart_from_others_of_their_id_and_leave_too(tmp_path: Path) -> None:
    with tiny(sealed=1):
        source = open_source(SPEC, LAYOUTS, tmp_path)
        source.process("feedback", log_of([feedback("a", T0, prediction=prediction("a", T0))]))
        source.process("predictions", log_of([prediction("a", T0)]))
        source.checkpoint()
        assert source.counts()["predictions"]["summarised"] == 1, "a key space of its own"
        assert kept(source)["rows"] == 2
        for role in ROLES:
            source.process(role, log_of([watermark(END)], start=1))
        source.checkpoint()
        assert kept(source)["rows"] == 0


def test_the_horizon_and_lateness_are_those_of_each_model(tmp_path: Path) -> None:
    assert (MODEL["label_horizon"], OTHER["label_horizon"]) == ("6h", "4h")
    events = [prediction("a", T0, "m"), prediction("a", T0, "r")]
    told = joined(tmp_path, events, [feedback("a", T0 + 5 * HOUR)])
    assert bins(told) == {"summarised": 1}
    assert [count(told, "label", "n", model) for model in "mr"] == [1, 0]


# Against plain code

MANY = spec_of(
    m={**MODEL, "sample": 3, "label_requests": {"strategies": ["random", "rare"]}},
    r=OTHER,
    t={
        **OTHER,
        **{"task": "text", "segments": [], "label_horizon": "4h", "pane": "30m", "reference": "t.json"},
        "label_requests": {"strategies": ["errors"]},
    },
    w={**MODEL, "features": {"x": "numeric"}, "segments": [], "label_horizon": "2h", "label_maturity": "1h"},
)
MONITORS = {
    # models to draw from: those of a monitor that keeps rows in several logs, and of one that has one log
    "mmrrtw": (MANY, Layouts(dict(MANY.models), LAYOUTS._profiles)),  # t and w have no reference
    "m": (ONE, LAYOUTS),
}
OUTPUTS: dict[str, list[dict[str, Any]]] = {
    "m": [{"label": "1", "score": 0.9}, {"label": "0"}, {"score": 0.25}, {"label": "no class"}],
    "r": [{"value": 9.0}, {"value": 12.5}],
    "t": [{"text": ""}, {"text": "an answer " * 300}],
    "w": [{"label": "1"}, {"label": "no", "score": 0.5}],
}
SAID: list[dict[str, Any]] = [
    {"label": "1"}, {"label": "0"}, {"value": 9.0}, {"value": 0.0}, {"label": "0", "value": 0.0},
    {"label": "1", "value": 9.0}, {"label": "0", "value": 12.0}, {"rating": 0.25}, {"label": "1", "rating": 1.0},
    {"value": 9.0, "rating": 0.5}, {"correction": "0"}, {"correction": "better"}, {"correction": "9.0"},
    {"correction": "nan", "rating": 0.0},
]  # fmt: skip
AIMED: list[dict[str, Any]] = [
    *[{}] * 6, {"model": "m"}, {"model": "r"}, {"model": "t"}, {"version": "1"}, {"version": "2"},
    {"model": "w", "version": "2"}, {"version": "nobody's"},
]  # fmt: skip


@st.composite
def any_prediction(draw: st.DrawFn, models: str, id: str, time: Micros) -> dict[str, Any]:
    model = draw(st.sampled_from(models))
    features = {"x": draw(st.sampled_from([0.5, None, "odd", 7])), "c": draw(st.sampled_from(["a", "b", None, "new"]))}
    if model == "w":
        features = {"x": 1.0} if draw(st.booleans()) else {"x": -1.0, "unexpected": 1}
    version = draw(st.sampled_from("112"))
    output = draw(st.sampled_from(OUTPUTS[model]))
    more = {"latency_ms": draw(st.sampled_from([5.0, None]))}
    return prediction(id, time, model, version, features=features, output=output, **more)


@st.composite
def any_event(draw: st.DrawFn, models: str, role: Role) -> tuple[Micros, dict[str, Any]]:
    id, time = draw(st.sampled_from(IDS)), draw(MOMENTS)
    if role == "predictions":
        return time + draw(st.sampled_from([0, 0, 5, 15, 45])) * MINUTE, draw(any_prediction(models, id, time))
    time += draw(st.sampled_from([-HOUR // 2, 0, 0, 2 * HOUR, 4 * HOUR, 5 * HOUR, 8 * HOUR, 12 * HOUR]))
    more = {**draw(st.sampled_from(SAID)), **draw(st.sampled_from(AIMED))}
    more["source"] = draw(st.sampled_from(["outcome", "outcome", "user", "annotator", "annotator"]))
    more["inclusion_probability"] = draw(st.sampled_from([None, None, 0.25]))
    if draw(st.integers(0, 4)) == 0:
        before = draw(st.sampled_from([0, 1, 3, 5, 7]))
        # A prediction that came both by itself and in feedback would be one row of a sample, and two of a pane.
        more["prediction"] = draw(any_prediction(models, id, time - before * HOUR + SECOND))
    return time + draw(st.sampled_from([0, 0, 20, 60])) * MINUTE, feedback(id, time, **more)


Turn = tuple[Role, int, str]
"""Topic, records, and what happens then."""


@st.composite
def any_run(draw: st.DrawFn) -> tuple[str, Logs, list[Turn]]:
    models = draw(st.sampled_from([*MONITORS]))
    logs: Logs = {}
    for role in ROLES:
        drawn = draw(st.lists(any_event(models, role), min_size=3, max_size=35))
        arrivals = [event for _, event in sorted(drawn, key=lambda pair: pair[0])]
        logs[role] = log_of([*arrivals, watermark(END)])
    sizes = draw(st.sampled_from([st.just(100), st.integers(1, 4), st.integers(1, 20)]))
    then = st.sampled_from(["on", "on", "checkpoint", "checkpoint", "reopen", "crash"])
    turns: list[Turn] = draw(st.lists(st.tuples(st.sampled_from(ROLES), sizes, then), max_size=30))
    return models, logs, turns


class Compared:
    """A source partition and the oracle, fed the same, restarted together."""

    def __init__(self, spec: MonitorSpec, layouts: Layouts, path: Path) -> None:
        self.spec, self.layouts, self.path = spec, layouts, path
        self.oracle, self.fit = JoinOracle(spec), Fit(spec, layouts)
        self.accepted: list[tuple[object, ...]] = []
        self.joined: list[tuple[object, ...]] = []
        self.sent = Told()
        self.open()
        self.checkpoint()

    def open(self) -> None:
        self.source = open_source(self.spec, self.layouts, self.path)
        add = self.source._panes.add

        def noted(outcomes: Sequence[Outcome]) -> None:
            for outcome in outcomes:
                self.note(outcome)
            add(outcomes)

        self.source._panes.add = noted  # type: ignore[method-assign, assignment]

    def note(self, outcome: Outcome) -> None:
        log, numbers = outcome.log, outcome.numbers
        names = [self.source.groups.names[group] for group in log.rows.of("group", numbers).tolist()]
        ascending = np.unique(numbers)
        found = dict(zip(ascending.tolist(), stored_rows(log.rows, self.source.groups, ascending), strict=True))
        rows = [(*name, found[number]) for name, number in zip(names, numbers.tolist(), strict=True)]
        if isinstance(outcome, Accepted):
            self.accepted += zip(rows, outcome.offsets.tolist(), strict=True)
        elif not (outcome.kinds & REPEATED).any():  # what came by itself as well is seen in the panes
            told = (outcome.times, outcome.labels, outcome.values, outcome.ratings, outcome.offsets)
            how = map(said_how, outcome.kinds.tolist())
            self.joined += zip(rows, *(map(unmissing, column) for column in told), how, strict=True)

    def read(self, role: Role, records: Sequence[Record]) -> None:
        self.source.process(role, records)
        for record in records:
            event = decode(role, record, self.spec)
            assert not isinstance(event, Refusal), event
            fits = isinstance(event, Watermark) or self.fit.problem(event) is None
            self.oracle.take(role, event, record.offset, fits)

    def checkpoint(self) -> None:
        self.sent.take(self.source.checkpoint())
        self.source.sent()
        self.oracle.checkpoint()
        self.committed = pickle.dumps((self.oracle, self.accepted, self.joined))

    def reopen(self) -> None:
        """Start again from the store: nothing is left of what came after the last checkpoint."""
        self.source.close()
        self.open()
        self.oracle, self.accepted, self.joined = pickle.loads(self.committed)

    def check(self) -> None:
        counts = self.source.counts()
        for role in ROLES:
            assert {name: count for name, count in counts[role].items() if count} == {
                name: count for name, count in self.oracle.counts[role].items() if count
            }
        accepted = [((one.model, one.version, one.row), one.offset) for one in self.oracle.accepted]
        assert sorted(self.accepted, key=repr) == sorted(accepted, key=repr)
        joined = [
            ((told.model, told.version, told.row), new.time, new.label, new.value, new.rating, offset, how_said(new))
            for told, new, offset in self.oracle.joined
        ]
        assert sorted(self.joined, key=repr) == sorted(joined, key=repr)

    def check_panes(self) -> None:
        """Compare the panes that are open, and those that were sent, with all that was ever accepted and joined."""
        expected = panes(self.oracle, self.layouts)
        found = {(one := summary_of(message)).key: one for message in self.sent.summaries()}
        self.source._panes.count()
        for summary in self.source._panes.summaries(self.source._panes.keys):
            assert summary.key not in found, "sent, and open again"
            found[summary.key] = summary
        assert found.keys() == expected.keys()
        for key, summary in expected.items():
            assert_same_summary(found[key], summary)


def how_said(label: Label) -> tuple[bool, bool, bool, bool]:
    return label.corrects, label.by_user, label.later, label.chosen


def unmissing(value: Any) -> Any:
    value = getattr(value, "tolist", lambda: value)()
    return None if value != value else value


def assert_same_summary(found: PaneSummary, expected: PaneSummary) -> None:
    assert found.counts.tolist() == expected.counts.tolist(), found.key
    chosen = [None if one is None else one.tolist() for one in (found.chosen, expected.chosen)]
    assert chosen[0] == chosen[1], found.key
    assert found.offsets == expected.offsets, found.key
    assert found.fingerprint == expected.fingerprint
    assert found.odd == expected.odd, found.key
    (rows, hashes), (others, theirs) = found.sample.packed(), expected.sample.packed()
    assert (rows, hashes.tolist()) == (others, theirs.tolist()), found.key


@settings(max_examples=400, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(any_run(), st.booleans())
def test_it_says_what_plain_code_says_whatever_the_chunks_the_checkpoints_and_the_restarts(
    drawn: tuple[str, Logs, list[Turn]], small: bool
) -> None:
    models, logs, turns = drawn
    with tempfile.TemporaryDirectory() as directory, tiny() if small else nullcontext():
        both = Compared(*MONITORS[models], Path(directory))
        end: list[Turn] = [(role, 100, "checkpoint") for role in ROLES]
        for role, size, then in [*turns, *end]:
            start = both.source.position[role] or 0
            both.read(role, logs[role][start : start + size])
            if then == "crash":
                both.reopen()
            elif then in ("checkpoint", "reopen"):
                both.checkpoint()
                if then == "reopen":
                    both.reopen()
                both.check()
                if then == "reopen":
                    both.check_panes()
        both.check()
        both.check_panes()
        assert all(both.source.counts()[role]["waiting"] == 0 for role in ROLES)
        assert both.source._panes.keys == []
        both.source.close()
