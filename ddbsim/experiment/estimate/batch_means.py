"""How sure the latency of one long run is, from the means of its successive batches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.analysis.intervals import check_confidence, mean_interval
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown
from ddbsim.result.result import Result

__all__ = ["batch_means"]

Floats = npt.NDArray[np.float64]


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
        raise ValueError(f"batches must be a whole number >= 2, got {shown(batches)}")
    if quantile is not None and not 0.0 <= quantile <= 1.0:
        raise ValueError(f"quantile must be None or in 0..1, got {shown(quantile)}")
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
