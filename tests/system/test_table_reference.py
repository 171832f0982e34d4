"""The table in blocks against the reference that takes one attempt after the other: same writes, same answer."""

import math

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from table_reference import take_one_by_one

import ddbsim as ds
from ddbsim.log.throttling import THROTTLE_REASONS, WRITE_OUTCOMES
from ddbsim.randomness import RandomStreams
from ddbsim.run import draw_writes
from ddbsim.system.table import admit
from ddbsim.workload import OPERATIONS


def assert_same(scenario, seed):
    reference = take_one_by_one(scenario, seed)
    streams = RandomStreams(seed)
    admission = admit(scenario, draw_writes(scenario, streams), streams)
    planned, requests = admission.planned, admission.requests
    partition = np.full(len(planned), -1)
    admitted_s = np.full(len(planned), math.nan)
    rows = rows_of(admission)
    partition[rows[rows >= 0]] = admission.placement.partition[rows >= 0]
    admitted_s[rows[rows >= 0]] = admission.writes.at_s[rows >= 0]
    if requests is None:
        assert set(reference.outcome) <= {"admitted"}
    else:
        assert [WRITE_OUTCOMES[code] for code in requests.outcome] == reference.outcome
        assert requests.attempts.tolist() == reference.attempts
        assert [THROTTLE_REASONS[code] for code in requests.reason] == reference.reason
    np.testing.assert_array_equal(admitted_s, reference.admitted_s)
    asked = np.flatnonzero(rows_of(admission) >= 0)
    took = rows_of(admission)[asked]
    assert [OPERATIONS[code] for code in admission.writes.operation[asked]] == [
        reference.operation[row] for row in took
    ]
    assert admission.units[took].tolist() == [reference.units[row] for row in took]
    assert admission.units[took].sum() == admission.ledger.units.sum()
    assert partition.tolist() == reference.partition
    ours = [(one.low, one.high, one.parent, one.opened_s, one.closed_s) for one in admission.placement.partitions]
    theirs = [(one.low, one.high, one.parent, one.opened_s, one.closed_s) for one in reference.slices]
    assert ours == theirs
    counts = admission.ledger.throttles.sum(axis=0).tolist()
    assert {name: count for name, count in zip(THROTTLE_REASONS, counts, strict=True) if count} == reference.throttles
    return reference


def rows_of(admission):
    return np.arange(len(admission.planned)) if admission.rows is None else admission.rows


def scenario(
    billing, *, rate=60.0, duration_s=20.0, items=40, keys=None, writer=None, item_bytes=None, operations=None, **table
):
    return ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=rate,
            item_bytes=ds.LogNormal(median=900, p99=4_000) if item_bytes is None else item_bytes,
            keys=keys or ds.Zipfian(items=items),
            operations=operations or ds.OperationMix(),
        ),
        table=ds.Table(**{"partitions": 3, "partition_write_units_per_s": 50} | table, billing=billing),
        writer=writer or ds.Writer(retries="legacy"),
        duration_s=duration_s,
    )


