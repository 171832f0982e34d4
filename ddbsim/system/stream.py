"""The table and its stream: from writes to the logs of the shards.

Nothing here depends on who reads, so it is done for all writes at once, before the clock starts. A shard is an
append-only log of columns; readers hold positions in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.distributions import as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario, Stream
from ddbsim.workload import INSERT, NO_OP, REMOVE, WriteColumns

from .hashing import Buckets, partition_of

__all__ = ["Shard", "StreamLog", "publish", "record_bytes", "write_units"]

Ints = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]


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
    """

    index: int
    name: str
    partition: int
    record: Ints
    visible_s: Floats


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
    units
        Write units of every write.
    """

    item_id: Ints
    written_s: Floats
    operation: npt.NDArray[np.int8]
    size_bytes: Sizes
    payload_bytes: Sizes
    shards: tuple[Shard, ...]
    partition: Buckets
    units: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.item_id)


def publish(scenario: Scenario, writes: WriteColumns, streams: RandomStreams) -> StreamLog:
    """Return the stream that the writes make.

    Parameters
    ----------
    scenario
        Gives the table, the stream and the date of time 0.
    writes
        Sorted by time.
    streams
        The run's random streams.
    """
    partition = partition_of(writes.item_id, scenario.table.partitions)
    changes = writes.operation != NO_OP
    everything = bool(changes.all())
    pick = slice(None) if everything else np.flatnonzero(changes)
    operation = writes.operation[pick]
    written_s = writes.at_s[pick]
    size_bytes = record_bytes(scenario.stream, writes, operation, pick)
    return StreamLog(
        item_id=writes.item_id[pick],
        written_s=written_s,
        operation=operation,
        size_bytes=size_bytes,
        payload_bytes=_event_bytes(scenario.stream, size_bytes),
        shards=_shards(scenario, written_s, partition[pick], streams),
        partition=partition,
        units=write_units(writes),
    )


def write_units(writes: WriteColumns) -> npt.NDArray[np.int32]:
    """Return the write units of each write: 1 KB steps of the larger of before and after, at least one."""
    units = np.maximum(writes.bytes_before, writes.bytes_after)
    # a shift is several times faster than numpy's division of whole numbers
    units += limits.WRITE_UNIT_BYTES.value - 1
    units >>= limits.WRITE_UNIT_BYTES.value.bit_length() - 1
    return np.maximum(units, 1, out=units)


def record_bytes(
    stream: Stream, writes: WriteColumns, operation: npt.NDArray[np.int8], pick: slice | npt.NDArray[np.intp]
) -> Sizes:
    """Return SizeBytes of each record: the keys, and the images that the view type carries.

    A new image exists unless the item was removed, an old one unless it was inserted. (Derived from published and
    recorded records, all of which it reproduces.)
    """
    size = np.full(len(operation), writes.key_bytes, dtype=np.int32)
    if stream.view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES"):
        np.add(size, writes.bytes_after[pick], out=size, where=operation != REMOVE)
    if stream.view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES"):
        np.add(size, writes.bytes_before[pick], out=size, where=operation != INSERT)
    return size


def _event_bytes(stream: Stream, size_bytes: Sizes) -> Sizes:
    """Return each record's share of the JSON event, where only its size is known."""
    event = size_bytes * stream.event_bytes_per_stored_byte
    event += stream.event_record_overhead_bytes
    return event.astype(np.int32)


def _shards(
    scenario: Scenario,
    written_s: Floats,
    partition: Buckets,
    streams: RandomStreams,
) -> tuple[Shard, ...]:
    # a stable sort of 16-bit keys is a radix sort: linear
    by_partition = np.argsort(partition, kind="stable")
    ends = np.cumsum(np.bincount(partition, minlength=scenario.table.partitions))
    shards = []
    for index, end in enumerate(ends.tolist()):
        record = by_partition[(ends[index - 1] if index else 0) : end]
        name = shard_name(scenario, index)
        delays = streams(f"stream.visibility/{index}")
        visible_s = _visible(scenario.stream, written_s[record], scenario.length_s, delays)
        shards.append(Shard(index, name, index, record, visible_s))
    return tuple(shards)


def shard_name(scenario: Scenario, index: int) -> str:
    """Return a ShardId in AWS's form: creation time in ms, then eight hexadecimal digits."""
    created_ms = int(scenario.start_epoch_s * 1000) + index
    return f"shardId-{created_ms:020d}-{(index * 0x9E3779B1 + 0x7F4A7C15) % 2**32:08x}"


def _visible(stream: Stream, written_s: Floats, length_s: float, rng: np.random.Generator) -> Floats:
    """Return when each record of a shard becomes visible; one delay holds for `visibility_hold_s`."""
    slots = int(length_s / stream.visibility_hold_s) + 1
    delay = as_distribution(stream.visibility_delay).sample(rng, slots)
    visible_s: Floats = written_s + delay[(written_s / stream.visibility_hold_s).astype(np.intp)]
    return np.maximum.accumulate(visible_s, out=visible_s)
