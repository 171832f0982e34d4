"""What the table's writes mean for a global secondary index: none, one or two writes there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import GlobalSecondaryIndex
from ddbsim.system.hashing import partition_of
from ddbsim.workload import MODIFY, NO_OP, WriteColumns

__all__ = ["IndexDemand", "index_demand", "index_units"]


class IndexDemand(NamedTuple):
    """What writes ask of one index.

    Attributes
    ----------
    units
        Write units of each, 0 where the index is left alone.
    partition
        Partition of the index that each goes to.
    drawn
        Decides for each, in [0, 1), by the index's shares, whether a modification touches the index, or its key.
    of_index
        The index.
    """

    units: npt.NDArray[np.int32]
    partition: npt.NDArray[np.uint16]
    drawn: npt.NDArray[np.float64]
    of_index: GlobalSecondaryIndex

    def of(self, rows: npt.NDArray[np.intp]) -> IndexDemand:
        """Return the demand of some of the writes."""
        return IndexDemand(self.units[rows], self.partition[rows], self.drawn[rows], self.of_index)


def index_demand(index: GlobalSecondaryIndex, writes: WriteColumns, streams: RandomStreams) -> IndexDemand:
    """Return what the writes ask of an index."""
    count = len(writes)
    drawn = streams(f"table.index.{index.name}").random(count)
    partition = np.zeros(count, dtype=np.uint16)
    if index.keys is not None:
        keys = index.keys.draw(count, streams(f"table.index.{index.name}.keys"))
        partition = partition_of(keys, index.partitions).astype(np.uint16, copy=False)
    larger = np.maximum(writes.bytes_before, writes.bytes_after)
    return IndexDemand(index_units(index, drawn, writes.operation, larger), partition, drawn, index)


def index_units(
    index: GlobalSecondaryIndex,
    drawn: npt.NDArray[np.float64],
    operation: npt.NDArray[np.int8],
    larger: npt.NDArray[np.int32],
) -> npt.NDArray[np.int32]:
    """Return the units that writes take of an index, from what they do and the larger of the item's sizes.

    An item that enters or leaves it is one write, a change of what it holds too, a change of its key two: the old
    entry goes, a new one comes. What changes is drawn by the shares that the index states.
    """
    entries = np.ones(len(operation), dtype=np.int32)
    modifies = operation == MODIFY
    entries[modifies & (drawn < index.key_changed_share)] = 2
    entries[modifies & (drawn >= 1.0 - index.untouched_share)] = 0
    entries[operation == NO_OP] = 0
    each = np.maximum(np.ceil(larger * index.projected_share / limits.WRITE_UNIT_BYTES.value), 1).astype(np.int32)
    entries *= each
    return entries
