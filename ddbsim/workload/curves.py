"""Rates of writes that change smoothly: a ramp, and the cosine of day and night."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ddbsim.workload.columns import Floats
from ddbsim.workload.rates import RateProfile

__all__ = ["Diurnal", "Ramp"]

_GRID = (
    2048  # pieces of a period in which Diurnal starts its two Newton steps; the error after them is that of rounding
)


@dataclass(frozen=True, slots=True)
class Ramp(RateProfile):
    """A rate that goes from one value to another along a line, and stays there.

    Parameters
    ----------
    start_per_s, end_per_s
        The rates before and after, writes per second, >= 0.
    over_s
        How long the change takes, > 0 s.
    at_s
        When it begins, >= 0 s.
    """

    start_per_s: float
    end_per_s: float
    over_s: float
    at_s: float = 0.0

    def __post_init__(self) -> None:
        for name in ("start_per_s", "end_per_s", "over_s", "at_s"):
            self._check(name, above=name == "over_s")

    def rate_at(self, t_s: Floats) -> Floats:
        """Return the rate at each time, writes per second."""
        done = np.clip((np.asarray(t_s) - self.at_s) / self.over_s, 0.0, 1.0)
        rates: Floats = self.start_per_s + (self.end_per_s - self.start_per_s) * done
        return rates

    @property
    def max_per_s(self) -> float:
        """The higher of the two rates."""
        return max(self.start_per_s, self.end_per_s)

    def expected(self, duration_s: float) -> float:
        """Return the expected number of writes in [0, duration_s)."""
        before_s = min(duration_s, self.at_s)
        during_s = min(max(duration_s - self.at_s, 0.0), self.over_s)
        after_s = max(duration_s - self.at_s - self.over_s, 0.0)
        slope = (self.end_per_s - self.start_per_s) / self.over_s
        line = self.start_per_s * during_s + slope * during_s**2 / 2
        return self.start_per_s * before_s + line + self.end_per_s * after_s

    def time_of(self, expected: Floats) -> Floats:
        """Return the time by which so many writes are expected: the root of a quadratic while the rate changes."""
        begin, end = self.expected(self.at_s), self.expected(self.at_s + self.over_s)
        first, last = np.searchsorted(expected, [begin, end], side="left")
        times = np.empty(len(expected))
        times[:first] = _hold(expected[:first], self.start_per_s)
        times[first:last] = self.at_s + self._time_on_line(expected[first:last] - begin)
        times[last:] = self.at_s + self.over_s + _hold(expected[last:] - end, self.end_per_s)
        return times

    def _time_on_line(self, expected: Floats) -> Floats:
        # in units of the higher rate: the square of a tiny one is 0
        unit = self.max_per_s or 1.0
        expected, start = expected / unit, self.start_per_s / unit
        slope = (self.end_per_s / unit - start) / self.over_s
        rate = np.sqrt(np.maximum(start**2 + 2 * slope * expected, 0.0))
        # the form of the root that cancels nothing; 0 / 0 only for the very first write of a ramp from 0
        return np.divide(2 * expected, start + rate, out=np.zeros(len(expected)), where=expected > 0)


@dataclass(frozen=True, slots=True)
class Diurnal(RateProfile):
    """A day and a night: the rate follows a cosine.

    Parameters
    ----------
    mean_per_s
        The rate averaged over a period, writes per second, >= 0.
    peak_to_mean
        The highest rate over the mean, 1..2; at 2 the trough is 0.
    period_s
        The length of a day, > 0 s.
    peak_at_s
        When the rate is highest, >= 0 s. None: half a period.
    """

    mean_per_s: float
    peak_to_mean: float
    period_s: float = 86_400.0
    peak_at_s: float | None = None

    def __post_init__(self) -> None:
        self._check("mean_per_s")
        self._check("peak_to_mean", low=1.0, high=2.0)
        self._check("period_s", above=True)
        if self.peak_at_s is not None:
            self._check("peak_at_s")

    @property
    def _peak_s(self) -> float:
        return self.period_s / 2 if self.peak_at_s is None else self.peak_at_s

    def rate_at(self, t_s: Floats) -> Floats:
        """Return the rate at each time, writes per second."""
        angle = (np.asarray(t_s) - self._peak_s) * (2 * math.pi / self.period_s)
        rates: Floats = self.mean_per_s * (1 + (self.peak_to_mean - 1) * np.cos(angle))
        return rates

    @property
    def max_per_s(self) -> float:
        """The rate at the peak."""
        return self.mean_per_s * self.peak_to_mean

    def expected(self, duration_s: float) -> float:
        """Return the expected number of writes in [0, duration_s)."""
        return float(self._expected_by(np.array([duration_s]))[0])

    def _expected_by(self, t_s: Floats) -> Floats:
        turn = 2 * math.pi / self.period_s
        swing = np.sin((t_s - self._peak_s) * turn) + math.sin(self._peak_s * turn)
        counts: Floats = self.mean_per_s * (t_s + (self.peak_to_mean - 1) / turn * swing)
        return counts

    def time_of(self, expected: Floats) -> Floats:
        """Return the time by which so many writes are expected: Newton's method, kept inside a bracket."""
        if not len(expected) or not self.mean_per_s:
            return np.full(len(expected), math.inf)
        days = np.floor(expected / (self.mean_per_s * self.period_s))
        rest = expected - days * (self.mean_per_s * self.period_s)
        grid = np.linspace(0.0, self.period_s, _GRID + 1)
        times: Floats = np.interp(rest, self._expected_by(grid), grid)
        low = np.floor(times / grid[1]) * grid[1]
        for _ in range(2):
            rate = np.maximum(self.rate_at(times), self.mean_per_s * 1e-9)
            times = np.clip(times + (rest - self._expected_by(times)) / rate, low, low + grid[1])
        times += days * self.period_s
        ascending: Floats = np.maximum.accumulate(times)  # rounding may swap neighbours in the trough
        return ascending


def _hold(expected: Floats, rate_per_s: float) -> Floats:
    return expected / rate_per_s if rate_per_s > 0 else np.full(len(expected), math.inf)
