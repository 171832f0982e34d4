"""The table's partitions while the run goes on, and which of them each write will meet."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Split
from ddbsim.system.hashing import partition_hash, partition_of
from ddbsim.system.partitions import PartitionIndex, Placement, first_partitions, split_partitions

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
        self._key = key
        self.partition: PartitionIndex = partition_of(key, partitions).astype(np.uint16, copy=False)

    def __len__(self) -> int:
        return len(self._partitions)

    @property
    def open(self) -> list[int]:
        """The partitions that take writes."""
        return [one.index for one in self._partitions if np.isinf(one.closed_s)]

    def is_open(self, partition: int) -> bool:
        """Whether a partition takes writes."""
        return bool(np.isinf(self._partitions[partition].closed_s))

    def width(self, partition: int) -> int:
        """Return how much of the hash space a partition has."""
        one = self._partitions[partition]
        return one.high - one.low

    def position(self, rows: npt.NDArray[np.intp] | slice) -> npt.NDArray[np.uint64]:
        """Return the place of writes in the key space."""
        return partition_hash(self._key[rows])

    def split(self, partition: int, at_s: float, cut: int | None, to_come: npt.NDArray[np.bool_]) -> None:
        """Split a partition; None: in the middle of its slice.

        Parameters
        ----------
        partition, at_s, cut
            Which, when, and where in the hash space.
        to_come
            Which writes have not been admitted.
        """
        self._partitions = split_partitions(self._partitions, Split(at_s=at_s, partition=partition), cut)
        upper = self._partitions[-1]
        moved = np.flatnonzero(to_come & (self.partition == partition))
        self.partition[moved] = np.where(self.position(moved) >= upper.low, upper.index, upper.index - 1)

    def placement(self, rows: npt.NDArray[np.intp] | slice) -> Placement:
        """Return where the given writes, admitted ones, went."""
        return Placement(self.partition[rows], tuple(self._partitions))
