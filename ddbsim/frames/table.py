"""The frames of the table: its writes, its load second by second and by partition, and its changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.schema import categories, frame
from ddbsim.log.throttling import THROTTLE_REASONS, WRITE_OUTCOMES, Throttle, Written
from ddbsim.record.partitions import Partition
from ddbsim.record.table import Admission

__all__ = [
    "index_load_frame",
    "minute_sums",
    "partition_load_frame",
    "partitions_frame",
    "scaling_frame",
    "table_load_frame",
    "writes_frame",
]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_RESOURCE_COLUMNS = ("decided_s", "effective_s", "units_before", "units_after", "partition")


def writes_frame(
    admission: Admission, partition: npt.NDArray[np.integer[Any]], operations: Sequence[str], kinds: Sequence[str]
) -> pd.DataFrame:
    """Return a row per write: those that the table took, in that order, then those that it did not.

    Parameters
    ----------
    admission
        What was asked for and what was taken.
    partition
        Partition of each write taken.
    operations, kinds
        Names of the operations and of the kinds of writes.
    """
    columns = _taken(admission)
    missed = _missed(admission)
    columns["partition"] = partition
    if missed is not None:
        columns = {name: np.concatenate((column, missed[name])) for name, column in columns.items()}
    names = {
        "operation": operations,
        "kind": kinds,
        "outcome": WRITE_OUTCOMES,
        "throttle_reason": THROTTLE_REASONS,
    }
    named = {name: categories(columns[name], values) for name, values in names.items()}
    return frame("writes", **(columns | named))


def _taken(admission: Admission) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of the writes that the table took; where all were, their arrays are shared."""
    writes, requests, rows = admission.writes, admission.requests, admission.rows
    count = len(writes)
    columns: dict[str, npt.NDArray[Any]] = {
        "written_s": writes.at_s,
        "item_id": writes.item_id,
        "operation": writes.operation,
        "bytes_before": writes.bytes_before,
        "bytes_after": writes.bytes_after,
        "write_units": admission.units if rows is None else np.where(rows < 0, 0, admission.units[rows]),
        "kind": np.zeros(count, dtype=np.int8) if writes.kind is None else writes.kind,
        "admitted_s": writes.at_s,
    }
    asked = np.ones(count, dtype=np.bool_) if rows is None else rows >= 0
    nothing = np.zeros(count, dtype=np.int8)
    if requests is None or rows is None:
        return columns | {
            "requested_s": writes.at_s if rows is None else np.where(asked, writes.at_s, np.nan),
            "attempts": asked.astype(np.int16),
            "answered_s": np.full(count, np.nan),
            "outcome": nothing,
            "throttle_reason": nothing,
        }
    return columns | {
        "requested_s": np.where(asked, admission.planned.at_s[rows], np.nan),
        "attempts": requests.attempts[rows] * asked,
        "answered_s": np.where(asked, requests.answered_s[rows], np.nan),
        "outcome": requests.outcome[rows] * asked,
        "throttle_reason": requests.reason[rows] * asked,
    }


def _missed(admission: Admission) -> dict[str, npt.NDArray[Any]] | None:
    """Return the columns of the writes that the table did not take: as they were planned."""
    requests, planned = admission.requests, admission.planned
    if requests is None:
        return None
    rows = np.flatnonzero((requests.outcome != Written.ADMITTED) & ~np.isnan(planned.at_s))
    never = np.full(len(rows), np.nan)
    return {
        "written_s": never,
        "item_id": planned.item_id[rows],
        "operation": planned.operation[rows],
        "bytes_before": planned.bytes_before[rows],
        "bytes_after": planned.bytes_after[rows],
        "write_units": np.zeros(len(rows), dtype=np.int32),
        "partition": np.full(len(rows), -1, dtype=np.int32),
        "requested_s": planned.at_s[rows],
        "attempts": requests.attempts[rows],
        "admitted_s": never,
        "answered_s": requests.answered_s[rows],
        "outcome": requests.outcome[rows],
        "throttle_reason": requests.reason[rows],
        "kind": np.zeros(len(rows), dtype=np.int8) if planned.kind is None else planned.kind[rows],
    }


