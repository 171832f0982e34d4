"""When a poller polls: on a lattice of its own, or at the instants that pauses and refused reads leave it.

A regular lattice is two numbers. Where a mapping begins late, is disabled for a while, or is refused reads because too
many readers share the shard, the instants of its polls are drawn before the clock starts, and kept as an array.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .shared_reads import SharedReads

__all__ = ["Appointments", "Lattice", "Pauses", "Schedule"]

Floats = npt.NDArray[np.float64]


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


@dataclass(frozen=True, slots=True)
class Lattice:
    """Polls at phase + k x interval.

    Attributes
    ----------
    interval_s, phase_s
        Seconds, the phase in [0, interval).
    """

    interval_s: float
    phase_s: float

    def at_or_after(self, at_s: float) -> float:
        """Return the first poll at or after an instant."""
        if math.isinf(at_s):
            return at_s
        poll_s = self.phase_s + math.ceil((at_s - self.phase_s) / self.interval_s) * self.interval_s
        return poll_s if poll_s >= at_s else poll_s + self.interval_s

    def after(self, at_s: float) -> float:
        """Return the first poll after an instant."""
        poll_s = self.at_or_after(at_s)
        return poll_s if poll_s > at_s else self.at_or_after(at_s + self.interval_s / 2)

    def first_polls(self, instants_s: Floats) -> Floats:
        """Return the first poll at or after each instant, float64."""
        polls_s = instants_s - self.phase_s
        polls_s /= self.interval_s
        np.ceil(polls_s, out=polls_s)
        polls_s *= self.interval_s
        polls_s += self.phase_s
        # the division rounds: never see a record before it is visible
        np.add(polls_s, self.interval_s, out=polls_s, where=polls_s < instants_s)
        return polls_s

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return the instants themselves."""
        return visible_s

    def until(self, end_s: float) -> Floats:
        """Return all polls before an instant."""
        count = max(0, math.ceil((end_s - self.phase_s) / self.interval_s))
        polls_s = self.phase_s + np.arange(count, dtype=np.float64) * self.interval_s
        return polls_s[: int(np.searchsorted(polls_s, end_s, side="left"))]


@dataclass(frozen=True, slots=True, eq=False)
class Appointments:
    """Polls at given instants.

    Attributes
    ----------
    polls_s
        The instants, ascending, float64.
    shared
        What other readers of the shard leave to this one; None where they leave everything.
    """

    polls_s: Floats
    shared: SharedReads | None = None

    def at_or_after(self, at_s: float) -> float:
        """Return the first poll at or after an instant; infinity if there is none."""
        return self._poll(bisect_left(self.polls_s, at_s))

    def after(self, at_s: float) -> float:
        """Return the first poll after an instant; infinity if there is none."""
        return self._poll(bisect_right(self.polls_s, at_s))

    def first_polls(self, instants_s: Floats) -> Floats:
        """Return the first poll at or after each instant, float64; infinity where there is none."""
        return np.append(self.polls_s, np.inf)[np.searchsorted(self.polls_s, instants_s, side="left")]

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return from when on a poll can bring what is visible at each instant, never decreasing."""
        return visible_s if self.shared is None else self.shared.readable_s(visible_s)

    def _poll(self, place: int) -> float:
        return float(self.polls_s[place]) if place < len(self.polls_s) else math.inf


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

    def outside(self, instants_s: Floats) -> Floats:
        """Return those of the ascending instants that lie in no pause."""
        keep = np.ones(len(instants_s), dtype=bool)
        for start_s, end_s in self.stretches:
            keep[slice(*np.searchsorted(instants_s, [start_s, end_s], side="left"))] = False
        return instants_s[keep]
