"""Readers of one's own on the records that a run made: when they call GetRecords, and what each call returns.

Nobody else's reads get in their way here; readers that share a shard's budget are simulated, not computed.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.aws import limits

__all__ = ["Calls", "Polling", "poll", "poll_shard"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Polling:
    """How a reader polls a shard.

    Parameters
    ----------
    busy_s
        From a read that returned records to the next, seconds, > 0.
    idle_s
        From an empty read to the next, seconds, > 0.
    """

    busy_s: float
    idle_s: float


@dataclass(frozen=True, slots=True)
class Calls:
    """The calls on one shard: when each was made, and how many of the shard's records had been read after it."""

    at_s: Floats
    read: Ints

    def read_s(self) -> Floats:
        """Return when each record that was read was read."""
        records = np.arange(int(self.read[-1]) if len(self.read) else 0)
        return self.at_s[np.searchsorted(self.read, records, side="right")]


def poll_shard(
    visible_s: Floats,
    size_bytes: npt.NDArray[np.integer],
    polling: Polling,
    *,
    start_s: float,
    end_s: float,
    closed_s: float = math.inf,
) -> Calls:
    """Return the calls of one reader on one shard: a stretch without records costs one step, however long it is.

    Parameters
    ----------
    visible_s, size_bytes
        The shard's records, in order.
    polling
        The reader's rhythm.
    start_s, end_s
        First call, and the end of the run, seconds.
    closed_s
        From when nothing more is written to the shard: once it is read to its end, it is left.
    """
    visible = visible_s.tolist()
    total = np.concatenate(([0], np.cumsum(size_bytes, dtype=np.int64))).tolist()
    at_s: list[float] = []
    read: list[int] = []
    now, position = start_s, 0
    while now < end_s and not (now >= closed_s and position == len(visible)):
        last = _page_end(visible, total, position, now)
        at_s.append(now)
        read.append(last)
        if last > position:
            position, now = last, now + polling.busy_s
            continue
        wakes_s = visible[position] if position < len(visible) else closed_s
        empty = max(1, math.ceil((min(wakes_s, end_s) - now) / polling.idle_s))
        at_s.extend(now + polling.idle_s * number for number in range(1, empty))
        read.extend([position] * (empty - 1))
        now += polling.idle_s * empty
    return Calls(np.array(at_s), np.array(read, dtype=np.int64))


def _page_end(visible: list[float], total: list[int], position: int, now: float) -> int:
    """Return up to which record one read goes: what is visible, within its limits of records and bytes."""
    last = min(bisect_right(visible, now, position), position + int(limits.RECORDS_PER_READ.value))
    budget = total[position] + int(limits.BYTES_PER_READ.value)
    if total[last] > budget:
        last = max(bisect_right(total, budget, position, last) - 1, position + 1)
    return last


def poll(
    log: pd.DataFrame,
    shards: pd.DataFrame,
    polling: Polling,
    *,
    reader: str,
    phases_s: Floats,
    end_s: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return what a reader does on all shards, idle ones included.

    Parameters
    ----------
    log
        The records, each once: shard_id, written_s, visible_s, size_bytes, in the order of the writes.
    shards
        shard_id, opened_s, closed_s.
    polling, reader
        The reader's rhythm and name.
    phases_s
        For each shard, from its opening to the first call, seconds.
    end_s
        End of the run, seconds.

    Returns
    -------
    calls
        A row per shard and minute: reader, shard_id, minute_s, calls, records, bytes.
    reads
        A row per record that was read: written_s, read_s.
    """
    groups = {str(name): records for name, records in log.groupby("shard_id", observed=True)}
    starts_s = (shards["opened_s"].to_numpy() + phases_s).tolist()
    closings_s = shards["closed_s"].fillna(math.inf).tolist()
    calls, reads = [], []
    for name, start_s, closed_s in zip(map(str, shards["shard_id"]), starts_s, closings_s, strict=True):
        records = groups.get(name, log.iloc[:0])
        visible_s, size_bytes = records["visible_s"].to_numpy(), records["size_bytes"].to_numpy()
        made = poll_shard(visible_s, size_bytes, polling, start_s=start_s, end_s=end_s, closed_s=closed_s)
        calls.append(_by_minute(made, size_bytes).assign(reader=reader, shard_id=name))
        read_s = made.read_s()
        reads.append(pd.DataFrame({"written_s": records["written_s"].to_numpy()[: len(read_s)], "read_s": read_s}))
    order = ["reader", "shard_id", "minute_s", "calls", "records", "bytes"]
    return pd.concat(calls, ignore_index=True)[order], pd.concat(reads, ignore_index=True)


def _by_minute(calls: Calls, size_bytes: npt.NDArray[np.integer]) -> pd.DataFrame:
    total = np.concatenate(([0], np.cumsum(size_bytes, dtype=np.int64)))
    frame = pd.DataFrame(
        {
            "minute_s": calls.at_s // 60 * 60.0,
            "calls": 1,
            "records": np.diff(calls.read, prepend=0),
            "bytes": np.diff(total[calls.read], prepend=0),
        }
    )
    return frame.groupby("minute_s", as_index=False).sum()
