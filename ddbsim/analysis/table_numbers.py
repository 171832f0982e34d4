"""What the table made of the writes that clients asked for: told once, for the summary, the metrics and the lint.

A write counts if its client first *asked* for it after the warm-up: what was refused, delayed or given up counts by the
same rule as what was taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .per_mapping import measured_from_s

__all__ = ["OverCap", "TableNumbers", "over_cap", "table_numbers"]

_MINUTE_S = 60.0
# a mask of the whole frame would copy every column
_ASKED = ["requested_s", "admitted_s", "attempts", "outcome", "operation", "throttle_reason"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNumbers:
    """What the table did with the writes of the clients after the warm-up; deletes of expired items are not theirs.

    Attributes
    ----------
    asked
        Writes that clients asked for: the sum of the next four.
    taken, delayed, lost, waiting
        Taken at the first attempt; taken after a throttle; given up by their clients; not decided at the end.
    unchanged
        Of those taken, the writes that changed nothing, and so made no record.
    throttles
        Attempts that were refused.
    reasons
        AWS's reason -> writes whose last throttle had it, the most frequent first.
    delay_p99_s
        The 99th percentile of the time from the first attempt until the table took the write, seconds; infinity where
        it lies among the writes that were given up or wait.
    """

    asked: int
    taken: int
    delayed: int
    lost: int
    waiting: int
    unchanged: int
    throttles: int
    reasons: dict[str, int]
    delay_p99_s: float


def table_numbers(writes: pd.DataFrame, *, warmup_s: float, ended_s: float) -> TableNumbers:
    """Return what the table made of the writes.

    Parameters
    ----------
    writes
        The frame of a run.
    warmup_s, ended_s
        Of the run, seconds.
    """
    begin_s = measured_from_s(warmup_s, ended_s)
    requested = writes["requested_s"]
    mine = writes[_ASKED][((requested >= begin_s) & (requested < ended_s)).to_numpy()]
    outcome, attempts = mine["outcome"], mine["attempts"]
    admitted = (outcome == "admitted").to_numpy()
    again = admitted & (attempts > 1).to_numpy()
    reasons = mine["throttle_reason"].value_counts()
    return TableNumbers(
        asked=len(mine),
        taken=int(admitted.sum() - again.sum()),
        delayed=int(again.sum()),
        lost=int((outcome == "lost").sum()),
        waiting=int((outcome == "waiting").sum()),
        unchanged=int((admitted & (mine["operation"] == "NO_OP").to_numpy()).sum()),
        throttles=int(attempts.sum()) - int(admitted.sum()),
        reasons={str(name): int(count) for name, count in reasons.items() if name and count},
        delay_p99_s=_delay_p99_s(mine, admitted),
    )


def _delay_p99_s(writes: pd.DataFrame, admitted: npt.NDArray[np.bool_]) -> float:
    if writes.empty:
        return 0.0
    delay_s = np.where(admitted, (writes["admitted_s"] - writes["requested_s"]).to_numpy(), np.inf)
    return float(np.quantile(delay_s, 0.99, method="higher"))


@dataclass(frozen=True, slots=True)
class OverCap:
    """What a table without a billing mode lets pass and the service would not.

    Attributes
    ----------
    partitions
        How many partitions passed the cap in their busiest minute.
    partition_units_per_s, item_units_per_s
        Write units/s of the busiest partition, and of the item with the most units, in their busiest minute.
    """

    partitions: int
    partition_units_per_s: float
    item_units_per_s: float


def over_cap(writes: pd.DataFrame, cap_units_per_s: float, *, warmup_s: float, ended_s: float) -> OverCap:
    """Return by how much partitions and items pass a cap, each in its busiest minute.

    Parameters
    ----------
    writes
        The frame of a run.
    cap_units_per_s
        What a partition of the service takes, write units/s.
    warmup_s, ended_s
        Of the run, seconds.
    """
    begin_s = measured_from_s(warmup_s, ended_s)
    written = writes["written_s"]
    minute_s = min(_MINUTE_S, ended_s - begin_s)
    # what is left of the last minute is too short to be compared with whole ones
    whole_s = max(int((ended_s - begin_s) / minute_s), 1) * minute_s if minute_s > 0 else 0.0
    mine = writes[((written >= begin_s) & (written < min(begin_s + whole_s, ended_s))).to_numpy()]
    if mine.empty:
        return OverCap(0, 0.0, 0.0)
    minute = ((mine["written_s"].to_numpy() - begin_s) // minute_s).astype(np.int64)
    units = mine["write_units"].to_numpy().astype(np.float64)
    by_partition = _busiest(mine["partition"].to_numpy().astype(np.int64), minute, units) / minute_s
    item, codes = np.unique(mine["item_id"].to_numpy(), return_inverse=True)
    hottest = codes == np.bincount(codes, weights=units, minlength=len(item)).argmax()
    by_item = np.bincount(minute[hottest], weights=units[hottest]).max(initial=0.0) / minute_s
    return OverCap(int((by_partition > cap_units_per_s).sum()), float(by_partition.max(initial=0.0)), float(by_item))


def _busiest(
    partition: npt.NDArray[np.int64], minute: npt.NDArray[np.int64], units: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return the most units of a minute that each partition had."""
    inside = partition >= 0
    minutes = int(minute.max(initial=0)) + 1
    sums = np.bincount(partition[inside] * minutes + minute[inside], weights=units[inside])
    padded = np.concatenate((sums, np.zeros(-len(sums) % minutes)))
    return np.asarray(padded.reshape(-1, minutes).max(axis=1))
