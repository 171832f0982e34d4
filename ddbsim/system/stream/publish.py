"""The table and its stream: from writes to the logs of the shards.

Nothing here depends on who reads, so it is done for all writes at once, before the clock starts. A shard is an
append-only log of columns; readers hold positions in it.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from ddbsim.distributions import as_distribution
from ddbsim.items import shard_id
from ddbsim.randomness import RandomStreams
from ddbsim.record.partitions import Partition, PartitionIndex, Placement
from ddbsim.record.stream import Shard, StreamLog
from ddbsim.scenario import Scenario, Stream
from ddbsim.system.table.partitions.history import place
from ddbsim.workload import INSERT, NO_OP, REMOVE, WriteColumns

__all__ = ["publish", "record_bytes", "recorded"]

Ints = npt.NDArray[np.int64]
Sizes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]

_SHORTEST_LIFE_S = 1.0  # no shard lives shorter, whatever its distribution draws


def publish(
    scenario: Scenario, writes: WriteColumns, streams: RandomStreams, placement: Placement | None = None
) -> StreamLog:
    """Return the stream that the writes make.

    Parameters
    ----------
    scenario
        Gives the table, the stream and the date of time 0.
    writes
        Sorted by time.
    streams
        The run's random streams.
    placement
        Which partition took each write; by the table's stated splits if None.
    """
    if placement is None:
        placement = place(scenario.table, writes.item_id, writes.at_s, scenario.length_s)
    pick = recorded(scenario.stream, writes)
    operation = writes.operation[pick]
    written_s = writes.at_s[pick]
    size_bytes = record_bytes(scenario.stream, writes, operation, pick)
    return StreamLog(
        item_id=writes.item_id[pick],
        written_s=written_s,
        operation=operation,
        size_bytes=size_bytes,
        payload_bytes=_event_bytes(scenario.stream, size_bytes),
        shards=_shards(scenario, written_s, placement.partition[pick], placement.partitions, streams),
        partition=placement.partition,
        partitions=placement.partitions,
    )


def recorded(stream: Stream, writes: WriteColumns) -> slice | npt.NDArray[np.intp]:
    """Return which writes the stream has a record of: those that changed something while it was enabled."""
    changes = writes.operation != NO_OP
    if stream.disabled_s is not None:
        changes[np.searchsorted(writes.at_s, stream.disabled_s, side="left") :] = False
    return slice(None) if changes.all() else np.flatnonzero(changes)


def record_bytes(
    stream: Stream, writes: WriteColumns, operation: npt.NDArray[np.int8], pick: slice | npt.NDArray[np.intp]
) -> Sizes:
    """Return SizeBytes of each record: the keys, and the images that the view type carries.

    A new image exists unless the item was removed, an old one unless it was inserted. (Derived from published and
    recorded records, all of which it reproduces.)
    """
    size = np.empty(len(operation), dtype=np.int32)
    size[:] = writes.key_bytes[pick] if isinstance(writes.key_bytes, np.ndarray) else writes.key_bytes
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
    partition: PartitionIndex,
    partitions: tuple[Partition, ...],
    streams: RandomStreams,
) -> tuple[Shard, ...]:
    """Return the shards in the order in which they open; the first of each partition of the start come first."""
    # a stable sort of 16-bit keys is a radix sort: linear
    by_partition = np.argsort(partition, kind="stable")
    ends = np.cumsum(np.bincount(partition, minlength=len(partitions))).tolist()
    lives = [_lives(scenario, one, streams) for one in partitions]
    order = sorted((life[0], one.index, turn) for one in partitions for turn, life in enumerate(lives[one.index]))
    indices = {(index, turn): number for number, (_, index, turn) in enumerate(order)}
    shards: dict[int, Shard] = {}
    for one in partitions:
        # 4 bytes are enough for all that fits into memory, and there is one for each record
        record = by_partition[(ends[one.index - 1] if one.index else 0) : ends[one.index]].astype(np.int32)
        delays = streams(f"stream.visibility/{one.index}")
        visible_s = _visible(scenario.stream, written_s[record], scenario.length_s, delays)
        parent, number = -1, 1
        if one.parent >= 0:
            before = shards[parent := indices[one.parent, len(lives[one.parent]) - 1]]
            number = before.first_number + len(before.record)
        cuts = np.searchsorted(written_s[record], [life[1] for life in lives[one.index]], side="left").tolist()
        for turn, (opened_s, closed_s) in enumerate(lives[one.index]):
            index, part = indices[one.index, turn], slice(cuts[turn - 1] if turn else 0, cuts[turn])
            shards[index] = Shard(
                index, shard_name(scenario, index, opened_s), one.index, record[part], visible_s[part],
                parent, opened_s, closed_s, number,
            )  # fmt: skip
            parent, number = index, number + part.stop - part.start
    return tuple(shards[index] for index in range(len(shards)))


def _lives(scenario: Scenario, partition: Partition, streams: RandomStreams) -> list[tuple[float, float]]:
    """Return when each shard of a partition opened and closed, one after the other."""
    closed_s = partition.closed_s
    if scenario.stream.disabled_s is not None:
        closed_s = min(closed_s, scenario.stream.disabled_s)
    until_s = min(closed_s, scenario.length_s)
    lifetime, rng = as_distribution(scenario.stream.shard_lifetime), streams(f"stream.rollover/{partition.index}")
    edges = [partition.opened_s]
    while (rolled_s := edges[-1] + max(float(lifetime.sample(rng, 1)[0]), _SHORTEST_LIFE_S)) < until_s:
        edges.append(rolled_s)
    return list(zip(edges, [*edges[1:], closed_s if closed_s <= scenario.length_s else math.inf], strict=True))


def shard_name(scenario: Scenario, index: int, opened_s: float = 0.0) -> str:
    """Return a ShardId in AWS's form; no two shards have one number, even if they open at once."""
    return shard_id(int((scenario.start_epoch_s + opened_s) * 1000) + index, index)


def _visible(stream: Stream, written_s: Floats, length_s: float, rng: np.random.Generator) -> Floats:
    """Return when each record of a shard becomes visible; one delay holds for `visibility_hold_s`."""
    slots = int(length_s / stream.visibility_hold_s) + 1
    delay = as_distribution(stream.visibility_delay).sample(rng, slots)
    visible_s: Floats = written_s + delay[(written_s / stream.visibility_hold_s).astype(np.intp)]
    return np.maximum.accumulate(visible_s, out=visible_s)
