"""What sharing a shard with too many readers does to one of them (an assumed law).

The shard's reads suffice for two. With more, a reader is served in stretches and refused in between; while it is
refused it stands still, and while it is served it catches up, but only so fast: on average it can take a little more
than what is written. So it trails behind the stream by a time that depends neither on the rate of the writes nor on
what is done with the records, and seldom reaches the newest one.

None of it depends on what the reader does. It is drawn from the opening of the shard on, only as far as somebody asks,
and told as the instant from which the reader can have each record.
"""

from __future__ import annotations

import math
from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.randomness import RandomStreams
from ddbsim.scenario import Scenario, Stream

__all__ = ["SharedReads", "served_share", "shared_reads"]

Floats = npt.NDArray[np.float64]

_BLOCK = 32


def served_share(readers: int) -> float:
    """Return the share of time in which a reader of a shard is served, by the number of its readers."""
    return min(1.0, int(limits.READERS_PER_SHARD.value) / max(readers, 1))


def shared_reads(
    scenario: Scenario, opened_s: float, closed_s: float, streams: RandomStreams, purpose: str
) -> SharedReads | None:
    """Return what the other readers of a shard leave to one of them; None where they leave everything."""
    readers = len(scenario.mappings) + len(scenario.other_readers)
    if served_share(readers) >= 1.0:
        return None
    end_s = min(closed_s + scenario.stream.retention_s, scenario.length_s)
    return SharedReads(scenario.stream, readers, opened_s, end_s, streams(f"poller.refusals/{purpose}"))


class SharedReads:
    """When one of too many readers is served by a shard, and how far it gets.

    Parameters
    ----------
    stream
        Gives the mean length of a refused stretch, and how much a reader can take.
    readers
        How many share the shard, more than two.
    begin_s, end_s
        From the opening of the shard to the end of its readable life, or of the run: nothing is refused elsewhere,
        seconds.
    rng
        Where the stretches are drawn from: uniform within half of their mean to either side; whether the first is a
        refused one by the shares.
    """

    def __init__(self, stream: Stream, readers: int, begin_s: float, end_s: float, rng: np.random.Generator) -> None:
        share = served_share(readers)
        self._end_s, self._rng = end_s, rng
        self._refused_s = stream.throttled_read_stretch_s
        self._served_s = self._refused_s * share / (1.0 - share)
        # seconds of writes that a served reader takes in a second
        self._pace = stream.throttled_read_reserve / share
        self._shares: list[float] = []
        self._starts: list[float] = []
        self._ends: list[float] = []
        # the stream has been read up to `reached` at `at`, in straight lines between
        self._at, self._reached = [begin_s], [begin_s]
        self._now = self._place = begin_s
        self._served = bool(rng.random() < share)

    @property
    def refused(self) -> list[tuple[float, float]]:
        """The stretches (from, to) in which its reads are refused, to the end of the shard's life, ascending."""
        self._draw_until(self._end_s)
        return list(zip(self._starts, self._ends, strict=True))

    def refuses(self, at_s: float) -> bool:
        """Return whether a read at an instant is refused."""
        return self.served_s(at_s) > at_s

    def served_s(self, at_s: float) -> float:
        """Return the instant itself, or the end of the refused stretch that it lies in."""
        self._draw_until(at_s)
        place = bisect_right(self._starts, at_s) - 1
        return max(at_s, self._ends[place]) if place >= 0 else at_s

    def all_served_s(self, instants_s: Floats) -> Floats:
        """Return the same for each instant, float64."""
        self._draw_until(float(instants_s.max(initial=-np.inf)))
        place = np.searchsorted(self._starts, instants_s, side="right")
        served_s: Floats = np.maximum(instants_s, np.array([-np.inf, *self._ends])[place])
        return served_s

    def next_refusal_s(self, at_s: float) -> float:
        """Return when the first refused stretch after an instant begins; infinity if none does."""
        while self._now < self._end_s and (not self._starts or self._starts[-1] <= at_s):
            self._draw()
        place = bisect_right(self._starts, at_s)
        return self._starts[place] if place < len(self._starts) else math.inf

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return from when on the reader can have what is visible at each instant; never decreasing."""
        last_s = float(visible_s.max(initial=-np.inf))
        while self._now < self._end_s and self._reached[-1] <= last_s:
            self._draw()
        caught_up_s: Floats = np.interp(visible_s, self._reached, self._at)
        return np.maximum(visible_s, caught_up_s, out=caught_up_s)

    def _draw_until(self, at_s: float) -> None:
        while self._now < self._end_s and self._now <= at_s:
            self._draw()

    def _draw(self) -> None:
        """Draw one stretch more, served and refused ones in turn."""
        now, place = self._now, self._place
        if not self._shares:
            # a block costs little more than one draw
            self._shares = self._rng.uniform(0.5, 1.5, _BLOCK)[::-1].tolist()
        length_s = (self._served_s if self._served else self._refused_s) * self._shares.pop()
        if not self._served:
            self._starts.append(now)
            self._ends.append(now + length_s)
        else:
            caught_up_s = (now - place) / (self._pace - 1.0)
            if caught_up_s < length_s:
                self._at.append(now + caught_up_s)
                self._reached.append(now + caught_up_s)
            self._place = min(place + self._pace * length_s, now + length_s)
        self._now = now + length_s
        self._at.append(self._now)
        self._reached.append(self._place)
        self._served = not self._served
