import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbsim.workload import Diurnal, Ramp, Spike, Steps, evenly_spaced, poisson

SECONDS = st.floats(0.5, 300.0)
PROFILES = st.sampled_from(
    [
        Steps((0, 3, 20, 40), (0, 70, 0, 5)),
        Ramp(0, 90, over_s=50, at_s=10),
        Ramp(60, 0, over_s=30),
        Spike(0, 400, at_s=2, lasting_s=1.7),
        Diurnal(30, 2, period_s=7),
        Diurnal(30, 1.3, peak_at_s=5_000),
    ]
)


@settings(max_examples=80, deadline=None)
@given(PROFILES | st.floats(0, 100), SECONDS, st.integers(0, 2**32))
def test_arrivals_are_sorted_and_lie_in_the_run(rate, duration_s, seed):
    for times in (poisson(rate, duration_s, np.random.default_rng(seed)), evenly_spaced(rate, duration_s)):
        assert times.dtype == np.float64
        assert (np.diff(times) >= 0).all()
        assert ((times >= 0) & (times < duration_s)).all()


@settings(max_examples=80, deadline=None)
@given(PROFILES, SECONDS)
def test_evenly_spaced_arrivals_are_one_for_each_expected(profile, duration_s):
    assert abs(len(evenly_spaced(profile, duration_s)) - math.ceil(profile.expected(duration_s))) <= 1


def test_evenly_spaced_arrivals_begin_at_the_start():
    assert evenly_spaced(4, 1).tolist() == [0.0, 0.25, 0.5, 0.75]
    assert evenly_spaced(Steps((0, 10), (0, 1)), 13).tolist() == [10.0, 11.0, 12.0]
    assert evenly_spaced(Ramp(0, 2, over_s=2), 3).tolist() == pytest.approx([0.0, math.sqrt(2), 2.0, 2.5])


@pytest.mark.parametrize(
    "rate",
    [200, Ramp(0, 400, over_s=60), Spike(50, 800, at_s=20, lasting_s=12), Diurnal(200, 2, period_s=60)],
    ids=repr,
)
def test_counts_per_second_are_poisson_with_the_rate_of_the_profile(rate):
    profile = Steps((0,), (rate,)) if isinstance(rate, int) else rate
    expected = np.diff([profile.expected(second) for second in range(61)])
    runs = [poisson(rate, 60, np.random.default_rng(seed)) for seed in range(60)]
    counts = np.array([np.histogram(times, bins=np.arange(61))[0] for times in runs])
    squares = (counts - expected) ** 2 / expected  # mean 1, variance 2 + 1/expected for a Poisson count
    assert abs(squares.mean() - 1) <= 6 * math.sqrt((2 + (1 / expected).mean()) / squares.size)
    assert abs(counts.mean() - expected.mean()) <= 6 * math.sqrt(expected.mean() / counts.size)


def test_gaps_at_a_constant_rate_are_exponential():
    gaps = np.sort(np.diff(poisson(1000, 40, np.random.default_rng(5))))
    empirical = np.arange(1, len(gaps) + 1) / len(gaps)
    distance = np.abs(empirical - -np.expm1(-1000 * gaps)).max()
    assert distance * math.sqrt(len(gaps)) < 2.2  # Kolmogorov: exceeded once in ten thousand


def test_a_longer_run_continues_the_shorter_one():
    shorter, longer = (poisson(50, duration_s, np.random.default_rng(8)) for duration_s in (20, 200))
    np.testing.assert_allclose(longer[: len(shorter)], shorter, rtol=1e-12)
    assert longer[len(shorter)] >= 20


def test_nothing_arrives_at_rate_zero():
    assert len(poisson(0, 10, np.random.default_rng(1))) == 0
    assert len(evenly_spaced(0, 10)) == 0
    quiet = poisson(Steps((0, 5, 95), (40, 0, 40)), 100, np.random.default_rng(1))
    assert not ((quiet >= 5) & (quiet < 95)).any()
    assert (quiet >= 95).any()


def test_more_arrivals_than_a_block_holds(monkeypatch):
    class Slow:
        """Gaps a hundredth of the usual: the first block cannot reach the end."""

        def standard_exponential(self, size):
            return np.full(size, 0.01)

    times = poisson(100, 1, Slow())
    np.testing.assert_allclose(times, np.arange(1, len(times) + 1) * 1e-4, rtol=1e-9)
    assert len(times) in (9_999, 10_000)


@pytest.mark.parametrize("rate", [-1, math.nan, math.inf, "fast", None, True])
def test_wrong_rates_are_told(rate):
    with pytest.raises(ValueError, match="rate must be a finite number >= 0"):
        evenly_spaced(rate, 1)
