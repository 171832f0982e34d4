"""What the table did, second by second, as columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import THROTTLE_REASONS

from .capacity.throughput import Throughput
from .interval import Stretch

__all__ = ["Decision", "Ledger"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FINE_UP_TO_S = 3_600  # partitions are told by the second in runs up to this long, by the minute in longer ones


@dataclass(frozen=True, slots=True)
class Decision:
    """A change of the table's capacity or partitions: who decided it when, and what it did from when on."""

    decided_s: float
    effective_s: float
    resource: str
    decision: str
    units_before: float
    units_after: float
    partition: int = -1


class Ledger:
    """Columns that grow with simulated time.

    Parameters
    ----------
    seconds
        Length of the run, whole seconds.
    indexes
        How many global secondary indexes there are.
    planned_s
        How long the run was to be, seconds: in long ones partitions are told by the minute.

    Attributes
    ----------
    admitted, throttled_requests
        Writes admitted, and attempts of requests that were throttled, in each second.
    units, index_units
        Write units consumed in each, by the table and by each index.
    throttles
        Throttled attempts of writes, by second and reason.
    capacity, provisioned, saved
        Units that each second brings, the part of them that is provisioned (NaN on demand), and what the burst bucket
        holds at its end.
    decisions
        Changes of capacity and partitions.
    """

    def __init__(self, seconds: int, indexes: int, planned_s: float) -> None:
        self.step_s = 1 if planned_s <= _FINE_UP_TO_S else 60
        self.admitted, self.throttled_requests = np.zeros(seconds, dtype=np.int64), np.zeros(seconds, dtype=np.int64)
        self.units, self.capacity, self.provisioned, self.saved = (np.zeros(seconds) for _ in range(4))
        self.index_units = np.zeros((seconds, indexes))
        self.throttles = np.zeros((seconds, len(THROTTLE_REASONS)), dtype=np.int64)
        self.decisions: list[Decision] = []
        self._by_partition: list[tuple[Floats, Ints, Floats, Ints]] = []

    def stretch(self, stretch: Stretch, partitions: list[int], capacity: float, provisioned: float) -> None:
        """Record the seconds between two changes, and what the open partitions had in them."""
        seconds = slice(stretch.begin, stretch.begin + stretch.seconds)
        self.units[seconds] = stretch.used.sum(axis=1)
        self.capacity[seconds] = capacity
        self.provisioned[seconds] = provisioned
        step = 1 if self.step_s == 1 else stretch.seconds
        steps, width = stretch.seconds // step, len(partitions)
        at_s = np.repeat(stretch.begin + step * np.arange(steps, dtype=np.float64), width)
        used, throttled = (
            column[:, partitions].reshape(steps, step, width).sum(axis=1).ravel()
            for column in (stretch.used, stretch.throttled)
        )
        self._by_partition.append((at_s, np.tile(np.array(partitions, dtype=np.int64), steps), used, throttled))

    def idle(self, begin: int, end: int, partitions: list[int], table: Throughput) -> None:
        """Record whole minutes in which nothing happened."""
        self.save(begin, end, table.saved)
        self.capacity[begin:end] = table.rate
        self.provisioned[begin:end] = table.provisioned
        at_s = np.repeat(np.arange(begin, end, self.step_s, dtype=np.float64), len(partitions))
        partition = np.tile(np.array(partitions, dtype=np.int64), (end - begin) // self.step_s)
        nothing = np.zeros(len(at_s))
        self._by_partition.append((at_s, partition, nothing, nothing.astype(np.int64)))

    def save(self, begin: int, end: int, saved: float) -> None:
        """Record what the burst bucket holds in seconds in which it stays."""
        # memory that is never written to is never taken
        if saved:
            self.saved[begin:end] = saved

    def partition_columns(self) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]:
        """Return a row per step and partition that was open in it, as columns."""
        columns = [np.concatenate(parts) for parts in zip(*self._by_partition, strict=True)]
        return dict(zip(("at_s", "partition", "write_units", "throttles"), columns, strict=True))
