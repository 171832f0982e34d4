"""The table's partitions over time: slices of the hash space that split in two, and never merge.

A shard belongs to one partition. When a partition splits, its shard closes and each half begins one of its own, so an
item's records stay in one line of shards.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Split, Table

from .hashing import partition_hash, partition_of

__all__ = [
    "HASH_SPACE",
    "Partition",
    "PartitionIndex",
    "Placement",
    "assign_partitions",
    "first_partitions",
    "place",
    "split_partitions",
]

HASH_SPACE = 2**32

PartitionIndex: TypeAlias = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class Partition:
    """One slice of the table.

    Attributes
    ----------
    index
        Its place in the history; those at the start come first.
    parent
        Index of the partition that it is a half of, -1 at the start.
    low, high
        Its items have hashes in [low, high), a part of [0, 2**32).
    opened_s, closed_s
        It takes writes in [opened_s, closed_s); infinity if it never splits.
    """

    index: int
    parent: int
    low: int
    high: int
    opened_s: float = 0.0
    closed_s: float = math.inf


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the writes went.

    Attributes
    ----------
    partition
        Index of the partition of each write.
    partitions
        The partitions' history, in the order of their indices.
    """

    partition: PartitionIndex
    partitions: tuple[Partition, ...]


def first_partitions(count: int) -> list[Partition]:
    """Return the partitions of a new table: equal slices, as `partition_of` cuts them."""
    bounds = [-(-index * HASH_SPACE // count) for index in range(count + 1)]
    return [Partition(index, -1, bounds[index], bounds[index + 1]) for index in range(count)]


def split_partitions(partitions: list[Partition], split: Split, at_hash: int | None = None) -> list[Partition]:
    """Return the history with one partition split, in the middle of its slice or at a given hash.

    Raises
    ------
    ValueError
        If the partition is not open then, or its slice cannot be cut there.
    """
    old = partitions[split.partition]
    if not old.opened_s < split.at_s < old.closed_s:
        raise ValueError(f"Split.partition must be open at {split.at_s:g} s, got {split!r}")
    middle = (old.low + old.high) // 2 if at_hash is None else at_hash
    if not old.low < middle < old.high:
        raise ValueError(f"partition {old.index} cannot be cut at hash {middle}: it holds {old.low}..{old.high - 1}")
    count = len(partitions)
    halves = [
        Partition(count, old.index, old.low, middle, split.at_s),
        Partition(count + 1, old.index, middle, old.high, split.at_s),
    ]
    kept = [replace(one, closed_s=split.at_s) if one is old else one for one in partitions]
    return kept + halves


def place(table: Table, item_id: npt.NDArray[np.int64], at_s: npt.NDArray[np.float64]) -> Placement:
    """Return where the writes of a table go that splits at stated times only."""
    partitions = first_partitions(table.initial_partitions)
    for split in table.stated_splits:
        partitions = split_partitions(partitions, split)
    return Placement(assign_partitions(item_id, at_s, partitions), tuple(partitions))


def assign_partitions(
    item_id: npt.NDArray[np.int64], at_s: npt.NDArray[np.float64], partitions: list[Partition]
) -> PartitionIndex:
    """Return the partition of each write, by its item's hash and its time (ascending)."""
    first = sum(one.parent < 0 for one in partitions)
    index: PartitionIndex = partition_of(item_id, first).astype(np.uint16, copy=False)
    for child in partitions[first:]:
        begin = int(np.searchsorted(at_s, child.opened_s, side="left"))
        moved = np.flatnonzero(index[begin:] == child.parent) + begin
        hashes = partition_hash(item_id[moved])
        index[moved[(hashes >= child.low) & (hashes < child.high)]] = child.index
    return index
