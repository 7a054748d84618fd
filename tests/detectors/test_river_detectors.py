"""Each detector is River's, alarm for alarm, over guarded, turned and standardised losses, and nothing silences it."""

import math
import random
import subprocess
import sys
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import pytest
from river import drift
from river.datasets import synth
from river.drift import binary
from river.naive_bayes import GaussianNB

from detectors.river_detectors import river_detector
from detectors.running_scale import RunningScale
from detectors.state import decode, encode
from detectors.stream_detector import StreamDetector, stream_detector
from schemas.detector_spec import ANY_LOSS, AdwinSpec, AnyDetector, DetectorName

ROOT = Path(__file__).parents[2]


class Pair(NamedTuple):
    """A detector of the monitor file, and the same of River's, made by hand."""

    spec: AnyDetector
    river: Callable[[], Any]


def spec_of(name: str, **settings: Any) -> AnyDetector:
    """As a monitor file says it."""
    kinds = {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(AnyDetector)}
    found: AnyDetector = kinds[name].model_validate({"type": name, **settings})
    return found


DEFAULTS = [
    Pair(spec_of("adwin"), drift.ADWIN),
    Pair(spec_of("kswin"), lambda: drift.KSWIN(alpha=0.0001, window_size=300, stat_size=100, seed=1)),
    Pair(spec_of("page_hinkley"), lambda: drift.PageHinkley(delta=0.1)),
    Pair(spec_of("ddm"), binary.DDM),
    Pair(spec_of("eddm"), binary.EDDM),
    Pair(spec_of("fhddm"), binary.FHDDM),
    Pair(spec_of("hddm_a"), binary.HDDMA),
    Pair(spec_of("hddm_w"), binary.HDDMW),
]
OTHERS = [
    Pair(spec_of("adwin", delta=0.2), lambda: drift.ADWIN(delta=0.2)),
    Pair(
        spec_of("kswin", alpha=0.01, window_size=200, stat_size=100, seed=42),
        lambda: drift.KSWIN(alpha=0.01, window_size=200, stat_size=100, seed=42),
    ),
    Pair(
        spec_of("page_hinkley", min_instances=60, delta=0.005, threshold=20, alpha=0.999),
        lambda: drift.PageHinkley(min_instances=60, delta=0.005, threshold=20, alpha=0.999),
    ),
    Pair(spec_of("ddm", warm_start=100, drift_threshold=2.5), lambda: binary.DDM(warm_start=100, drift_threshold=2.5)),
    Pair(spec_of("eddm", warm_start=50, beta=0.97), lambda: binary.EDDM(warm_start=50, alpha=0.99, beta=0.97)),
    Pair(
        spec_of("fhddm", sliding_window_size=80, confidence_level=0.01, short_window_size=20),
        lambda: binary.FHDDM(sliding_window_size=80, confidence_level=0.01, short_window_size=20),
    ),
    Pair(
        spec_of("hddm_a", drift_confidence=0.01, two_sided_test=True),
        lambda: binary.HDDMA(drift_confidence=0.01, two_sided_test=True),
    ),
    Pair(
        spec_of("hddm_w", drift_confidence=0.0001, lambda_val=0.02, two_sided_test=True),
        lambda: binary.HDDMW(drift_confidence=0.0001, lambda_val=0.02, two_sided_test=True),
    ),
]
EACH = pytest.mark.parametrize("pair", DEFAULTS, ids=lambda pair: pair.spec.type)
EVERY = pytest.mark.parametrize("pair", DEFAULTS + OTHERS, ids=lambda pair: pair.spec.type)


def steps(seed: int = 42) -> list[float]:
    """An error rate that goes up, down and up."""
    rng = random.Random(seed)
    return [float(rng.random() < rate) for rate in (0.2, 0.6, 0.05, 0.4) for _ in range(600)]


def of_rivers_tests() -> list[float]:
    """The 0/1 streams that River tests its detectors with."""
    first, second = np.random.RandomState(12345), np.random.RandomState(12345)
    rare = [first.binomial(1, rate) for rate in (0.2, 0.8) for _ in range(1_000)]
    signs = np.concatenate([second.normal(mean, 0.1, 500) > 0 for mean in (0.0, 0.25, 0.0, 0.25)])
    return [float(value) for value in (*rare, *signs)]


