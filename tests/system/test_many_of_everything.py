"""Very many items, very many consumers, and nothing at all: each has its answers."""

import numpy as np
import pytest

import ddbsim as ds

SCARCE = ds.Table(billing=ds.Provisioned(write_capacity_units=20))
EXPIRING = ds.Table(time_to_live=ds.TimeToLive(after_s=1.0, late=0.0, scan_s=0.5))
BOTH = ds.Table(billing=SCARCE.billing, time_to_live=EXPIRING.time_to_live)
KEYS = [ds.UniformKeys(items=10**15), ds.Zipfian(items=10**9), ds.HotSet(items=10**10, hot_items=5, hot_share=0.5)]


def answers(scenario, tmp_path):
    """Return a result that has answered everything."""
    result = ds.simulate(scenario, rng=1, progress=False)
    assert str(result.summary)
    assert result.bill().usd_per_month >= 0
    check = result.check()
    assert check["ok"].all(), check[~check["ok"]].to_string()
    result.to_parquet(tmp_path / "run")
    assert ds.read_result(tmp_path / "run").writes.equals(result.writes)
    return result


@pytest.mark.parametrize("keys", KEYS, ids=["uniform", "zipfian", "a hot set"])
@pytest.mark.parametrize("table", [SCARCE, EXPIRING, BOTH], ids=["throttled", "expiring", "both"])
def test_a_billion_items_cost_no_more_than_ten(tmp_path, table, keys):
    workload = ds.PoissonWrites(rate_per_s=60, keys=keys)
    result = answers(ds.Scenario(workload=workload, table=table, duration_s=5.3), tmp_path)
    assert (result.writes["kind"] == "ttl").any() == (table is not SCARCE)
    assert (result.writes["attempts"] > 1).any() == (table is not EXPIRING)


def replayed(item_id):
    count = len(item_id)
    columns = {"at_s": np.arange(count) * 0.01, "item_id": item_id, "operation": ["MODIFY"] * count}
    sizes = {"bytes_before": [3_000] + [100] * (count - 1), "bytes_after": [100] * count}
    return ds.ReplayWrites(columns=columns | sizes, key_bytes=10)


@pytest.mark.parametrize("table", [SCARCE, EXPIRING, BOTH], ids=["throttled", "expiring", "both"])
def test_the_highest_ids_are_items_like_others(tmp_path, table):
    high = answers(
        ds.Scenario(workload=replayed(2**62 - np.arange(60) % 30), table=table, duration_s=6), tmp_path / "high"
    )
    low = answers(ds.Scenario(workload=replayed(np.arange(60) % 30), table=table, duration_s=6), tmp_path / "low")
    names = ["requested_s", "attempts", "bytes_before", "bytes_after"]
    asked = [one.writes[one.writes["kind"] != "ttl"].sort_values("requested_s") for one in (high, low)]
    if table is EXPIRING:
        assert asked[0][names].reset_index(drop=True).equals(asked[1][names].reset_index(drop=True))
    assert len(asked[0]) == len(asked[1]) == 60


def test_more_mappings_than_a_byte_has_numbers_for(tmp_path):
    mappings = tuple(ds.EventSourceMapping(name=f"mapping {number}") for number in range(130))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=4),
        table=ds.Table(partitions=1),
        event_source_mappings=mappings,
        duration_s=2,
    )
    result = ds.simulate(scenario, rng=1, progress=False)
    records = len(result.writes)
    for name in ("stream_log", "latency_parts", "invocations"):
        counted = result.frame(name)["event_source_mapping"].value_counts()
        assert set(counted.index) == {mapping.label for mapping in mappings}, name
    assert (result.stream_log["event_source_mapping"].value_counts() == records).all()
    assert result.check()["ok"].all()
    assert result.bill().usd_per_month > 0
    result.to_parquet(tmp_path / "run")
    assert ds.read_result(tmp_path / "run").stream_log.equals(result.stream_log)


def test_more_readers_than_a_byte_has_numbers_for(tmp_path):
    readers = tuple(ds.StreamReader(name=f"reader {number}") for number in range(130))
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=4), table=ds.Table(partitions=1), stream_readers=readers, duration_s=2
    )
    result = answers(scenario, tmp_path)
    assert set(result.reads["reader"]) == {reader.name for reader in readers}


