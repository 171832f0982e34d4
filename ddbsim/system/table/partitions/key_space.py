"""The table's partitions while the run goes on, and which of them each write will meet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddbsim.record.partitions import PartitionIndex, Placement
from ddbsim.system.hashing import partition_hash, partition_of

from .history import cut_partition, first_partitions

__all__ = ["KeySpace"]


class KeySpace:
    """The partitions' history, as far as it has come.

    Parameters
    ----------
    partitions
        How many there are at the start.
    key
        What each write's place in the key space follows from: its item, or the item collection that it is in.

    Attributes
    ----------
    partition
        Of each write, as of now; a split moves those still to come.
    """

    def __init__(self, partitions: int, key: npt.NDArray[np.int64]) -> None:
        self._partitions = first_partitions(partitions)
        self._open = dict.fromkeys(range(partitions))
        self._key = key
        self.partition: PartitionIndex = partition_of(key, partitions).astype(np.uint16, copy=False)

    def __len__(self) -> int:
        return len(self._partitions)

    @property
    def open(self) -> list[int]:
        """The partitions that take writes."""
        return list(self._open)

    @property
    def open_count(self) -> int:
        """How many partitions take writes."""
        return len(self._open)

    def is_open(self, partition: int) -> bool:
        """Whether a partition takes writes."""
        return partition in self._open

    def opened_s(self, partition: int) -> float:
        """Return when a partition began to take writes; infinity if it has not come to be."""
        return self._partitions[partition].opened_s if partition < len(self) else math.inf

    def width(self, partition: int) -> int:
        """Return how much of the hash space a partition has."""
        one = self._partitions[partition]
        return one.high - one.low

    def position(self, rows: npt.NDArray[np.intp] | slice) -> npt.NDArray[np.uint64]:
        """Return the place of writes in the key space."""
        return partition_hash(self._key[rows])

    def split(self, cuts: Sequence[tuple[int, int | None]], at_s: float, to_come: npt.NDArray[np.bool_]) -> None:
        """Split partitions, all at one instant.

        Parameters
        ----------
        cuts
            Which, and where in the hash space; None: in the middle of its slice.
        at_s
            When.
        to_come
            Which writes have not been admitted.
        """
        lower, middle = np.zeros(len(self), dtype=np.uint16), np.zeros(len(self), dtype=np.uint64)
        for partition, cut in cuts:
            lower[partition] = len(self)
            cut_partition(self._partitions, partition, at_s, cut)
            middle[partition] = self._partitions[-1].low
            del self._open[partition]
            self._open |= dict.fromkeys((len(self) - 2, len(self) - 1))
        moved = np.flatnonzero(to_come & (lower[self.partition] > 0))
        old = self.partition[moved]
        self.partition[moved] = lower[old] + (self.position(moved) >= middle[old])

    def placement(self, rows: npt.NDArray[np.intp] | slice) -> Placement:
        """Return where the given writes, admitted ones, went."""
        return Placement(self.partition[rows], tuple(self._partitions))
