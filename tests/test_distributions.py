import math
from dataclasses import FrozenInstanceError, fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddbsim.distributions import Constant, Distribution, Empirical, Exponential, LogNormal, Uniform, as_distribution

DRAWS = 40_000
MEASURES = st.floats(min_value=1e-3, max_value=1e5)
SEEDS = st.integers(0, 2**32)


@st.composite
def uniforms(draw):
    low, width = draw(MEASURES), draw(MEASURES)
    return Uniform(low, low + width)


@st.composite
def lognormals(draw):
    shift = draw(st.sampled_from([0.0, 0.5, 30.0]))
    median = shift + draw(MEASURES)
    if draw(st.booleans()):
        return LogNormal(median=median, sigma=draw(st.floats(0.05, 1.0)), shift=shift)
    return LogNormal(median=median, p99=shift + (median - shift) * draw(st.floats(1.2, 8.0)), shift=shift)


@st.composite
def empiricals(draw):
    values = draw(st.lists(MEASURES, min_size=1, max_size=12))
    weights = st.lists(st.floats(0.1, 10), min_size=len(values), max_size=len(values))
    return Empirical(values, draw(st.none() | weights))


ANY = st.one_of(MEASURES.map(Constant), uniforms(), MEASURES.map(Exponential), lognormals(), empiricals())


@settings(max_examples=40, deadline=None)
@given(ANY, SEEDS)
def test_sample_mean_lies_within_six_standard_errors_of_the_mean(distribution, seed):
    values = distribution.sample(np.random.default_rng(seed), DRAWS)
    assert values.dtype == np.float64
    assert values.shape == (DRAWS,)
    error = math.sqrt(distribution.var / DRAWS)
    assert abs(values.mean() - distribution.mean) <= 6 * error + 1e-9 * distribution.mean


@settings(max_examples=40, deadline=None)
@given(ANY, SEEDS)
def test_no_draw_is_negative_and_an_empty_sample_is_empty(distribution, seed):
    rng = np.random.default_rng(seed)
    assert (distribution.sample(rng, 500) >= 0).all()
    assert distribution.sample(rng, 0).shape == (0,)


@pytest.mark.parametrize(
    "distribution",
    [Uniform(2, 8), Exponential(3), LogNormal(median=5, sigma=0.4), Empirical([1, 2, 9], [5, 3, 2])],
    ids=repr,
)
def test_variance_is_that_of_a_large_sample(distribution):
    values = distribution.sample(np.random.default_rng(3), 1_000_000)
    assert values.var() == pytest.approx(distribution.var, rel=0.02)


@settings(max_examples=30, deadline=None)
@given(MEASURES, st.floats(1.2, 20), st.floats(0, 100), SEEDS)
def test_lognormal_has_the_median_and_the_p99_that_it_was_told(spread, ratio, shift, seed):
    median, p99 = shift + spread, shift + spread * ratio
    values = LogNormal(median=median, p99=p99, shift=shift).sample(np.random.default_rng(seed), DRAWS)
    for level, quantile in ((0.5, median), (0.99, p99)):
        allowed = 6 * math.sqrt(level * (1 - level) / DRAWS)
        assert abs((values <= quantile).mean() - level) <= allowed


@settings(max_examples=30, deadline=None)
@given(MEASURES, st.floats(0.1, 0.95), SEEDS)
def test_exponential_quantiles(mean, level, seed):
    values = Exponential(mean).sample(np.random.default_rng(seed), DRAWS)
    allowed = 6 * math.sqrt(level * (1 - level) / DRAWS)
    assert abs((values <= -mean * math.log1p(-level)).mean() - level) <= allowed


def test_empirical_draws_each_value_by_its_weight_and_never_one_of_weight_zero():
    values = Empirical([7.0, 1.0, 4.0, 99.0], [1, 2, 1, 0]).sample(np.random.default_rng(1), DRAWS)
    shares = {value: (values == value).mean() for value in (7.0, 1.0, 4.0, 99.0)}
    assert shares == pytest.approx({7.0: 0.25, 1.0: 0.5, 4.0: 0.25, 99.0: 0.0}, abs=0.02)