def learner_errors() -> list[float]:
    """Errors of naive Bayes, test-then-train, on a stream of River's whose concept changes."""
    model, errors = GaussianNB(), []
    stream = synth.ConceptDriftStream(
        synth.Sine(classification_function=0, seed=1),
        synth.Sine(classification_function=1, seed=2),
        seed=3,
        position=1_500,
        width=50,
    )
    for x, y in islice(stream, 2_500):
        errors.append(float(model.predict_one(x) != y))
        model.learn_one(x, y)
    return errors


STREAMS = {"steps": steps, "tests": of_rivers_tests, "learner": learner_errors}


def by_hand(pair: Pair, losses: Iterable[float]) -> list[int]:
    """River itself over what it wants of these losses."""
    river, scale, alarms = pair.river(), RunningScale(), []
    for i, loss in enumerate(losses):
        if pair.spec.type == "page_hinkley":
            known = scale.rows >= 30
            score = scale.score(loss, learn=True)
            loss = score if known else 0.0
        elif pair.spec.type == "fhddm":
            loss = 1 - loss
        river.update(loss)
        if river.drift_detected:
            alarms.append(i)
            scale = RunningScale()
    return alarms


def feed(detector: StreamDetector, losses: Iterable[float]) -> list[int]:
    return [detector.position - 1 for loss in losses if detector.update(loss)]


@pytest.mark.parametrize("stream", STREAMS)
@EVERY
def test_alarms_are_those_of_river_by_hand(pair: Pair, stream: str) -> None:
    losses = STREAMS[stream]()
    expected = by_hand(pair, losses)
    assert expected
    detector = stream_detector(pair.spec)
    assert feed(detector, losses) == expected
    assert (detector.position, detector.skipped, detector.alarms) == (len(losses), 0, len(expected))


def jump() -> list[float]:
    rng = random.Random(12345)
    return [float(value) for value in rng.choices([0, 1], k=1_000) + rng.choices(range(4, 8), k=1_000)]


def worse() -> list[float]:
    rng = random.Random(42)
    return [float(value) for value in rng.choices([0, 1], k=1_000) + rng.choices([0, 1], k=1_000, weights=[0.3, 0.7])]


def less_right() -> list[float]:
    rng = random.Random(42)
    return [1.0 - value for value in rng.choices([0, 1], k=250) + rng.choices([0, 1], k=250, weights=[0.9, 0.1])]


@pytest.mark.parametrize(
    ("spec", "losses", "alarms"),
    [
        (spec_of("adwin"), jump, [1023]),
        (spec_of("kswin", alpha=0.0001, window_size=100, stat_size=30, seed=42), jump, [1016]),
        (spec_of("ddm"), worse, [1334]),
        (spec_of("eddm", beta=0.75), worse, [1278]),
        (spec_of("fhddm"), less_right, [315]),
        (spec_of("fhddm", short_window_size=20), less_right, [279]),
        (spec_of("hddm_a"), worse, [1206]),
        (spec_of("hddm_w"), worse, [1077]),
    ],
    ids=lambda each: getattr(each, "type", None),
)
def test_alarms_are_those_that_rivers_documentation_prints(
    spec: AnyDetector, losses: Callable[[], list[float]], alarms: list[int]
) -> None:
    assert feed(stream_detector(spec), losses()) == alarms


@pytest.mark.parametrize("bad", [math.nan, -math.inf, 1e300])
@EACH
def test_a_bad_value_is_skipped_and_silences_nothing(pair: Pair, bad: float) -> None:
    losses = steps()[:1_900]
    detector = stream_detector(pair.spec)
    assert detector.update(bad) is False
    assert feed(detector, [*losses[:300], bad, bad, *losses[300:]]) == by_hand(pair, losses)
    assert (detector.skipped, detector.position) == (3, len(losses))


def test_river_alone_is_silenced_by_one_nan() -> None:
    losses = [loss * 10 for loss in steps()]
    alone = Pair(spec_of("adwin"), drift.PageHinkley)
    assert by_hand(alone, losses)
    assert by_hand(alone, [math.nan, *losses]) == []


@pytest.mark.parametrize(
    "pair", [pair for pair in DEFAULTS if pair.spec.type not in ANY_LOSS], ids=lambda p: p.spec.type
)
def test_what_asks_for_right_or_wrong_is_fed_nothing_else(pair: Pair) -> None:
    detector = stream_detector(pair.spec)
    assert feed(detector, [0.5, 2.0, -1.0] * 1_000) == []
    assert (detector.skipped, detector.position) == (3_000, 0)


