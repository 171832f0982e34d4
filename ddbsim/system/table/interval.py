"""The seconds between two changes of the table, and what is asked of it in each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .capacity.index_writes import IndexDemand
from .partitions.key_space import KeySpace

__all__ = ["Interval"]


class Interval:
    """What requests ask for, retries aside, in seconds in which the table stays as it is.

    Parameters
    ----------
    begin, end
        The seconds [begin, end).
    at_s, units
        Instant and write units of each write.
    keys
        Its partition.
    indexes
        What the writes ask of each index.

    Attributes
    ----------
    bounds
        Where each second's writes begin, and the last one's end.
    most, units
        Units asked of the busiest partition, and of all, in each second.
    by_index
        Units asked of each index in each second.
    used, throttled
        By second and partition: units consumed (asked for, until something is refused) and attempts throttled.
    """

    def __init__(
        self,
        begin: int,
        end: int,
        at_s: npt.NDArray[np.float64],
        units: npt.NDArray[np.int32],
        keys: KeySpace,
        indexes: list[IndexDemand],
    ) -> None:
        self.begin, self.seconds = begin, end - begin
        self.bounds = np.searchsorted(at_s, np.arange(begin, end + 1), side="left")
        rows, count = slice(int(self.bounds[0]), int(self.bounds[-1])), len(keys)
        place = np.repeat(np.arange(0, self.seconds * count, count, dtype=np.int32), np.diff(self.bounds))
        place += keys.partition[rows]
        used = np.bincount(place, weights=units[rows], minlength=self.seconds * count)
        self.used = used.reshape(self.seconds, count).astype(np.float64, copy=False)
        self.throttled = np.zeros((self.seconds, count), dtype=np.int64)
        self.most: list[float] = self.used.max(axis=1).tolist()
        self.units: list[float] = self.used.sum(axis=1).tolist()
        self.by_index: list[list[float]] = (
            np.array([self._each_second(one.units[rows]) for one in indexes], dtype=np.float64)
            .reshape(len(indexes), self.seconds)
            .T.tolist()
        )

    def rows(self, turn: int) -> tuple[int, int]:
        """Return where a second's writes begin and end."""
        return int(self.bounds[turn]), int(self.bounds[turn + 1])

    def _each_second(self, units: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        sums = np.concatenate(([0], np.cumsum(units, dtype=np.int64)))
        each: npt.NDArray[np.int64] = np.diff(sums[self.bounds - self.bounds[0]])
        return each
