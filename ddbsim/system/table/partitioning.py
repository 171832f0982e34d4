"""When partitions split: at stated times, for heat, for size, or because the table may take more than they can."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import capacity
from ddbsim.scenario import Scenario
from ddbsim.workload import WriteColumns

from .heat import HeatWatch, cut_of
from .key_space import KeySpace
from .ledger import Decision

__all__ = ["Partitioning"]

_GB = 2**30


class _Planned(NamedTuple):
    effective_s: int
    decided_s: float
    partition: int
    cut: int | None
    cause: str


class Partitioning:
    """Decides on splits, minute by minute, and makes them.

    Parameters
    ----------
    scenario
        Gives the table.
    keys
        The partitions.
    writes, units
        What the clients ask for: the traffic that a cut halves.
    """

    def __init__(self, scenario: Scenario, keys: KeySpace, writes: WriteColumns, units: npt.NDArray[np.int32]) -> None:
        table = scenario.table
        self._cap, self._heat, self._keys = float(table.partition_write_units_per_s), table.heat_splits, keys
        self._writes, self._units = writes, units
        self._watch: HeatWatch | None = None
        if self._heat.enabled:
            self._watch = HeatWatch(self._heat.threshold * self._cap, self._heat.sustained_minutes)
        self._planned = [
            _Planned(math.ceil(split.at_s), split.at_s, split.partition, None, "stated")
            for split in table.stated_splits
        ]
        self._bytes = np.full(len(keys), table.other_items_gb * _GB / len(keys))
        # the most that any partition can come to
        most = float(self._bytes.max()) + float(writes.bytes_after.sum(dtype=np.int64))
        self._watches_size = most >= capacity.PARTITION_BYTES.value

    @property
    def due(self) -> list[int]:
        """The seconds from which planned splits hold."""
        return [planned.effective_s for planned in self._planned]

    def observe(self, minute_end: int, used: npt.NDArray[np.float64]) -> None:
        """Take in a minute's mean consumption by partition, and plan splits."""
        if self._watch is not None:
            for partition in self._watch.observe(used):
                if self._may_split(partition) and (cut := self._cut(partition, minute_end)) is not None:
                    self._plan(math.ceil(minute_end + self._heat.split_s), minute_end, partition, cut, "heat")
        if self._watches_size:
            self._weigh(minute_end)

    def _weigh(self, minute_end: int) -> None:
        """Add what the minute's writes were to add, and plan the splits of what is full."""
        first, last = self._minute(minute_end)
        grown = np.subtract(self._writes.bytes_after[first:last], self._writes.bytes_before[first:last])
        self._bytes += np.bincount(self._keys.partition[first:last], weights=grown, minlength=len(self._bytes))
        for partition in np.flatnonzero(self._bytes >= capacity.PARTITION_BYTES.value).tolist():
            if self._may_split(partition):
                self._plan(minute_end + 1, minute_end, partition, None, "size")

    def provide(self, now_s: int, units_per_s: float, to_come: Callable[[], npt.NDArray[np.bool_]]) -> list[Decision]:
        """Split the widest partitions until they can take so many units per second between them."""
        made = []
        while len(self._keys.open) * self._cap < units_per_s:
            widest = max(self._keys.open, key=lambda one: (self._keys.width(one), -one))
            made.append(self._split(_Planned(now_s, float(now_s), widest, None, "capacity"), to_come))
        return made

    def apply(self, second: int, to_come: Callable[[], npt.NDArray[np.bool_]]) -> list[Decision]:
        """Make the splits that are due."""
        due = [planned for planned in self._planned if planned.effective_s <= second]
        self._planned = [planned for planned in self._planned if planned.effective_s > second]
        # something else may have split it by then
        return [self._split(planned, to_come) for planned in due if self._keys.is_open(planned.partition)]

    def _may_split(self, partition: int) -> bool:
        return self._keys.is_open(partition) and all(planned.partition != partition for planned in self._planned)

    def _plan(self, effective_s: int, decided_s: float, partition: int, cut: int | None, cause: str) -> None:
        self._planned.append(_Planned(effective_s, float(decided_s), partition, cut, cause))

    def _cut(self, partition: int, minute_end: int) -> int | None:
        first, last = self._minute(minute_end)
        rows = np.flatnonzero(self._keys.partition[first:last] == partition) + first
        return cut_of(self._keys.position(rows), self._units[rows], self._heat.least_relief)

    def _minute(self, minute_end: int) -> tuple[int, int]:
        first, last = np.searchsorted(self._writes.at_s, (minute_end - 60, minute_end), side="left").tolist()
        return first, last

    def _split(self, planned: _Planned, to_come: Callable[[], npt.NDArray[np.bool_]]) -> Decision:
        before = float(len(self._keys.open))
        self._keys.split(planned.partition, float(planned.effective_s), planned.cut, to_come())
        size = self._bytes[planned.partition]
        low, high = (self._keys.width(len(self._keys) - 2), self._keys.width(len(self._keys) - 1))
        self._bytes = np.append(self._bytes, [size * low / (low + high), size * high / (low + high)])
        self._bytes[planned.partition] = 0.0
        return Decision(
            planned.decided_s,
            float(planned.effective_s),
            "partitions",
            f"split: {planned.cause}",
            before,
            before + 1.0,
            planned.partition,
        )
