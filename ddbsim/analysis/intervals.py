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
import pandas as pd

from ddbsim.checks.arguments import checked

from .student import t_quantile

if TYPE_CHECKING:
    from ddbsim.result.result import Result

__all__ = ["Interval", "batch_means", "check_confidence", "mean_interval", "upper_bound"]

Floats = npt.NDArray[np.float64]


def check_confidence(value: Any) -> float:
    """Return a confidence level, or raise ValueError."""
    number = isinstance(value, int | float | np.floating) and not isinstance(value, bool)
    if not number or not 0.0 < value < 1.0:
        raise ValueError(f"confidence must be a number > 0 and < 1, such as 0.95, got {value!r}")
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


@checked
def batch_means(
    result: Result, quantile: float | None = None, *, batches: int = 20, confidence: float = 0.95
) -> pd.DataFrame:
    """Return the latency of one long run with an interval, from the means (or quantiles) of successive batches.

    For when there is one run and no second: a day of a trace, say. Batches must be long against the time over which
    latencies remember each other; `correlation` tells whether they are. Replications need no such luck.

    Parameters
    ----------
    result
        The run. Records that were not processed are left out, as is the warm-up.
    quantile
        The quantile of each batch, in [0, 1]; None for the mean.
    batches
        Into how many batches of equal count the records are cut, in the order of their writes, 2 or more.
    confidence
        In (0, 1).

    Returns
    -------
    DataFrame
        event_source_mapping, latency_s, low_s, high_s, batches, records_per_batch, correlation (of each batch with the
        next), trusted (whether that is below what batches of independent values show in 95 of 100 cases).

    Raises
    ------
    ValueError
        If an argument is out of range, or there are fewer records than two a batch.

    Examples
    --------
    >>> import ddbsim as ds
    >>> result = ds.simulate(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=200), rng=7)
    >>> batch_means(result).loc[0, "batches"]
    np.int64(20)
    """
    confidence = check_confidence(confidence)
    if isinstance(batches, bool) or not isinstance(batches, int) or batches < 2:
        raise ValueError(f"batches must be a whole number >= 2, got {batches!r}")
    if quantile is not None and not 0.0 <= quantile <= 1.0:
        raise ValueError(f"quantile must be None or in 0..1, got {quantile!r}")
    log = result.stream_log
    log = log[(log["written_s"] >= result.scenario.warmup_s) & log["completed_s"].notna()]
    rows = [
        _batched(str(name), (group["completed_s"] - group["written_s"]).to_numpy(), quantile, batches, confidence)
        for name, group in log.groupby("event_source_mapping", observed=True)
    ]
    columns = ["event_source_mapping", "latency_s", "low_s", "high_s", "batches", "records_per_batch", "correlation"]
    return pd.DataFrame(rows, columns=[*columns, "trusted"])


def _batched(name: str, latency_s: Floats, quantile: float | None, batches: int, confidence: float) -> tuple[Any, ...]:
    each = len(latency_s) // batches
    if each < 2:
        raise ValueError(f"{name}: {len(latency_s):,} processed records are too few for {batches} batches of 2 or more")
    # the first records are left out, not the last: they remember the warm-up
    table = latency_s[-each * batches :].reshape(batches, each)
    values = table.mean(axis=1) if quantile is None else np.quantile(table, quantile, axis=1)
    interval = mean_interval(values, confidence)
    correlation = _neighbours(values)
    trusted = correlation <= 1.645 / math.sqrt(batches)
    return (name, interval.mean, interval.low, interval.high, batches, each, correlation, trusted)


def _neighbours(values: Floats) -> float:
    """Return the correlation of each value with the next."""
    centred = values - values.mean()
    total = float(centred @ centred)
    return float(centred[1:] @ centred[:-1]) / total if total else 0.0
