"""The poller of one shard: which records have been read at which instant.

The poller ticks on its own fixed lattice. A tick sees exactly the records visible at or before it, cut at the limits
of one read. So every record's first possible tick is known beforehand (one vectorised step), and the reader moves
from one tick with something new to the next: idle stretches cost nothing.

Reading depends on the lanes only through one question, asked of them as they were at the tick: does any lane want
more? A lane that waits always does. Hence a waiting lane may ask the reader to run ahead of the clock, up to the tick
that brings its next record: nothing that happens before then can change what is read.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ddbsim.scenario import Poller

__all__ = ["Polls", "Reader", "running_sum"]


def running_sum(values: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Return the sums of the first 0, 1, 2, ... values."""
    sums = np.zeros(len(values) + 1, dtype=np.int64)
    np.cumsum(values, out=sums[1:])
    return sums


class _Lane(Protocol):
    def wants_more(self, frontier: int) -> bool: ...


@dataclass(frozen=True, slots=True)
class Polls:
    """A reader's lattice, and the pages that it read.

    Attributes
    ----------
    interval_s, phase_s
        The lattice: ticks at phase + k x interval.
    page_at, page_end
        Instant and end position of each page.
    """

    interval_s: float
    phase_s: float
    page_at: npt.NDArray[np.float64]
    page_end: npt.NDArray[np.int64]

    def first_ticks(self, visible_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the first tick at or after each instant, float64."""
        ticks = visible_s - self.phase_s
        ticks /= self.interval_s
        np.ceil(ticks, out=ticks)
        ticks *= self.interval_s
        ticks += self.phase_s
        # the division rounds: never see a record before it is visible
        np.add(ticks, self.interval_s, out=ticks, where=ticks < visible_s)
        return ticks

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many records each page brought."""
        ends = np.asarray(self.page_end, dtype=np.int64)
        return ends - np.concatenate((np.zeros(1, dtype=np.int64), ends))[:-1]

    def read_s(self, count: int) -> npt.NDArray[np.float64]:
        """Return when each of the shard's `count` records was read, float64; NaN for those not read."""
        read_s = np.repeat(self.page_at, self.counts())
        return np.concatenate((read_s, np.full(count - len(read_s), np.nan))) if len(read_s) < count else read_s


class Reader:
    """Reads one shard for one mapping.

    Parameters
    ----------
    visible_s
        When each record of the shard becomes visible, never decreasing.
    size_bytes
        SizeBytes of each.
    poller
        Its limits and rhythm.
    phase_s
        Offset of the lattice, in [0, interval).
    begin_s
        No poll before this instant.

    Attributes
    ----------
    frontier
        Records read so far: positions [0, frontier).
    page_at, page_end
        Instant and end position of each page read.
    waiting_lanes
        How many lanes have nothing in flight.
    """

    __slots__ = (
        "_bytes",
        "_limit",
        "_max_bytes",
        "_next_tick",
        "_offers",
        "_visible",
        "count",
        "frontier",
        "lanes",
        "page_at",
        "page_end",
        "phase_s",
        "poller",
        "waiting_lanes",
    )

    def __init__(
        self,
        visible_s: npt.NDArray[np.float64],
        size_bytes: npt.NDArray[np.int32],
        poller: Poller,
        phase_s: float,
        begin_s: float = 0.0,
    ) -> None:
        self.poller = poller
        self.phase_s = phase_s
        self.count = len(visible_s)
        self.frontier = 0
        self.page_at: list[float] = []
        self.page_end: list[int] = []
        self.lanes: Sequence[_Lane] = ()
        self.waiting_lanes = 0
        self._limit = poller.records_per_read
        self._next_tick = self.tick_at_or_after(begin_s)
        # memoryviews give Python floats at a fraction of numpy's cost per element, and no copy
        lattice = Polls(poller.interval_s, phase_s, np.empty(0), np.empty(0, dtype=np.int64))
        self._visible = visible_s.data
        self._offers = lattice.first_ticks(visible_s).data
        self._bytes = running_sum(size_bytes).data
        # where no page can reach the limit of bytes, it is never looked at
        self._max_bytes = int(size_bytes.max(initial=0))

    def tick_at_or_after(self, at_s: float) -> float:
        """Return the first tick at or after an instant."""
        interval = self.poller.interval_s
        tick = self.phase_s + math.ceil((at_s - self.phase_s) / interval) * interval
        return tick if tick >= at_s else tick + interval

    def _tick_after(self, at_s: float) -> float:
        tick = self.tick_at_or_after(at_s)
        return tick if tick > at_s else self.tick_at_or_after(at_s + self.poller.interval_s / 2)

    def advance(self, now: float) -> None:
        """Do the polls at or before `now`, with the lanes as they are."""
        while self.frontier < self.count:
            tick = self._next_poll()
            if tick > now:
                return
            if not self._wanted():
                # nothing changes before a lane does
                self._next_tick = self._tick_after(now)
                return
            self._read(tick)

    def read_until(self, position: int, deadline: float = math.inf) -> float:
        """Do the polls that bring the record at `position`, none after `deadline`; a waiting lane asks.

        Returns
        -------
        float
            The instant at which it was read, or infinity if that is after the deadline.
        """
        while self.frontier <= position:
            tick = self._next_poll()
            if tick > deadline:
                return math.inf
            self._read(tick)
        return self.read_at(position)

    def read_at(self, position: int) -> float:
        """Return when a record that has been read was read."""
        if len(self.page_end) > 1 and self.page_end[-2] > position:
            return self.page_at[bisect_right(self.page_end, position)]
        return self.page_at[-1]

    def frontier_at(self, now: float) -> int:
        """Return how many records had been read at an instant that the reader has passed."""
        if self.page_at and self.page_at[-1] <= now:
            return self.frontier
        page = bisect_right(self.page_at, now)
        return self.page_end[page - 1] if page else 0

    def _next_poll(self) -> float:
        """Return the next poll that finds something."""
        # after a page that was cut the poller may be off its lattice for one poll
        if self._visible[self.frontier] <= self._next_tick:
            return self._next_tick
        offer: float = self._offers[self.frontier]
        return offer

    def _wanted(self) -> bool:
        return self.waiting_lanes > 0 or any(lane.wants_more(self.frontier) for lane in self.lanes)

    def _read(self, tick: float) -> None:
        """Read one page at `tick`: what is visible there, cut at the limits of a read."""
        first = self.frontier
        end = bisect_right(self._visible, tick, first, min(first + self._limit, self.count))
        if (end - first) * self._max_bytes > self.poller.bytes_per_read:
            budget = self._bytes[first] + self.poller.bytes_per_read
            # one record always fits: the service never returns less
            end = max(min(end, bisect_right(self._bytes, budget, first, end + 1) - 1), first + 1)
        if end < self.count and self._visible[end] <= tick:
            self._next_tick = tick + self.poller.backlog_interval_s
            if self.poller.backlog_interval_s == self.poller.interval_s:
                self._next_tick = self._tick_after(tick)
        self.page_at.append(tick)
        self.page_end.append(end)
        self.frontier = end

    def polls(self) -> Polls:
        """Return what is left to know once the run is over."""
        return Polls(self.poller.interval_s, self.phase_s, np.asarray(self.page_at), np.asarray(self.page_end))
