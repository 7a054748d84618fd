"""Proxies are read as they are, a rise is a notice, a clean stream raises none, and what cannot be judged says why."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from detectors.layout import FIXED, Layout
from detectors.signals.proxies import proxies
from detectors.signals.signal import Finding, Signal
from detectors.state import decode, encode
from schemas.profile import ReferenceProfile
from schemas.reading import Reading

from ..builders import DAY, START, TASKS, blank_pane, days, layout_of, model_spec, pane_of, profile_of, read

WEIGHT = 0.1


def readings(signals: list[Signal], *panes: Any) -> dict[str, Reading]:
    return {finding.reading.signal: finding.reading for signal in signals for finding in read(signal, panes)}


def traffic(layout: Layout, day: int, seed: int, change: Callable[[Any, random.Random], None] | None = None) -> Any:
    """A day of rows, each changed by `change`."""
    rows, rng = days(layout.spec, 1, seed=seed, first=day), random.Random(f"{seed}/{day}")
    for row, _ in rows:
        if change is not None:
            change(row, rng)
    return pane_of(layout, "traffic", rows, START + day * DAY)


def fired(layout: Layout, change: Callable[[Any, random.Random], None] | None, seed: int = 9) -> dict[str, Finding]:
    """The first notice of each signal in forty days."""
    found: dict[str, Finding] = {}
    for signal in proxies(layout, WEIGHT):
        for day in range(40):
            for finding in signal.read(traffic(layout, day, seed, change)):
                if finding.firing is not None:
                    found.setdefault(finding.reading.signal, finding)
    return found


def known_texts(row: Any, rng: random.Random) -> None:
    row.text = f"an answer of its own {rng.random()}"
    row.text_length = len(row.text)


def profile_with(task: str, change: Callable[[Any, random.Random], None], **settings: Any) -> Layout:
    """A layout whose reference is forty days of changed rows."""
    from detectors.build_profile import build_profile

    spec, rng = model_spec(task, **settings), random.Random(1)
    rows = days(spec, 40, first=-1_000)
    for row, _ in rows:
        change(row, rng)
    return layout_of(spec, build_profile("m", None, spec, rows))


@pytest.fixture(scope="module")
def texts() -> Layout:
    return profile_with("text", known_texts, text={"words": ["darn"]})


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_a_clean_stream_raises_nothing(task: str) -> None:
    spec = model_spec(task)
    assert fired(layout_of(spec, profile_of(spec)), None) == {}


def test_clean_texts_raise_nothing(texts: Layout) -> None:
    assert fired(texts, known_texts) == {}


def test_confidence_of_a_binary_model_is_that_of_the_likelier_class() -> None:
    layout = layout_of(model_spec(), None)
    rows = days(layout.spec, 1, rows=4)
    for (row, _), score in zip(rows, [0.9, 0.2, 0.5, None], strict=True):
        row.score = score
    found = readings(proxies(layout, WEIGHT), pane_of(layout, "traffic", rows))
    assert found["confidence"].value == pytest.approx((0.9 + 0.8 + 0.5) / 3)
    assert found["margin"].value == pytest.approx((0.8 + 0.6 + 0) / 3)
    assert found["entropy"].value == pytest.approx((0.4689956 + 0.7219281 + 1) / 3)
    assert {found[name].n for name in ("confidence", "margin", "entropy")} == {3}
    assert found["repeated_outputs"].value in (0.5, 0.75, 1.0)


def test_entropy_and_margin_of_many_classes_come_with_the_row() -> None:
    layout = layout_of(model_spec("multiclass"), None)
    rows = days(layout.spec, 1, rows=3)
    for (row, _), extras in zip(rows, [(0.5, 0.25), (0.25, 0.75), ()], strict=True):
        row.extras, row.score = extras, 0.75
    found = readings(proxies(layout, WEIGHT), pane_of(layout, "traffic", rows))
    assert (found["entropy"].value, found["entropy"].n) == (pytest.approx(0.375), 2)
    assert (found["margin"].value, found["margin"].n) == (pytest.approx(0.5), 2)
    assert (found["confidence"].value, found["confidence"].n) == (pytest.approx(0.75), 3)


def test_a_fall_of_confidence_is_a_notice() -> None:
    def doubtful(row: Any, rng: random.Random) -> None:
        row.score = rng.uniform(0.4, 0.6)

    layout = layout_of(model_spec(), profile_of(model_spec()))
    finding = fired(layout, doubtful)["confidence"]
    assert finding.firing is not None
    assert (finding.firing.severity, finding.reading.tier) == ("notice", "proxies")
    assert finding.firing.reference is not None
    assert finding.firing.value < 0.56 < finding.firing.baseline < finding.firing.reference  # type: ignore[operator]
    assert finding.reading.effect is not None
    assert finding.reading.effect < 0
    assert finding.firing.minimum_effect == 0.02


def test_the_same_output_again_and_again_is_a_notice_wherever_outputs_vary(texts: Layout) -> None:
    def stuck(row: Any, rng: random.Random) -> None:
        if rng.random() < 0.4:
            row.text, row.text_length = "the same", 8
        else:
            known_texts(row, rng)

    finding = fired(texts, stuck)["repeated_outputs"]
    assert finding.firing is not None
    assert finding.firing.value == pytest.approx(0.4, abs=0.1)
    assert "same text" in finding.firing.what

    def number(row: Any, rng: random.Random) -> None:
        row.value = 50.0 if rng.random() < 0.4 else row.value

    spec = model_spec("regression")
    found = fired(layout_of(spec, profile_of(spec)), number)["repeated_outputs"]
    assert found.reading.value == pytest.approx(0.4, abs=0.2)


def test_a_class_that_crowds_out_the_others_is_named() -> None:
    def low(row: Any, rng: random.Random) -> None:
        row.label = "low" if rng.random() < 0.7 else row.label

    spec = model_spec("multiclass")
    finding = fired(layout_of(spec, profile_of(spec)), low)["repeated_outputs"]
    assert finding.firing is not None
    assert finding.firing.what == "share of predictions of low"


@pytest.mark.parametrize(
    ("signal", "text"),
    [
        ("empty_outputs", " \u200b "),
        ("oversized_outputs", "word " * 400),
        ("refused_outputs", "I'm sorry, but I can't do that, "),
        ("listed_words", "a darn answer "),
        ("repetition", "again and again and again and again and again and again "),
    ],
)
def test_texts_that_are_no_answers_are_a_notice(texts: Layout, signal: str, text: str) -> None:
    def bad(row: Any, rng: random.Random) -> None:
        known_texts(row, rng)
        if rng.random() < 0.3:
            row.text = text if signal == "empty_outputs" else f"{text}{rng.random()}"
            row.text_length = len(row.text)

    found = fired(texts, bad)
    assert signal in found
    assert set(found) <= {
        signal,
        "oversized_outputs",
        "repetition",
        *(["repeated_outputs"] if "empty" in signal else []),
    }
    assert found[signal].reading.tier == "proxies"


def test_how_long_a_text_may_be_is_declared_or_what_the_reference_stays_within(texts: Layout) -> None:
    assert texts.longest_text is not None
    assert 20 < texts.longest_text < 60
    declared = layout_of(model_spec("text", text={"max_length": 7}), texts.profile)
    assert declared.longest_text == 7
    rows = days(declared.spec, 1, rows=3)
    for (row, _), length in zip(rows, (6, 7, 8), strict=True):
        row.text_length = length
    found = readings(proxies(declared, WEIGHT), pane_of(declared, "traffic", rows))
    assert found["oversized_outputs"].value == pytest.approx(1 / 3)


@pytest.mark.parametrize("task", TASKS)
def test_without_a_reference_all_is_read_and_nothing_judged(task: str) -> None:
    layout = layout_of(model_spec(task), None)
    found = readings(proxies(layout, WEIGHT), pane_of(layout, "traffic", days(layout.spec, 1)))
    assert found["repeated_outputs"].status == "unknown"
    assert "no reference profile" in (found["repeated_outputs"].reason or "")
    assert all(reading.value is not None for reading in found.values())
    assert "oversized_outputs" not in found
    assert "listed_words" not in found


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"panes": 5}, "the reference has 5 panes"),
        ({"counts": {}}, "the reference has none"),
        ({"few_panes": {"proxy:doubt": 3}}, "3 panes with rows of it"),
    ],
)
def test_a_reference_that_says_too_little_is_named(changes: dict[str, Any], problem: str) -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec).model_copy(update=changes))
    found = readings(proxies(layout, WEIGHT), pane_of(layout, "traffic", days(spec, 1)))
    assert found["confidence"].status == "unknown"
    assert problem in (found["confidence"].reason or "")


def test_no_weight_stakes_nothing() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))
    found = readings(proxies(layout, 0.0), pane_of(layout, "traffic", days(spec, 1)))
    assert {found[name].status for name in ("confidence", "repeated_outputs")} == {"unknown"}


@pytest.mark.parametrize("task", TASKS)
def test_no_more_than_the_weight_is_staked(task: str, texts: Layout) -> None:
    spec = model_spec(task, scores={"toxicity": None})
    layout = texts if task == "text" else layout_of(spec, profile_of(spec))
    staked = [signal for signal in proxies(layout, WEIGHT) if getattr(signal, "_bet", None) is not None]
    assert staked
    assert sum(signal._bet.detector.weight for signal in staked) <= WEIGHT + 1e-12  # type: ignore[attr-defined]


def test_scores_that_stop_coming_are_unknown() -> None:
    spec = model_spec()
    layout = layout_of(spec, profile_of(spec))

    def silent(row: Any, rng: random.Random) -> None:
        row.score = None

    found = readings(proxies(layout, WEIGHT), traffic(layout, 0, 0, silent))
    assert (found["confidence"].status, found["confidence"].value) == ("unknown", None)
    assert found["confidence"].reason == "no prediction in the pane has it"


@pytest.mark.parametrize("task", TASKS)
def test_an_empty_pane_and_a_broken_one_are_read(task: str) -> None:
    spec = model_spec(task, scores={"toxicity": None})
    for profile in (None, profile_of(spec)):
        layout = layout_of(spec, profile)
        signals = proxies(layout, WEIGHT)
        broken = pane_of(layout, "traffic", days(spec, 1), mismatched=1)
        for pane in (blank_pane(layout, "traffic"), broken):
            for signal in signals:
                for finding in signal.read(pane):
                    assert finding.firing is None
                    assert finding.reading.status == "unknown" or pane is not broken


def test_a_stale_reference_judges_nothing() -> None:
    spec = model_spec(reference_max_age="30d")
    profile = profile_of(model_spec())
    layout = layout_of(spec, profile)
    found = readings(proxies(layout, WEIGHT), pane_of(layout, "traffic", days(spec, 1)))
    assert "the reference is stale" in (found["confidence"].reason or "")
    assert found["confidence"].value is not None


@pytest.mark.parametrize("task", TASKS)
def test_they_go_on_from_a_snapshot(task: str) -> None:
    spec = model_spec(task)
    layout = layout_of(spec, profile_of(spec))
    signals = proxies(layout, WEIGHT)
    for day in range(3):
        readings(signals, traffic(layout, day, 0))
    again = decode(encode(signals))
    assert encode(again) == encode(signals)
    pane = traffic(layout, 3, 0)
    assert readings(again, pane) == readings(signals, pane)


def test_false_notices_keep_within_their_share() -> None:
    """A stationary stream of many panes; the budget is one per day, so that there is something to count."""
    spec = model_spec(notices="1 per 2d")
    profile: ReferenceProfile = profile_of(spec)
    layout, rng, count = layout_of(spec, profile), np.random.default_rng(3), 0
    signals = [signal for signal in proxies(layout, 1.0) if hasattr(signal, "_bet")]
    for day in range(2_000):
        doubts = rng.uniform(0, 0.5, 50)
        bins = np.minimum((doubts * 20).astype(int), 19)
        sums = np.rint(np.bincount(bins, doubts, 20) * FIXED)
        yes = rng.binomial(50, 0.5)
        pane = blank_pane(
            layout,
            "traffic",
            day,
            n=50,
            doubt=np.bincount(bins, minlength=20),
            doubt_sums=sums,
            classes=[50 - yes, yes, 0],
        )
        count += sum(finding.firing is not None for signal in signals for finding in signal.read(pane))
    assert count <= 1_000, "one for two days"
