"""The table's partitions over time: slices of the hash space that split in two, and never merge.

A shard belongs to one partition. When a partition splits, its shard closes and each half begins one of its own, so an
item's records stay in one line of shards.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddbsim.record.partitions import Partition, PartitionIndex, Placement
from ddbsim.scenario import HASH_SPACE, Split, Table, first_bounds
from ddbsim.system.hashing import partition_hash, partition_of

__all__ = ["HASH_SPACE", "assign_partitions", "cut_partition", "first_partitions", "place", "split_partitions"]


def first_partitions(count: int) -> list[Partition]:
    """Return the partitions of a new table: equal slices, as `partition_of` cuts them."""
    bounds = first_bounds(count)
    return [Partition(index, -1, bounds[index], bounds[index + 1]) for index in range(count)]


def cut_partition(partitions: list[Partition], number: int, at_s: float, at_hash: int | None = None) -> None:
    """Split one partition of a history, in the middle of its slice or at a given hash.

    Raises
    ------
    ValueError
        If the partition is not open then, or its slice cannot be cut there.
    """
    old = partitions[number]
    if not old.opened_s < at_s < old.closed_s:
        raise ValueError(f"Split.partition must be open at {at_s:g} s, got partition {number}")
    middle = (old.low + old.high) // 2 if at_hash is None else at_hash
    if not old.low < middle < old.high:
        raise ValueError(f"partition {old.index} cannot be cut at hash {middle}: it holds {old.low}..{old.high - 1}")
    count = len(partitions)
    partitions[number] = replace(old, closed_s=at_s)
    partitions.append(Partition(count, old.index, old.low, middle, at_s))
    partitions.append(Partition(count + 1, old.index, middle, old.high, at_s))


def split_partitions(partitions: Sequence[Partition], split: Split, at_hash: int | None = None) -> list[Partition]:
    """Return the history with one more split; see `cut_partition`."""
    history = list(partitions)
    cut_partition(history, split.partition, split.at_s, at_hash)
    return history


def place(
    table: Table, item_id: npt.NDArray[np.int64], at_s: npt.NDArray[np.float64], length_s: float = math.inf
) -> Placement:
    """Return where the writes of a table go that splits at stated times only, those of [0, length_s)."""
    partitions = first_partitions(table.initial_partitions)
    for split in itertools.takewhile(lambda split: split.at_s < length_s, table.stated_splits):
        cut_partition(partitions, split.partition, split.at_s)
    return Placement(assign_partitions(item_id, at_s, partitions), tuple(partitions))


def assign_partitions(
    item_id: npt.NDArray[np.int64], at_s: npt.NDArray[np.float64], partitions: Sequence[Partition]
) -> PartitionIndex:
    """Return the partition of each write, by its item's hash and its time."""
    first = sum(one.parent < 0 for one in partitions)
    index: PartitionIndex = partition_of(item_id, first).astype(np.uint16, copy=False)
    if first == len(partitions):
        return index
    closed_s = np.array([one.closed_s for one in partitions])
    lower, middle = np.zeros(len(partitions), dtype=np.uint16), np.zeros(len(partitions), dtype=np.uint64)
    # of two halves, the lower one comes first
    for half in partitions[first::2]:
        lower[half.parent], middle[half.parent] = half.index, half.high
    rows = np.flatnonzero(at_s >= closed_s[index])
    hashes = partition_hash(item_id[rows])
    while len(rows):
        old = index[rows]
        index[rows] = lower[old] + (hashes >= middle[old])
        on = at_s[rows] >= closed_s[index[rows]]
        rows, hashes = rows[on], hashes[on]
    return index
