"""Which item each write goes to: how evenly the writes spread over the keys.

Item 0 is the hottest. Neighbouring ids share nothing: the table hashes them over its partitions.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ddbsim.checks.bounds import MOST_ITEMS
from ddbsim.workload.columns import Floats, Ints

from .checks import finite_number, whole_number

__all__ = ["HotSet", "Keys", "SequentialKeys", "UniformKeys", "Zipfian"]

_EXACT = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys(ABC):
    """How writes choose among a number of items.

    Parameters
    ----------
    items
        How many items there are, >= 1; their ids are 0..items-1.
    """

    items: int

    def __post_init__(self) -> None:
        self._check_whole("items", low=1, high=MOST_ITEMS)

    @abstractmethod
    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Return the items of n successive writes, int64."""

    @property
    def hottest_share(self) -> float:
        """The share of the writes that the item written most gets, 0..1."""
        return 1.0 / self.items

    def _check_whole(self, name: str, *, low: int, high: int) -> None:
        """Make the field a plain int in [low, high], or raise ValueError."""
        value = whole_number(f"{type(self).__name__}: {name}", getattr(self, name), low=low, high=high)
        object.__setattr__(self, name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class UniformKeys(Keys):
    """Every item is written equally often.

    Parameters
    ----------
    items
        How many items there are, >= 1.
    """

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Return the items of n successive writes, int64."""
        return rng.integers(self.items, size=n)


@dataclass(frozen=True, slots=True, kw_only=True)
class SequentialKeys(Keys):
    """One item after the other, and round again: as a bulk load does.

    Parameters
    ----------
    items
        How many items there are, >= 1.
    """

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Return the items of n successive writes, int64; `rng` is left untouched."""
        return np.arange(n, dtype=np.int64) % self.items


@dataclass(frozen=True, slots=True, kw_only=True)
class HotSet(Keys):
    """A few items get most of the writes; within the few, and within the rest, all are equally likely.

    Parameters
    ----------
    items
        How many items there are, >= 2.
    hot_items
        How many of them are hot, 1..items-1.
    hot_share
        The share of the writes that go to the hot ones, 0..1.
    """

    hot_items: int
    hot_share: float

    def __post_init__(self) -> None:
        Keys.__post_init__(self)
        self._check_whole("items", low=2, high=MOST_ITEMS)
        self._check_whole("hot_items", low=1, high=self.items - 1)
        object.__setattr__(self, "hot_share", finite_number("HotSet: hot_share", self.hot_share, high=1.0))

    @property
    def hottest_share(self) -> float:
        """The share of the writes that the item written most gets, 0..1."""
        return max(self.hot_share / self.hot_items, (1.0 - self.hot_share) / (self.items - self.hot_items))

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Return the items of n successive writes, int64."""
        hot = rng.random(n) < self.hot_share
        return rng.integers(np.where(hot, 0, self.hot_items), np.where(hot, self.hot_items, self.items))


@dataclass(frozen=True, slots=True, kw_only=True)
class Zipfian(Keys):
    """Popularity falls with rank: item k is written in proportion to 1 / (k + 1) ** theta.

    Parameters
    ----------
    items
        How many items there are, >= 1. No tables are kept, so a billion costs no more than ten.
    theta
        How skewed, 0..10: 0 is uniform, 0.99 what YCSB uses.

    Notes
    -----
    Exact, by rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from
    monotone discrete distributions", ACM Transactions on Modeling and Computer Simulation 6(3), 1996. One draw in a
    thousand is rejected at theta 0.99. YCSB's own generator (J. Gray et al., SIGMOD 1994) is exact for the two
    hottest items and approximate for the others.
    """

    theta: float = 0.99

    def __post_init__(self) -> None:
        Keys.__post_init__(self)
        object.__setattr__(self, "theta", finite_number("Zipfian: theta", self.theta, high=10.0))

    @property
    def hottest_share(self) -> float:
        """The share of the writes that the item written most gets, 0..1."""
        return 1.0 / _zipfian_sum(self.items, self.theta)

    def draw(self, n: int, rng: np.random.Generator) -> Ints:
        """Return the items of n successive writes, int64."""
        ranks, rejected = self._propose(n, rng)
        while len(rejected):
            again, rejected_again = self._propose(len(rejected), rng)
            ranks[rejected] = again
            rejected = rejected[rejected_again]
        return ranks

    def _propose(self, n: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Return n ranks from 0, and which of them are rejected."""
        low, high = self._area(np.array([1.5, self.items + 0.5])) - [1.0, 0.0]
        under = rng.random(n)
        under *= low - high
        under += high
        x = self._inverse_area(under)
        nearest = np.clip(np.rint(x), 1, self.items)
        x -= nearest
        doubtful = np.flatnonzero(x < -self._squeeze())
        rank = nearest[doubtful]
        rejected = doubtful[under[doubtful] < self._area(rank + 0.5) - rank**-self.theta]
        return nearest.astype(np.int64) - 1, rejected

    def _squeeze(self) -> float:
        """How far below its rank a proposal may lie and be accepted unseen."""
        two = self._inverse_area(self._area(np.array([2.5])) - 2.0**-self.theta)
        return float(2.0 - two[0])

    def _area(self, x: Floats) -> Floats:
        """Return the area under x ** -theta from 1 to x."""
        power, logs = 1.0 - self.theta, np.log(x)
        areas: Floats = logs if abs(power) < 1e-12 else np.expm1(logs * power) / power
        return areas

    def _inverse_area(self, area: Floats) -> Floats:
        power = 1.0 - self.theta
        if abs(power) < 1e-12:
            return np.exp(area)
        x = area * power
        np.maximum(x, -1.0 + math.ulp(1.0), out=x)  # rounding could leave the domain of log1p
        np.log1p(x, out=x)
        x /= power
        return np.exp(x, out=x)


@lru_cache(maxsize=256)
def _zipfian_sum(items: int, theta: float) -> float:
    """Return the sum of 1 / k ** theta: term by term up to a million, then by the integral (within 1e-6)."""
    head = float((np.arange(1, min(items, _EXACT) + 1, dtype=np.float64) ** -theta).sum())
    if items <= _EXACT:
        return head
    low, high = _EXACT + 0.5, items + 0.5
    if abs(1.0 - theta) < 1e-12:
        return head + float(np.log(high / low))
    return head + float(high ** (1.0 - theta) - low ** (1.0 - theta)) / (1.0 - theta)
