"""What the table did: with each write that was asked for, and second by second."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddbsim.log.throttling import THROTTLE_REASONS
from ddbsim.workload import WriteColumns

from .partitions import Placement

__all__ = ["Admission", "Requests", "ScalingAction", "TableTimeSeries"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Requests:
    """What became of each write that the clients asked for; rows in the order of their requests.

    Attributes
    ----------
    attempts, outcome, reason
        Attempts made, how it ended (`log.throttling.Written`), and its last throttle (`Throttle`).
    answered_s
        When the client knew; NaN while it still waits, or where the run ends before the answer.
    """

    attempts: npt.NDArray[np.int16]
    outcome: npt.NDArray[np.int8]
    reason: npt.NDArray[np.int8]
    answered_s: Floats


@dataclass(frozen=True, slots=True)
class Admission:
    """The table's side of a run.

    Attributes
    ----------
    planned
        What the clients asked for; the instant is NaN of what they did not come to.
    writes
        What the table took, in that order; the same object if it took everything at once.
    rows
        Row in `planned` of each write taken, -1 for the delete of an expired item; None if it took everything at once.
    units
        Write units of each planned write: those taken by what they did, the others by what was planned.
    placement
        Where the writes taken went; None if the table has no billing mode: then it follows from the stated splits.
    requests
        What became of each planned write; None if it took everything at once.
    ledger
        The table, second by second; None without a billing mode.
    """

    planned: WriteColumns
    writes: WriteColumns
    rows: Ints | None
    units: npt.NDArray[np.int32]
    placement: Placement | None = None
    requests: Requests | None = None
    ledger: TableTimeSeries | None = None


_FINE_UP_TO_S = 3_600  # partitions are told by the second in runs up to this long, by the minute in longer ones


@dataclass(frozen=True, slots=True)
class ScalingAction:
    """A change of the table's capacity or partitions: who decided it when, and what it did from when on."""

    decided_s: float
    effective_s: float
    resource: str
    decision: str
    units_before: float
    units_after: float
    partition: int = -1


class TableTimeSeries:
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
        self.decisions: list[ScalingAction] = []
        self._by_partition: list[tuple[Floats, Ints, Floats, Ints]] = []

    def interval(
        self, begin: int, used: Floats, throttled: Ints, partitions: list[int], *, capacity: float, provisioned: float
    ) -> None:
        """Record the seconds between two changes, and what the open partitions had in them.

        Parameters
        ----------
        begin
            The first of the seconds.
        used, throttled
            Write units and throttled attempts, a row per second and a column per partition that ever was.
        partitions
            Those that are open.
        capacity, provisioned
            Units that each second brings, and the part of them that is provisioned.
        """
        length = len(used)
        seconds = slice(begin, begin + length)
        self.units[seconds] = used.sum(axis=1)
        self.capacity[seconds] = capacity
        self.provisioned[seconds] = provisioned
        step = 1 if self.step_s == 1 else length
        steps, width = length // step, len(partitions)
        at_s = np.repeat(begin + step * np.arange(steps, dtype=np.float64), width)
        used, throttled = (
            column[:, partitions].reshape(steps, step, width).sum(axis=1).ravel() for column in (used, throttled)
        )
        self._by_partition.append((at_s, np.tile(np.array(partitions, dtype=np.int64), steps), used, throttled))

    def idle(
        self, begin: int, end: int, partitions: list[int], *, capacity: float, provisioned: float, saved: float
    ) -> None:
        """Record whole minutes in which nothing happened."""
        self.save(begin, end, saved)
        self.capacity[begin:end] = capacity
        self.provisioned[begin:end] = provisioned
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
