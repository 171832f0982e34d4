"""When partitions split: at stated times, for heat, for size, or because the table may take more than they can."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ddbsim.aws import capacity
from ddbsim.record.table import ScalingAction
from ddbsim.scenario import MOST_OPEN_PARTITIONS, Scenario
from ddbsim.workload import WriteColumns

from .heat import HotPartitionDetector, split_point
from .key_space import KeySpace

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
        self._watch: HotPartitionDetector | None = None
        if self._heat.enabled:
            self._watch = HotPartitionDetector(self._heat.threshold * self._cap, self._heat.sustained_minutes)
        self._planned = [
            _Planned(math.ceil(split.at_s), split.at_s, split.partition, None, "stated")
            for split in table.stated_splits
        ]
        self._goes_on_s: int | None = None  # when `provide` has more to split
        self._bytes = np.full(len(keys), table.other_items_gb * _GB / len(keys))
        # the most that any partition can come to
        most = float(self._bytes.max()) + float(writes.bytes_after.sum(dtype=np.int64))
        self._watches_size = most >= capacity.PARTITION_BYTES.value

    @property
    def due(self) -> list[int]:
        """The seconds from which planned splits hold."""
        goes_on = [] if self._goes_on_s is None else [self._goes_on_s]
        return [planned.effective_s for planned in self._planned] + goes_on

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

    def provide(
        self, now_s: int, units_per_s: float, to_come: Callable[[], npt.NDArray[np.bool_]]
    ) -> list[ScalingAction]:
        """Split the widest partitions until they can take so many units per second between them.

        A half is not split in the second of its birth: what is missing then follows second by second.
        """
        wanted = min(math.ceil(units_per_s / self._cap), MOST_OPEN_PARTITIONS) - self._keys.open_count
        self._goes_on_s = None
        if wanted <= 0:
            return []
        widest = sorted(filter(self._divisible, self._keys.open), key=lambda one: (-self._keys.width(one), one))
        old = [one for one in widest if self._is_old(one, now_s)]
        if widest and len(old) < wanted:
            self._goes_on_s = now_s + 1
        made = [_Planned(now_s, float(now_s), one, None, "capacity") for one in old[:wanted]]
        return self._split(made, now_s, to_come)

    def apply(self, second: int, to_come: Callable[[], npt.NDArray[np.bool_]]) -> list[ScalingAction]:
        """Make the splits that are due."""
        due = [planned for planned in self._planned if planned.effective_s <= second]
        self._planned = [planned for planned in self._planned if planned.effective_s > second]
        made: list[ScalingAction] = []
        for planned in due:
            if not self._is_old(planned.partition, second):
                self._planned.append(planned._replace(effective_s=second + 1))
            # something else may have split it by then
            elif self._keys.is_open(planned.partition) and self._divisible(planned.partition):
                made += self._split([planned._replace(effective_s=second)], second, to_come)
        return made

    def _is_old(self, partition: int, second: int) -> bool:
        return self._keys.opened_s(partition) < second

    def _divisible(self, partition: int) -> bool:
        return self._keys.width(partition) > 1 and self._keys.open_count < MOST_OPEN_PARTITIONS

    def _may_split(self, partition: int) -> bool:
        planned = (one.partition for one in self._planned)
        return self._keys.is_open(partition) and self._divisible(partition) and partition not in planned

    def _plan(self, effective_s: int, decided_s: float, partition: int, cut: int | None, cause: str) -> None:
        self._planned.append(_Planned(effective_s, float(decided_s), partition, cut, cause))

    def _cut(self, partition: int, minute_end: int) -> int | None:
        first, last = self._minute(minute_end)
        rows = np.flatnonzero(self._keys.partition[first:last] == partition) + first
        return split_point(self._keys.position(rows), self._units[rows], self._heat.least_relief)

    def _minute(self, minute_end: int) -> tuple[int, int]:
        first, last = np.searchsorted(self._writes.at_s, (minute_end - 60, minute_end), side="left").tolist()
        return first, last

    def _split(
        self, splits: list[_Planned], second: int, to_come: Callable[[], npt.NDArray[np.bool_]]
    ) -> list[ScalingAction]:
        if not splits:
            return []
        before, born = self._keys.open_count, len(self._keys)
        self._keys.split([(one.partition, one.cut) for one in splits], float(second), to_come())
        old = [one.partition for one in splits]
        widths = np.array([self._keys.width(half) for half in range(born, len(self._keys))], dtype=np.float64)
        share = widths / np.repeat(widths.reshape(-1, 2).sum(axis=1), 2)
        self._bytes = np.append(self._bytes, np.repeat(self._bytes[old], 2) * share)
        self._bytes[old] = 0.0
        return [
            ScalingAction(
                one.decided_s,
                float(second),
                "partitions",
                f"split: {one.cause}",
                float(before + turn),
                float(before + turn + 1),
                one.partition,
            )
            for turn, one in enumerate(splits)
        ]
