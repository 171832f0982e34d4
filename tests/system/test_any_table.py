"""Random tables under small workloads: no answer raises, all numbers add up, nothing is from after the end."""

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.result.usage import quantities

SIZES = [300, ds.LogNormal(median=900, p99=30_000)]
MIX = ds.OperationMix(insert=0.3, modify=0.35, remove=0.25, no_op=0.1, existing=0.4)
SCALING = ds.AutoScaling(metric_delay_s=0.0, update_delay_s=3.0, scale_in_minutes=1, scale_out_minutes=1)

provisioned = st.builds(
    ds.Provisioned,
    write_capacity_units=st.sampled_from([1, 20, 60, 700, 40_000]),
    auto_scaling=st.sampled_from([None, SCALING]),
    burst_s=st.sampled_from([0.0, 5.0, 300.0]),
    initial_burst_s=st.just(0.0),
    adaptive_capacity=st.booleans(),
    read_capacity_units=st.sampled_from([None, 1, 9_000]),
)
on_demand = st.builds(
    ds.OnDemand,
    warm_write_units_per_s=st.sampled_from([1, 30, 4_000, 30_000]),
    max_write_request_units=st.sampled_from([None, 25]),
    peak_growth_s=st.sampled_from([0.0, 3.5]),
)
billings = provisioned | on_demand
lengths = st.sampled_from([0.3, 4.2, 10.1, 65.7, 130])
instants = st.sampled_from([0.2, 1.0, 2.5, 3.0, 7.9, 61.2])
indexes = st.builds(
    ds.GlobalSecondaryIndex,
    name=st.sampled_from(["one", "two", "three"]),
    billing=st.none() | st.builds(ds.Provisioned, write_capacity_units=st.sampled_from([5, 900])) | on_demand,
    key_changed_share=st.sampled_from([0.0, 0.4]),
    untouched_share=st.sampled_from([0.0, 0.5]),
    keys=st.sampled_from([None, ds.UniformKeys(items=3), ds.UniformKeys(items=10**10)]),
    partitions=st.integers(1, 3),
)
keys = st.sampled_from(
    [
        ds.UniformKeys(items=7),
        ds.Zipfian(items=10**9),
        ds.HotSet(items=10**10, hot_items=1, hot_share=0.7),
        ds.SequentialKeys(items=12),
        ds.UniformKeys(items=10**10),
        ds.Zipfian(items=40),
    ]
)


@st.composite
def workloads(draw):
    plain = ds.PoissonWrites(
        rate_per_s=draw(st.sampled_from([0.0, 0.4, 15.0, 60.0])),
        item_bytes=draw(st.sampled_from(SIZES)),
        keys=draw(keys),
        operations=draw(st.sampled_from([ds.OperationMix(), MIX])),
    )
    return draw(
        st.sampled_from(
            [
                plain,
                ds.BatchedWrites(workload=plain, size=5),
                ds.TransactedWrites(workload=plain, size=3),
                ds.ClosedLoopWrites(clients=5, think_s=0.1, item_bytes=plain.item_bytes, keys=plain.keys),
            ]
        )
    )


@st.composite
def splits(draw):
    """Return splits that find their partition open, each later than the one before by more than a second."""
    known, open_now, made = 1, [0], []
    for turn in range(draw(st.sampled_from([0, 0, 1, 4]))):
        chosen = open_now.pop(draw(st.integers(0, len(open_now) - 1)))
        made.append(ds.Split(at_s=0.5 + 1.3 * turn, partition=chosen))
        open_now += [known, known + 1]
        known += 2
    return tuple(made)


@st.composite
def tables(draw):
    billing = draw(st.none() | billings)
    stated = draw(splits())
    limited = {} if billing is None else draw(limits())
    return ds.Table(
        partitions=1 if stated and billing is None else None,
        billing=billing,
        splits=stated if billing is None else (),
        time_to_live=draw(
            st.sampled_from(
                [None, ds.TimeToLive(after_s=0.7, late=0.0, scan_s=0.5), ds.TimeToLive(after_s=2, late=1.0)]
            )
        ),
        heat_splits=ds.HeatSplits(enabled=draw(st.booleans()), sustained_minutes=1, split_s=1.5),
        table_class=draw(st.sampled_from(["STANDARD", "STANDARD_INFREQUENT_ACCESS"])),
        replicas=draw(st.sampled_from([0, 2])),
        other_items_gb=draw(st.sampled_from([0.0, 45.0])),
        **limited,
    )


