"""A measured rate of writes: counts per period, as CloudWatch shows them, and what to make of them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, TypeAlias

import numpy as np

from ddbsim.workload.checks import finite_number, listed, whole_number
from ddbsim.workload.rates import Steps

__all__ = ["FILLS", "Fill", "Trace", "TraceError"]

Fill: TypeAlias = Literal["linear", "previous", "zero"]
FILLS: tuple[Fill, ...] = ("linear", "previous", "zero")


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
    """

    start: str
    period_s: float
    counts: tuple[float, ...]
    gaps: tuple[tuple[str, int], ...] = ()
    filled_by: Fill = "zero"

    def __post_init__(self) -> None:
        _check_instant("Trace: start", self.start)
        finite_number("Trace: period_s", self.period_s, above=True)
        counts = listed("Trace: counts", self.counts, of="numbers")
        object.__setattr__(self, "counts", tuple(finite_number("Trace: counts", count) for count in counts))
        if not self.counts:
            raise ValueError("Trace: counts must be one or more numbers, got none")
        object.__setattr__(self, "gaps", _checked_gaps(self.gaps))
        if not isinstance(self.filled_by, str) or self.filled_by not in FILLS:
            raise ValueError(f"Trace: filled_by must be one of {', '.join(FILLS)}, got {self.filled_by!r}")

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
        """Return the mean rate of each period, events per second; the last holds for ever."""
        times = [period * self.period_s for period in range(len(self))]
        return Steps(times, [count / self.period_s for count in self.counts])

    def describe(self) -> str:
        """Return period, length, gaps and fill rule in one sentence."""
        text = f"{len(self):,} periods of {self.period_s:g} s from {self.start}, {self.mean_per_s:.4g}/s on average"
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


def _check_instant(where: str, value: Any) -> None:
    try:
        datetime.fromisoformat(value)
    except (ValueError, TypeError):
        raise ValueError(f"{where} must be an ISO 8601 instant, got {value!r}") from None


def _checked_gaps(given: Any) -> tuple[tuple[str, int], ...]:
    where = "Trace: gaps"
    gaps = listed(where, given, of="pairs (start, periods)")
    for gap in gaps:
        if not isinstance(gap, tuple | list) or len(gap) != 2:
            raise ValueError(f"{where} must be pairs (start, periods), got {gap!r}")
        _check_instant(where, gap[0])
    return tuple((start, whole_number(where, periods, low=1)) for start, periods in gaps)
