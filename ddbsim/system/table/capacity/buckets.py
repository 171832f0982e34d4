"""All buckets that a write draws from: the table's, its partition's, its indexes'."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import Throttle

from .index_writes import IndexDemand
from .throughput import Throughput

__all__ = ["Buckets", "Refusals"]

Ints = npt.NDArray[np.int64]
Units = npt.NDArray[np.int32]
Codes = npt.NDArray[np.int8]


class Refusals(NamedTuple):
    """What became of the attempts of one second.

    Attributes
    ----------
    reason
        Code of each attempt's throttle; 0 if it was admitted.
    emptied
        Place of the attempt after which the table's own bucket was empty; -1 if it was from the start, and the number
        of attempts if it never was.
    """

    reason: Codes
    emptied: int


class Partitions:
    """The buckets of partitions: filled once a second, nothing is kept."""

    def __init__(self, count: int, units_per_s: float) -> None:
        self.units_per_s = units_per_s
        self.level = np.full(count, 0.0)
        self.in_debt = False

    def refill(self) -> None:
        """Begin a second."""
        if self.in_debt:
            np.minimum(self.level, 0.0, out=self.level)
            self.level += self.units_per_s
            # a debt of more than a second's units is paid off over several
            self.in_debt = bool((self.level < self.units_per_s).any())
        else:
            self.level.fill(self.units_per_s)

    def resize(self, count: int, units_per_s: float) -> None:
        """Have so many of them, the last ones new."""
        self.units_per_s = units_per_s
        self.level = np.append(self.level, np.zeros(count - len(self.level)))

    def take(self, units: npt.NDArray[Any]) -> None:
        """Take units from each."""
        self.level -= units
        self.in_debt = bool((self.level < 0).any())


class Buckets:
    """The buckets, and who may draw.

    A write passes while each bucket that it draws from has units left, whatever it takes then: its size is known
    when it has been done. So within a second a bucket that is empty stays empty, and what it lets through is the
    beginning of what came.

    Parameters
    ----------
    table
        The table's throughput.
    partitions
        How many partitions there are.
    units_per_s
        What each of them takes.
    indexes
        The indexes' throughputs.
    index_partitions
        How many partitions each index has, and what each of them takes.
    """

    def __init__(
        self,
        table: Throughput,
        partitions: int,
        units_per_s: float,
        indexes: list[Throughput],
        index_partitions: list[tuple[int, float]],
    ) -> None:
        self.table, self.indexes = table, indexes
        self.partitions = Partitions(partitions, units_per_s)
        self.index_partitions = [Partitions(count, each_per_s) for count, each_per_s in index_partitions]

    def levels(self) -> list[tuple[Throughput | Partitions, Any, bool]]:
        """Return what all buckets hold, for `restore`."""
        wholes = [(one, one.level, False) for one in (self.table, *self.indexes)]
        return [*wholes, *((one, one.level.copy(), one.in_debt) for one in (self.partitions, *self.index_partitions))]

    def restore(self, levels: list[tuple[Throughput | Partitions, Any, bool]]) -> None:
        """Take back what was drawn since `levels`."""
        for one, level, in_debt in levels:
            one.level = level
            if isinstance(one, Partitions):
                one.in_debt = in_debt

    def refill(self) -> None:
        """Begin a second."""
        for throughput in (self.table, *self.indexes):
            throughput.refill()
        for parts in (self.partitions, *self.index_partitions):
            parts.refill()

    @property
    def at_rest(self) -> bool:
        """Whether a second without writes leaves all of them as they are."""
        in_debt = self.partitions.in_debt or any(parts.in_debt for parts in self.index_partitions)
        return not in_debt and all(throughput.at_rest for throughput in (self.table, *self.indexes))

    def suffice(self, most: float, units: float, by_index: list[float]) -> bool:
        """Whether all of a second's writes pass, to be seen without looking at each.

        Parameters
        ----------
        most
            Units asked of the busiest partition.
        units, by_index
            Units asked of the table and of each index.
        """
        if self.partitions.in_debt or most > self.partitions.units_per_s or units > self.table.level:
            return False
        for asked, index, parts in zip(by_index, self.indexes, self.index_partitions, strict=True):
            if parts.in_debt or asked > index.level or asked > parts.units_per_s:
                return False
        return True

    def take(self, units: float, by_index: list[float]) -> None:
        """Take the units of a second that sufficed; its partitions keep nothing, so theirs need no count."""
        self.table.level -= units
        for asked, index in zip(by_index, self.indexes, strict=True):
            index.level -= asked

    def admit(
        self, partition: npt.NDArray[np.uint16], units: Units, indexes: list[IndexDemand], owner: Ints
    ) -> Refusals:
        """Return what became of attempts, in their order, and take the units of those admitted.

        Parameters
        ----------
        partition, units
            Of each attempt.
        indexes
            What they ask of each index.
        owner
            Number of each attempt's request: those of one number pass together or not at all.
        """
        together = len(owner) > 0 and int(owner[-1]) + 1 < len(owner)
        if self._fit(indexes):
            refusals = self._in_blocks(partition, units)
            if not together or not refusals.reason.any():
                self._take(partition, units, indexes, refusals.reason == 0)
                return refusals
        return self._in_turn(partition, units, indexes, owner)

    def _fit(self, indexes: list[IndexDemand]) -> bool:
        for demand, index, parts in zip(indexes, self.indexes, self.index_partitions, strict=True):
            by_part = np.bincount(demand.partition, weights=demand.units, minlength=len(parts.level))
            if demand.units.sum() > index.level or (by_part > parts.level).any():
                return False
        return True

    def _in_blocks(self, partition: npt.NDArray[np.uint16], units: Units) -> Refusals:
        """Judge all attempts at once: in each bucket the first ones pass, up to the one that empties it."""
        reason = np.zeros(len(units), dtype=np.int8)
        level = self.partitions.level
        asked = np.bincount(partition, weights=units, minlength=len(level))
        for hot in np.flatnonzero(asked > level).tolist():
            mine = np.flatnonzero(partition == hot)
            before = np.cumsum(units[mine], dtype=np.int64) - units[mine]
            reason[mine[before >= level[hot]]] = Throttle.KEY_RANGE
        passing = np.flatnonzero(reason == 0)
        before = np.cumsum(units[passing], dtype=np.int64) - units[passing]
        cut = int(np.searchsorted(before, self.table.level, side="left"))
        if self.table.empty:
            emptied = -1
        elif cut < len(passing):
            emptied = int(passing[cut - 1])
        else:
            # the very last one may have emptied it
            total = float(before[-1] + units[passing[-1]]) if len(passing) else 0.0
            emptied = int(passing[-1]) if len(passing) and total >= self.table.level else len(units)
        reason[emptied + 1 :] = self.table.reason
        return Refusals(reason, emptied)

    def _take(
        self, partition: npt.NDArray[np.uint16], units: Units, indexes: list[IndexDemand], passed: npt.NDArray[np.bool_]
    ) -> None:
        taken = units * passed
        self.table.level -= float(taken.sum())
        self.partitions.take(np.bincount(partition, weights=taken, minlength=len(self.partitions.level)))
        for demand, index, parts in zip(indexes, self.indexes, self.index_partitions, strict=True):
            taken = demand.units * passed
            index.level -= float(taken.sum())
            parts.take(np.bincount(demand.partition, weights=taken, minlength=len(parts.level)))

    def _in_turn(
        self, partition: npt.NDArray[np.uint16], units: Units, indexes: list[IndexDemand], owner: Ints
    ) -> Refusals:
        """Judge request by request: where several buckets of one write, or several writes, hang together."""
        reason = np.zeros(len(units), dtype=np.int8)
        emptied = -1 if self.table.empty else len(units)
        bounds = [*np.flatnonzero(np.diff(owner, prepend=-1)).tolist(), len(owner)]
        for begin, end in pairwise(bounds):
            codes = [code for row in range(begin, end) if (code := self.refusal(partition, indexes, row))]
            if codes:
                reason[begin:end] = min(codes)
                continue
            for row in range(begin, end):
                self.draw(partition, units, indexes, row)
            if self.table.empty:
                emptied = end - 1
        return Refusals(reason, emptied)

    def refusal(self, partition: npt.NDArray[np.uint16], indexes: list[IndexDemand], row: int) -> int:
        """Return the reason why a write is refused now, 0 if it is not."""
        if self.table.empty:
            return self.table.reason
        if self.partitions.level[partition[row]] <= 0:
            return Throttle.KEY_RANGE
        for demand, index, parts in zip(indexes, self.indexes, self.index_partitions, strict=True):
            if demand.units[row]:
                if index.empty:
                    return Throttle.INDEX + index.reason
                if parts.level[demand.partition[row]] <= 0:
                    return Throttle.INDEX + Throttle.KEY_RANGE
        return Throttle.NONE

    def draw(self, partition: npt.NDArray[np.uint16], units: Units, indexes: list[IndexDemand], row: int) -> None:
        """Take a write's units."""
        self.table.level -= float(units[row])
        self.partitions.level[partition[row]] -= units[row]
        self.partitions.in_debt = True
        for demand, index, parts in zip(indexes, self.indexes, self.index_partitions, strict=True):
            index.level -= float(demand.units[row])
            parts.level[demand.partition[row]] -= demand.units[row]
            parts.in_debt = True