def test_p99_and_the_sigma_it_implies_are_the_same_distribution():
    by_p99 = LogNormal(median=100, p99=100 * math.exp(0.5 * 2.3263478740408408))
    by_sigma = LogNormal(median=100, sigma=0.5)
    assert by_p99.mean == pytest.approx(by_sigma.mean)
    assert by_p99.var == pytest.approx(by_sigma.var)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogNormal(median=900, p99=800), r"LogNormal: p99 must be > median \(900\), got 800"),
        (lambda: LogNormal(median=900), "exactly one of p99 and sigma must be given"),
        (lambda: LogNormal(median=900, p99=1000, sigma=1), "exactly one of p99 and sigma must be given"),
        (lambda: LogNormal(median=5, sigma=1, shift=6), r"LogNormal: median must be > shift \(6\), got 5"),
        (lambda: LogNormal(median=0, sigma=1), "LogNormal: median must be > 0, got 0"),
        (lambda: LogNormal(median=1, sigma=0), "LogNormal: sigma must be > 0, got 0"),
        (lambda: Uniform(3, 2), r"Uniform: high must be >= low \(3\), got 2"),
        (lambda: Uniform(-1, 2), "Uniform: low must be >= 0, got -1"),
        (lambda: Constant(math.nan), "Constant: value must be >= 0, got nan"),
        (lambda: Constant(True), "Constant: value must be >= 0, got True"),
        (lambda: Exponential(0), "Exponential: mean must be > 0, got 0"),
        (lambda: Exponential(math.inf), "Exponential: mean must be > 0, got inf"),
        (lambda: Empirical([]), "values must be one or more finite numbers >= 0, got none"),
        (lambda: Empirical([1, "a"]), "values must be one or more finite numbers >= 0, got 'a'"),
        (lambda: Empirical([1, 2], [1]), r"weights must be as many as values \(2\), got 1"),
        (lambda: Empirical([1, 2], [0, 0]), "weights must not all be 0"),
        (
            lambda: as_distribution("fast"),
            "a distribution must be a finite number >= 0 or one of Constant, .*got 'fast'",
        ),
        (lambda: as_distribution(-1), "Constant: value must be >= 0, got -1"),
    ],
)
def test_wrong_values_are_told(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_become_constants_and_distributions_stay():
    assert as_distribution(np.int64(1024)) == Constant(1024)
    assert as_distribution(uniform := Uniform(1, 2)) is uniform


@settings(max_examples=30, deadline=None)
@given(ANY)
def test_the_fields_are_plain_and_rebuild_the_distribution(distribution):
    kept = {f.name: getattr(distribution, f.name) for f in fields(distribution)}
    assert all(value is None or type(value) in (int, float, tuple) for value in kept.values())
    assert type(distribution)(**kept) == distribution
    assert hash(type(distribution)(**kept)) == hash(distribution)


@pytest.mark.parametrize(
    ("distribution", "text"),
    [
        (Constant(5), "Constant(value=5)"),
        (LogNormal(median=900, p99=4000), "LogNormal(median=900, p99=4000)"),
        (LogNormal(median=9, sigma=0.5, shift=1), "LogNormal(median=9, sigma=0.5, shift=1)"),
        (Exponential(0.2), "Exponential(mean=0.2)"),
        (Empirical(range(20)), "Empirical(20 values, 0..19)"),
        (Empirical([1, 2], [1, 3]), "Empirical(values=(1.0, 2.0), weights=(1.0, 3.0))"),
    ],
)
def test_repr_reads_as_one_would_type_it(distribution, text):
    assert repr(distribution) == text


def test_distributions_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Constant(1).value = 2
    with pytest.raises(TypeError, match="abstract"):
        Distribution()
