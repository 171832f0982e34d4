"""Find minutes of the metrics that are not those of the other frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from ddbsim.log import outcomes

from .evidence import CONSUMER, Evidence, Finding, Findings, contradictions

__all__ = ["metrics_add_up"]

_WHAT = "{event_source_mapping}, minute {minute_s:g} s"
_MINUTE_S = 60.0


def metrics_add_up(seen: Evidence) -> Findings:
    """Find minutes whose numbers are not those of the invocations, drops, records and writes in them."""
    metrics = seen.metrics
    for name, expected in (*_counts(seen), *_concurrency(seen), *_statistics(seen), *_drops(seen)):
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


def _counts(seen: Evidence) -> Iterator[tuple[str, pd.Series[float]]]:
    """Yield how many invocations of each kind began in each minute; one beyond the last counts to it."""
    rows, metrics = seen.invocations, seen.metrics
    at_s = rows["started_s"].clip(upper=metrics["minute_s"].max())
    counted = {
        "Invocations": outcomes.ran(rows),
        "Errors": outcomes.errors(rows),
        "Throttles": outcomes.throttled(rows),
    }
    for name, which in counted.items():
        yield name, _summed(metrics, rows[CONSUMER], at_s, which.astype(float))


def _concurrency(seen: Evidence) -> Iterator[tuple[str, pd.Series[float]]]:
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
    yield "ConcurrentExecutions", pd.Series(most)


def _statistics(seen: Evidence) -> Iterator[tuple[str, pd.Series[float]]]:
    """Yield the mean and the largest of durations and iterator ages of each minute, ms; NaN where there are none."""
    ran, metrics = seen.ran(), seen.metrics
    keys = _minutes(ran[CONSUMER], ran["started_s"].clip(upper=metrics["minute_s"].max()))
    for name, column in (("Duration", "duration_s"), ("IteratorAge", "iterator_age_s")):
        grouped = (ran[column].astype(float) * 1000.0).groupby(keys)
        yield f"{name}_Average", grouped.mean().reindex(_rows(metrics))
        yield f"{name}_Maximum", grouped.max().reindex(_rows(metrics))


def _drops(seen: Evidence) -> Iterator[tuple[str, pd.Series[float]]]:
    """Yield how many records were sent, failed and were dropped in each minute."""
    rows, metrics = seen.invocations, seen.metrics
    ended_s = rows["started_s"] + rows["init_s"] + rows["duration_s"].fillna(0.0)
    records = rows["records"].astype(float)
    yield "InvokedEventCount", _summed(metrics, rows[CONSUMER], rows["started_s"], records)
    failed = records.where(rows["outcome"].isin(outcomes.FAILED_INVOKES), 0.0)
    yield "FailedInvokeEventCount", _summed(metrics, rows[CONSUMER], ended_s, failed)
    given = seen.discards[seen.discards["destination"].notna()]
    delivered = given["delivered"].astype(bool)
    amounts: Mapping[str, pd.Series[float]] = {
        "DroppedEventCount": given["records"].where(~delivered, 0),
        "OnFailureDestinationDeliveredEventCount": given["records"].where(delivered, 0),
        "DestinationDeliveryFailures": (~delivered).astype(float),
    }
    for name, amount in amounts.items():
        yield name, _summed(metrics, given[CONSUMER], given["discarded_s"], amount.astype(float))


def _read(seen: Evidence) -> Findings:
    """Find mappings that have filtered out or read another number of records than the log says."""
    log, sums = seen.stream_log, seen.metrics.groupby(CONSUMER, observed=True)
    filtered_out, polled = sums["FilteredOutEventCount"].sum(), sums["PolledEventCount"].sum()
    for name, mine in log.groupby(CONSUMER, observed=True):
        filtered = int((mine["outcome"] == "filtered").sum())
        if filtered_out[name] != filtered:
            yield Finding(1, f"{name}: FilteredOutEventCount sums to {filtered_out[name]:,}, of {filtered:,} records")
        # what was trimmed unread is filtered too, if its filter does not match
        least = int((mine["deliveries"] > 0).sum())
        if not least <= polled[name] <= len(mine):
            yield Finding(1, f"{name}: PolledEventCount sums to {polled[name]:,}, not in {least:,}..{len(mine):,}")


def _of_the_table(metrics: pd.DataFrame) -> Findings:
    """Find metrics of the table that are not the same beside every mapping."""
    table = [
        name for name in metrics.columns if name.endswith(("CapacityUnits", "ThrottleEvents", "ThrottledRequests"))
    ]
    for name in table:
        first = metrics.groupby("minute_s")[name].transform("first")
        wrong = ~np.isclose(metrics[name].to_numpy(dtype=float), first.to_numpy(dtype=float), equal_nan=True)
        yield from contradictions(metrics, wrong, f"{_WHAT}: {name} is {{{name}}}, and not so elsewhere")


def _rows(metrics: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_arrays([metrics[CONSUMER].astype("str"), metrics["minute_s"]])


def _minutes(names: pd.Series[str], at_s: pd.Series[float]) -> list[pd.Series[str] | pd.Series[float]]:
    return [names.astype("str"), at_s // _MINUTE_S * _MINUTE_S]


def _summed(
    metrics: pd.DataFrame, names: pd.Series[str], at_s: pd.Series[float], amount: pd.Series[float]
) -> pd.Series[float]:
    return amount.groupby(_minutes(names, at_s)).sum().reindex(_rows(metrics), fill_value=0.0)
