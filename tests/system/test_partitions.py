"""Partitions split in two, and each item stays in one line of shards."""

import numpy as np
import pytest

import ddbsim as ds
from ddbsim.system.hashing import partition_hash, partition_of
from ddbsim.system.partitions import HASH_SPACE, assign_partitions, first_partitions, place, split_partitions


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
    ],
)
def test_a_table_refuses_splits_of_what_is_not_there(splits, message):
    with pytest.raises(ValueError, match=message):
        ds.Table(splits=splits)
