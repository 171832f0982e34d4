"""The calls of readers that are not Lambda: what they read, shard by shard."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .polls import steps_before
from .stream import running_sum

__all__ = ["ShardCalls", "ShardRecords"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_MINUTE_S = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class ShardRecords:
    """A shard as a reader meets it.

    Attributes
    ----------
    index, parent
        Its number, and that of the shard which it goes on from (-1: none).
    opened_s, closed_s
        It takes records in [opened_s, closed_s); infinity while it is open.
    written_s, visible_s, size_bytes
        Of each record, in order.
    """

    index: int
    parent: int
    opened_s: float
    closed_s: float
    written_s: Floats
    visible_s: Floats
    size_bytes: npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ShardCalls:
    """The calls of one reader on one shard.

    Attributes
    ----------
    shard
        What it reads.
    page_s, page_first, page_end
        When a call brought records, and which: positions [first, end). What was trimmed lies between two pages.
    run_s, run_calls, run_refused
        The other calls, in runs of one rhythm: the first one's instant, how many, whether they were refused.
    step_s
        Between two calls of a run, seconds.
    through_s
        When the end of the shard was found; infinity if it was not.
    """

    shard: ShardRecords
    step_s: float
    page_s: list[float] = field(default_factory=list)
    page_first: list[int] = field(default_factory=list)
    page_end: list[int] = field(default_factory=list)
    run_s: list[float] = field(default_factory=list)
    run_calls: list[int] = field(default_factory=list)
    run_refused: list[bool] = field(default_factory=list)
    through_s: list[float] = field(default_factory=lambda: [math.inf])

    @property
    def steps(self) -> int:
        """How many steps it took to follow them."""
        return len(self.page_s) + len(self.run_s)

    @property
    def answered(self) -> int:
        """How many calls were answered, empty ones too: what is billed."""
        return len(self.page_s) + sum(
            calls for calls, refused in zip(self.run_calls, self.run_refused, strict=True) if not refused
        )

    def read_s(self) -> Floats:
        """Return when each record of the shard was read; NaN for those that were not."""
        first, end = np.array(self.page_first, dtype=np.int64), np.array(self.page_end, dtype=np.int64)
        read_s = np.full(len(self.shard.written_s), np.nan)
        trimmed = first - np.concatenate(([0], end[:-1])) if len(end) else first
        lengths = np.stack((trimmed, end - first), axis=1).ravel()
        at_s = np.stack((np.full(len(first), np.nan), np.array(self.page_s)), axis=1).ravel()
        read_s[: int(lengths.sum())] = np.repeat(at_s, lengths)
        return read_s

    def by_minute(self) -> dict[str, npt.NDArray[Any]]:
        """Return what the calls came to, a row per minute with any: columns of the frame `reads`."""
        at_s, sums = np.array(self.page_s, dtype=np.float64), running_sum(self.shard.size_bytes)
        first, end = (np.array(column, dtype=np.int64) for column in (self.page_first, self.page_end))
        row, run_minute, counts = _runs_by_minute(self)
        refused = np.array(self.run_refused, dtype=np.bool_)[row]
        page_minute = (at_s // _MINUTE_S).astype(np.int64)
        minutes, place = np.unique(np.concatenate((page_minute, run_minute)), return_inverse=True)
        page, run = place[: len(at_s)], place[len(at_s) :]

        def total(values: npt.NDArray[Any], places: npt.NDArray[np.intp]) -> Ints:
            return np.bincount(places, weights=values, minlength=len(minutes)).astype(np.int64)

        age_max_s = np.full(len(minutes), np.nan)
        np.fmax.at(age_max_s, page, at_s - self.shard.written_s[end - 1])
        columns: dict[str, npt.NDArray[Any]] = {
            "minute_s": minutes * _MINUTE_S,
            "calls": total(counts[~refused], run[~refused]) + np.bincount(page, minlength=len(minutes)),
            "throttled": total(counts[refused], run[refused]),
            "records": total(end - first, page),
            "bytes": total(sums[end] - sums[first], page),
            "age_max_s": age_max_s,
        }
        # a run may skip a minute that it spans
        called = columns["calls"] + columns["throttled"] > 0
        return {name: values[called] for name, values in columns.items()}

    def add_page(self, at_s: float, first: int, end: int) -> None:
        """Note a call that brought the records [first, end)."""
        self.page_s.append(at_s)
        self.page_first.append(first)
        self.page_end.append(end)

    def add_run(self, at_s: float, calls: int, refused: bool = False) -> float:
        """Note calls in a row without records; return when the one after them is due."""
        self.run_s.append(at_s)
        self.run_calls.append(calls)
        self.run_refused.append(refused)
        return at_s + calls * self.step_s


def _runs_by_minute(calls: ShardCalls) -> tuple[Ints, Ints, Ints]:
    """Return, for each run and minute that it touches: the run, the minute, and its calls in it."""
    start_s, count = np.array(calls.run_s, dtype=np.float64), np.array(calls.run_calls, dtype=np.int64)
    begins = (start_s // _MINUTE_S).astype(np.int64)
    widths = ((start_s + (count - 1) * calls.step_s) // _MINUTE_S).astype(np.int64) - begins + 1
    row = np.repeat(np.arange(len(count)), widths)
    minute = np.arange(len(row)) - np.repeat(np.cumsum(widths) - widths, widths) + begins[row]
    low, high = (
        np.minimum(steps_before(start_s[row], calls.step_s, edge * _MINUTE_S), count[row])
        for edge in (minute, minute + 1)
    )
    return row, minute, (high - low).astype(np.int64)
