"""The records of the stream, and the shards that hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .partitions import Partition, PartitionIndex

__all__ = ["Shard", "StreamLog", "running_sum"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Shard:
    """One shard's log: columns in the order of its records.

    Attributes
    ----------
    index
        Position in `StreamLog.shards`.
    name
        AWS's ShardId.
    partition
        The partition that writes to it.
    record
        Index of each record in the stream's columns.
    visible_s
        Instant from which a reader sees it; never decreasing.
    parent
        Index of the shard that it goes on from; -1 for the first of a partition of the start.
    opened_s, closed_s
        It takes records in [opened_s, closed_s); infinity while it is open.
    first_number
        Sequence number of its first record; above all of its parent's.
    """

    index: int
    name: str
    partition: int
    record: npt.NDArray[np.int32]
    visible_s: Floats
    parent: int = -1
    opened_s: float = 0.0
    closed_s: float = math.inf
    first_number: int = 1


@dataclass(frozen=True, slots=True)
class StreamLog:
    """All records of the stream, in the order of their writes, and the shards that hold them.

    Attributes
    ----------
    item_id, written_s, operation, size_bytes
        What each record says; `size_bytes` is AWS's SizeBytes under the stream's view type.
    payload_bytes
        The record's share of the JSON event that the function gets.
    partition
        Partition of every *write* (not record).
    partitions
        The partitions' history.
    """

    item_id: Ints
    written_s: Floats
    operation: npt.NDArray[np.int8]
    size_bytes: Sizes
    payload_bytes: Sizes
    shards: tuple[Shard, ...]
    partition: PartitionIndex
    partitions: tuple[Partition, ...]

    def __len__(self) -> int:
        return len(self.item_id)


def running_sum(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the sums of the first 0, 1, 2, ... values."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums
