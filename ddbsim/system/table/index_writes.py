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

__all__ = ["IndexDemand", "index_demand"]


class IndexDemand(NamedTuple):
    """What writes ask of one index: units of each (0 where it is left alone), and its partition there."""

    units: npt.NDArray[np.int32]
    partition: npt.NDArray[np.uint16]

    def of(self, rows: npt.NDArray[np.intp]) -> IndexDemand:
        """Return the demand of some of the writes."""
        return IndexDemand(self.units[rows], self.partition[rows])


def index_demand(index: GlobalSecondaryIndex, writes: WriteColumns, streams: RandomStreams) -> IndexDemand:
    """Return what the writes ask of an index.

    An item that enters or leaves it is one write, a change of what it holds too, a change of its key two: the old
    entry goes, a new one comes. What changes is drawn by the shares that the index states.
    """
    count = len(writes)
    drawn = streams(f"table.index.{index.name}").random(count)
    entries = np.ones(count, dtype=np.int32)
    modifies = writes.operation == MODIFY
    entries[modifies & (drawn < index.key_changed_share)] = 2
    entries[modifies & (drawn >= 1.0 - index.untouched_share)] = 0
    entries[writes.operation == NO_OP] = 0
    larger = np.maximum(writes.bytes_before, writes.bytes_after)
    each = np.maximum(np.ceil(larger * index.projected_share / limits.WRITE_UNIT_BYTES.value), 1).astype(np.int32)
    partition = np.zeros(count, dtype=np.uint16)
    if index.keys is not None:
        keys = index.keys.draw(count, streams(f"table.index.{index.name}.keys"))
        partition = partition_of(keys, index.partitions).astype(np.uint16, copy=False)
    return IndexDemand(entries * each, partition)
