"""What the readers that are not Lambda read: call by call, shard after shard, each on its own rhythm.

They depend on the stream alone, and nothing depends on them but the share of reads that is refused to all: so they are
followed after the run, without the clock. A call that brings records is one step; all the calls of a stretch without
any, and of a stretch in which they are refused, are one step too, and are counted, not listed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.randomness import RandomStreams
from ddbsim.record.reads import ShardCalls, ShardRecords
from ddbsim.record.stream import StreamLog, running_sum
from ddbsim.scenario import Scenario, StreamReader

from .shared_reads import SharedReads, shared_reads

__all__ = ["follow", "follow_shard", "records_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def records_of(stream: StreamLog) -> Iterator[ShardRecords]:
    """Yield the shards of a stream, in the order of their opening."""
    for shard in stream.shards:
        yield ShardRecords(
            shard.index,
            shard.parent,
            shard.opened_s,
            shard.closed_s,
            stream.written_s[shard.record],
            shard.visible_s,
            stream.size_bytes[shard.record],
        )


def follow(
    scenario: Scenario, reader: StreamReader, shards: Sequence[ShardRecords], streams: RandomStreams, ended_s: float
) -> list[ShardCalls]:
    """Return the calls of one reader on all shards, up to the end of the run.

    Parameters
    ----------
    scenario
        Says how many read each shard, and for how long it can be read.
    reader
        Its rhythm.
    shards
        Parents before their children: a shard is read once the end of its parent has been found.
    streams
        The run's random streams.
    ended_s
        End of the run, seconds.
    """
    calls: list[ShardCalls] = []
    for shard in shards:
        begin_s = shard.opened_s if shard.parent < 0 else calls[shard.parent].through_s[0] + reader.discovery_s
        purpose = f"{reader.name}/{shard.index}"
        shared = shared_reads(scenario, shard.opened_s, shard.closed_s, streams, purpose)
        phase_s = float(streams(f"poller.phase/{purpose}").uniform(0.0, reader.rhythm_s[0]))
        calls.append(
            follow_shard(
                reader, shard, begin_s + phase_s, ended_s, shared=shared, retention_s=scenario.stream.retention_s
            )
        )
    return calls


def follow_shard(
    reader: StreamReader,
    shard: ShardRecords,
    at_s: float,
    ended_s: float,
    *,
    shared: SharedReads | None = None,
    retention_s: float = math.inf,
) -> ShardCalls:
    """Return the calls of one reader on one shard: a stretch without records costs one step, however long it is.

    Parameters
    ----------
    reader
        Its rhythm.
    shard
        What it reads.
    at_s, ended_s
        The first call, and the end of the run, seconds.
    shared
        What other readers leave to it; None where they leave everything.
    retention_s
        Age at which the stream trims a record, seconds.
    """
    interval_s, empty_s = reader.rhythm_s
    calls = ShardCalls(shard, empty_s)
    readable_s = shard.visible_s if shared is None else shared.readable_s(shard.visible_s)
    written, readable, sums = shard.written_s.data, readable_s.data, running_sum(shard.size_bytes).data
    budget, position, count = int(limits.BYTES_PER_READ.value), 0, len(written)
    while at_s < ended_s:
        if shared is not None and (served_s := shared.served_s(at_s)) > at_s:
            at_s = calls.add_run(at_s, _calls_before(at_s, empty_s, min(served_s, ended_s)), refused=True)
            continue
        seen = bisect_right(readable, at_s, position, count)
        first = bisect_left(written, at_s - retention_s, position, seen)
        end = min(first + reader.records_per_read, seen)
        if sums[end] - sums[first] > budget:
            end = max(bisect_right(sums, sums[first] + budget, first, end + 1) - 1, first + 1)
        position = end
        through = position == count and shard.closed_s <= at_s
        if end > first:
            calls.add_page(at_s, first, end)
            next_s = at_s + interval_s
        else:
            wakes_s = readable[position] if position < count else shard.closed_s
            held_s = math.inf if shared is None else shared.next_refusal_s(at_s)
            next_s = calls.add_run(at_s, 1 if through else _calls_before(at_s, empty_s, min(wakes_s, held_s, ended_s)))
        if through:
            calls.through_s[0] = at_s
            break
        at_s = next_s
    return calls


def _calls_before(at_s: float, step_s: float, until_s: float) -> int:
    """Return how many calls, one every `step_s` from `at_s` on, come before an instant; at least that first one."""
    calls = max(1, math.ceil((until_s - at_s) / step_s))
    # the division rounds either way
    if calls > 1 and at_s + (calls - 1) * step_s >= until_s:
        return calls - 1
    return calls + 1 if at_s + calls * step_s < until_s else calls
