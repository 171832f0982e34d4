"""When a poller may poll, and the pages that it read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Polls", "Schedule", "steps_before"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Polls:
    """When a reader may poll, and the pages that it read.

    Attributes
    ----------
    schedule
        The instants of its polls.
    page_at, page_end, page_records
        Instant and end position of each page, and how many records it returned: less than it passed over where some
        were trimmed.
    searched_s, found_s
        From when on a shard that goes on from others was looked for, and its first poll; infinity where that never
        began, and for a shard that was there from the start.
    """

    schedule: Schedule
    page_at: npt.NDArray[np.float64]
    page_end: npt.NDArray[np.int64]
    page_records: npt.NDArray[np.int64]
    searched_s: float = math.inf
    found_s: float = math.inf

    def first_polls(self, visible_s: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the first poll that can bring what is visible at each instant, float64."""
        return self.schedule.first_polls(self.schedule.readable_s(visible_s))

    def until(self, ended_s: float) -> Polls:
        """Return the same without what was read ahead of the clock."""
        count = int(np.searchsorted(self.page_at, ended_s, side="left"))
        # what is over is known: that a shard is found later is not
        searched, found = (at_s if at_s < ended_s else math.inf for at_s in (self.searched_s, self.found_s))
        pages = self.page_at[:count], self.page_end[:count], self.page_records[:count]
        return Polls(self.schedule, *pages, searched, found)

    def counts(self) -> npt.NDArray[np.int64]:
        """Return how many records each page passed over."""
        ends = np.asarray(self.page_end, dtype=np.int64)
        return ends - np.concatenate((np.zeros(1, dtype=np.int64), ends))[:-1]

    def read_s(self, count: int) -> npt.NDArray[np.float64]:
        """Return when each of the shard's `count` records was read, float64; NaN for those not read."""
        read_s = np.repeat(self.page_at, self.counts())
        return np.concatenate((read_s, np.full(count - len(read_s), np.nan))) if len(read_s) < count else read_s

    def read_at(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return when the records at these positions of the shard were read, float64; NaN for those not read."""
        return np.append(self.page_at, np.nan)[np.searchsorted(self.page_end, positions, side="right")]


class Schedule(Protocol):
    """The instants at which a poller may poll."""

    def at_or_after(self, at_s: float) -> float:
        """Return the first poll at or after an instant; infinity if there is none."""

    def after(self, at_s: float) -> float:
        """Return the first poll after an instant."""

    def first_polls(self, instants_s: Floats) -> Floats:
        """Return the first poll at or after each instant, float64."""

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return from when on a poll can bring what is visible at each instant, never decreasing."""


def steps_before(start_s: Floats | float, step_s: Floats | float, at_s: Floats | float) -> Floats:
    """Return how many of the instants start + k x step, k = 0, 1, ..., come before an instant: exactly, as floats."""
    count = np.ceil((np.asarray(at_s) - start_s) / step_s)
    # the division rounds either way
    count += start_s + count * step_s < at_s
    count -= start_s + (count - 1.0) * step_s >= at_s
    return np.maximum(count, 0.0)
