"""Distributions of durations, delays and sizes: non-negative numbers with a known mean and variance.

Each is a frozen dataclass of plain numbers, so that a scenario compares, hashes and is written to a file by its fields.
Wherever the package takes a distribution it takes a number too (`as_distribution`). The unit is that of the field which
holds the distribution: seconds for a duration, bytes for a size. Numbers beyond `ddbsim.checks.bounds` are refused.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .checks.bounds import MOST_SIGMA, beyond, is_number
from .checks.wording import shown

__all__ = [
    "Constant",
    "Distribution",
    "Empirical",
    "Exponential",
    "Floats",
    "LogNormal",
    "Uniform",
    "as_distribution",
]

Floats: TypeAlias = NDArray[np.float64]

_Z99 = 2.3263478740408408  # the 99th percentile of the standard normal distribution


class Distribution(ABC):
    """What every distribution answers: draws, mean, variance."""

    __slots__ = ()

    @abstractmethod
    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` independent draws, float64."""

    @property
    @abstractmethod
    def mean(self) -> float:
        """The expected value."""

    @property
    @abstractmethod
    def var(self) -> float:
        """The variance, in the squared unit."""

    def __repr__(self) -> str:
        """Show the fields that differ from their defaults, as one would type them."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))  # type: ignore[arg-type]
        given = (f"{name}={value!r}" for name, value, default in values if default is MISSING or value != default)
        return f"{type(self).__name__}({', '.join(given)})"

    def _check(self, name: str, *, low: float = 0.0, above: bool = False, bound: str = "") -> float:
        """Return the field as a plain finite number >= `low` (> `low` with `above`), or raise ValueError."""
        value = getattr(self, name)
        if not is_number(value, low=low, above=above):
            allowed = f"{'>' if above else '>='} {bound or f'{low:g}'}{beyond(value, low=low)}"
            raise ValueError(f"{type(self).__name__}: {name} must be {allowed}, got {shown(value)}")
        object.__setattr__(self, name, number := value if isinstance(value, int) else float(value))
        return number


@dataclass(frozen=True, slots=True, repr=False)
class Constant(Distribution):
    """Always the same value.

    Parameters
    ----------
    value
        The value, >= 0.
    """

    value: float

    def __post_init__(self) -> None:
        self._check("value")

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` copies of the value; `rng` is left untouched."""
        return np.full(size, self.value, dtype=np.float64)

    @property
    def mean(self) -> float:
        """The value."""
        return float(self.value)

    @property
    def var(self) -> float:
        """Zero."""
        return 0.0


@dataclass(frozen=True, slots=True, repr=False)
class Uniform(Distribution):
    """Any value between two bounds, all equally likely.

    Parameters
    ----------
    low, high
        The bounds, 0 <= low <= high.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        low = self._check("low")
        self._check("high", low=low, bound=f"low ({low:g})")

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` independent draws, float64."""
        return rng.uniform(self.low, self.high, size)

    @property
    def mean(self) -> float:
        """The middle of the two bounds."""
        return (self.low + self.high) / 2

    @property
    def var(self) -> float:
        """A twelfth of the squared width."""
        return (self.high - self.low) ** 2 / 12


