"""What the table's modes, indexes, class and replicas cost, from the run itself."""

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds
from ddbsim.analysis.bill import make_bill
from ddbsim.analysis.storage import average_stored_bytes
from ddbsim.result.usage import quantities

TO_ON_DEMAND = ds.BillingSwitch(at_s=9.5, billing=ds.OnDemand())
BACK = ds.BillingSwitch(at_s=40, billing=ds.Provisioned(write_capacity_units=30))


def switched(*switches, index=None, **table):
    return ds.Scenario(
        workload=ds.ConstantWrites(rate_per_s=20, item_bytes=500),
        table=ds.Table(
            billing=ds.Provisioned(write_capacity_units=100),
            billing_switches=switches,
            global_secondary_indexes=ds.GlobalSecondaryIndex(name="gsi", billing=index),
            **table,
        ),
        duration_s=60,
    )


def test_an_index_without_a_mode_of_its_own_follows_the_switches_of_the_table():
    result = ds.simulate(switched(TO_ON_DEMAND, BACK), rng=1, progress=False)
    used = quantities(result)
    assert used["write_capacity_unit_hours/gsi"] == pytest.approx((10 * 100 + 20 * 30) / 3600)
    assert used["write_request_units/gsi"] == 30 * 20
    assert used["write_capacity_unit_hours/gsi"] == used["write_capacity_unit_hours"]
    assert used["write_request_units/gsi"] == used["write_request_units"]
    scaling = result.scaling[result.scaling["decision"] == "switch"]
    assert scaling.groupby("resource", observed=True)["effective_s"].apply(list).to_dict() == {
        "table": [10.0, 40.0],
        "gsi": [10.0, 40.0],
    }


def test_an_index_is_in_the_mode_of_the_table_and_has_its_own_capacity_where_it_states_one():
    own = ds.Provisioned(write_capacity_units=25)
    used = quantities(ds.simulate(switched(TO_ON_DEMAND, BACK, index=own), rng=1, progress=False))
    assert used["write_capacity_unit_hours/gsi"] == pytest.approx((10 + 20) * 25 / 3600)
    assert used["write_request_units/gsi"] == 30 * 20


def test_an_index_keeps_its_capacity_where_the_mode_stays():
    own, more = ds.Provisioned(write_capacity_units=25), ds.Provisioned(write_capacity_units=200)
    result = ds.simulate(switched(ds.BillingSwitch(at_s=9.5, billing=more), index=own), rng=1, progress=False)
    assert quantities(result)["write_capacity_unit_hours/gsi"] == pytest.approx(60 * 25 / 3600)
    assert set(result.scaling["resource"]) <= {"table", "partitions"}


@pytest.mark.parametrize("replicas", [0, 2])
@pytest.mark.parametrize("table_class", ["STANDARD", "STANDARD_INFREQUENT_ACCESS"])
@pytest.mark.parametrize("region", sorted(ds.prices()["region"].unique()))
def test_every_table_has_its_prices_in_every_region(region, table_class, replicas):
    result = ds.simulate(switched(TO_ON_DEMAND, table_class=table_class, replicas=replicas), rng=1, progress=False)
    frame = result.bill(region=region).frame.set_index("component")
    assert (frame.loc[frame["quantity"] > 0, "usd"] > 0).all()


@pytest.mark.parametrize("replicas", [0, 2])
def test_a_replicated_table_is_billed_in_each_region(replicas):
    used = quantities(ds.simulate(switched(TO_ON_DEMAND, replicas=replicas), rng=1, progress=False))
    kind = "replicated_write" if replicas else "write"
    assert used[f"{kind}_capacity_unit_hours"] == pytest.approx((1 + replicas) * 10 * 100 / 3600)
    assert used[f"{kind}_request_units"] == (1 + replicas) * 50 * 20


@pytest.mark.parametrize(("duration_s", "warmup_s"), [(60.1, 20.3), (100.0, 30.7), (3_600.0, 600.1)])
def test_a_table_that_is_empty_in_the_window_stores_nothing(duration_s, warmup_s):
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=ds.Spike(base_per_s=0, peak_per_s=5, at_s=1, lasting_s=5),
            item_bytes=ds.Uniform(100, 3_000),
            operations=ds.OperationMix(existing=0.0),
            keys=ds.UniformKeys(items=20),
        ),
        table=ds.Table(time_to_live=ds.TimeToLive(after_s=2, late=0.0, scan_s=1.0)),
        duration_s=duration_s,
        warmup_s=warmup_s,
    )
    for seed in range(12):
        bill = ds.simulate(scenario, rng=seed, progress=False).bill()
        stored = bill.frame.set_index("component").loc["storage_gb_months", "quantity"]
        assert 0 <= stored < 1e-15


def test_what_comes_and_goes_before_a_window_is_not_stored_in_it():
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 400_000, 500)
    at_s = np.sort(rng.uniform(0, 30.7, 1_000))
    writes = pd.DataFrame(
        {
            "written_s": at_s,
            "item_id": np.tile(np.arange(500), 2),
            "bytes_before": np.concatenate((np.zeros(500, dtype=np.int64), sizes)),
            "bytes_after": np.concatenate((sizes, np.zeros(500, dtype=np.int64))),
        }
    )
    assert 0 <= average_stored_bytes(writes, 30.7, 100.1) < 1e-6


@pytest.mark.parametrize("duration_s", [1e-8, 1e-6, 1e-3])
@pytest.mark.parametrize("billing", [None, ds.OnDemand(), ds.Provisioned(write_capacity_units=5)])
def test_the_shortest_run_has_a_bill(duration_s, billing):
    item = {"item_id": [3, 4], "operation": ["MODIFY"] * 2, "bytes_before": [100] * 2, "bytes_after": [100] * 2}
    for workload in (
        ds.PoissonWrites(rate_per_s=5),
        ds.ReplayWrites(columns={"at_s": [0.0, 0.0], **item}, key_bytes=10),
    ):
        scenario = ds.Scenario(workload=workload, duration_s=duration_s, table=ds.Table(billing=billing))
        result = ds.simulate(scenario, rng=1, progress=False)
        assert np.isfinite(result.bill().usd_per_month)
        assert result.check()["ok"].all()


def test_a_window_that_is_next_to_nothing_has_a_month():
    bill = make_bill({"write_request_units": 0.0, "storage_gb_months": 2.0}, window_s=5e-324, region="us-east-1")
    assert bill.usd_per_month == pytest.approx(0.5)
    assert np.isfinite(make_bill({"write_request_units": 7}, window_s=5e-324, region="us-east-1").usd_per_month)