def table_load_frame(admission: Admission, writes: pd.DataFrame, ended_s: float) -> pd.DataFrame:
    """Return a row per second: what was asked of the table, and what it did."""
    seconds = int(np.ceil(ended_s))
    # the deletes of expired items are nobody's requests
    writes = writes[writes["kind"] != "ttl"]
    requested_s, answered_s = writes["requested_s"].to_numpy(), writes["answered_s"].to_numpy()
    lost = (writes["outcome"] == "lost").to_numpy()
    ledger = admission.ledger
    requested = _per_second(requested_s, seconds)
    if ledger is None:
        units = np.bincount(requested_s.astype(np.int64), weights=writes["write_units"].to_numpy(), minlength=seconds)
        nothing, unlimited = np.zeros(seconds, dtype=np.int64), np.full(seconds, np.inf)
        columns: dict[str, Any] = {"admitted": requested, "lost": nothing, "throttles": nothing, "write_units": units}
        columns |= {"capacity_units": unlimited, "burst_units": np.zeros(seconds)}
        by_reason = np.zeros((seconds, len(THROTTLE_REASONS)), dtype=np.int64)
    else:
        by_reason = ledger.throttles
        columns = {
            "admitted": ledger.admitted,
            "lost": _per_second(answered_s[lost], seconds),
            "throttles": by_reason.sum(axis=1),
            "write_units": ledger.units,
            "capacity_units": ledger.capacity,
            "burst_units": ledger.saved,
        }
    columns |= {name: by_reason[:, code] for code, name in enumerate(THROTTLE_REASONS) if code > Throttle.NONE}
    return frame("table_load", at_s=np.arange(seconds, dtype=np.float64), requested=requested, **columns)


def _per_second(at_s: Floats, seconds: int) -> Ints:
    # what is answered beyond the end (NaN) counts in the last second
    return np.bincount(np.nan_to_num(at_s, nan=seconds - 1.0).astype(np.int64), minlength=seconds)


def index_load_frame(admission: Admission, names: Sequence[str]) -> pd.DataFrame:
    """Return a row per second and global secondary index."""
    units = np.empty((0, len(names))) if admission.ledger is None else admission.ledger.index_units
    return frame(
        "index_load",
        at_s=np.repeat(np.arange(len(units), dtype=np.float64), len(names)),
        index=categories(np.tile(np.arange(len(names)), len(units)), names),
        write_units=units.ravel(),
    )


def partition_load_frame(admission: Admission, writes: pd.DataFrame, ended_s: float, planned_s: float) -> pd.DataFrame:
    """Return a row per step of time and partition that was open in it: a second, or a minute in runs over an hour."""
    ledger = admission.ledger
    if ledger is not None:
        return frame("partition_load", **ledger.partition_columns())
    step_s = 1.0 if planned_s <= 3_600 else 60.0
    count, steps = int(writes["partition"].max()) + 1 if len(writes) else 0, int(np.ceil(ended_s / step_s))
    place = (writes["written_s"].to_numpy() // step_s).astype(np.int64) * count + writes["partition"].to_numpy()
    units = np.bincount(place, weights=writes["write_units"].to_numpy(), minlength=steps * count)
    at_s, partition = np.repeat(np.arange(steps) * step_s, count), np.tile(np.arange(count), steps)
    return frame("partition_load", at_s=at_s, partition=partition, write_units=units, throttles=np.zeros(len(units)))


def partitions_frame(partitions: Sequence[Partition], length_s: float) -> pd.DataFrame:
    """Return a row per partition that ever was."""
    opened = np.array([one.opened_s for one in partitions])
    closed = np.array([one.closed_s if one.closed_s <= length_s else np.nan for one in partitions])
    return frame(
        "partitions",
        partition=[one.index for one in partitions],
        parent=[one.parent for one in partitions],
        hash_low=[one.low for one in partitions],
        hash_high=[one.high for one in partitions],
        opened_s=opened,
        closed_s=closed,
    )


def scaling_frame(admission: Admission) -> pd.DataFrame:
    """Return a row per change of capacity or partitions, in the order in which they took effect."""
    decisions = [] if admission.ledger is None else list(admission.ledger.decisions)
    columns: dict[str, Any] = {name: [getattr(one, name) for one in decisions] for name in _RESOURCE_COLUMNS}
    for name in ("resource", "decision"):
        values = [getattr(one, name) for one in decisions]
        known = list(dict.fromkeys(values))
        columns[name] = categories(np.array([known.index(value) for value in values], dtype=np.int64), known)
    return frame("scaling", **columns)


def minute_sums(admission: Admission, minutes: int) -> dict[str, npt.NDArray[np.float64]]:
    """Return CloudWatch's metrics of the table's limits, by minute."""
    ledger = admission.ledger
    if ledger is None:
        nothing = np.zeros(minutes)
        unknown = np.full(minutes, np.nan)
        return {
            "ProvisionedWriteCapacityUnits": unknown,
            "WriteThrottleEvents": nothing,
            "ThrottledRequests": nothing,
        }
    starts = np.arange(0, len(ledger.units), 60)[:minutes]
    return {
        "ProvisionedWriteCapacityUnits": ledger.provisioned[starts],
        "WriteThrottleEvents": np.add.reduceat(ledger.throttles.sum(axis=1), starts),
        "ThrottledRequests": np.add.reduceat(ledger.throttled_requests, starts),
    }
