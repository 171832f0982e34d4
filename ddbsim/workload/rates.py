"""Rates of writes over time, and the exact inverse of what they add up to.

A profile answers two questions: how many writes are expected by time t, and by which time are n of them expected.
The second is all that arrivals need: unit-rate arrivals sent through it arrive at the profile's rate, exactly.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np

from ddbsim.checks.bounds import LARGEST
from ddbsim.workload.columns import Floats

from .checks import finite_number, listed

__all__ = ["Rate", "RateProfile", "Spike", "Steps", "as_rate_profile"]


_GRID = (
    2048  # pieces of a period in which Diurnal starts its two Newton steps; the error after them is that of rounding
)


class RateProfile(ABC):
    """A rate of writes that varies over time, from 0 s on."""

    __slots__ = ()

    @abstractmethod
    def rate_at(self, t_s: Floats) -> Floats:
        """Return the rate at each time, writes per second."""

    @property
    @abstractmethod
    def max_per_s(self) -> float:
        """The highest rate that it ever reaches, writes per second."""

    @abstractmethod
    def expected(self, duration_s: float) -> float:
        """Return the expected number of writes in [0, duration_s)."""

    @abstractmethod
    def time_of(self, expected: Floats) -> Floats:
        """Return the time by which so many writes are expected; `expected` ascending, infinite if it never comes."""

    def _check(self, name: str, *, low: float = 0.0, above: bool = False, high: float = LARGEST) -> None:
        """Make the field a plain finite number in [low, high], or raise ValueError."""
        value = finite_number(f"{type(self).__name__}: {name}", getattr(self, name), low=low, above=above, high=high)
        object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True)
class Steps(RateProfile):
    """Rates that hold until the next one begins; the last holds for ever.

    Parameters
    ----------
    times_s
        When each rate begins, seconds: 0 first, then ascending.
    rates_per_s
        As many rates, writes per second, >= 0.
    """

    times_s: Sequence[float]
    rates_per_s: Sequence[float]

    def __post_init__(self) -> None:
        times = _numbers("Steps: times_s", self.times_s)
        rates = _numbers("Steps: rates_per_s", self.rates_per_s)
        if not times or times[0] != 0 or any(b <= a for a, b in pairwise(times)):
            raise ValueError(f"Steps: times_s must begin with 0 and ascend, got {_few(times)}")
        if len(rates) != len(times):
            raise ValueError(f"Steps: rates_per_s must be as many as times_s ({len(times)}), got {len(rates)}")
        object.__setattr__(self, "times_s", times)
        object.__setattr__(self, "rates_per_s", rates)

    def rate_at(self, t_s: Floats) -> Floats:
        """Return the rate at each time, writes per second."""
        rates: Floats = np.asarray(self.rates_per_s, dtype=np.float64)
        return rates[np.searchsorted(self.times_s, t_s, side="right") - 1]

    @property
    def max_per_s(self) -> float:
        """The highest of the rates."""
        return max(self.rates_per_s)

    def expected(self, duration_s: float) -> float:
        """Return the expected number of writes in [0, duration_s)."""
        ends = np.minimum([*self.times_s[1:], math.inf], duration_s)
        lengths = np.maximum(ends - np.asarray(self.times_s), 0.0)
        return float(lengths @ np.asarray(self.rates_per_s, dtype=np.float64))

    def time_of(self, expected: Floats) -> Floats:
        """Return the time by which so many writes are expected, a stretch of constant rate at a time."""
        reached = [0.0, *np.cumsum(np.diff(self.times_s) * self.rates_per_s[:-1]).tolist()]
        cuts = [*np.searchsorted(expected, reached, side="left").tolist(), len(expected)]
        times = np.full(len(expected), math.inf)
        for step, (start, stop) in enumerate(pairwise(cuts)):
            if start < stop and self.rates_per_s[step] > 0:
                np.subtract(expected[start:stop], reached[step], out=times[start:stop])
                times[start:stop] /= self.rates_per_s[step]
                times[start:stop] += self.times_s[step]
        return times


@dataclass(frozen=True, slots=True)
class Spike(RateProfile):
    """A base rate with one burst.

    Parameters
    ----------
    base_per_s, peak_per_s
        The rates outside and inside the burst, writes per second, >= 0.
    at_s, lasting_s
        When the burst begins, >= 0 s, and how long it lasts, > 0 s.
    """

    base_per_s: float
    peak_per_s: float
    at_s: float
    lasting_s: float

    def __post_init__(self) -> None:
        for name in ("base_per_s", "peak_per_s", "at_s", "lasting_s"):
            self._check(name, above=name == "lasting_s")
        finite_number("Spike: at_s + lasting_s", self.at_s + self.lasting_s)

    def as_steps(self) -> Steps:
        """Return the same rates as `Steps`."""
        times, rates = (self.at_s, self.at_s + self.lasting_s), (self.peak_per_s, self.base_per_s)
        return Steps((0.0, *times), (self.base_per_s, *rates)) if self.at_s > 0 else Steps(times, rates)

    def rate_at(self, t_s: Floats) -> Floats:
        """Return the rate at each time, writes per second."""
        return self.as_steps().rate_at(t_s)

    @property
    def max_per_s(self) -> float:
        """The higher of the two rates."""
        return max(self.base_per_s, self.peak_per_s)

    def expected(self, duration_s: float) -> float:
        """Return the expected number of writes in [0, duration_s)."""
        return self.as_steps().expected(duration_s)

    def time_of(self, expected: Floats) -> Floats:
        """Return the time by which so many writes are expected."""
        return self.as_steps().time_of(expected)


Rate: TypeAlias = float | RateProfile


def as_rate_profile(where: str, rate: Rate) -> RateProfile:
    """Return a profile as it is, a number of writes per second as the `Steps` that hold it for ever."""
    if isinstance(rate, RateProfile):
        return rate
    return Steps((0.0,), (finite_number(where, rate),))


def _numbers(where: str, values: Sequence[float]) -> tuple[float, ...]:
    return tuple(finite_number(where, value) for value in listed(where, values, of="numbers"))


def _few(times: tuple[float, ...]) -> str:
    return f"{times[:6]!r}" + (" ..." if len(times) > 6 else "")
