"""The streams of the scorecard are seeded, and have the rates that they claim."""

import numpy as np
import pytest
from scipy.special import ndtr

from bench.detection.protocol import IID, MARKOV, STREAMS, TOLERANCE, WITHIN, Scale, Stream, generator
from bench.detection.streams import binary, changing, daily_rates, normal_histograms, pane_sums, stationary

N = 200_000


def test_a_stream_is_a_function_of_its_purpose_and_number() -> None:
    first, again, other, purpose = (
        stationary(generator(name, number), MARKOV, 1_000)
        for name, number in (("delay", 1), ("delay", 1), ("delay", 2), ("tuning", 1))
    )
    assert (first == again).all()
    assert (first != other).any()
    assert (first != purpose).any()


def test_a_smoke_run_sees_nothing_of_what_is_scored() -> None:
    scored, smoke, also_smoke = (
        stationary(Scale(share).generator("delay", 1), IID, 1_000) for share in (1.0, 0.05, 0.5)
    )
    assert (scored != smoke).any()
    assert (smoke == also_smoke).all()


@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
def test_stationary_streams_have_their_mean_and_correlation(stream: Stream) -> None:
    values = stationary(generator("test"), stream, N)
    inflation = (1 + stream.correlation) / (1 - stream.correlation)
    error = (stream.mean * (1 - stream.mean) * inflation / N) ** 0.5
    assert values.mean() == pytest.approx(stream.mean, abs=4 * error)
    assert np.corrcoef(values[:-1], values[1:])[0, 1] == pytest.approx(stream.correlation, abs=0.02)


def test_what_comes_next_depends_on_what_came_last_as_claimed() -> None:
    values = binary(generator("test"), np.full(N, 0.2), 0.3)
    after = {last: values[1:][values[:-1] == last].mean() for last in (0, 1)}
    assert after[0] == pytest.approx(0.2 - 0.3 * 0.2, abs=0.01)
    assert after[1] == pytest.approx(0.2 + 0.3 * 0.8, abs=0.01)


@pytest.mark.parametrize("stream", [IID, MARKOV], ids=lambda stream: stream.name)
def test_a_change_is_where_it_is_said_to_be(stream: Stream) -> None:
    values = changing(generator("test"), stream, N, 0.4, N)
    assert len(values) == 2 * N
    assert values[:N].mean() == pytest.approx(0.2, abs=0.01)
    assert values[N:].mean() == pytest.approx(0.4, abs=0.01)


def test_days_vary_as_much_as_claimed() -> None:
    rates = daily_rates(generator("test"), 0.2, 70_000)
    logs = np.log(rates / 0.2).reshape(-1, 7)
    assert logs.std(axis=0) == pytest.approx(np.full(7, 0.1), abs=0.005)
    assert logs.mean(axis=0) == pytest.approx(np.array([-0.04] * 5 + [0.14] * 2), abs=0.005)


def test_histograms_are_those_of_the_shifted_normal() -> None:
    edges = np.array([-1.0, 0.0, 2.0])
    histograms = normal_histograms(generator("test"), edges, 0.25, 100, 10_000)
    assert (histograms.sum(axis=1) == 100).all()
    below = np.cumsum(histograms.sum(axis=0))[:-1] / 1e6
    assert below == pytest.approx(ndtr(edges - 0.25), abs=0.003)


def test_the_shift_within_the_tolerance_is_at_half_of_it() -> None:
    grid = np.linspace(-4, 4, 100_001)
    assert np.abs(ndtr(grid) - ndtr(grid - WITHIN)).max() == pytest.approx(TOLERANCE / 2, abs=1e-6)


def test_panes_are_summed_whole() -> None:
    values = np.array([1, 1, 0, 1, 0, 0, 1, 1], dtype=np.uint8)
    assert pane_sums(values, 3).tolist() == [2, 1]
