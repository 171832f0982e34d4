"""Against queueing theory: the theoretical value lies in the interval of independent replications.

A lane with batches of one record, no turnaround, no visibility delay and a poller that ticks a thousand times per
service is a single-server queue. Seeds are fixed so that a run can be repeated; the intervals are real, at 99.9 %:
the wrong theory fails, and the right one does not by chance.
"""

import math

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.analysis import theory

SERVICE_S = 0.1
TICK_S = 1e-4
T_999 = 3.850  # Student's t, 21 degrees of freedom, two-sided 99.9 %
REPLICATIONS = 22


def queue(load, duration_s, noise=None):
    function = ds.Function(
        timeout_s=900,
        duration=ds.Duration(base_s=SERVICE_S, noise=noise),
        cold_start=ds.ColdStart(init=0, placement_s=0),
    )
    mapping = ds.EventSourceMapping(
        batch_size=1, function=function, poller=ds.Poller(interval_s=TICK_S, turnaround_s=0, read_ahead_batches=10_000)
    )
    return ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=load / SERVICE_S),
        table=ds.Table(partitions=1),
        stream=ds.Stream(visibility_delay=0),
        event_source_mappings=mapping,
        duration_s=duration_s,
        warmup_s=duration_s / 10,
    )


def waits(scenario):
    """Return the mean wait of each replication, and the mean number in the system beside rate x time."""
    means = []
    for seed in range(REPLICATIONS):
        log = ds.simulate(scenario, rng=seed, progress=False).stream_log
        log = log[log["written_s"] >= scenario.warmup_s]
        # half a tick is what the poller adds on average
        means.append((log["received_s"] - log["written_s"]).mean() - TICK_S / 2)
    return np.array(means)


def assert_inside(values, expected):
    half = T_999 * values.std(ddof=1) / math.sqrt(len(values))
    assert abs(values.mean() - expected) <= half, f"{expected:.4f} is not in {values.mean():.4f} +- {half:.4f}"
    # an interval that holds everything would prove nothing
    assert half < 0.35 * expected


@pytest.mark.parametrize(("load", "duration_s"), [(0.3, 600), (0.6, 1_200)])
def test_constant_service_waits_as_in_md1(load, duration_s):
    assert_inside(waits(queue(load, duration_s)), theory.md1_wait_s(load / SERVICE_S, SERVICE_S))


def test_exponential_service_waits_as_in_mm1():
    load = 0.6
    expected = theory.mg1_wait_s(load / SERVICE_S, SERVICE_S, SERVICE_S**2)
    assert expected == pytest.approx(load * SERVICE_S / (1 - load))
    assert_inside(waits(queue(load, 2_400, ds.Exponential(1.0))), expected)


def test_uniform_service_waits_as_in_mg1():
    variance = (SERVICE_S * 1.0) ** 2 / 12
    expected = theory.mg1_wait_s(0.5 / SERVICE_S, SERVICE_S, variance)
    assert_inside(waits(queue(0.5, 1_200, ds.Uniform(0.5, 1.5))), expected)


@pytest.mark.thorough
@pytest.mark.parametrize("noise", [None, ds.Exponential(1.0)], ids=["M/D/1", "M/M/1"])
def test_heavy_load_waits_as_in_theory(noise):
    variance = 0.0 if noise is None else SERVICE_S**2
    expected = theory.mg1_wait_s(0.95 / SERVICE_S, SERVICE_S, variance)
    assert_inside(waits(queue(0.95, 40_000, noise)), expected)


def test_littles_law_holds():
    scenario = queue(0.6, 2_000)
    log = ds.simulate(scenario, rng=1, progress=False).stream_log.dropna(subset=["completed_s"])
    written, completed = log["written_s"].to_numpy(), log["completed_s"].to_numpy()
    at = np.linspace(0, completed.max(), 400_001)
    inside = np.searchsorted(written, at, side="right") - np.searchsorted(np.sort(completed), at, side="right")
    rate = len(log) / completed.max()
    assert inside.mean() == pytest.approx(theory.little(rate, (completed - written).mean()), rel=0.005)


@pytest.mark.parametrize(("lanes", "batch_size"), [(1, 10), (1, 100), (4, 5)])
def test_saturated_lanes_carry_what_the_closed_form_says(lanes, batch_size):
    duration_s = 0.5
    function = ds.Function(duration=ds.Duration(base_s=duration_s), cold_start=ds.ColdStart(init=0, placement_s=0))
    mapping = ds.EventSourceMapping(
        batch_size=batch_size,
        parallelization_factor=lanes,
        function=function,
        poller=ds.Poller(turnaround_s=0),
    )
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=1_000, keys=ds.UniformKeys(items=100_000)),
        table=ds.Table(partitions=1),
        event_source_mappings=mapping,
        duration_s=120,
    )
    log = ds.simulate(scenario, rng=5, progress=False).stream_log
    done = log["completed_s"].dropna()
    measured = (done > 20).sum() / 100
    assert measured == pytest.approx(theory.lane_capacity_per_s(lanes, batch_size, duration_s), rel=0.01)
