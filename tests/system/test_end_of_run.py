"""Nothing is from after the end of a run, whatever its length."""

import numpy as np
import pytest

import ddbsim as ds

FRAMES = ("writes", "shards", "partitions", "scaling", "table_load", "partition_load")
RETRIES = {
    "legacy": ds.Writer(retries="legacy"),
    "adaptive": ds.Writer(retries="adaptive"),
    "at once": ds.Writer(retries=ds.Retries(max_attempts=8, base_s=0.01, quota=0)),
    "a slow answer": ds.Writer(latency=0.7, retries=ds.Retries(max_attempts=2, base_s=0.1)),
}
WORKLOADS = {
    "poisson": ds.PoissonWrites(rate_per_s=200),
    "closed loop": ds.ClosedLoopWrites(clients=30, think_s=0.01),
}


def throttled(duration_s, *, retries="legacy", workload="poisson", **settings):
    table = ds.Table(billing=ds.Provisioned(write_capacity_units=20, burst_s=0, initial_burst_s=0))
    return ds.Scenario(
        workload=WORKLOADS[workload], duration_s=duration_s, table=table, writer=RETRIES[retries], **settings
    )


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("retries", RETRIES)
@pytest.mark.parametrize("duration_s", [4.2, 0.3, 3.999_999_9, 5])
def test_no_instant_lies_beyond_the_end(duration_s, retries, workload):
    result = ds.simulate(throttled(duration_s, retries=retries, workload=workload), rng=1, progress=False)
    assert (result.writes["outcome"] != "admitted").any()
    for name in FRAMES:
        frame = result.frame(name)
        for column in frame.columns[frame.columns.str.endswith("_s") & (frame.dtypes == "float64")]:
            assert not (frame[column] > duration_s).any(), (name, column)
    assert not (result.writes["written_s"] >= duration_s).any()
    assert result.check()["ok"].all()


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("retries", RETRIES)
def test_the_units_are_one_number_everywhere(retries, workload):
    result = ds.simulate(throttled(4.2, retries=retries, workload=workload), rng=1, progress=False)
    units = result.writes["write_units"].sum()
    assert result.table_load["write_units"].sum() == units
    assert result.partition_load["write_units"].sum() == units
    assert result.metrics["ConsumedWriteCapacityUnits"].sum() == units
    outcomes = result.writes["outcome"].value_counts()
    load = result.table_load
    assert load["requested"].sum() == len(result.writes)
    assert load["admitted"].sum() == outcomes["admitted"]
    assert load["lost"].sum() == outcomes.get("lost", 0)


@pytest.mark.parametrize("seed", range(20))
def test_a_short_hold_of_the_delay_ends_with_the_run(seed):
    scenario = throttled(10.1, stream=ds.Stream(visibility_hold_s=0.1))
    result = ds.simulate(scenario, rng=seed, progress=False)
    assert result.writes["written_s"].max() < 10.1


def test_the_last_attempts_are_those_before_the_end():
    scenario = throttled(4.2)
    writes = ds.simulate(scenario, rng=3, progress=False).writes
    longer = ds.simulate(throttled(5.0), rng=3, progress=False).writes
    before = longer["written_s"] < 4.2
    np.testing.assert_array_equal(np.sort(writes["written_s"].dropna()), np.sort(longer.loc[before, "written_s"]))


@pytest.mark.parametrize("billing", [None, ds.OnDemand()])
def test_a_split_at_the_end_or_later_does_not_happen(billing):
    splits = (ds.Split(at_s=1.5), ds.Split(at_s=4.2, partition=1), ds.Split(at_s=9.0, partition=2))
    table = ds.Table(partitions=4, splits=splits, billing=billing)
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), table=table, duration_s=10.0).until(4.2)
    result = ds.simulate(scenario, rng=1, progress=False)
    assert len(result.partitions) == len(result.shards) == 6
    assert result.check()["ok"].all()