@st.composite
def limits(draw):
    switches = st.builds(ds.BillingSwitch, at_s=instants, billing=billings)
    return {
        "billing_switches": tuple(draw(st.lists(switches, max_size=3))),
        "global_secondary_indexes": tuple(draw(st.lists(indexes, max_size=2, unique_by=lambda one: one.name))),
        "partition_write_units_per_s": draw(st.sampled_from([20, 1_000])),
        "write_quota_per_s": 45_000,
    }


@st.composite
def scenarios(draw):
    duration_s = draw(lengths)
    readers = draw(st.sampled_from([0] * 8 + [1, 3]))
    mappings = draw(st.sampled_from([0] + [1] * 8 + [3])) if readers else draw(st.sampled_from([1] * 9 + [3]))
    whole = ds.Scenario(
        workload=draw(workloads()),
        table=draw(tables()),
        duration_s=1_000,
        writer=ds.Writer(retries=draw(st.sampled_from(["legacy", "standard", "adaptive"]))),
        event_source_mappings=tuple(ds.EventSourceMapping(name=str(number)) for number in range(mappings)),
        stream_readers=tuple(ds.StreamReader(name=f"reader {number}") for number in range(readers)),
        stream=ds.Stream(visibility_hold_s=draw(st.sampled_from([0.1, 1.0]))),
    )
    # what is planned for later is refused when typed
    return whole.until(duration_s, warmup_s=draw(st.sampled_from([0.0, 0.1, duration_s / 3])))


def assert_sound(scenario, seed):
    result = ds.simulate(scenario, rng=seed, progress=False)
    assert str(result.summary)
    check = result.check()
    assert check["ok"].all(), check[~check["ok"]].to_string()
    assert np.isfinite(result.bill().usd_per_month)
    with tempfile.TemporaryDirectory() as folder:
        result.to_parquet(Path(folder) / "run")
        assert ds.read_result(Path(folder) / "run").writes.equals(result.writes)
    assert_ended(result)
    assert_added_up(result)
    assert_billed(result)


def assert_ended(result):
    """Nothing at the table is from after the end."""
    for name in ("writes", "shards", "partitions", "scaling"):
        frame = result.frame(name)
        for column in frame.columns[frame.columns.str.endswith("_s") & (frame.dtypes == "float64")]:
            assert not (frame[column] > result.ended_s).any(), (name, column)
    assert not (result.writes["written_s"] >= result.ended_s).any()


def assert_added_up(result):
    writes, load = result.writes, result.table_load
    asked = writes[writes["kind"] != "ttl"]
    outcomes = asked["outcome"].value_counts()
    assert load["requested"].sum() == len(asked) == outcomes.sum()
    if result.scenario.table.billing is not None:
        assert load["admitted"].sum() == outcomes["admitted"]
        assert load["lost"].sum() == outcomes["lost"]
    units = asked["write_units"].sum()
    by_second = asked["write_units"].groupby(asked["written_s"] // 1).sum()
    assert (load.set_index("at_s")["write_units"].loc[by_second.index] == by_second).all()
    assert load["write_units"].sum() == units
    assert result.partition_load["write_units"].sum() == units
    assert result.metrics["ConsumedWriteCapacityUnits"].groupby(result.metrics["minute_s"]).first().sum() == units
    assert (writes.loc[writes["kind"] == "ttl", "write_units"] == 0).all()


def assert_billed(result):
    """What is charged on demand are the units after the warm-up, in the seconds of that mode."""
    table, used = result.scenario.table, quantities(result)
    writes = result.writes[result.writes["written_s"] >= result.scenario.warmup_s]
    begins = np.array([begin_s for begin_s, _ in table.modes] or [0.0])
    demanded = np.array([isinstance(billing, ds.OnDemand) for _, billing in table.modes] or [True])
    of_mode = demanded[np.searchsorted(begins, writes["written_s"], side="right") - 1]
    charged = sum(value for name, value in used.items() if name.endswith("write_request_units"))
    assert charged == writes["write_units"][of_mode].sum() * (1 + table.replicas)
    assert all(value >= 0 for value in used.values())


@given(scenario=scenarios(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_no_table_breaks_an_answer(scenario, seed):
    assert_sound(scenario, seed)


@pytest.mark.thorough
@given(scenario=scenarios(), seed=st.integers(0, 2**32 - 1))
@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
def test_none_of_a_great_many_tables_breaks_an_answer(scenario, seed):
    assert_sound(scenario, seed)
