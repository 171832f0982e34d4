"""The cut of a warm-up, against the rule written out and series whose answer is known."""

import numpy as np
import pytest
from small_experiments import small

import ddbsim as ds
from ddbsim.experiment.estimate.warmup import mser, warm_up_of, welch


def slow_mser(values, batch=5):
    """MSER as its paper defines it, cut by cut."""
    means = [np.mean(values[start : start + batch]) for start in range(0, len(values) - batch + 1, batch)]
    errors = {}
    for cut in range(len(means) // 2 + 1):
        rest = np.array(means[cut:])
        errors[cut] = ((rest - rest.mean()) ** 2).sum() / len(rest) ** 2
    best = min(errors, key=errors.get)
    return None if best == len(means) // 2 else best * batch


@pytest.mark.parametrize("seed", range(40))
def test_the_cut_is_that_of_the_definition(seed):
    rng = np.random.default_rng(seed)
    length = int(rng.integers(20, 400))
    values = rng.exponential(1.0, length) + 8.0 * np.exp(-np.arange(length) / rng.uniform(1.0, 60.0))
    assert mser(values) == slow_mser(values)


@pytest.mark.parametrize("transient", [5, 50, 200])
def test_a_step_is_cut_where_it_ends(transient):
    # with no noise the error is 0 from the end of the step on, and above it before
    values = np.concatenate((np.full(transient, 9.0), np.full(500 - transient, 1.0)))
    assert mser(values) == transient


def test_a_ramp_that_never_settles_has_no_cut():
    assert mser(np.arange(500.0)) is None
    assert mser(np.full(300, np.nan)) is None
    assert mser([]) is None


def test_a_steady_series_needs_no_cut():
    assert mser(np.tile([1.0, 2.0, 3.0, 2.0, 1.0], 50)) == 0


def test_steps_without_a_value_are_left_out():
    values = np.concatenate((np.full(20, 9.0), np.full(180, 1.0)))
    gaps = values.copy()
    gaps[::3] = np.nan
    assert mser(gaps) == 20


def test_welchs_average_is_the_mean_of_its_neighbours():
    rng = np.random.default_rng(3)
    series = rng.random(50)
    smooth = welch(series, 4)
    assert len(smooth) == 46
    assert smooth[2] == pytest.approx(series[0:5].mean())
    assert smooth[20] == pytest.approx(series[16:25].mean())
    series[20] = np.nan
    assert welch(series, 4)[20] == pytest.approx(np.nanmean(series[16:25]))


def test_a_run_that_starts_behind_is_told_to_leave_its_start_out():
    # nothing is processed for the first eight seconds: what was written then has waited
    outage = ds.Outage(start_s=0, end_s=8)
    replications = ds.replicate(small(outages=(outage,)), 4, rng=7, executor="serial", progress=False)
    warm = replications.warm_up()
    assert 5 < warm.suggested_s < 20
    assert not warm.enough
    assert "too short" in warm.sentence
    assert len(warm.frame) == 500
    assert warm.frame["at_s"].iloc[-1] == pytest.approx(40)
    later = ds.replicate(small(outages=(outage,), warmup_s=20), 4, rng=7, executor="serial", progress=False)
    assert later.warm_up().enough
    assert "is enough" in later._repr_html_()


def test_a_growing_backlog_has_no_warm_up():
    warm = ds.replicate(small(rate_per_s=4_000), 2, rng=7, executor="serial", progress=False).warm_up()
    assert warm.suggested_s is None
    assert not warm.enough
    assert "has not settled" in warm._repr_html_()


def test_welchs_average_reaches_a_fortieth_of_the_series_to_either_side():
    series = np.random.default_rng(3).random(200)
    smooth = warm_up_of([series], 40.0, 0.0).frame["smooth_s"]
    assert smooth[100] == pytest.approx(series[95:106].mean())


def test_series_are_averaged_over_replications():
    warm = warm_up_of([np.array([1.0, np.nan, 5.0]), np.array([3.0, np.nan, 7.0])], 30.0, 0.0, window=1)
    assert warm.frame["latency_s"].tolist()[::2] == [2.0, 6.0]
    assert np.isnan(warm.frame["latency_s"][1])
    assert warm.frame["at_s"].tolist() == [10.0, 20.0, 30.0]
