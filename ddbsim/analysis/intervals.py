"""Confidence intervals: of means over independent replications, of paired differences, of one long run by batch means.

The replication is the unit. Records of one run are neighbours that share their luck, and an interval from them as if
they were independent would be far too narrow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ddbsim.checks.wording import shown

from .student import t_quantile

if TYPE_CHECKING:
    pass

__all__ = ["Interval", "check_confidence", "mean_interval", "upper_bound"]

Floats = npt.NDArray[np.float64]


def check_confidence(value: Any) -> float:
    """Return a confidence level, or raise ValueError."""
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if not number or not 0.0 < value < 1.0:
        raise ValueError(f"confidence must be a number > 0 and < 1, such as 0.95, got {shown(value)}")
    return float(value)


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean over replications, and the interval that holds the true mean with the stated confidence.

    Attributes
    ----------
    mean, low, high
        In the metric's unit. With one replication nothing is known of the spread: the interval is infinite.
    deviation
        Standard deviation between replications.
    replications
        How many there are.
    """

    mean: float
    low: float
    high: float
    deviation: float
    replications: int

    @property
    def half_width(self) -> float:
        """Half of the interval's width."""
        return (self.high - self.low) / 2.0

    @property
    def relative(self) -> float:
        """The half-width as a share of the mean; 0 if both are 0."""
        if self.half_width == 0.0:
            return 0.0
        return self.half_width / abs(self.mean) if self.mean else math.inf


def mean_interval(values: Sequence[float] | Floats, confidence: float = 0.95) -> Interval:
    """Return the mean of independent values with its t interval.

    Parameters
    ----------
    values
        One of each replication; infinite values make an infinite mean, without an interval.
    confidence
        In (0, 1).

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.half_width, 3)
    (2.0, 2.484)
    """
    array = np.asarray(values, dtype=np.float64)
    count = len(array)
    if not count or not np.isfinite(array).all():
        mean = float(array.mean()) if count else math.nan
        return Interval(mean, mean, mean, math.nan, count)
    mean = float(array.mean())
    if count == 1:
        return Interval(mean, -math.inf, math.inf, math.nan, 1)
    deviation = float(array.std(ddof=1))
    half = float(t_quantile(0.5 + confidence / 2.0, count - 1)) * deviation / math.sqrt(count) if deviation else 0.0
    return Interval(mean, mean - half, mean + half, deviation, count)


def upper_bound(values: Sequence[float] | Floats, error: float) -> float:
    """Return the one-sided bound that the true mean exceeds with a probability of at most `error`.

    The lower bound is the negative of that of the negative values.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) < 2 or not np.isfinite(array).all():
        return math.inf
    deviation = float(array.std(ddof=1))
    half = float(t_quantile(1.0 - error, len(array) - 1)) * deviation / math.sqrt(len(array)) if deviation else 0.0
    return float(array.mean()) + half
