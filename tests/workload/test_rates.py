import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbsim.workload import Diurnal, Ramp, Spike, Steps

RATES = st.floats(0.0, 500.0)
SECONDS = st.floats(0.5, 300.0)


@st.composite
def steps(draw):
    lengths = draw(st.lists(SECONDS, min_size=0, max_size=6))
    rates = st.lists(st.just(0.0) | RATES, min_size=len(lengths) + 1, max_size=len(lengths) + 1)
    return Steps([0.0, *np.cumsum(lengths).tolist()], draw(rates))


PROFILES = st.one_of(
    steps(),
    st.builds(Ramp, RATES, RATES, SECONDS, st.just(0.0) | SECONDS),
    st.builds(Spike, RATES, RATES, st.just(0.0) | SECONDS, SECONDS),
    st.builds(Diurnal, RATES, st.floats(1.0, 2.0), SECONDS, st.none() | SECONDS),
)


@settings(max_examples=60, deadline=None)
@given(PROFILES, SECONDS)
def test_expected_is_the_area_under_the_rate(profile, duration_s):
    middles = (np.arange(200_000) + 0.5) * (duration_s / 200_000)
    area = profile.rate_at(middles).mean() * duration_s
    assert profile.expected(duration_s) == pytest.approx(area, abs=1e-3 * duration_s * (profile.max_per_s + 1e-6))


@settings(max_examples=60, deadline=None)
@given(PROFILES, SECONDS)
def test_no_rate_is_negative_or_above_the_maximum(profile, duration_s):
    rates = profile.rate_at(np.linspace(0, duration_s, 1001))
    assert (rates >= -1e-9 * profile.max_per_s).all()
    assert (rates <= profile.max_per_s * (1 + 1e-12)).all()


@settings(max_examples=100, deadline=None)
@given(PROFILES, SECONDS)
def test_time_of_inverts_expected(profile, duration_s):
    wanted = profile.expected(duration_s) * (np.arange(40) + 0.5) / 40
    times = profile.time_of(wanted)
    if not profile.expected(duration_s):
        return
    assert (np.diff(times) >= 0).all()
    assert times[-1] <= duration_s * (1 + 1e-9)
    found = [profile.expected(time) for time in times]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-6 * wanted[-1])


def test_a_count_that_is_never_reached_takes_for_ever():
    assert Steps((0, 10), (2, 0)).time_of(np.array([19.0, 20.0, 21.0])).tolist() == [9.5, math.inf, math.inf]
    assert Ramp(10, 0, over_s=2).time_of(np.array([11.0])).tolist() == [math.inf]


def test_rates_as_one_reads_them():
    at = np.array([0.0, 9.9, 10.0, 14.9, 15.0, 99.0])
    assert Spike(5, 50, at_s=10, lasting_s=5).rate_at(at).tolist() == [5, 5, 50, 50, 5, 5]
    assert Steps((0, 10, 15), (1, 2, 3)).rate_at(at).tolist() == [1, 1, 2, 2, 3, 3]
    assert Ramp(10, 30, over_s=10, at_s=5).rate_at(at).tolist() == pytest.approx([10, 19.8, 20, 29.8, 30, 30])
    day = Diurnal(100, 1.8, peak_at_s=50_000)
    assert day.rate_at(np.array([50_000.0, 50_000.0 + 43_200])).tolist() == pytest.approx([180, 20])
    assert day.expected(86_400) == pytest.approx(100 * 86_400)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Steps((1, 2), (3, 4)), r"Steps: times_s must begin with 0 and ascend, got \(1, 2\)"),
        (lambda: Steps((0, 2, 2), (3, 4, 5)), "Steps: times_s must begin with 0 and ascend"),
        (lambda: Steps((), ()), "Steps: times_s must begin with 0"),
        (lambda: Steps((0, 1), (3,)), r"Steps: rates_per_s must be as many as times_s \(2\), got 1"),
        (lambda: Steps((0,), (-3,)), "Steps: rates_per_s must be a finite number >= 0, got -3"),
        (lambda: Ramp(1, 2, over_s=0), "Ramp: over_s must be a finite number > 0, got 0"),
        (lambda: Ramp(1, math.nan, over_s=1), "Ramp: end_per_s must be a finite number >= 0, got nan"),
        (lambda: Spike(1, 2, at_s=-1, lasting_s=1), "Spike: at_s must be a finite number >= 0, got -1"),
        (lambda: Spike(1, 2, at_s=1, lasting_s="long"), "Spike: lasting_s must be a finite number > 0, got 'long'"),
        (lambda: Diurnal(1, 2.5), r"Diurnal: peak_to_mean must be a number in \[1, 2\], got 2.5"),
        (lambda: Diurnal(1, 2, period_s=0), "Diurnal: period_s must be a finite number > 0, got 0"),
    ],
)
def test_wrong_values_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()
