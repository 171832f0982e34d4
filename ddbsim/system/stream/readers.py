"""What the readers that are not Lambda read: call by call, shard after shard, each on its own rhythm.

They depend on the stream alone, and nothing depends on them but the share of reads that is refused to all: so they are
followed after the run, without the clock. A call that brings records is one step; all the calls of a stretch without
any, and of a stretch in which they are refused, are one step too, and are counted, not listed.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario, StreamReader
from ddbsim.system.mapping.poller import running_sum
from ddbsim.system.mapping.schedule import steps_before

from .publish import StreamLog
from .shared_reads import SharedReads, shared_reads

__all__ = ["ShardCalls", "ShardRecords", "follow", "follow_shard", "records_of"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class ShardRecords:
    """A shard as a reader meets it.

    Attributes
    ----------
    index, parent
        Its number, and that of the shard which it goes on from (-1: none).
    opened_s, closed_s
        It takes records in [opened_s, closed_s); infinity while it is open.
    written_s, visible_s, size_bytes
        Of each record, in order.
    """

    index: int
    parent: int
    opened_s: float
    closed_s: float
    written_s: Floats
    visible_s: Floats
    size_bytes: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ShardCalls:
    """The calls of one reader on one shard.

    Attributes
    ----------
    shard
        What it reads.
    page_s, page_first, page_end
        When a call brought records, and which: positions [first, end). What was trimmed lies between two pages.
    run_s, run_calls, run_refused
        The other calls, in runs of one rhythm: the first one's instant, how many, whether they were refused.
    step_s
        Between two calls of a run, seconds.
    through_s
        When the end of the shard was found; infinity if it was not.
    """

    shard: ShardRecords
    step_s: float
    page_s: list[float] = field(default_factory=list)
    page_first: list[int] = field(default_factory=list)
    page_end: list[int] = field(default_factory=list)
    run_s: list[float] = field(default_factory=list)
    run_calls: list[int] = field(default_factory=list)
    run_refused: list[bool] = field(default_factory=list)
    through_s: list[float] = field(default_factory=lambda: [math.inf])

    @property
    def steps(self) -> int:
        """How many steps it took to follow them."""
        return len(self.page_s) + len(self.run_s)

    @property
    def answered(self) -> int:
        """How many calls were answered, empty ones too: what is billed."""
        return len(self.page_s) + sum(
            calls for calls, refused in zip(self.run_calls, self.run_refused, strict=True) if not refused
        )

    def read_s(self) -> Floats:
        """Return when each record of the shard was read; NaN for those that were not."""
        first, end = np.array(self.page_first, dtype=np.int64), np.array(self.page_end, dtype=np.int64)
        read_s = np.full(len(self.shard.written_s), np.nan)
        trimmed = first - np.concatenate(([0], end[:-1])) if len(end) else first
        lengths = np.stack((trimmed, end - first), axis=1).ravel()
        at_s = np.stack((np.full(len(first), np.nan), np.array(self.page_s)), axis=1).ravel()
        read_s[: int(lengths.sum())] = np.repeat(at_s, lengths)
        return read_s

    def by_minute(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the calls came to, a row per minute with any: columns of the frame `reads`."""
        at_s, sums = np.array(self.page_s, dtype=np.float64), running_sum(self.shard.size_bytes)
        first, end = (np.array(column, dtype=np.int64) for column in (self.page_first, self.page_end))
        row, run_minute, counts = _runs_by_minute(self)
        refused = np.array(self.run_refused, dtype=np.bool_)[row]
        page_minute = (at_s // _MINUTE_S).astype(np.int64)
        minutes, place = np.unique(np.concatenate((page_minute, run_minute)), return_inverse=True)
        page, run = place[: len(at_s)], place[len(at_s) :]

        def total(values: npt.NDArray[Any], places: npt.NDArray[np.intp]) -> Ints:
            return np.bincount(places, weights=values, minlength=len(minutes)).astype(np.int64)

        age_max_s = np.full(len(minutes), np.nan)
        np.fmax.at(age_max_s, page, at_s - self.shard.written_s[end - 1])
        columns: dict[str, npt.NDArray[Any]] = {
            "minute_s": minutes * _MINUTE_S,
            "calls": total(counts[~refused], run[~refused]) + np.bincount(page, minlength=len(minutes)),
            "throttled": total(counts[refused], run[refused]),
            "records": total(end - first, page),
            "bytes": total(sums[end] - sums[first], page),
            "age_max_s": age_max_s,
        }
        # a run may skip a minute that it spans
        called = columns["calls"] + columns["throttled"] > 0
        return {name: values[called] for name, values in columns.items()}

    def _page(self, at_s: float, first: int, end: int) -> None:
        self.page_s.append(at_s)
        self.page_first.append(first)
        self.page_end.append(end)

    def _run(self, at_s: float, calls: int, refused: bool = False) -> float:
        """Note calls in a row without records; return when the one after them is due."""
        self.run_s.append(at_s)
        self.run_calls.append(calls)
        self.run_refused.append(refused)
        return at_s + calls * self.step_s


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
            at_s = calls._run(at_s, _calls_before(at_s, empty_s, min(served_s, ended_s)), refused=True)
            continue
        seen = bisect_right(readable, at_s, position, count)
        first = bisect_left(written, at_s - retention_s, position, seen)
        end = min(first + reader.records_per_read, seen)
        if sums[end] - sums[first] > budget:
            end = max(bisect_right(sums, sums[first] + budget, first, end + 1) - 1, first + 1)
        position = end
        through = position == count and shard.closed_s <= at_s
        if end > first:
            calls._page(at_s, first, end)
            next_s = at_s + interval_s
        else:
            wakes_s = readable[position] if position < count else shard.closed_s
            held_s = math.inf if shared is None else shared.next_refusal_s(at_s)
            next_s = calls._run(at_s, 1 if through else _calls_before(at_s, empty_s, min(wakes_s, held_s, ended_s)))
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


def _runs_by_minute(calls: ShardCalls) -> tuple[Ints, Ints, Ints]:
    """Return, for each run and minute that it touches: the run, the minute, and its calls in it."""
    start_s, count = np.array(calls.run_s, dtype=np.float64), np.array(calls.run_calls, dtype=np.int64)
    begins = (start_s // _MINUTE_S).astype(np.int64)
    widths = ((start_s + (count - 1) * calls.step_s) // _MINUTE_S).astype(np.int64) - begins + 1
    row = np.repeat(np.arange(len(count)), widths)
    minute = np.arange(len(row)) - np.repeat(np.cumsum(widths) - widths, widths) + begins[row]
    low, high = (
        np.minimum(steps_before(start_s[row], calls.step_s, edge * _MINUTE_S), count[row])
        for edge in (minute, minute + 1)
    )
    return row, minute, (high - low).astype(np.int64)