PUTS_AND_DELETES = ds.OperationMix(insert=0.3, modify=0.35, remove=0.25, no_op=0.1, existing=0.4)
VARIED = ds.LogNormal(median=900, p99=30_000)
SHORT_LIVED = ds.TimeToLive(after_s=2.0, late=ds.Exponential(1.0), scan_s=0.5)
SMALL = ds.Provisioned(write_capacity_units=50)
ONE_CLIENT = ds.Writer(clients=1, retries=ds.Retries(quota=40))
CASES = {
    "enough for all": scenario(ds.Provisioned(write_capacity_units=140), rate=9.0),
    "too little": scenario(SMALL),
    "too little, no retries": scenario(SMALL, writer=ds.Writer(retries=ds.Retries(max_attempts=1))),
    "standard": scenario(SMALL, writer=ds.Writer(retries="standard")),
    "a small quota": scenario(SMALL, writer=ONE_CLIENT),
    "many clients": scenario(SMALL, writer=ds.Writer(clients=7, retries=ds.Retries(quota=15, base_s=0.1))),
    "a burst to begin with": scenario(ds.Provisioned(write_capacity_units=40, initial_burst_s=20.0)),
    "a hot partition": scenario(
        ds.Provisioned(write_capacity_units=150), keys=ds.HotSet(items=9, hot_items=1, hot_share=0.9)
    ),
    "without adaptive capacity": scenario(ds.Provisioned(write_capacity_units=50, adaptive_capacity=False)),
    "large items": scenario(SMALL, rate=5.0, item_bytes=ds.Uniform(1_000, 90_000)),
    "on demand": scenario(ds.OnDemand(warm_write_units_per_s=60)),
    "on demand, with a maximum": scenario(ds.OnDemand(warm_write_units_per_s=100, max_write_request_units=60)),
    "beyond the quota": scenario(ds.OnDemand(warm_write_units_per_s=100), write_quota_per_s=55),
    "on demand, growing": scenario(
        ds.OnDemand(warm_write_units_per_s=30, peak_growth_s=30.0),
        duration_s=330.0,
        rate=100.0,
        writer=ds.Writer(retries="standard"),
    ),
    "auto scaling out": scenario(
        ds.Provisioned(write_capacity_units=20, auto_scaling=ds.AutoScaling()), duration_s=700.0, rate=30.0
    ),
    "auto scaling in": scenario(
        ds.Provisioned(write_capacity_units=100, auto_scaling=ds.AutoScaling(scale_in_minutes=3)),
        duration_s=900.0,
        rate=8.0,
    ),
    "switches": scenario(
        SMALL,
        billing_switches=(
            ds.BillingSwitch(at_s=9.5, billing=ds.OnDemand(warm_write_units_per_s=70)),
            ds.BillingSwitch(at_s=15.0, billing=ds.Provisioned(write_capacity_units=200)),
        ),
    ),
    "a switch that needs ten times the partitions": scenario(
        ds.Provisioned(write_capacity_units=20),
        partitions=1,
        billing_switches=ds.BillingSwitch(at_s=4.5, billing=ds.OnDemand(warm_write_units_per_s=480)),
    ),
    "switches up, down and up, with a split between": scenario(
        SMALL,
        partitions=1,
        splits=(ds.Split(at_s=6.2), ds.Split(at_s=7.1, partition=2)),
        billing_switches=(
            ds.BillingSwitch(at_s=6.0, billing=ds.Provisioned(write_capacity_units=700)),
            ds.BillingSwitch(at_s=8.0, billing=ds.Provisioned(write_capacity_units=10)),
            ds.BillingSwitch(at_s=11.0, billing=ds.OnDemand(warm_write_units_per_s=1_100)),
        ),
    ),
    "stated splits": scenario(
        ds.Provisioned(write_capacity_units=150),
        rate=120.0,
        keys=ds.HotSet(items=30, hot_items=3, hot_share=0.9),
        splits=(ds.Split(at_s=5.5, partition=0), ds.Split(at_s=14.0, partition=3)),
    ),
    "heat": scenario(
        ds.Provisioned(write_capacity_units=150),
        rate=70.0,
        partitions=3,
        keys=ds.HotSet(items=300, hot_items=8, hot_share=0.9),
        duration_s=500.0,
        heat_splits=ds.HeatSplits(sustained_minutes=2, split_s=30.0),
    ),
    "indexes, and switches": scenario(
        SMALL,
        duration_s=40.0,
        billing_switches=(
            ds.BillingSwitch(at_s=9.5, billing=ds.OnDemand(warm_write_units_per_s=70)),
            ds.BillingSwitch(at_s=15.0, billing=ds.OnDemand(warm_write_units_per_s=60, max_write_request_units=40)),
            ds.BillingSwitch(at_s=24.0, billing=ds.Provisioned(write_capacity_units=45)),
        ),
        global_secondary_indexes=(
            ds.GlobalSecondaryIndex(name="as-the-table"),
            ds.GlobalSecondaryIndex(name="own", billing=ds.Provisioned(write_capacity_units=30), untouched_share=0.3),
            ds.GlobalSecondaryIndex(name="warm", billing=ds.OnDemand(warm_write_units_per_s=35), untouched_share=0.2),
        ),
    ),
    "deletes and puts, some of them lost": scenario(
        SMALL, operations=PUTS_AND_DELETES, item_bytes=VARIED, writer=ds.Writer(retries=ds.Retries(max_attempts=2))
    ),
    "deletes and puts, retried at once": scenario(
        SMALL,
        operations=PUTS_AND_DELETES,
        item_bytes=VARIED,
        writer=ds.Writer(retries=ds.Retries(max_attempts=5, base_s=0.2, quota=0)),
        global_secondary_indexes=(
            ds.GlobalSecondaryIndex(name="some", key_changed_share=0.4, untouched_share=0.3, projected_share=0.5),
            ds.GlobalSecondaryIndex(
                name="small", billing=ds.Provisioned(write_capacity_units=20), keys=ds.UniformKeys(items=3)
            ),
        ),
    ),
    "items that expire": scenario(
        ds.Provisioned(write_capacity_units=400), item_bytes=VARIED, operations=PUTS_AND_DELETES,
        partition_write_units_per_s=1_000, time_to_live=SHORT_LIVED, rate=20.0,
    ),
    "items that expire, throttled": scenario(
        SMALL, item_bytes=VARIED, operations=PUTS_AND_DELETES, time_to_live=SHORT_LIVED, duration_s=60.0,
        global_secondary_indexes=ds.GlobalSecondaryIndex(name="too", key_changed_share=0.4, untouched_share=0.3),
    ),
    "an index that is too small": scenario(
        ds.Provisioned(write_capacity_units=150),
        global_secondary_indexes=(
            ds.GlobalSecondaryIndex(name="small", billing=ds.Provisioned(write_capacity_units=30), untouched_share=0.3),
            ds.GlobalSecondaryIndex(name="hot", keys=ds.UniformKeys(items=2), partitions=3, key_changed_share=0.5),
        ),
    ),
}  # fmt: skip


