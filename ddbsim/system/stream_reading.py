"""What the readers that are not Lambda read: call by call, shard after shard, each on its own rhythm.

They depend on the stream alone, and nothing depends on them but the share of reads that is refused to all: so they are
followed after the run, without the clock.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario, StreamReader

from .reader import running_sum
from .shared_reads import SharedReads, shared_reads
from .stream import Shard, StreamLog

__all__ = ["MinuteReads", "minute_reads"]

_MINUTE_S = 60.0


class MinuteReads:
    """What one reader's calls on one shard came to, minute by minute.

    Parameters
    ----------
    reader, shard
        Numbers of the reader in the scenario and of the shard.
    minutes
        How many.

    Attributes
    ----------
    calls, throttled, records, bytes
        Calls that were answered and that were refused; what the answers brought; int64 by minute.
    age_max_s
        Oldest age of a call's last record when it was read, float64; NaN in a minute without records.
    """

    def __init__(self, reader: int, shard: int, minutes: int) -> None:
        self.reader, self.shard = reader, shard
        self.calls, self.throttled, self.records, self.bytes = np.zeros((4, minutes), dtype=np.int64)
        self.age_max_s = np.full(minutes, np.nan)

    def note(self, at_s: float, records: int, size_bytes: int, age_s: float) -> None:
        """Take note of a call that was answered."""
        minute = int(at_s // _MINUTE_S)
        self.calls[minute] += 1
        self.records[minute] += records
        self.bytes[minute] += size_bytes
        if records:
            self.age_max_s[minute] = np.fmax(self.age_max_s[minute], age_s)


def minute_reads(scenario: Scenario, stream: StreamLog, streams: RandomStreams, ended_s: float) -> list[MinuteReads]:
    """Return what the other readers of a scenario read of each shard, up to the end of the run."""
    found = []
    for number, reader in enumerate(scenario.other_readers):
        through_s: list[float] = []
        for shard in stream.shards:
            begin_s = 0.0 if shard.parent < 0 else through_s[shard.parent] + reader.discovery_s
            reads = MinuteReads(number, shard.index, max(1, math.ceil(ended_s / _MINUTE_S)))
            purpose = f"{reader.name}/{shard.index}"
            shared = shared_reads(scenario, shard, streams, purpose)
            phase_s = float(streams(f"poller.phase/{purpose}").uniform(0.0, reader.rhythm_s[0]))
            through_s.append(
                _read_shard(
                    reads, reader, shard, stream, shared, begin_s + phase_s, scenario.stream.retention_s, ended_s
                )
            )
            found.append(reads)
    return found


def _read_shard(
    reads: MinuteReads,
    reader: StreamReader,
    shard: Shard,
    stream: StreamLog,
    shared: SharedReads | None,
    at_s: float,
    retention_s: float,
    ended_s: float,
) -> float:
    """Read one shard from its beginning; return when its end was found, infinity if it was not."""
    written_s: npt.NDArray[np.float64] = stream.written_s[shard.record]
    readable_s = shard.visible_s if shared is None else shared.readable_s(shard.visible_s)
    written, readable = written_s.data, readable_s.data
    sums = running_sum(stream.size_bytes[shard.record]).data
    interval_s, empty_s = reader.rhythm_s
    budget, position, count = int(limits.BYTES_PER_READ.value), 0, len(written)
    while at_s < ended_s:
        if shared is not None and shared.refuses(at_s):
            reads.throttled[int(at_s // _MINUTE_S)] += 1
            at_s += empty_s
            continue
        seen = bisect_right(readable, at_s, position, count)
        first = bisect_left(written, at_s - retention_s, position, seen)
        end = min(first + reader.records_per_read, seen)
        if sums[end] - sums[first] > budget:
            end = max(bisect_right(sums, sums[first] + budget, first, end + 1) - 1, first + 1)
        age_s = at_s - written[end - 1] if end > first else 0.0
        reads.note(at_s, end - first, sums[end] - sums[first], age_s)
        position = end
        if position == count and shard.closed_s <= at_s:
            return at_s
        at_s += interval_s if end > first else empty_s
    return math.inf
