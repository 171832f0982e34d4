"""Where a hot partition is cut, if a cut helps."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["HotPartitionDetector", "split_point"]

_MOVED = 0.9


class HotPartitionDetector:
    """Counts the minutes in a row in which each partition was hot.

    Parameters
    ----------
    units_per_s
        Consumption that counts as hot.
    minutes
        How many of them, in a row, make it time for a split.
    """

    def __init__(self, units_per_s: float, minutes: int) -> None:
        self._units_per_s, self._minutes = units_per_s, minutes
        self._hot: dict[int, int] = {}

    def observe(self, used: npt.NDArray[np.float64]) -> list[int]:
        """Take in a minute's mean consumption of each partition; return those that have been hot for long."""
        hot = np.flatnonzero(used >= self._units_per_s).tolist()
        self._hot = {partition: self._hot.get(partition, 0) + 1 for partition in hot}
        return [partition for partition, count in self._hot.items() if count >= self._minutes]


def split_point(position: npt.NDArray[np.uint64], units: npt.NDArray[np.int32], least_relief: float) -> int | None:
    """Return where to cut a partition so that its traffic is halved; None if no cut helps.

    Parameters
    ----------
    position
        Place of each write in the key space, in the order of time.
    units
        Its write units.
    least_relief
        Least share of the traffic that the lighter side must have.

    Notes
    -----
    A single hot item stays on one side, whatever the cut. A key that moves on leaves every cut behind: that is seen
    by what the later half of the writes would do to a cut made for the earlier half.
    """
    if len(position) == 0 or _moves(position):
        return None
    order = np.argsort(position, kind="stable")
    places = position[order]
    starts = np.flatnonzero(np.diff(places, prepend=places[:1])) if len(places) else places
    if len(starts) == 0:
        return None
    before = np.concatenate(([0], np.cumsum(units[order], dtype=np.int64)))
    total = int(before[-1])
    left = before[starts]
    best = int(np.argmin(np.abs(2 * left - total)))
    relief = min(int(left[best]), total - int(left[best])) / total
    return int(places[starts[best]]) if relief >= least_relief else None


def _moves(position: npt.NDArray[np.uint64]) -> bool:
    """Whether the later half of the writes lies beyond the earlier half, on either side."""
    half = len(position) // 2
    earlier, later = position[:half], position[half:]
    if half == 0 or earlier.min() == earlier.max():
        return False
    return bool(np.mean(later > earlier.max()) > _MOVED or np.mean(later < earlier.min()) > _MOVED)