UNTHROTTLED = {"enough for all", "auto scaling in", "items that expire"}


@pytest.mark.parametrize("case", CASES)
def test_blocks_agree_with_one_by_one(case):
    reference = assert_same(CASES[case], seed=7)
    assert bool(reference.throttles) == (case not in UNTHROTTLED)
    assert len(reference.slices) > 3 or case not in {"heat", "stated splits", "on demand, growing"}


retries = st.one_of(
    st.sampled_from(["legacy", "standard", "standard_2026"]),
    st.builds(
        ds.Retries,
        max_attempts=st.integers(1, 6),
        base_s=st.sampled_from([0.0, 0.05, 0.7]),
        jitter=st.sampled_from([0.0, 0.5, 1.0]),
        quota=st.sampled_from([0, 5, 23, 500]),
        retry_cost=st.integers(1, 7),
    ),
)
writers = st.builds(
    ds.Writer, clients=st.integers(1, 5), retries=retries, latency=st.sampled_from([0.0, 0.02, ds.Exponential(0.1)])
)
billings = st.one_of(
    st.builds(
        ds.Provisioned,
        write_capacity_units=st.integers(1, 90),
        burst_s=st.sampled_from([300.0, 2.0]),
        initial_burst_s=st.sampled_from([0.0, 1.5]),
        adaptive_capacity=st.booleans(),
        auto_scaling=st.sampled_from(
            [None, ds.AutoScaling(metric_delay_s=0.0, update_delay_s=10.0, scale_in_minutes=1)]
        ),
    ),
    st.builds(
        ds.OnDemand,
        warm_write_units_per_s=st.integers(1, 90),
        max_write_request_units=st.sampled_from([None, 40]),
        peak_growth_s=st.sampled_from([0.0, 30.0, 1_800.0]),
    ),
)
indexes = st.builds(
    ds.GlobalSecondaryIndex,
    name=st.sampled_from(["one", "two", "three"]),
    billing=st.none() | billings,
    projected_share=st.sampled_from([0.0, 0.5, 1.0]),
    key_changed_share=st.sampled_from([0.0, 0.4]),
    untouched_share=st.sampled_from([0.0, 0.5]),
    keys=st.sampled_from([None, ds.UniformKeys(items=3)]),
    partitions=st.integers(1, 3),
)


@st.composite
def loads(draw):
    items = draw(st.integers(2, 60))
    return scenario(
        draw(billings),
        rate=draw(st.sampled_from([5.0, 40.0, 90.0])),
        duration_s=draw(st.sampled_from([7.3, 7.3, 20.0, 20.0, 150.0])),
        keys=draw(st.sampled_from([ds.Zipfian(items=items), ds.HotSet(items=items, hot_items=1, hot_share=0.8)])),
        item_bytes=draw(st.sampled_from([300, ds.LogNormal(median=900, p99=9_000)])),
        writer=draw(writers),
        operations=draw(st.sampled_from([None, PUTS_AND_DELETES])),
        time_to_live=draw(st.sampled_from([None, SHORT_LIVED, ds.TimeToLive(after_s=0.4, late=0.0, scan_s=0.25)])),
        partitions=draw(st.integers(2, 4)),
        heat_splits=ds.HeatSplits(
            enabled=draw(st.booleans()),
            sustained_minutes=draw(st.integers(1, 2)),
            split_s=draw(st.sampled_from([0.0, 7.5])),
        ),
        splits=draw(st.sampled_from([(), ds.Split(at_s=3.2, partition=1)])),
        billing_switches=draw(
            st.sampled_from(
                [
                    (),
                    ds.BillingSwitch(at_s=4.0, billing=SMALL),
                    ds.BillingSwitch(at_s=3.0, billing=ds.OnDemand(warm_write_units_per_s=700)),
                    ds.BillingSwitch(at_s=2.5, billing=ds.Provisioned(write_capacity_units=420)),
                ]
            )
        ),
        global_secondary_indexes=tuple(draw(st.lists(indexes, max_size=2, unique_by=lambda one: one.name))),
    )


@given(load=loads(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=25, phases=[Phase.generate])
def test_they_agree_on_any_load(load, seed):
    assert_same(load, seed)


@pytest.mark.thorough
@given(load=loads(), seed=st.integers(0, 2**32 - 1))
def test_they_agree_on_a_great_many_loads(load, seed):
    assert_same(load, seed)
