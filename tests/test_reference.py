"""The engine against the per-record reference model: same writes, same draws, same answer to the last bit.

Equality is exact. Both add the same durations to the same instants in the same order, so nothing is left to rounding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from random_scenarios import scenarios, seeds
from reference import Reference, simulate_by_record

import ddbsim as ds

ATTEMPT = ("attempt", "started_s", "duration_s", "init_s", "records", "payload_bytes", "provisioned")
QUICK = ds.Duration(base_s=0.02, per_record_s=0.002, noise=ds.LogNormal(median=1.0, sigma=0.4))
SLOW = ds.Duration(base_s=0.3, per_record_s=0.01, per_kb_s=0.0005)
FLAKY = ds.Failures(error_probability=0.2, poison_items=(1,))
OUTAGE = ds.Failures(outages=ds.Outage(start_s=5, end_s=95))


def assert_same(
    scenario: ds.Scenario, seed: int, simulate: Callable[[ds.Scenario, int], Reference] = simulate_by_record
) -> Reference:
    """Hold every record and every finished attempt of both models equal."""
    result, reference = ds.simulate(scenario, rng=seed, progress=False), simulate(scenario, seed)
    for name, log in result.stream_log.groupby("event_source_mapping", observed=True):
        for column in ("outcome", "deliveries", "received_s", "completed_s"):
            ours, theirs = log[column].to_numpy(), reference.column(name, column)
            np.testing.assert_array_equal(ours, theirs, err_msg=f"{column} of {name}, seed {seed}")
    assert_same_attempts(result, reference)
    return reference


def assert_same_attempts(result: ds.Result, reference: Reference) -> None:
    shards = result.shards["shard_id"].tolist()
    rows = result.invocations.query("outcome != 'running'")
    ours: dict[tuple, list[tuple]] = {}
    for row in rows.itertuples():
        key = (row.event_source_mapping, shards.index(row.shard_id), row.lane)
        ours.setdefault(key, []).append((*(getattr(row, name) for name in ATTEMPT), row.outcome))
    theirs: dict[tuple, list[tuple]] = {}
    for one in reference.attempts:
        key = (one.mapping, one.shard, one.lane)
        theirs.setdefault(key, []).append((*(getattr(one, name) for name in ATTEMPT), one.outcome))
    assert ours == theirs


def scenario(
    *,
    rate: float = 60.0,
    partitions: int = 2,
    splits: tuple[ds.Split, ...] | ds.Split = (),
    stream: ds.Stream | None = None,
    operations: ds.OperationMix | None = None,
    duration_s: float = 20.0,
    function: ds.Function | None = None,
    **mapping,
) -> ds.Scenario:
    function = function or ds.Function(name="indexer", duration=QUICK)
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=rate,
            item_bytes=ds.LogNormal(median=900, p99=4_000),
            keys=ds.UniformKeys(items=40),
            operations=operations or ds.OperationMix(),
        ),
        table=ds.Table(partitions=partitions, splits=splits),
        stream=stream or ds.Stream(),
        event_source_mappings=ds.EventSourceMapping(name="reader", function=function, **mapping),
        duration_s=duration_s,
    )


def flaky(**function) -> ds.Function:
    return ds.Function(name="indexer", duration=QUICK, failures=FLAKY, **function)


def reading_back(read_back: ds.ReadBack, view_type: ds.scenario.ViewType, **function) -> ds.Scenario:
    function = {"needs": "new"} | function
    function = ds.Function(name="indexer", duration=QUICK, read_back=read_back, **function)
    removing = ds.PoissonWrites(rate_per_s=60.0, operations=ds.OperationMix(insert=0.3, modify=0.4, remove=0.3))
    one = scenario(function=function, maximum_retry_attempts=1, parallelization_factor=2)
    return replace(one, workload=removing, stream=ds.Stream(view_type=view_type))


CASES = {
    "one lane": scenario(partitions=1),
    "four lanes": scenario(parallelization_factor=4),
    "four lanes, busy": scenario(parallelization_factor=4, batch_size=5, function=ds.Function(duration=SLOW)),
    "batching window": scenario(maximum_batching_window_in_seconds=1, batch_size=20),
    "long batching window": scenario(maximum_batching_window_in_seconds=3, parallelization_factor=3, rate=3.0),
    "short polls": scenario(poller=ds.Poller(interval_s=0.01, backlog_interval_s=0.01)),
    "tight pages": scenario(poller=ds.Poller(records_per_read=5), parallelization_factor=2),
    "pages cut by bytes": scenario(poller=ds.Poller(bytes_per_read=8_000)),
    "a backlog that is read slowly": scenario(
        poller=ds.Poller(records_per_read=20, read_ahead_batches=0), function=ds.Function(duration=SLOW)
    ),
    "read ahead of three batches": scenario(
        batch_size=5,
        poller=ds.Poller(read_ahead_batches=3),
        function=ds.Function(duration=SLOW),
        parallelization_factor=3,
    ),
    "retries": scenario(function=flaky(), maximum_retry_attempts=2, parallelization_factor=2),
    "retries without end": scenario(function=flaky(), maximum_retry_attempts=-1),
    "jitter": scenario(function=flaky(), maximum_retry_attempts=3, retry_backoff=ds.Backoff(jitter=1.0)),
    "bisecting": scenario(function=flaky(), bisect_batch_on_function_error=True, maximum_retry_attempts=1),
    "partial responses": scenario(
        function=flaky(), function_response_types=("ReportBatchItemFailures",), maximum_retry_attempts=1
    ),
    "partial responses and bisecting": scenario(
        function=flaky(),
        function_response_types=("ReportBatchItemFailures",),
        bisect_batch_on_function_error=True,
        maximum_retry_attempts=2,
    ),
    "timeouts": scenario(
        function=ds.Function(timeout_s=1, duration=ds.Duration(base_s=0.5, noise=ds.Exponential(1.0))),
        maximum_retry_attempts=1,
    ),
    "throttles": scenario(function=flaky(reserved_concurrency=2), maximum_retry_attempts=2, parallelization_factor=5),
    "throttles retried by a law of their own": scenario(
        function=flaky(reserved_concurrency=2),
        parallelization_factor=5,
        throttle_backoff=ds.Backoff(initial_s=0.1, factor=1.5, cap_s=0.3, jitter=0.5),
    ),
    "provisioned concurrency": scenario(function=flaky(provisioned_concurrency=2), parallelization_factor=5),
    "provisioned concurrency, reserved": scenario(
        function=flaky(provisioned_concurrency=2, reserved_concurrency=3),
        maximum_retry_attempts=2,
        parallelization_factor=5,
    ),
    "no concurrency": scenario(function=flaky(reserved_concurrency=0)),
    "environments that die young": scenario(
        rate=4.0, function=flaky(cold_start=ds.ColdStart(idle=ds.Uniform(0.1, 1.0), lifetime_s=2.0))
    ),
    "read-backs": reading_back(ds.ReadBack(), "KEYS_ONLY"),
    "read-backs of failing batches": reading_back(ds.ReadBack(), "OLD_IMAGE", failures=FLAKY),
    "read-backs of what each event lacks": reading_back(
        ds.ReadBack(), "OLD_IMAGE", needs={"INSERT": "new", "MODIFY": "both", "REMOVE": "old"}
    ),
    "read-backs of inserts alone": reading_back(ds.ReadBack(), "KEYS_ONLY", needs={"INSERT": "both", "REMOVE": "new"}),
    "batched read-backs": reading_back(ds.ReadBack(batched=True, latency=ds.Exponential(0.05)), "KEYS_ONLY"),
    "read-backs that time out": reading_back(ds.ReadBack(latency=ds.Exponential(0.1)), "KEYS_ONLY", timeout_s=1),
    "a shard that splits": scenario(
        partitions=2, splits=(ds.Split(at_s=5, partition=0), ds.Split(at_s=9, partition=3)), parallelization_factor=2
    ),
    "shards that roll over": scenario(
        rate=200.0, stream=ds.Stream(shard_lifetime=ds.Uniform(3, 5)), function=ds.Function(duration=SLOW)
    ),
    "a split, and a poison item before it": scenario(
        splits=ds.Split(at_s=8, partition=1), function=flaky(), maximum_retry_attempts=3
    ),
    "a filter": scenario(
        filter_criteria=({"eventName": ["INSERT", "REMOVE"]},),
        parallelization_factor=2,
        operations=ds.OperationMix(insert=0.3, modify=0.4, remove=0.3),
    ),
    "a share that passes": scenario(
        filter_criteria=({"dynamodb": {"NewImage": {"a": {"S": ["x"]}}}},),
        filter_match_fraction=0.3,
        stream=ds.Stream(shard_lifetime=ds.Uniform(3, 5)),
        maximum_batching_window_in_seconds=1,
    ),
    "LATEST, created late": scenario(
        created_s=4.0, starting_position="LATEST", poller=ds.Poller(activation_delay=ds.Uniform(1, 2))
    ),
    "TRIM_HORIZON, created late": scenario(created_s=6.0, poller=ds.Poller(activation_delay=1.5), batch_size=10),
    "disabled and enabled": scenario(
        suspensions=(ds.Suspension(start_s=3, end_s=6), ds.Suspension(start_s=12.5, end_s=14)),
        poller=ds.Poller(activation_delay=0.7),
        function=flaky(),
        maximum_retry_attempts=2,
    ),
    "an update at LATEST": scenario(
        starting_position="LATEST",
        suspensions=ds.Suspension(start_s=5, end_s=7, kind="updated"),
        poller=ds.Poller(activation_delay=0.5),
    ),
    "never enabled again": scenario(suspensions=ds.Suspension(start_s=7), maximum_batching_window_in_seconds=1),
    "a disabled stream": scenario(stream=ds.Stream(disabled_s=11)),
    "a backlog that the stream trims": scenario(
        created_s=12.0,
        duration_s=30.0,
        stream=ds.Stream(retention_s=6, shard_lifetime=ds.Uniform(3, 5)),
        poller=ds.Poller(activation_delay=0.1, records_per_read=30),
        function=ds.Function(duration=SLOW),
        parallelization_factor=2,
    ),
    "outage with an age limit": scenario(
        rate=8.0,
        duration_s=150.0,
        function=ds.Function(name="indexer", duration=QUICK, failures=OUTAGE),
        maximum_record_age_in_seconds=60,
        maximum_retry_attempts=-1,
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_engine_agrees_with_the_reference(case):
    reference = assert_same(CASES[case], seed=7)
    assert len(reference.attempts) > 10


def test_they_agree_on_two_mappings_that_share_a_function_with_little_concurrency():
    function = flaky(reserved_concurrency=3)
    one = scenario(function=function, parallelization_factor=3, maximum_retry_attempts=1)
    second = ds.EventSourceMapping(name="second", function=function, batch_size=7, maximum_retry_attempts=1)
    reference = assert_same(replace(one, event_source_mappings=(*one.mappings, second)), seed=7)
    assert {attempt.outcome for attempt in reference.attempts} >= {"success", "error", "throttled"}


def test_they_agree_where_items_are_so_large_that_bytes_cut_pages_and_batches():
    large = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=15.0, item_bytes=ds.Uniform(100_000, 400_000)),
        table=ds.Table(partitions=1),
        event_source_mappings=ds.EventSourceMapping(function=ds.Function(duration=SLOW, timeout_s=30), batch_size=10),
        duration_s=30.0,
    )
    reference = assert_same(large, seed=7)
    payloads = [attempt.payload_bytes for attempt in reference.attempts]
    assert 5.5 * 2**20 < max(payloads) <= 6 * 2**20


def test_they_agree_on_what_the_streams_retention_trims():
    outage = ds.Function(name="indexer", duration=QUICK, failures=ds.Failures(outages=ds.Outage(start_s=3, end_s=15)))
    kept = scenario(function=outage, parallelization_factor=2)
    reference = assert_same(replace(kept, stream=ds.Stream(retention_s=4.0)), seed=7)
    assert {"expired", "processed"} <= set(reference.column("reader", "outcome"))


READ_WHILE_WAITING = scenario(
    rate=10.0,
    partitions=1,
    batch_size=1,
    maximum_batching_window_in_seconds=1,
    poller=ds.Poller(read_ahead_batches=0),
    function=ds.Function(duration=ds.Duration(base_s=0.08)),
)
BACKLOG_BETWEEN_TICKS = scenario(
    rate=100.0, poller=ds.Poller(records_per_read=5, backlog_interval_s=0.04), parallelization_factor=2
)


def test_they_agree_that_a_lane_whose_batch_is_full_reads_on_until_it_sends_it():
    assert_same(READ_WHILE_WAITING, seed=7)


def test_they_agree_on_polls_between_the_ticks_of_the_lattice():
    assert_same(BACKLOG_BETWEEN_TICKS, seed=7)


def test_they_agree_on_records_that_are_dropped_between_retries():
    failing = ds.Function(duration=QUICK, failures=ds.Failures(error_probability=0.8))
    dropped = scenario(function=failing, batch_size=3, maximum_retry_attempts=-1, parallelization_factor=2)
    for seed in range(10):
        assert_same(replace(dropped, stream=ds.Stream(retention_s=4.0)), seed)


@given(scenario=scenarios(), seed=seeds)
def test_they_agree_on_any_scenario(scenario, seed):
    assert_same(scenario, seed)


@pytest.mark.thorough
@given(scenario=scenarios(off_lattice=True), seed=seeds)
@settings(max_examples=600)
def test_they_agree_on_a_great_many_scenarios(scenario, seed):
    assert_same(scenario, seed)
