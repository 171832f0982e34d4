"""What the readers that are not Lambda did in a run: how late they read, what they left, whether they keep up.

A reader's lag is the time from the write to the read that brought the record: what the reader does with it afterwards
is not simulated. The rule for the warm-up is that of the mappings: a record counts if it was written after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from ddbsim.log.outcomes import READ_OUTCOMES

from .keeping_up import DOES_NOT, KeepingUp, backlogs_of, keeping_up
from .latency import quantiles

__all__ = ["read_lag_quantiles", "reader_numbers", "reads_keeping_up"]

_QUANTILES = {"lag_p50_s": 0.5, "lag_p95_s": 0.95, "lag_p99_s": 0.99}

_COLUMNS: Final = (
    "reader",
    "verdict",
    "growth_share",
    "low",
    "high",
    *READ_OUTCOMES,
    *_QUANTILES,
    "lag_max_s",
    "lag_end_s",
    "calls",
    "throttled",
)


def reader_numbers(
    read_log: pd.DataFrame, reads: pd.DataFrame, *, cycles_s: dict[str, float], begin_s: float, ended_s: float
) -> pd.DataFrame:
    """Return what each reader that is not Lambda did after the warm-up.

    Parameters
    ----------
    read_log, reads
        Frames of a run.
    cycles_s
        The readers by name, and the longest time from one read of a shard to the next, seconds.
    begin_s, ended_s
        From when to when the run is measured, seconds.

    Returns
    -------
    DataFrame
        A row per reader: reader, verdict, growth_share, low, high (as of `keeping_up`), the records written by what
        became of them (read, expired, waiting), lag_p50_s, lag_p95_s, lag_p99_s (written to read; infinity where the
        backlog grows), lag_max_s (the greatest age that a record reached before it was read, or has at the end),
        lag_end_s (the age of the oldest record that waits; 0 if none does), calls and throttled of the whole run.
    """
    rows = []
    for name, cycle_s in cycles_s.items():
        log = read_log[(read_log["reader"] == name) & (read_log["written_s"] < ended_s)]
        told = reads_keeping_up(log, begin_s=begin_s, ended_s=ended_s, cycle_s=cycle_s)
        measured = log[log["written_s"] >= begin_s]
        counts = measured["outcome"].value_counts()
        # what expired unread has no lag
        arriving = measured[measured["outcome"] != "expired"]
        lags = read_lag_quantiles(
            arriving, list(_QUANTILES.values()), ended_s=ended_s, falls_behind=told.verdict == DOES_NOT
        )
        calls = reads[reads["reader"] == name][["calls", "throttled"]].sum()
        rows.append(
            (
                *(name, told.verdict, told.growth_share, told.low, told.high),
                *(int(counts.get(outcome, 0)) for outcome in READ_OUTCOMES),
                *lags,
                *_oldest(log, begin_s, ended_s),
                *(int(calls["calls"]), int(calls["throttled"])),
            )
        )
    return pd.DataFrame(rows, columns=list(_COLUMNS))


def reads_keeping_up(log: pd.DataFrame, *, begin_s: float, ended_s: float, cycle_s: float = 0.0) -> KeepingUp:
    """Judge whether a reader keeps up, all records since the start counted.

    Parameters
    ----------
    log
        shard_id, written_s and read_s (NaN: not by the end) of each record.
    begin_s, ended_s, cycle_s
        As of `keeping_up`, seconds.
    """
    shard = log["shard_id"].astype("category").cat
    found = backlogs_of(
        shard.codes.to_numpy(),
        list(shard.categories),
        log["written_s"].to_numpy(),
        log["read_s"].to_numpy(),
        begin_s=begin_s,
        ended_s=ended_s,
    )
    return keeping_up(found, cycle_s=cycle_s)


def read_lag_quantiles(
    log: pd.DataFrame, wanted: Sequence[float], *, ended_s: float, falls_behind: bool
) -> list[float]:
    """Return quantiles of the time from the write to the read.

    A record that was under way at the end is censored; where the reader falls behind, it counts as slower than any
    that arrived.

    Parameters
    ----------
    log
        written_s and read_s (NaN: not by the end) of each record.
    wanted
        In [0, 1].
    ended_s
        End of the run, seconds.
    falls_behind
        Whether the reader's backlog grows.
    """
    if not len(log):
        return [float("nan")] * len(wanted)
    if falls_behind:
        lag_s = (log["read_s"] - log["written_s"]).fillna(np.inf)
        return [float(value) for value in np.quantile(lag_s, wanted, method="higher")]
    outcome = np.where(log["read_s"].isna(), "waiting", "processed")
    log = log.rename(columns={"read_s": "completed_s"}).assign(event_source_mapping="all", outcome=outcome)
    found: list[float] = quantiles(log, wanted, ended_s=ended_s)["latency_s"].tolist()
    return found


def _oldest(log: pd.DataFrame, begin_s: float, ended_s: float) -> tuple[float, float]:
    """Return the greatest age that a record reached, and that of the oldest which waits at the end, seconds."""
    waits = (log["outcome"] == "waiting").to_numpy()
    # one that expired was there until then at the least
    until_s = log["read_s"].fillna(ended_s).to_numpy()
    ages_s = until_s - log["written_s"].to_numpy()
    counts = waits | (log["written_s"] >= begin_s).to_numpy()
    return float(ages_s[counts].max(initial=0.0)), float(ages_s[waits].max(initial=0.0))
