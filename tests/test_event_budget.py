"""What a run costs in SimPy's events: they follow batches, never records or idle time. Counts, no seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest

import ddbsim as ds

# SimPy's own: the start of each lane's process, its wait for a record that never comes, the end of the run
PER_LANE, PER_RUN = 4, 10


def busy_scenario(duration_s: float = 30.0, **mapping) -> ds.Scenario:
    """The scenario of the design: 5,000 writes a second, eight shards of two lanes, batches of a hundred."""
    function = ds.Function(name="indexer", memory_mb=512, duration=ds.Duration(base_s=0.015, per_record_s=0.0004))
    settings = {"batch_size": 100, "parallelization_factor": 2, "maximum_retry_attempts": 3} | mapping
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=5_000, item_bytes=ds.LogNormal(median=900, p99=4_000), keys=ds.Zipfian(items=100_000)
        ),
        table=ds.Table(partitions=8),
        event_source_mappings=ds.EventSourceMapping(function=function, **settings),
        duration_s=duration_s,
    )


def budget(result: ds.Result) -> int:
    lanes = sum(mapping.parallelization_factor for mapping in result.scenario.mappings)
    return 3 * len(result.invocations) + PER_LANE * lanes * result.scenario.table.initial_partitions + PER_RUN


def run(scenario: ds.Scenario) -> ds.Result:
    return ds.simulate(scenario, rng=7, progress=False)


@pytest.mark.parametrize(
    "mapping",
    [
        {},
        {"batch_size": 10, "parallelization_factor": 10},
        {"maximum_batching_window_in_seconds": 2, "batch_size": 1_000},
        {"poller": ds.Poller(interval_s=0.01)},
    ],
    ids=["as designed", "small batches", "a batching window", "fast polls"],
)
def test_a_batch_costs_at_most_three_events(mapping):
    result = run(busy_scenario(**mapping))
    assert len(result.stream_log) > 140_000
    assert result.simpy_events <= budget(result)


def test_retries_and_throttles_are_within_the_budget():
    scenario = busy_scenario(duration_s=5.0, bisect_batch_on_function_error=True)
    mapping = scenario.mappings[0]
    function = replace(mapping.function, failures=ds.Failures(error_probability=0.3), reserved_concurrency=6)
    result = run(replace(scenario, event_source_mappings=replace(mapping, function=function)))
    assert {"error", "throttled"} <= set(result.invocations["outcome"])
    assert result.simpy_events <= budget(result)


@pytest.mark.parametrize("window_s", [0, 1])
def test_an_idle_hour_costs_next_to_nothing(window_s):
    columns = {"at_s": [1.0], "item_id": [0], "operation": ["MODIFY"], "bytes_before": [900], "bytes_after": [900]}
    idle = ds.Scenario(
        workload=ds.ReplayWrites(columns=columns),
        event_source_mappings=ds.EventSourceMapping(maximum_batching_window_in_seconds=window_s),
        duration_s=3_600.0,
    )
    result = run(idle)
    assert len(result.invocations) == 1
    assert result.simpy_events <= budget(result) < 40


def test_events_grow_in_step_with_simulated_time():
    short, long = (run(busy_scenario(duration_s=duration_s)) for duration_s in (5.0, 20.0))
    assert long.simpy_events / short.simpy_events == pytest.approx(4.0, rel=0.1)
