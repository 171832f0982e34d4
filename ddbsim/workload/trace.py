"""A measured rate of writes: counts per period, as CloudWatch shows them, and what to make of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np

from ddbsim.checks.bounds import LONGEST_RUN_S, MOST_PERIODS, instant
from ddbsim.checks.wording import shown
from ddbsim.workload.rates import Steps

from .checks import finite_number, listed, one_of, whole_number

__all__ = ["FILLS", "MEASURES", "Fill", "Measure", "Trace", "TraceError"]

Fill: TypeAlias = Literal["linear", "previous", "zero"]
FILLS: tuple[Fill, ...] = ("linear", "previous", "zero")
Measure: TypeAlias = Literal["writes", "write units"]
MEASURES: tuple[Measure, ...] = ("writes", "write units")


class TraceError(ValueError):
    """A file that cannot be read as a trace; the message names the file, the place, the value and what is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Counts of events in successive periods of one length.

    Parameters
    ----------
    start
        The first instant of the first period, ISO 8601.
    period_s
        The length of a period, seconds.
    counts
        How many events each period saw, >= 0.
    gaps
        The periods that the file left out: for each gap the start of its first, ISO 8601, and how many.
    filled_by
        The rule that filled the gaps: "linear" between the neighbours, "previous" or "zero".
    measures
        What the counts are of: "writes", or "write units" as in CloudWatch's ConsumedWriteCapacityUnits, of which a
        write takes one or more.
    """

    start: str
    period_s: float
    counts: tuple[float, ...]
    gaps: tuple[tuple[str, int], ...] = ()
    filled_by: Fill = "zero"
    measures: Measure = "writes"

    def __post_init__(self) -> None:
        instant("Trace: start", self.start)
        finite_number("Trace: period_s", self.period_s, above=True)
        counts = listed("Trace: counts", self.counts, of="numbers")
        object.__setattr__(self, "counts", tuple(finite_number("Trace: counts", count) for count in counts))
        if not self.counts:
            raise ValueError("Trace: counts must be one or more numbers, got none")
        if len(self.counts) > MOST_PERIODS or self.duration_s > LONGEST_RUN_S:
            raise ValueError(
                f"Trace: counts must be at most {MOST_PERIODS:,}, and of {LONGEST_RUN_S:,.0f} s in all, "
                f"got {len(self.counts):,} periods of {self.period_s:g} s"
            )
        object.__setattr__(self, "gaps", _checked_gaps(self.gaps))
        for name, allowed in (("filled_by", FILLS), ("measures", MEASURES)):
            one_of(f"Trace: {name}", getattr(self, name), allowed)

    def __len__(self) -> int:
        return len(self.counts)

    def __repr__(self) -> str:
        """Show the trace in a sentence, not thousands of counts."""
        return f"<Trace: {self.describe()}>"

    @property
    def duration_s(self) -> float:
        """The length of the trace, seconds."""
        return len(self) * self.period_s

    @property
    def mean_per_s(self) -> float:
        """The mean rate, events per second."""
        return math.fsum(self.counts) / self.duration_s

    def as_writes(self, units_per_write: float) -> Trace:
        """Return the trace in writes, of which each takes so many write units on average, > 0; as it is if it is."""
        finite_number("units_per_write", units_per_write, above=True)
        if self.measures == "writes":
            return self
        counts = tuple(count / units_per_write for count in self.counts)
        return replace(self, counts=counts, measures="writes")

    def scaled(self, mean_per_s: float) -> Trace:
        """Return the same shape at another mean rate, events per second, >= 0."""
        finite_number("mean_per_s", mean_per_s)
        if not self.mean_per_s:
            raise ValueError("a trace can be scaled if it has a count > 0, got only zeros")
        factor = mean_per_s / self.mean_per_s
        return replace(self, counts=tuple(count * factor for count in self.counts))

    def window(self, start_s: float, duration_s: float) -> Trace:
        """Return the whole periods that cover [start_s, start_s + duration_s), seconds from the trace's start."""
        finite_number("start_s", start_s)
        finite_number("duration_s", duration_s, above=True)
        first = math.floor(start_s / self.period_s + 1e-9)
        stop = math.ceil((start_s + duration_s) / self.period_s - 1e-9)
        if stop > len(self):
            got = f"{start_s:g} + {duration_s:g}"
            raise ValueError(f"start_s + duration_s must be <= {self.duration_s:g} (the trace's length), got {got}")
        return self._cut(first, max(stop, first + 1))

    def busiest(self, duration_s: float) -> Trace:
        """Return the stretch with the largest sum, of the fewest whole periods that last `duration_s`."""
        finite_number("duration_s", duration_s, above=True)
        periods = max(math.ceil(duration_s / self.period_s - 1e-9), 1)
        if periods > len(self):
            raise ValueError(f"duration_s must be <= {self.duration_s:g} (the trace's length), got {duration_s:g}")
        until = np.concatenate([[0.0], np.cumsum(self.counts)])
        first = int(np.argmax(until[periods:] - until[:-periods]))
        return self._cut(first, first + periods)

    def as_rate(self) -> Steps:
        """Return the mean rate of each period, writes per second; the last holds for ever."""
        if self.measures != "writes":
            raise ValueError(
                "as_rate needs a trace of writes, got one of write units: use as_writes(units_per_write), or "
                "TraceWrites, which knows them from its items"
            )
        times = [period * self.period_s for period in range(len(self))]
        return Steps(times, [count / self.period_s for count in self.counts])

    def describe(self) -> str:
        """Return period, length, gaps and fill rule in one sentence."""
        rate = f"{self.mean_per_s:.4g}{'' if self.measures == 'writes' else ' write units'}/s on average"
        text = f"{len(self):,} periods of {self.period_s:g} s from {self.start}, {rate}"
        if not self.gaps:
            return f"{text}, without gaps"
        missing = sum(periods for _, periods in self.gaps)
        return f"{text}, {len(self.gaps)} gap(s) of {missing} period(s) in all filled by the rule {self.filled_by!r}"

    def _cut(self, first: int, stop: int) -> Trace:
        gaps = []
        for start, periods in self.gaps:
            begin = self._period_of(start)
            inside = range(max(begin, first), min(begin + periods, stop))
            if inside:
                gaps.append((self._start_of(inside.start), len(inside)))
        return replace(self, start=self._start_of(first), counts=self.counts[first:stop], gaps=tuple(gaps))

    def _start_of(self, period: int) -> str:
        return (datetime.fromisoformat(self.start) + timedelta(seconds=period * self.period_s)).isoformat()

    def _period_of(self, instant: str) -> int:
        passed = datetime.fromisoformat(instant) - datetime.fromisoformat(self.start)
        return round(passed.total_seconds() / self.period_s)


def _checked_gaps(given: Any) -> tuple[tuple[str, int], ...]:
    where = "Trace: gaps"
    gaps = listed(where, given, of="pairs (start, periods)")
    for gap in gaps:
        if not isinstance(gap, tuple | list) or len(gap) != 2:
            raise ValueError(f"{where} must be pairs (start, periods), got {shown(gap)}")
        instant(where, gap[0])
    return tuple((start, whole_number(where, periods, low=1)) for start, periods in gaps)
