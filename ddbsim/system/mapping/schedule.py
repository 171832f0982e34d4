"""When a poller polls: on a lattice of its own, or at the instants that pauses and refused reads leave of it.

A regular lattice is two numbers. Where a mapping begins late, is disabled for a while, or is refused reads because too
many readers share the shard, its polls are those of the lattice that lie in no such stretch. No poll is ever listed:
which one comes next is computed, so that an idle month costs as little as an idle second.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddbsim.record.polls import steps_before
from ddbsim.system.stream.shared_reads import SharedReads

__all__ = ["Interrupted", "Pauses", "PeriodicPolls"]

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PeriodicPolls:
    """Polls at phase + k x interval.

    Attributes
    ----------
    interval_s, phase_s
        Seconds, the phase in [0, interval).
    """

    interval_s: float
    phase_s: float

    def at_or_after(self, at_s: float) -> float:
        """Return the first poll phase + k x interval, k = 0, 1, ..., at or after an instant: to the last bit."""
        if math.isinf(at_s):
            return at_s
        count = max(0, math.ceil((at_s - self.phase_s) / self.interval_s))
        # the division rounds either way
        while self.phase_s + count * self.interval_s < at_s:
            count += 1
        while count and self.phase_s + (count - 1) * self.interval_s >= at_s:
            count -= 1
        return self.phase_s + count * self.interval_s

    def after(self, at_s: float) -> float:
        """Return the first poll after an instant."""
        poll_s = self.at_or_after(at_s)
        return poll_s if poll_s > at_s else self.at_or_after(at_s + self.interval_s / 2)

    def first_polls(self, instants_s: Floats) -> Floats:
        """Return the first poll at or after each instant, float64."""
        polls_s: Floats = self.phase_s + steps_before(self.phase_s, self.interval_s, instants_s) * self.interval_s
        return polls_s

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return the instants themselves."""
        return visible_s


@dataclass(frozen=True, slots=True, eq=False)
class Interrupted:
    """The polls of a lattice that lie in no pause, in no stretch of refused reads, and before the end of the run.

    Attributes
    ----------
    lattice
        All polls.
    end_s
        There are none from here on, seconds.
    pauses
        When the mapping does not poll.
    shared
        What other readers of the shard leave to this one; None where they leave everything.
    """

    lattice: PeriodicPolls
    end_s: float
    pauses: Pauses
    shared: SharedReads | None = None

    def at_or_after(self, at_s: float) -> float:
        """Return the first poll at or after an instant; infinity if there is none."""
        poll_s = self.lattice.at_or_after(at_s)
        while poll_s < self.end_s:
            resumed_s = self.pauses.resumed_s(poll_s)
            if self.shared is not None:
                resumed_s = self.shared.served_s(resumed_s)
            if resumed_s == poll_s:
                return poll_s
            poll_s = self.lattice.at_or_after(resumed_s)
        return math.inf

    def after(self, at_s: float) -> float:
        """Return the first poll after an instant; infinity if there is none."""
        return self.at_or_after(math.nextafter(at_s, math.inf))

    def first_polls(self, instants_s: Floats) -> Floats:
        """Return the first poll at or after each instant, float64; infinity where there is none."""
        polls_s = self.lattice.first_polls(instants_s)
        pending = np.flatnonzero(polls_s < self.end_s)
        while len(pending):
            resumed_s = self.pauses.all_resumed_s(polls_s[pending])
            if self.shared is not None:
                resumed_s = self.shared.all_served_s(resumed_s)
            pending = pending[moved := resumed_s > polls_s[pending]]
            polls_s[pending] = self.lattice.first_polls(resumed_s[moved])
            pending = pending[polls_s[pending] < self.end_s]
        polls_s[polls_s >= self.end_s] = np.inf
        return polls_s

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return from when on a poll can bring what is visible at each instant, never decreasing."""
        return visible_s if self.shared is None else self.shared.readable_s(visible_s)


class Pauses:
    """The stretches of time in which a mapping does not poll or invoke.

    Parameters
    ----------
    stretches
        (from, to) in seconds, in any order; they may overlap. A stretch that never ends goes to infinity.
    """

    __slots__ = ("_starts", "stretches")

    def __init__(self, stretches: Sequence[tuple[float, float]]) -> None:
        merged: list[tuple[float, float]] = []
        for start_s, end_s in sorted(stretches):
            if merged and start_s <= merged[-1][1]:
                merged[-1] = (merged[-1][0], max(end_s, merged[-1][1]))
            elif end_s > start_s:
                merged.append((start_s, end_s))
        self.stretches = merged
        self._starts = [start_s for start_s, _ in merged]

    def __bool__(self) -> bool:
        return bool(self.stretches)

    def resumed_s(self, at_s: float) -> float:
        """Return the instant itself, or the end of the pause that it lies in."""
        place = bisect_right(self._starts, at_s) - 1
        return max(at_s, self.stretches[place][1]) if place >= 0 else at_s

    def all_resumed_s(self, instants_s: Floats) -> Floats:
        """Return the same for each instant, float64."""
        place = np.searchsorted(self._starts, instants_s, side="right")
        ends_s = np.array([-np.inf, *(end_s for _, end_s in self.stretches)])
        resumed_s: Floats = np.maximum(instants_s, ends_s[place])
        return resumed_s
