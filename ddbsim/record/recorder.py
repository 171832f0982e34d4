"""Append-only columns: what happened, recorded where it happens, as numbers.

One call per invocation and one per group of records that was settled otherwise; names, frames and per-record columns
are made once, at the end.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from ddbsim.log.reasons import Reason

__all__ = ["Columns", "Recorder"]


class Columns:
    """Columns of numbers that grow together; 8 bytes a value, no Python object kept.

    Parameters
    ----------
    **typecodes
        `array` type code of each column: "d" for float64, "q" for int64, "b" for int8.
    """

    __slots__ = ("_arrays", "appends")

    def __init__(self, **typecodes: str) -> None:
        self._arrays: dict[str, array[Any]] = {name: array(code) for name, code in typecodes.items()}
        self.appends = tuple(column.append for column in self._arrays.values())

    def __len__(self) -> int:
        return len(next(iter(self._arrays.values())))

    def fill(self, columns: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take whole columns, by name, in the place of what was there."""
        for name, column in self._arrays.items():
            column[:] = array(column.typecode, columns[name].tolist())

    def arrays(self) -> dict[str, npt.NDArray[np.float64 | np.int64 | np.int8]]:
        """Return the columns as numpy arrays, by name."""
        return {name: np.array(column) for name, column in self._arrays.items()}


class Recorder:
    """What the lanes record.

    Attributes
    ----------
    attempts
        A row per attempt to invoke: the lane, its range of records [first, last) in lane order, the batch and the
        attempt's number, when the lane was ready again, when the batch closed, when it was accepted and
        started, what it took, how it ended.
    provisioned
        Rows of the attempts that ran on provisioned concurrency.
    reasons
        Why attempts failed: the number of each distinct reason.
    failed, why
        Rows of the attempts that failed, and the number of the reason of each.
    worked
        By row of a failed attempt, which places of its batch its handler came to, and did not report as failed.
    settled
        A row per range of records that reached its state otherwise than by the whole success of an invocation:
        by a partial success, a discard or expiry.
    windows
        By batch, what the event of one that was given up told of its tumbling window.
    """

    __slots__ = (
        "_attempt",
        "_batches",
        "_settle",
        "attempts",
        "failed",
        "provisioned",
        "reasons",
        "settled",
        "why",
        "windows",
        "worked",
    )

    def __init__(self) -> None:
        self.attempts = Columns(
            lane="q",
            batch="q",
            attempt="q",
            first="q",
            last="q",
            payload_bytes="q",
            ready_s="d",
            closed_s="d",
            accepted_s="d",
            started_s="d",
            init_s="d",
            duration_s="d",
            outcome="b",
        )
        self.settled = Columns(lane="q", batch="q", first="q", last="q", at_s="d", outcome="b", reason="b", invokes="q")
        self.provisioned = array("q")
        self.reasons: dict[Reason, int] = {}
        self.failed, self.why = array("q"), array("q")
        self.worked: dict[int, Sequence[int]] = {}
        self.windows: dict[int, Any] = {}
        self._attempt = self.attempts.appends
        self._settle = self.settled.appends
        self._batches = 0

    def moved(self, settled: Mapping[str, npt.NDArray[Any]], lanes: npt.NDArray[np.int64]) -> Recorder:
        """Return the same under other numbers of the lanes.

        Parameters
        ----------
        settled
            The columns of `settled`.
        lanes
            The new number of each lane; -1 for one that is not there any more.
        """
        past, blank, attempts = copy(self), Recorder(), self.attempts.arrays()
        past.attempts, past.settled = blank.attempts, blank.settled
        past.attempts.fill({**attempts, "lane": lanes[attempts["lane"].astype(np.int64)]})
        # a lane that is not there any more has been told that nothing of it was filtered
        there = lanes[settled["lane"]] >= 0
        rest = {name: values[there] for name, values in settled.items()}
        past.settled.fill(rest | {"lane": lanes[rest["lane"]]})
        return past

    def next_batch(self) -> int:
        """Return the id of a new batch."""
        self._batches += 1
        return self._batches - 1

    def attempt(
        self,
        lane: int,
        batch: int,
        attempt: int,
        first: int,
        last: int,
        payload_bytes: int,
        ready_s: float,
        closed_s: float,
        accepted_s: float,
        started_s: float,
        init_s: float,
        duration_s: float,
        outcome: int,
    ) -> None:
        """Record one attempt to invoke the function, at its start."""
        a = self._attempt
        # unrolled: a loop over zip() costs twice as much, and this runs once per batch
        a[0](lane)
        a[1](batch)
        a[2](attempt)
        a[3](first)
        a[4](last)
        a[5](payload_bytes)
        a[6](ready_s)
        a[7](closed_s)
        a[8](accepted_s)
        a[9](started_s)
        a[10](init_s)
        a[11](duration_s)
        a[12](outcome)

    def note_provisioned(self) -> None:
        """Record that the attempt recorded last ran on provisioned concurrency."""
        self.provisioned.append(len(self.attempts) - 1)

    def note_failure(self, reason: Reason, worked: Sequence[int] = ()) -> None:
        """Record why the attempt recorded last failed, and which places of its batch were worked through before."""
        row = len(self.attempts) - 1
        self.failed.append(row)
        self.why.append(self.reasons.setdefault(reason, len(self.reasons)))
        if worked:
            self.worked[row] = worked

    def reasons_by_row(self) -> Iterator[tuple[int, Reason]]:
        """Yield the rows of failed attempts, each with why it failed."""
        reasons = list(self.reasons)
        for row, number in zip(self.failed, self.why, strict=True):
            yield row, reasons[number]

    def settle(
        self, lane: int, batch: int, first: int, last: int, at_s: float, outcome: int, reason: int = 0, invokes: int = 0
    ) -> None:
        """Record that a lane's records [first, last) reached their final state."""
        for append, value in zip(self._settle, (lane, batch, first, last, at_s, outcome, reason, invokes), strict=True):
            append(value)
