"""Partitions split in two, and each item stays in one line of shards."""

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.system.hashing import partition_hash, partition_of
from ddbsim.system.table.partitions.history import (
    HASH_SPACE,
    assign_partitions,
    first_partitions,
    place,
    split_partitions,
)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 64, 1000])
def test_the_first_partitions_are_the_slices_that_the_hash_is_cut_into(count):
    partitions = first_partitions(count)
    assert [one.low for one in partitions[1:]] == [one.high for one in partitions[:-1]]
    assert (partitions[0].low, partitions[-1].high) == (0, HASH_SPACE)
    ids = np.arange(5_000)
    of_bucket = partition_of(ids, count)

    bounds = np.array([one.high for one in partitions], dtype=np.uint64)
    np.testing.assert_array_equal(np.searchsorted(bounds, partition_hash(ids), side="right"), of_bucket)


def test_a_split_halves_a_slice_and_moves_later_writes_alone():
    table = ds.Table(partitions=1, splits=(ds.Split(at_s=10, partition=0), ds.Split(at_s=20, partition=2)))
    ids, at_s = np.tile(np.arange(200), 3), np.repeat([5.0, 10.0, 25.0], 200)
    placed = place(table, ids, at_s)
    assert [(one.parent, one.opened_s, one.closed_s) for one in placed.partitions] == [
        (-1, 0.0, 10), (0, 10, np.inf), (0, 10, 20), (2, 20, np.inf), (2, 20, np.inf),
    ]  # fmt: skip
    before, middle, after = placed.partition.reshape(3, 200)
    assert set(before) == {0}
    assert set(middle) == {1, 2}
    assert set(after) == {1, 3, 4}
    np.testing.assert_array_equal(middle == 1, after == 1)


def test_a_partition_splits_at_any_hash_inside_it_once():
    partitions = split_partitions(first_partitions(1), ds.Split(at_s=1.0), at_hash=7)
    assert [(one.low, one.high) for one in partitions[1:]] == [(0, 7), (7, HASH_SPACE)]
    with pytest.raises(ValueError, match="must be open at 2 s"):
        split_partitions(partitions, ds.Split(at_s=2.0))
    with pytest.raises(ValueError, match="cannot be cut at hash 0"):
        split_partitions(first_partitions(1), ds.Split(at_s=1.0), at_hash=0)
    assert set(assign_partitions(np.arange(50), np.full(50, 2.0), partitions)) == {2}


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ((ds.Split(at_s=1, partition=4),), "partition that is open at that time"),
        ((ds.Split(at_s=1), ds.Split(at_s=2)), "partition that is open at that time"),
        (("soon",), "Table.splits must be Split"),
        ((ds.Split(at_s=5), ds.Split(at_s=5, partition=4)), "later than the 5 s at which it begins, got"),
        (
            tuple(ds.Split(at_s=1 + turn, partition=0 if turn == 0 else 2 + 2 * turn) for turn in range(40)),
            "something to split: a single hash is left",
        ),
    ],
)
def test_a_table_refuses_splits_of_what_is_not_there(splits, message):
    with pytest.raises(ValueError, match=message):
        ds.Table(splits=splits)


def test_splits_take_effect_at_whole_seconds_where_the_table_has_a_mode():
    splits = (ds.Split(at_s=5.1), ds.Split(at_s=5.2, partition=4))
    ds.Table(splits=splits)
    with pytest.raises(
        ValueError, match="later than the 6 s at which it begins, as splits take effect at whole seconds"
    ):
        ds.Table(splits=splits, billing=ds.OnDemand())


def test_more_splits_than_there_are_numbers_for_are_refused():
    splits = tuple(ds.Split(at_s=1, partition=partition) for partition in range(10_000))
    ds.Table(partitions=10_000, splits=splits)
    more = tuple(ds.Split(at_s=2, partition=partition) for partition in range(10_000, 24_000))
    with pytest.raises(ValueError, match="at most 32,768 partitions, got 24,000 splits of 10,000 partitions"):
        ds.Table(partitions=10_000, splits=splits + more)


SWITCHES = {
    "to on demand": (1, ds.Provisioned(write_capacity_units=10), ds.OnDemand(), 4),
    "to many units": (1, ds.Provisioned(write_capacity_units=500), ds.Provisioned(write_capacity_units=4_000), 4),
    "pre-warmed": (4, ds.OnDemand(), ds.Provisioned(write_capacity_units=20_000), 20),
    "to the quota": (3, ds.OnDemand(warm_write_units_per_s=5), ds.Provisioned(write_capacity_units=40_000), 40),
}


@pytest.mark.parametrize("case", SWITCHES)
def test_a_switch_makes_as_many_partitions_as_the_new_mode_needs(case):
    partitions, before, after, needed = SWITCHES[case]
    scenario = ds.Scenario(
        workload=ds.PoissonWrites(rate_per_s=40),
        duration_s=20,
        table=ds.Table(partitions=partitions, billing=before, billing_switches=ds.BillingSwitch(at_s=5, billing=after)),
    )
    result = ds.simulate(scenario, rng=1, progress=False)
    history = result.partitions
    assert history["closed_s"].isna().sum() == needed
    # none splits in the second of its birth, and each half's line goes back to its parent
    assert (history["closed_s"].dropna() > history["opened_s"][history["closed_s"].notna()]).all()
    halves = history[history["parent"] >= 0]
    assert (halves.groupby("parent").size() == 2).all()
    assert (history.loc[halves["parent"], "closed_s"].to_numpy() == halves["opened_s"].to_numpy()).all()
    shards = result.shards.set_index("shard_id")
    children = shards[shards["parent_shard_id"].notna()]
    assert (shards.loc[children["parent_shard_id"], "closed_s"].to_numpy() == children["opened_s"].to_numpy()).all()
    assert len(result.stream_log) == shards["records"].sum()
    assert result.check()["ok"].all()
    splits = result.scaling[result.scaling["decision"] == "split: capacity"]
    assert splits["units_before"].tolist() == list(range(partitions, needed))
    assert splits["units_after"].tolist() == list(range(partitions + 1, needed + 1))


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            {"billing_switches": ds.BillingSwitch(at_s=5, billing=ds.Provisioned(write_capacity_units=40_001))},
            r"at most write_quota_per_s \(40,000\), got 40,001 at 5 s",
        ),
        (
            {
                "billing_switches": ds.BillingSwitch(at_s=5, billing=ds.OnDemand(warm_write_units_per_s=40_000)),
                "partition_write_units_per_s": 1,
            },
            "need at most 32,768 partitions, got 40,000 write units/s at 5 s, 1 for each",
        ),
    ],
)
def test_a_switch_that_no_table_can_make_is_refused(table, message):
    with pytest.raises(ValueError, match=message):
        ds.Table(billing=ds.Provisioned(write_capacity_units=1), **table)
