"""The poller of one shard: which records have been read at which instant.

The poller ticks on a schedule that is known beforehand. A tick sees exactly the records visible at or before it, cut
at the limits of one read. So every record's first possible tick is known too (one vectorised step), and the reader
moves from one tick with something new to the next: idle stretches cost nothing.

Reading depends on the lanes only through one question, asked of them as they were at the tick: does any lane want
more? A lane that waits always does. Hence a waiting lane may ask the reader to run ahead of the clock, up to the tick
that brings its next record: nothing that happens before then can change what is read.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ddbsim.record.polls import Polls, Schedule
from ddbsim.record.stream import running_sum
from ddbsim.scenario import Poller

from .schedule import PeriodicPolls

__all__ = ["Reader"]


class _Lane(Protocol):
    def wants_more(self, read_position: int) -> bool: ...


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
    schedule
        When it may poll.
    written_s, retention_s
        When each record was written, and the age at which the stream trims it; None where none grows that old.

    Attributes
    ----------
    read_position
        Records read so far: positions [0, read_position).
    page_at, page_end, page_records
        Instant and end position of each page read, and how many records it returned.
    waiting_lanes
        How many lanes have nothing in flight.
    skips
        Ranges of positions that it starts behind: never read.
    searched_s, found_s
        See `Polls`.
    """

    __slots__ = (
        "_bytes",
        "_first_poll_s",
        "_limit",
        "_max_bytes",
        "_next_poll_s",
        "_retention_s",
        "_visible",
        "_written",
        "count",
        "found_s",
        "lanes",
        "page_at",
        "page_end",
        "page_records",
        "poller",
        "read_position",
        "schedule",
        "searched_s",
        "skips",
        "waiting_lanes",
    )

    def __init__(
        self,
        visible_s: npt.NDArray[np.float64],
        size_bytes: npt.NDArray[np.int32],
        poller: Poller,
        schedule: Schedule,
        written_s: npt.NDArray[np.float64] | None = None,
        retention_s: float = math.inf,
    ) -> None:
        self.poller = poller
        self.schedule = schedule
        self.count = len(visible_s)
        self.read_position = 0
        self.page_at: list[float] = []
        self.page_end: list[int] = []
        self.page_records: list[int] = []
        self.lanes: Sequence[_Lane] = ()
        self.waiting_lanes = 0
        self.skips: list[tuple[int, int]] = []
        self.searched_s = self.found_s = math.inf
        self._limit = poller.records_per_read
        self._retention_s = retention_s
        self._next_poll_s = math.inf
        visible_s = schedule.readable_s(visible_s)
        # memoryviews give Python floats at a fraction of numpy's cost per element, and no copy
        self._visible = visible_s.data
        self._written = None if written_s is None else written_s.data
        self._first_poll_s = schedule.first_polls(visible_s).data
        self._bytes = running_sum(size_bytes).data
        # where no page can reach the limit of bytes, it is never looked at
        self._max_bytes = int(size_bytes.max(initial=0))

    def begin(self, at_s: float, searched_s: float | None = None) -> None:
        """Poll from an instant on, not before; a shard that goes on from others was looked for until then."""
        self._next_poll_s = self.schedule.at_or_after(at_s)
        if searched_s is not None:
            self.searched_s, self.found_s = searched_s, self._next_poll_s

    def advance(self, now: float) -> None:
        """Do the polls at or before `now`, with the lanes as they are."""
        while self.read_position < self.count:
            tick = self._next_poll()
            if tick > now:
                return
            if not self._wanted():
                # nothing changes before a lane does
                self._next_poll_s = self.schedule.after(now)
                return
            self._read(tick)

    def read_until(self, position: int, deadline: float = math.inf) -> float:
        """Do the polls that bring the record at `position`, none after `deadline`; a waiting lane asks.

        Returns
        -------
        float
            The instant at which it was read, or infinity if that is after the deadline.
        """
        while self.read_position <= position:
            tick = self._next_poll()
            if tick > deadline or tick == math.inf:
                return math.inf
            self._read(tick)
        return self.read_at(position)

    def read_at(self, position: int) -> float:
        """Return when a record that has been read was read."""
        if len(self.page_end) > 1 and self.page_end[-2] > position:
            return self.page_at[bisect_right(self.page_end, position)]
        return self.page_at[-1]

    def read_position_at(self, now: float) -> int:
        """Return how many records had been read at an instant that the reader has passed."""
        if self.page_at and self.page_at[-1] <= now:
            return self.read_position
        page = bisect_right(self.page_at, now)
        return self.page_end[page - 1] if page else 0

    def _next_poll(self) -> float:
        """Return the next poll that finds something."""
        # after a page that was cut the poller may be off its lattice for one poll
        if self._visible[self.read_position] <= self._next_poll_s:
            return self._next_poll_s
        offer: float = self._first_poll_s[self.read_position]
        return offer

    def _wanted(self) -> bool:
        return self.waiting_lanes > 0 or any(lane.wants_more(self.read_position) for lane in self.lanes)

    def _read(self, tick: float) -> None:
        """Read one page at `tick`: what is visible there and not trimmed, cut at the limits of a read."""
        first = self._behind_skips(self.read_position) if self.skips else self.read_position
        if self._written is not None and first < self.count and self._written[first] < tick - self._retention_s:
            seen = bisect_right(self._visible, tick, first, self.count)
            first = bisect_left(self._written, tick - self._retention_s, first, seen)
        if self.skips:
            first = self._behind_skips(first)
        end, passed = self._page_end(first, tick), 0
        if self.skips:
            end, passed = self._over_skips(first, end, tick)
        if end < self.count and self._visible[end] <= tick:
            self._next_poll_s = self._poll_after_cut(tick)
        self.page_at.append(tick)
        self.page_end.append(end)
        self.page_records.append(end - first - passed)
        self.read_position = end

    def _page_end(self, first: int, tick: float, passed: int = 0, passed_bytes: int = 0) -> int:
        """Return the end of the page from `first`; so many records and bytes in it do not count."""
        end = bisect_right(self._visible, tick, first, min(first + self._limit + passed, self.count))
        if (end - first) * self._max_bytes > self.poller.bytes_per_read:
            budget = self._bytes[first] + self.poller.bytes_per_read + passed_bytes
            # one record always fits: the service never returns less
            end = max(min(end, bisect_right(self._bytes, budget, first, end + 1) - 1), first + 1)
        return end

    def _over_skips(self, first: int, end: int, tick: float) -> tuple[int, int]:
        """Return the end of a page that goes on behind what is skipped, and how much it skips."""
        passed = passed_bytes = skipped = 0
        for start, stop in self.skips:
            if first <= start < end:
                passed += stop - start
                passed_bytes += self._bytes[stop] - self._bytes[start]
                end = self._page_end(first, tick, passed, passed_bytes)
                skipped += min(stop, end) - start
        return end, skipped

    def _behind_skips(self, position: int) -> int:
        return next((end for start, end in self.skips if start <= position < end), position)

    def _poll_after_cut(self, tick: float) -> float:
        """Return the next poll after a page that a limit cut: sooner than the lattice has it, or later."""
        if self.poller.backlog_interval_s == self.poller.interval_s or not isinstance(self.schedule, PeriodicPolls):
            return self.schedule.after(tick)
        return tick + self.poller.backlog_interval_s

    def polls(self) -> Polls:
        """Return what is left to know once the run is over."""
        return Polls(
            self.schedule,
            np.asarray(self.page_at, dtype=np.float64),
            np.asarray(self.page_end, dtype=np.int64),
            np.asarray(self.page_records, dtype=np.int64),
            self.searched_s,
            self.found_s,
        )
