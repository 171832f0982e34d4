"""The life of shards: they roll over, they split, they close with the stream."""

import numpy as np
import pytest

import ddbsim as ds

WRITES = ds.PoissonWrites(rate_per_s=40, keys=ds.UniformKeys(items=60))
SPLIT = ds.Table(partitions=2, splits=ds.Split(at_s=100, partition=1))


def run(table=SPLIT, duration_s=300, **stream) -> ds.Result:
    stream = ds.Stream(**stream)
    return ds.simulate(ds.Scenario(workload=WRITES, table=table, stream=stream, duration_s=duration_s), rng=7)


def test_a_split_closes_the_shard_of_the_partition_and_opens_two_children():
    shards = run().shards
    parent = shards.loc[1, "shard_id"]
    assert shards["closed_s"].tolist()[:2] == pytest.approx([np.nan, 100.0], nan_ok=True)
    children = shards[shards["parent_shard_id"] == parent]
    assert children["opened_s"].tolist() == [100.0, 100.0]
    assert children["partition"].tolist() == [2, 3]
    assert set(children["first_sequence_number"]) == {1 + shards.loc[1, "records"]}


def test_a_shard_rolls_over_into_one_child_each_time():
    result = run(ds.Table(partitions=3), shard_lifetime=ds.Uniform(50, 70))
    shards = result.shards
    lives = (shards["closed_s"] - shards["opened_s"]).dropna()
    assert lives.between(50, 70).all()
    assert shards["parent_shard_id"].dropna().is_unique
    assert (shards["closed_s"].isna().groupby(shards["partition"]).sum() == 1).all()
    # not all at once
    assert shards["closed_s"].dropna().is_unique


def test_shards_hold_the_records_written_while_they_were_open():
    result = run(shard_lifetime=ds.Uniform(50, 70))
    log = result.stream_log.merge(result.shards, on="shard_id")
    assert (log["written_s"] >= log["opened_s"]).all()
    assert (log["written_s"] < log["closed_s"].fillna(np.inf)).all()
    assert (log.groupby("item_id")["sequence_number"].diff().dropna() > 0).all()
    counted = log.groupby("shard_id", observed=False).size()
    assert counted.loc[result.shards["shard_id"].tolist()].tolist() == result.shards["records"].tolist()


def test_a_disabled_stream_closes_its_shards_and_records_no_later_write():
    result = run(disabled_s=120.0)
    assert result.stream_log["written_s"].max() < 120
    assert result.writes["written_s"].max() > 299
    # the split at 100 s closed one before
    assert sorted(result.shards["closed_s"]) == [100.0, 120.0, 120.0, 120.0]


def test_a_short_run_has_the_shards_of_its_partitions_alone():
    shards = run(ds.Table(partitions=4)).shards
    assert len(shards) == 4
    assert shards["closed_s"].isna().all()


def test_a_shard_id_holds_the_time_of_its_opening():
    shards = run().shards
    created_s = shards["shard_id"].astype(str).str[8:28].astype("int64") / 1000 - 1_767_225_600
    assert (created_s - shards["opened_s"]).between(0, 0.1).all()
