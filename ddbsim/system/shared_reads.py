"""What sharing a shard with too many readers does to one of them (an assumed law).

The shard's reads suffice for two. With more, a reader is served in stretches and refused in between; while it is
refused it stands still, and while it is served it catches up, but only so fast: on average it can take a little more
than what is written. So it trails behind the stream by a time that depends neither on the rate of the writes nor on
what is done with the records, and seldom reaches the newest one.

None of it depends on what the reader does, so it is drawn before the clock starts: as the instant from which the
reader can have each record.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.scenario import Stream

__all__ = ["SharedReads", "served_share"]

Floats = npt.NDArray[np.float64]


def served_share(readers: int) -> float:
    """Return the share of time in which a reader of a shard is served, by the number of its readers."""
    return min(1.0, int(limits.READERS_PER_SHARD.value) / max(readers, 1))


class SharedReads:
    """When one of too many readers is served by a shard, and how far it gets.

    Parameters
    ----------
    stream
        Gives the mean length of a refused stretch, and how much a reader can take.
    readers
        How many share the shard, more than two.
    end_s
        The length of the run, seconds.
    rng
        Where the stretches are drawn from: uniform within half of their mean to either side; whether the first is a
        refused one by the shares.

    Attributes
    ----------
    refused
        The stretches (from, to) in which its reads are refused, seconds, ascending.
    """

    def __init__(self, stream: Stream, readers: int, end_s: float, rng: np.random.Generator) -> None:
        share = served_share(readers)
        refused_s = stream.throttled_read_stretch_s
        served_s = refused_s * share / (1.0 - share)
        # seconds of writes that a served reader takes in a second
        pace = stream.throttled_read_reserve / share
        self.refused: list[tuple[float, float]] = []
        # the stream has been read up to `reached` at `at`, in straight lines between
        at, reached, now, place = [0.0], [0.0], 0.0, 0.0
        served = bool(rng.random() < share)
        while now < end_s:
            length_s = (served_s if served else refused_s) * float(rng.uniform(0.5, 1.5))
            if not served:
                self.refused.append((now, now + length_s))
            else:
                caught_up_s = (now - place) / (pace - 1.0)
                if caught_up_s < length_s:
                    at.append(now + caught_up_s)
                    reached.append(now + caught_up_s)
                place = min(place + pace * length_s, now + length_s)
            now += length_s
            at.append(now)
            reached.append(place)
            served = not served
        self._at, self._reached = np.array(at), np.array(reached)
        self._starts = [start_s for start_s, _ in self.refused]

    def refuses(self, at_s: float) -> bool:
        """Return whether a read at an instant is refused."""
        place = bisect_right(self._starts, at_s) - 1
        return place >= 0 and at_s < self.refused[place][1]

    def readable_s(self, visible_s: Floats) -> Floats:
        """Return from when on the reader can have what is visible at each instant; never decreasing."""
        caught_up_s: Floats = np.interp(visible_s, self._reached, self._at)
        return np.maximum(visible_s, caught_up_s, out=caught_up_s)
