"""The partitions of the table over time, and which of them took each write."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Partition", "PartitionIndex", "Placement"]


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