@pytest.mark.parametrize("name", get_args(DetectorName))
def test_the_monitor_file_knows_which_ask_for_right_or_wrong(name: str) -> None:
    assert stream_detector(spec_of(name)).binary is (name not in ANY_LOSS)


ONE_SIDED = [*map(spec_of, ("ddm", "eddm", "fhddm", "hddm_a", "hddm_w"))]
TWO_SIDED = [*map(spec_of, ANY_LOSS), *(spec_of(name, two_sided_test=True) for name in ("hddm_a", "hddm_w"))]


@pytest.mark.parametrize("spec", ONE_SIDED + TWO_SIDED, ids=lambda spec: spec.type)
def test_it_says_which_way_the_loss_went(spec: AnyDetector) -> None:
    detector = stream_detector(spec)
    assert detector.two_sided is (spec in TWO_SIDED)
    rng, seen = random.Random(3), []
    for i in range(4_000):
        if detector.update(float(rng.random() < (0.1, 0.6)[i // 1_000 % 2])):
            seen.append((i // 1_000, detector.rose))
    right = [(1, True), (2, False), (3, True)] if detector.two_sided else [(1, True), (3, True)]
    assert [each for each in dict.fromkeys(seen) if each[0] > 0] == right


def test_without_a_change_of_the_mean_kswin_does_not_say_which_way() -> None:
    detector = stream_detector(spec_of("kswin", alpha=0.01, window_size=100, stat_size=30))
    assert feed(detector, [5.0] * 70 + [4.0, 6.0] * 15) == [99]
    assert detector.rose is None


@pytest.mark.parametrize("unit", [1e-6, 1_000.0])
@pytest.mark.parametrize("name", ["kswin", "page_hinkley"])
def test_the_unit_of_the_loss_does_not_matter(name: str, unit: float) -> None:
    rng = random.Random(1)
    losses = [rng.expovariate(1.0 if i < 1_000 else 0.4) for i in range(1_500)]
    expected = feed(stream_detector(spec_of(name)), losses)
    assert [alarm for alarm in expected if alarm >= 1_000]
    assert feed(stream_detector(spec_of(name)), [unit * loss for loss in losses]) == expected


def test_page_hinkley_is_quiet_where_rivers_alone_is_not() -> None:
    rng = random.Random(1)
    losses = [rng.expovariate(1 / 1_000) for _ in range(20_000)]
    alone = by_hand(Pair(spec_of("adwin"), drift.PageHinkley), losses)
    assert len(alone) > 600  # as often as it may
    assert len(feed(stream_detector(spec_of("page_hinkley")), losses)) < 10


def test_kswin_depends_on_its_seed_alone() -> None:
    losses = jump()[800:1_300]

    def alarms(seed: int, world: int) -> tuple[list[int], bytes]:
        random.seed(world)
        detector = stream_detector(spec_of("kswin", seed=seed, alpha=0.01))
        return feed(detector, losses), encode(detector)

    assert alarms(1, 1) == alarms(1, 2)
    assert alarms(1, 1) != alarms(2, 1)


@EVERY
def test_restored_it_goes_on_as_the_original(pair: Pair) -> None:
    losses = steps(7)[300:]
    original = stream_detector(pair.spec)
    feed(original, losses[:450])
    restored = decode(encode(original))
    assert feed(restored, losses[450:]) == feed(original, losses[450:])
    assert original.alarms
    assert (restored.rose, restored.two_sided) == (original.rose, original.two_sided)
    assert encode(restored) == encode(original)


PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:]
from detectors.state import decode
from detectors.stream_detector import stream_detector
from tests.detectors.builders import layout_of, model_spec, panes_of, days, read
from detectors.signals.catalogue import settings_of, signals_of
spec = model_spec(challenger=False)
layout = layout_of(spec, None)
settings_of(layout)
for signal in signals_of(layout):
    read(signal, panes_of(layout, days(spec, 3)))
assert not {"river.drift", "scipy.stats"} & set(sys.modules)
data = sys.stdin.buffer.read()
assert decode(data).update(1.0) is False
assert "river.drift" in sys.modules
"""


def test_only_those_who_ask_for_them_import_them() -> None:
    data = encode(stream_detector(spec_of("hddm_w")))
    subprocess.run([sys.executable, "-c", PROGRAM, str(ROOT)], input=data, check=True)


def test_adwin_is_not_made_of_rivers_python() -> None:
    with pytest.raises(ValueError, match="stream_detector"):
        river_detector(AdwinSpec(type="adwin"))