def test_more_indexes_than_a_byte_has_numbers_for(tmp_path):
    names = [f"index-{number}" for number in range(130)]
    indexes = tuple(ds.GlobalSecondaryIndex(name=name) for name in names)
    table = ds.Table(billing=ds.OnDemand(), global_secondary_indexes=indexes)
    result = answers(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=4), table=table, duration_s=2), tmp_path)
    assert (result.index_load.groupby("index", observed=True)["write_units"].sum() == len(result.writes)).all()


QUIET = {
    "130 shards": {"table": ds.Table(partitions=130)},
    "an idle week": {"duration_s": 7 * 86_400, "table": ds.Table(partitions=4)},
    "on demand, expiring": {
        "table": ds.Table(billing=ds.OnDemand(), time_to_live=ds.TimeToLive(after_s=1.0)),
        "duration_s": 0.5,
    },
    "nothing changes": {"workload": ds.PoissonWrites(rate_per_s=9, operations=ds.OperationMix(modify=0, no_op=1))},
    "the stream ends at once": {"workload": ds.PoissonWrites(rate_per_s=9), "stream": ds.Stream(disabled_s=0.0)},
    "no write, throttled": {"table": SCARCE, "writer": ds.Writer(retries="adaptive")},
}


@pytest.mark.parametrize("case", QUIET)
def test_a_run_without_a_record_has_its_answers(tmp_path, case):
    settings = {"workload": ds.PoissonWrites(rate_per_s=0), "duration_s": 10} | QUIET[case]
    result = answers(ds.Scenario(**settings), tmp_path)
    assert not len(result.stream_log)


# the expiry of an item, and what a put finds then


def expiring(billing=None):
    """An item of 400 KB is put, expires, and is put again with 100 bytes."""
    columns = {
        "at_s": [0.5, 8.0, 8.5],
        "item_id": [3, 3, 3],
        "operation": ["INSERT", "MODIFY", "MODIFY"],
        "bytes_before": [0, 400_000, 100],
        "bytes_after": [400_000, 100, 100],
    }
    return ds.Scenario(
        workload=ds.ReplayWrites(columns=columns, key_bytes=10),
        table=ds.Table(billing=billing, time_to_live=ds.TimeToLive(after_s=2, late=ds.Uniform(0, 1), scan_s=0.5)),
        duration_s=9,
    )


@pytest.mark.parametrize("billing", [None, ds.OnDemand(), ds.Provisioned(write_capacity_units=500)])
def test_a_put_after_an_expiry_is_charged_by_what_is_there(tmp_path, billing):
    result = answers(expiring(billing), tmp_path)
    assert result.writes["operation"].tolist() == ["INSERT", "REMOVE", "INSERT", "MODIFY"]
    assert result.writes["write_units"].tolist() == [391, 0, 1, 1]
    assert result.table_load["write_units"].sum() == 393
    saved = ds.simulate(ds.read_result(tmp_path / "run").scenario, rng=1, progress=False)
    assert saved.writes["write_units"].tolist() == [391, 0, 1, 1]
    assert saved.bill().usd_per_month == result.bill().usd_per_month


@pytest.mark.parametrize("units", [40, 5_000])
@pytest.mark.parametrize("late", [0.0, ds.Exponential(1.0)])
def test_a_saved_run_is_charged_as_the_one_that_was_saved(tmp_path, late, units):
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(
            rate_per_s=40,
            item_bytes=ds.LogNormal(median=900, p99=30_000),
            operations=ds.OperationMix(insert=0.3, modify=0.35, remove=0.25, no_op=0.1, existing=0.4),
            keys=ds.Zipfian(items=40),
        ),
        table=ds.Table(
            billing=ds.Provisioned(write_capacity_units=units),
            time_to_live=ds.TimeToLive(after_s=2, late=late, scan_s=0.5),
        ),
        duration_s=15,
    )
    result = answers(scenario, tmp_path)
    saved = ds.simulate(ds.read_result(tmp_path / "run").scenario, rng=1, progress=False)
    assert saved.writes.equals(result.writes)
    assert saved.bill().frame.equals(result.bill().frame)