@dataclass(frozen=True, slots=True, repr=False)
class Exponential(Distribution):
    """Memoryless values: many short ones, a p99 of 4.6 times the mean.

    Parameters
    ----------
    mean
        The mean, > 0.
    """

    mean: float = field()  # without field() the dataclass would take the inherited property for a default

    def __post_init__(self) -> None:
        self._check("mean", above=True)

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` independent draws, float64."""
        return rng.exponential(self.mean, size)

    @property
    def var(self) -> float:
        """The squared mean."""
        return float(self.mean) ** 2


@dataclass(frozen=True, slots=True, repr=False, kw_only=True)
class LogNormal(Distribution):
    """A skewed distribution told by what one reads off a dashboard: its median and its p99.

    Parameters
    ----------
    median
        Half of the values lie below it; > shift.
    p99
        99 % of the values lie below it; > median. Give either p99 or sigma.
    sigma
        The standard deviation of log(value - shift); > 0, at most 10 (which also bounds p99).
    shift
        The least possible value, >= 0. `median` and `p99` are those of the values themselves, shift included.

    Examples
    --------
    >>> sizes = LogNormal(median=900, p99=4000)
    >>> round(sizes.mean)
    1105
    """

    median: float
    p99: float | None = None
    sigma: float | None = None
    shift: float = 0.0

    def __post_init__(self) -> None:
        shift = self._check("shift")
        median = self._check("median", low=shift, above=True, bound=f"shift ({shift:g})" if shift else "")
        if (self.p99 is None) == (self.sigma is None):
            raise ValueError(f"LogNormal: exactly one of p99 and sigma must be given, got {shown(self)}")
        if self.p99 is not None:
            self._check("p99", low=median, above=True, bound=f"median ({median:g})")
        else:
            self._check("sigma", above=True)
        if self._log_deviation > MOST_SIGMA:
            given = "p99 must be so near the median that sigma is" if self.p99 is not None else "sigma must be"
            raise ValueError(f"LogNormal: {given} <= {MOST_SIGMA:g}, got {self._log_deviation:g}")

    @property
    def _log_median(self) -> float:
        return math.log(self.median - self.shift)

    @property
    def _log_deviation(self) -> float:
        if self.p99 is None:
            return float(self.sigma or 0.0)
        return (math.log(self.p99 - self.shift) - self._log_median) / _Z99

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` independent draws, float64."""
        values = rng.standard_normal(size)  # in place from here: a third faster than rng.lognormal
        values *= self._log_deviation
        values += self._log_median
        np.exp(values, out=values)
        if self.shift:
            values += self.shift
        return values

    @property
    def mean(self) -> float:
        """The mean, above the median by the weight of the tail."""
        return self.shift + (self.median - self.shift) * math.exp(self._log_deviation**2 / 2)

    @property
    def var(self) -> float:
        """The variance."""
        return math.expm1(self._log_deviation**2) * (self.mean - self.shift) ** 2


@dataclass(frozen=True, slots=True, repr=False)
class Empirical(Distribution):
    """Values that were measured, drawn again with replacement.

    Parameters
    ----------
    values
        At least one number >= 0; any sequence, kept as a tuple.
    weights
        How likely each value is, in proportion; as many as values, >= 0, not all 0. None: all equally likely.
    """

    values: Sequence[float]
    weights: Sequence[float] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _as_tuple("values", self.values))
        if self.weights is None:
            return
        object.__setattr__(self, "weights", _as_tuple("weights", self.weights))
        if len(self.weights) != len(self.values):
            raise ValueError(
                f"Empirical: weights must be as many as values ({len(self.values)}), got {len(self.weights)}"
            )
        if sum(self.weights) <= 0:
            raise ValueError(f"Empirical: weights must not all be 0, got {shown(self.weights)}")

    def __repr__(self) -> str:
        """Show the values themselves while they are few."""
        if len(self.values) <= 8:
            return Distribution.__repr__(self)  # super() does not survive slots=True
        weighted = "weighted " if self.weights else ""
        return f"Empirical({len(self.values)} {weighted}values, {min(self.values):g}..{max(self.values):g})"

    def sample(self, rng: np.random.Generator, size: int) -> Floats:
        """Return `size` independent draws, float64."""
        values: Floats = np.asarray(self.values, dtype=np.float64)
        if self.weights is None:
            return values[rng.integers(len(values), size=size)]
        upper = np.cumsum(self.weights)
        drawn = np.searchsorted(upper, rng.random(size) * upper[-1], side="right")
        last = int(np.flatnonzero(self.weights)[-1])  # rounding may reach past it
        chosen: Floats = values[np.minimum(drawn, last)]
        return chosen

    @property
    def mean(self) -> float:
        """The (weighted) mean of the values."""
        return float(np.average(self.values, weights=self.weights))

    @property
    def var(self) -> float:
        """The (weighted) mean squared distance from the mean."""
        return float(np.average((np.asarray(self.values) - self.mean) ** 2, weights=self.weights))


def as_distribution(value: float | Distribution) -> Distribution:
    """Return a distribution as it is, a number as `Constant`.

    Raises
    ------
    ValueError
        If `value` is neither, or a number that is negative or not finite.
    """
    if isinstance(value, Distribution):
        return value
    if is_number(value):
        return Constant(value)
    raise ValueError(
        f"a distribution must be a finite number >= 0{beyond(value, low=0.0)} or one of "
        f"{', '.join(_names())}, got {shown(value)}"
    )


def _names() -> list[str]:
    # a set: a dataclass with slots is made twice
    return sorted({kind.__name__ for kind in Distribution.__subclasses__()} & set(__all__))


def _as_tuple(name: str, numbers: Any) -> tuple[float, ...]:
    if not isinstance(numbers, Iterable) or isinstance(numbers, str | bytes):
        raise ValueError(f"Empirical: {name} must be one or more finite numbers >= 0, got {shown(numbers)}")
    kept = tuple(numbers)
    wrong = [number for number in kept if not is_number(number, low=0.0)]
    if wrong or not kept:
        got = shown(wrong[0]) if wrong else "none"
        more = beyond(wrong[0], low=0.0) if wrong else ""
        raise ValueError(f"Empirical: {name} must be one or more finite numbers >= 0{more}, got {got}")
    return tuple(float(number) for number in kept)
