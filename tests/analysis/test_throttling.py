"""What throttling did to the way from intent to completion."""

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds


@pytest.fixture(scope="module")
def throttled():
    """Two mappings behind a table that takes half of what comes for a while."""
    mappings = [ds.EventSourceMapping(function=ds.Function(name=name)) for name in ("first", "second")]
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=ds.Spike(20, 60, 20, 20), keys=ds.UniformKeys(items=1_000)),
        table=ds.Table(partitions=2, billing=ds.Provisioned(write_capacity_units=40, burst_s=0)),
        event_source_mappings=mappings,
        duration_s=100,
        warmup_s=5,
    )
    return ds.simulate(scenario, rng=7, progress=False)


def test_the_table_and_the_stream_add_up_to_the_whole_delay(throttled):
    told = throttled.table_delay(every_s=10)
    assert told["total_s"].to_numpy() == pytest.approx((told["at_table_s"] + told["in_stream_s"]).to_numpy())
    writes = throttled.writes.query("outcome == 'admitted' and requested_s >= 5").set_index(["item_id", "written_s"])
    log = throttled.stream_log[throttled.stream_log["outcome"] == "processed"]
    for name, own in told.groupby("event_source_mapping", observed=True):
        mine = log[log["event_source_mapping"] == name].set_index(["item_id", "written_s"])
        both = mine.loc[mine.index.isin(writes.index)].join(writes[["requested_s", "attempts"]])
        assert own["records"].sum() == len(both)
        assert own["throttled"].sum() == (both["attempts"] > 1).sum() > 50
        whole = (both["completed_s"] - both["requested_s"]).mean()
        assert np.average(own["total_s"], weights=own["records"]) == pytest.approx(whole)
        asked = both[both["requested_s"].between(30, 40, inclusive="left")]
        row = own.set_index("at_s").loc[40.0]
        assert row["records"] == len(asked)
        assert row["at_table_s"] == pytest.approx(
            (asked.index.get_level_values("written_s") - asked["requested_s"]).mean()
        )


def test_only_while_it_throttles_does_the_table_take_time(throttled):
    told = throttled.table_delay(every_s=10).set_index("at_s")
    quiet = told[(told.index <= 20) | (told.index > 50)]
    assert (quiet["at_table_s"] == 0).all()
    assert (quiet["table_share"] == 0).all()
    assert (quiet["attempts"] == 1).all()
    busy = told[(told.index > 20) & (told.index <= 40)]
    assert (busy["at_table_s"] > 0.01).all()
    assert busy["table_share"].between(0.01, 1).all()


def test_a_table_without_limits_takes_no_time():
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=20), duration_s=30)
    told = ds.simulate(scenario, rng=7, progress=False).table_delay(every_s=10)
    assert (told["at_table_s"] == 0).all()
    assert told["at_s"].tolist() == [10.0, 20.0, 30.0]


def test_a_run_without_writes_has_no_rows():
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=0), duration_s=30)
    told = ds.simulate(scenario, rng=7, progress=False).table_delay()
    assert isinstance(told, pd.DataFrame)
    assert told.empty
    assert told.columns[-1] == "table_share"


def test_writes_of_an_item_at_one_instant_are_counted_once_each():
    writes = [(1.0, "put", {"pk": "a", "n": n}) for n in (1, 1, 2, 3)]  # the second changes nothing
    mappings = [
        ds.EventSourceMapping(function=ds.Function(name=name), starting_position="TRIM_HORIZON") for name in "ab"
    ]
    scenario = ds.Scenario(workload=ds.ItemWrites(writes), event_source_mappings=mappings, duration_s=20)
    told = ds.simulate(scenario, rng=7, progress=False).table_delay(every_s=20)
    assert told["records"].tolist() == [3, 3]
