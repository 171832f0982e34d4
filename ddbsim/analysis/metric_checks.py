"""Find minutes of the metrics that are not those of the other frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes

from .evidence import CONSUMER, CheckInput, Violation, Violations, contradictions

__all__ = ["metrics_add_up"]

_WHAT = "{event_source_mapping}, minute {minute_s:g} s"
_MINUTE_S = 60.0

Floats: TypeAlias = npt.NDArray[np.float64]
Places: TypeAlias = npt.NDArray[np.intp]
Booleans: TypeAlias = npt.NDArray[np.bool_]


def metrics_add_up(seen: CheckInput) -> Violations:
    """Find minutes whose numbers are not those of the invocations, drops, records and writes in them."""
    metrics, minutes = seen.metrics, _Minutes(seen.metrics)
    for name, expected in (
        *_counts(seen, minutes),
        *_concurrency(seen),
        *_statistics(seen, minutes),
        *_drops(seen, minutes),
    ):
        wrong = ~np.isclose(metrics[name].to_numpy(dtype=float), expected, rtol=1e-9, atol=1e-6, equal_nan=True)
        yield from contradictions(metrics, wrong, f"{_WHAT}: {name} is {{{name}}}, the other frames say otherwise")
    last_s = metrics["minute_s"].max()
    writes = seen.taken()
    writes = writes[writes["written_s"] < last_s + _MINUTE_S]
    units = writes["write_units"].groupby((writes["written_s"] // _MINUTE_S * _MINUTE_S).clip(upper=last_s)).sum()
    wrong = metrics["ConsumedWriteCapacityUnits"] != units.reindex(metrics["minute_s"], fill_value=0).to_numpy()
    yield from contradictions(metrics, wrong, f"{_WHAT}: ConsumedWriteCapacityUnits are not those of the writes")
    yield from _read(seen)
    yield from _of_the_table(metrics)


class _Minutes:
    """Adds up what happened in each minute of each mapping: a number for each row of the metrics."""

    def __init__(self, metrics: pd.DataFrame) -> None:
        self.last_s = float(metrics["minute_s"].max())
        self._names = pd.Index(metrics[CONSUMER].unique())
        self._known, self._row = np.unique(self._keys(metrics[CONSUMER], metrics["minute_s"]), return_inverse=True)

    def _keys(self, names: pd.Series[str], at_s: pd.Series[float]) -> Floats:
        """Return a number for mapping and minute; NaN where the metrics have no such mapping, or there is no time."""
        named = names.astype("category").cat
        place = np.append(self._names.get_indexer(named.categories), -1)[named.codes].astype(float)
        width = (self.last_s + _MINUTE_S) // _MINUTE_S
        minute = np.floor_divide(at_s.to_numpy(dtype=float), _MINUTE_S)
        keys: Floats = np.where((place >= 0) & (minute >= 0) & (minute < width), place * width + minute, np.nan)
        return keys

    def _places(self, names: pd.Series[str], at_s: pd.Series[float]) -> tuple[Places, Booleans]:
        """Return which of the known minutes each lies in, and whether it lies in one."""
        keys = self._keys(names, at_s)
        place = np.minimum(np.searchsorted(self._known, keys), len(self._known) - 1)
        return place, self._known[place] == keys

    def summed(self, names: pd.Series[str], at_s: pd.Series[float], amount: pd.Series[Any]) -> Floats:
        """Return the sum of the amounts."""
        place, found = self._places(names, at_s)
        return self._sums(place[found], amount.to_numpy(dtype=float)[found])[self._row]

    def mean_and_maximum(
        self, names: pd.Series[str], at_s: pd.Series[float], amount: pd.Series[Any]
    ) -> tuple[Floats, Floats]:
        """Return the mean and the largest of the amounts that are known; NaN where none is."""
        place, found = self._places(names, at_s)
        values = amount.to_numpy(dtype=float)
        found &= ~np.isnan(values)
        place, values = place[found], values[found]
        count = np.bincount(place, minlength=len(self._known))
        maximum = np.full(len(self._known), -np.inf)
        np.maximum.at(maximum, place, values)
        maximum[count == 0] = np.nan
        mean = self._sums(place, values) / np.where(count, count, np.nan)
        return mean[self._row], maximum[self._row]

    def _sums(self, place: Places, values: npt.NDArray[Any]) -> Floats:
        return np.bincount(place, weights=values, minlength=len(self._known)).astype(float)


def _counts(seen: CheckInput, minutes: _Minutes) -> Iterator[tuple[str, Floats]]:
    """Yield how many invocations of each kind began in each minute; one beyond the last counts to it."""
    rows = seen.invocations
    at_s = rows["started_s"].clip(upper=minutes.last_s)
    counted = {
        "Invocations": outcomes.ran(rows),
        "Errors": outcomes.errors(rows),
        "Throttles": outcomes.throttled(rows),
    }
    for name, which in counted.items():
        yield name, minutes.summed(rows[CONSUMER], at_s, which)


def _concurrency(seen: CheckInput) -> Iterator[tuple[str, Floats]]:
    """Yield the most that ran at once in each minute: as it began, or as an invocation began in it."""
    ran, metrics = seen.ran(), seen.metrics
    most = np.zeros(len(metrics))
    for name, rows in metrics.groupby(CONSUMER, observed=True).indices.items():
        mine, minute_s = ran[ran[CONSUMER] == name], metrics["minute_s"].to_numpy()[rows]
        begun_s = np.sort(mine["started_s"])
        # what is still running ends after all others: NaN is sorted last
        ended_s = np.sort(mine["started_s"] + mine["init_s"] + mine["duration_s"])
        running = np.searchsorted(begun_s, minute_s) - np.searchsorted(ended_s, minute_s)
        joined = np.arange(1, len(mine) + 1) - np.searchsorted(ended_s, begun_s, side="right")
        np.maximum.at(running, np.searchsorted(minute_s, begun_s, side="right") - 1, joined)
        most[rows] = running
    yield "ConcurrentExecutions", most


def _statistics(seen: CheckInput, minutes: _Minutes) -> Iterator[tuple[str, Floats]]:
    """Yield the mean and the largest of durations and iterator ages of each minute, ms; NaN where there are none."""
    ran = seen.ran()
    at_s = ran["started_s"].clip(upper=minutes.last_s)
    for name, column in (("Duration", "duration_s"), ("IteratorAge", "iterator_age_s")):
        mean, maximum = minutes.mean_and_maximum(ran[CONSUMER], at_s, ran[column] * 1000.0)
        yield f"{name}_Average", mean
        yield f"{name}_Maximum", maximum


def _drops(seen: CheckInput, minutes: _Minutes) -> Iterator[tuple[str, Floats]]:
    """Yield how many records were sent, failed and were dropped in each minute."""
    rows = seen.invocations
    ended_s = rows["started_s"] + rows["init_s"] + rows["duration_s"].fillna(0.0)
    yield "InvokedEventCount", minutes.summed(rows[CONSUMER], rows["started_s"], rows["records"])
    failed = rows["records"].where(rows["outcome"].isin(outcomes.FAILED_INVOKES), 0)
    yield "FailedInvokeEventCount", minutes.summed(rows[CONSUMER], ended_s, failed)
    given = seen.discards[seen.discards["destination"].notna()]
    delivered = given["delivered"].astype(bool)
    amounts: Mapping[str, pd.Series[Any]] = {
        "DroppedEventCount": given["records"].where(~delivered, 0),
        "OnFailureDestinationDeliveredEventCount": given["records"].where(delivered, 0),
        "DestinationDeliveryFailures": ~delivered,
    }
    for name, amount in amounts.items():
        yield name, minutes.summed(given[CONSUMER], given["discarded_s"], amount)


def _read(seen: CheckInput) -> Violations:
    """Find mappings that have filtered out or read another number of records than the log says."""
    log, sums = seen.stream_log, seen.metrics.groupby(CONSUMER, observed=True)
    filtered_out, polled = sums["FilteredOutEventCount"].sum(), sums["PolledEventCount"].sum()
    for name, mine in log.groupby(CONSUMER, observed=True):
        filtered = int((mine["outcome"] == "filtered").sum())
        if filtered_out[name] != filtered:
            yield Violation(1, f"{name}: FilteredOutEventCount sums to {filtered_out[name]:,}, of {filtered:,} records")
        # what was trimmed unread is filtered too, if its filter does not match
        least = int((mine["deliveries"] > 0).sum())
        if not least <= polled[name] <= len(mine):
            yield Violation(1, f"{name}: PolledEventCount sums to {polled[name]:,}, not in {least:,}..{len(mine):,}")


def _of_the_table(metrics: pd.DataFrame) -> Violations:
    """Find metrics of the table that are not the same beside every mapping."""
    table = [
        name for name in metrics.columns if name.endswith(("CapacityUnits", "ThrottleEvents", "ThrottledRequests"))
    ]
    first = metrics.groupby("minute_s")[table].transform("first").to_numpy(dtype=float)
    apart = ~np.isclose(metrics[table].to_numpy(dtype=float), first, equal_nan=True)
    for name, wrong in zip(table, apart.T, strict=True):
        yield from contradictions(metrics, wrong, f"{_WHAT}: {name} is {{{name}}}, and not so elsewhere")
