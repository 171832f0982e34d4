"""CloudWatch's metrics, minute by minute, from the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes
from ddbsim.log.schema import SCHEMA, categories, frame

__all__ = ["metrics"]

Floats = npt.NDArray[np.float64]


def metrics(
    invocations: pd.DataFrame,
    writes: pd.DataFrame,
    mappings: Sequence[str],
    ended_s: float,
    table: Mapping[str, npt.NDArray[np.float64]],
    of_mappings: Sequence[Mapping[str, npt.NDArray[np.int64]]],
) -> pd.DataFrame:
    """Return a row per minute and mapping, under CloudWatch's names; of a table that no mapping reads, per minute.

    Parameters
    ----------
    invocations, writes
        Frames of a run.
    mappings
        Names of the mappings.
    ended_s
        Simulated time, seconds: a last, shorter minute counts.
    table
        Further metrics of the table by minute, under their names.
    of_mappings
        Those of each event source mapping; see `mapping_metrics`.
    """
    minutes = max(1, int(np.ceil(ended_s / 60.0)))
    units = _per_minute(writes["write_units"].to_numpy(), writes["written_s"].to_numpy(), minutes)
    parts = [
        _of_mapping(invocations[invocations["event_source_mapping"] == name], minutes) | dict(events)
        for name, events in zip(mappings, of_mappings, strict=True)
    ]
    rows = max(len(mappings), 1)
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else _nothing(minutes)
    return frame(
        "metrics",
        minute_s=np.tile(np.arange(minutes) * 60.0, rows),
        # none of the names where there is no mapping
        event_source_mapping=categories(np.repeat(np.arange(rows) if mappings else [-1], minutes), mappings),
        **joined | {name: np.tile(values, rows) for name, values in table.items()},
        ConsumedWriteCapacityUnits=np.tile(units, rows),
    )


def _nothing(minutes: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return the metrics of a mapping that did nothing: counts of 0, statistics of no value."""
    return {
        column.name: np.full(minutes, np.nan if column.dtype == "float64" else 0.0)
        for column in SCHEMA["metrics"]
        if column.name not in ("minute_s", "event_source_mapping", "ConsumedWriteCapacityUnits")
    }


def _per_minute(units: npt.NDArray[Any], written_s: Floats, minutes: int) -> npt.NDArray[np.int64]:
    """Return the units of each minute; writes are sorted by time, so that those of a minute are a slice."""
    edges = np.searchsorted(written_s, np.arange(minutes + 1) * 60.0)
    sums = np.concatenate(([0], np.cumsum(units, dtype=np.int64)))
    each: npt.NDArray[np.int64] = np.diff(sums[edges])
    return each


def _of_mapping(rows: pd.DataFrame, minutes: int) -> dict[str, npt.NDArray[np.float64] | npt.NDArray[np.int64]]:
    throttled = outcomes.throttled(rows).to_numpy()
    ran = outcomes.ran(rows).to_numpy()
    failed = outcomes.errors(rows).to_numpy()
    started, age_ms = rows["started_s"].to_numpy(), rows["iterator_age_s"].to_numpy() * 1000.0
    minute = np.minimum((started // 60).astype(np.int64), minutes - 1)
    duration_ms = rows["duration_s"].to_numpy() * 1000.0
    known = ran & ~np.isnan(duration_ms)
    # the call that ends a tumbling window has no records, hence no age
    aged = ran & ~np.isnan(age_ms)
    ends = started + rows["init_s"].to_numpy() + rows["duration_s"].to_numpy()

    def count(which: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
        return np.bincount(minute[which], minlength=minutes)

    return {
        "Invocations": count(ran),
        "Errors": count(failed),
        "Throttles": count(throttled),
        "Duration_Average": _mean(duration_ms[known], minute[known], minutes),
        "Duration_Maximum": _largest(duration_ms[known], minute[known], minutes),
        "ConcurrentExecutions": _concurrent(started[ran], ends[ran], minutes),
        "IteratorAge_Average": _mean(age_ms[aged], minute[aged], minutes),
        "IteratorAge_Maximum": _largest(age_ms[aged], minute[aged], minutes),
    }


def _mean(values: Floats, minute: npt.NDArray[np.int64], minutes: int) -> Floats:
    counts = np.bincount(minute, minlength=minutes)
    sums = np.bincount(minute, weights=values, minlength=minutes)
    mean = np.full(minutes, np.nan)
    np.divide(sums, counts, out=mean, where=counts > 0)
    return mean


def _largest(values: Floats, minute: npt.NDArray[np.int64], minutes: int) -> Floats:
    largest = np.full(minutes, -np.inf)
    np.maximum.at(largest, minute, values)
    return np.asarray(np.where(np.isinf(largest), np.nan, largest), dtype=np.float64)


def _concurrent(starts: Floats, ends: Floats, minutes: int) -> npt.NDArray[np.int64]:
    """Return the most that ran at once in each minute; an end frees its place before a start at that instant."""
    ends = ends[~np.isnan(ends)]
    at = np.concatenate((ends, starts))
    order = np.argsort(at, kind="stable")
    at = at[order]
    level = np.cumsum(np.concatenate((np.full(len(ends), -1), np.ones(len(starts), dtype=np.int64)))[order])
    edges = np.searchsorted(at, np.arange(minutes) * 60.0)
    carried = np.concatenate(([0], level))[edges]
    most = carried.copy()
    minute = np.minimum((at // 60).astype(np.int64), minutes - 1)
    np.maximum.at(most, minute, level)
    return most
