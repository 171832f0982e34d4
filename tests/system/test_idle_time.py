"""Time in which nothing happens costs nothing: counted in seconds looked at, outages looked at, not in time."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.system.function.environments import Outages
from ddbsim.system.table.capacity.buckets import Buckets

DAY_S = 86_400.0
ONE_AN_HOUR = ds.PoissonWrites(rate_per_s=1 / 3_600)


def refills(monkeypatch, scenario):
    """Run a scenario; return how many seconds of the table were looked at, and the result."""
    counted = []
    refill = Buckets.refill

    def counting(self):
        counted.append(1)
        refill(self)

    monkeypatch.setattr(Buckets, "refill", counting)
    result = ds.simulate(scenario, rng=7, progress=False)
    monkeypatch.undo()
    return len(counted), result


@pytest.mark.parametrize(
    "settings",
    [
        {"workload": ONE_AN_HOUR, "table": ds.Table(billing=ds.OnDemand())},
        {"workload": ds.ClosedLoopWrites(clients=2, think_s=7_200.0), "table": ds.Table(billing=ds.OnDemand())},
    ],
    ids=["writes at their times", "clients in turn"],
)
def test_an_on_demand_table_is_looked_at_only_round_its_writes(monkeypatch, settings):
    looked_at, result = refills(monkeypatch, ds.Scenario(duration_s=10 * DAY_S, **settings))
    assert len(result.writes) > 100
    assert looked_at <= 200 * len(result.writes)
    assert looked_at < DAY_S


def test_a_provisioned_table_is_looked_at_until_its_burst_is_full(monkeypatch):
    table = ds.Table(billing=ds.Provisioned(write_capacity_units=1))
    looked_at, result = refills(monkeypatch, ds.Scenario(workload=ONE_AN_HOUR, duration_s=10 * DAY_S, table=table))
    assert looked_at <= 500 * (len(result.writes) + 1)


def attentive(monkeypatch):
    """Have the table look at each second, as if none were like the one before."""
    monkeypatch.setattr(Buckets, "at_rest", False)


BILLINGS = {
    "on demand": {"billing": ds.OnDemand()},
    "provisioned": {"billing": ds.Provisioned(write_capacity_units=2)},
    "scaled": {"billing": ds.Provisioned(write_capacity_units=9, auto_scaling=ds.AutoScaling(max_capacity=50))},
    "split": {"billing": ds.OnDemand(), "splits": (ds.Split(at_s=4_000.5), ds.Split(at_s=9_000, partition=1))},
    "switched": {
        "billing": ds.Provisioned(write_capacity_units=9),
        "billing_switches": ds.BillingSwitch(at_s=5_000.5, billing=ds.Provisioned(write_capacity_units=30)),
    },
    "indexed": {"billing": ds.OnDemand(), "global_secondary_indexes": ds.GlobalSecondaryIndex(name="by-date")},
}


@pytest.mark.parametrize("name", BILLINGS)
@pytest.mark.parametrize("duration_s", [3_000.5, 20_000.0])
def test_seconds_that_are_passed_over_are_as_if_they_had_been_looked_at(monkeypatch, name, duration_s):
    bursts = ds.Steps(times_s=(0.0, 20.0, 2_000.0, 2_003.0, 12_000.0, 12_200.0), rates_per_s=(3.0, 0, 90, 0, 20, 0))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=bursts), duration_s=20_000, table=ds.Table(**BILLINGS[name])
    ).until(duration_s)
    quick = ds.simulate(scenario, rng=7, progress=False)
    attentive(monkeypatch)
    slow = ds.simulate(scenario, rng=7, progress=False)
    for frame in ("table_load", "index_load", "partition_load", "scaling", "partitions", "writes"):
        assert quick.frame(frame).equals(slow.frame(frame)), frame


@given(
    outages=st.lists(
        st.tuples(st.floats(0.0, 90.0), st.floats(0.1, 40.0), st.sampled_from(["error", "timeout"])), max_size=12
    ),
    asked=st.lists(st.floats(0.0, 120.0), max_size=20),
)
def test_the_outage_that_covers_an_instant_is_the_first_of_those_that_do(outages, asked):
    made = ds.Failures(outages=tuple(ds.Outage(start_s=s, end_s=s + length, kind=k) for s, length, k in outages))
    known = Outages(made.windows)
    for at_s in [*asked, *(one.start_s for one in made.windows), *(one.end_s for one in made.windows)]:
        covering = [one.kind for one in made.windows if one.start_s <= at_s < one.end_s]
        assert known.kind_at(at_s) == next(iter(covering), None)


def test_finding_an_outage_takes_no_look_at_those_before():
    class Counted:
        looks = 0

        def __init__(self, start_s):
            self.start, self.end_s, self.kind = start_s, start_s + 0.5, "error"

        @property
        def start_s(self):
            Counted.looks += 1
            return self.start

    known = Outages(tuple(map(Counted, np.arange(10_000.0).tolist())))
    Counted.looks = 0
    assert known.kind_at(9_000.25) == "error"
    assert known.kind_at(9_000.75) is None
    assert Counted.looks <= 2


def test_metrics_of_many_shards_are_summed_once(monkeypatch):
    from ddbsim.frames import mapping_metrics

    counted = []
    by_minute = mapping_metrics._by_minute

    def counting(*arguments):
        counted.append(1)
        return by_minute(*arguments)

    monkeypatch.setattr(mapping_metrics, "_by_minute", counting)
    simulate = partial(ds.simulate, rng=7, progress=False)
    results = [simulate(ds.Scenario(workload=ONE_AN_HOUR, duration_s=days * DAY_S)) for days in (1, 4)]
    sums = []
    for result in results:
        counted.clear()
        assert result.metrics["PolledEventCount"].sum() == len(result.stream_log)
        sums.append(len(counted))
    assert sums[0] == sums[1]
    assert not math.isnan(results[0].metrics["minute_s"].max())
