"""Lag over time: how far each mapping is behind on each shard."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["grid", "lag"]

Floats = npt.NDArray[np.float64]
_STEPS = 200


def grid(every_s: float | None, ended_s: float) -> Floats:
    """Return the instants at which a series is given: each `every_s` seconds, or 200 of them; the end included."""
    step = ended_s / _STEPS if every_s is None else every_s
    if not step > 0:
        raise ValueError(f"every_s must be > 0, got {every_s!r}")
    steps = int(np.floor(ended_s / step + 1e-9))
    return np.asarray(np.arange(1, steps + 1) * step, dtype=np.float64)


def lag(
    stream_log: pd.DataFrame,
    invocations: pd.DataFrame,
    discards: pd.DataFrame,
    *,
    every_s: float | None = None,
    ended_s: float | None = None,
) -> pd.DataFrame:
    """Return the lag of each mapping on each shard.

    Parameters
    ----------
    stream_log, invocations, discards
        Frames of a run.
    every_s
        Step of the time grid, seconds; None for 200 steps.
    ended_s
        End of the run; the last write if None.

    Returns
    -------
    DataFrame
        event_source_mapping, shard_id, at_s; records_behind: written and not settled; seconds_behind: age of the
        oldest of them (0 if none); iterator_age_s: AWS's metric, the oldest age of a batch's last record at its
        sending, over the step that ends at at_s (NaN where nothing was sent: AWS has no datapoint there either).
    """
    if ended_s is None:
        ended_s = float(stream_log["written_s"].max()) if len(stream_log) else 1.0
    at_s = grid(every_s, ended_s)
    sent = invocations[invocations["outcome"] != "throttled"]
    keys = ["event_source_mapping", "shard_id"]
    sent_of = dict(list(sent.groupby(keys, observed=True)))
    dropped_of = dict(list(discards.groupby(keys, observed=True)))
    frames = [
        _of_shard(key, group, sent_of.get(key), dropped_of.get(key), at_s)
        for key, group in stream_log.groupby(keys, observed=True)
    ]
    return pd.concat(frames, ignore_index=True) if frames else _empty()


def _empty() -> pd.DataFrame:
    columns = ("event_source_mapping", "shard_id", "at_s", "records_behind", "seconds_behind", "iterator_age_s")
    return pd.DataFrame({name: [] for name in columns})


def _of_shard(
    key: tuple[Hashable, ...],
    group: pd.DataFrame,
    sent: pd.DataFrame | None,
    dropped: pd.DataFrame | None,
    at_s: Floats,
) -> pd.DataFrame:
    written = group["written_s"].to_numpy()
    settled = _settled_s(group, dropped)
    arrived = np.searchsorted(written, at_s, side="right")
    left = np.searchsorted(np.sort(settled), at_s, side="right")
    # lanes settle out of order: the oldest open record is the first whose predecessors' latest end is still ahead
    oldest = np.searchsorted(np.maximum.accumulate(settled), at_s, side="right")
    behind = oldest < arrived
    age = np.where(behind, at_s - written[np.minimum(oldest, len(written) - 1)], 0.0)
    return pd.DataFrame(
        {
            "event_source_mapping": key[0],
            "shard_id": key[1],
            "at_s": at_s,
            "records_behind": arrived - left,
            "seconds_behind": age,
            "iterator_age_s": _oldest_sent(sent, at_s),
        }
    )


def _settled_s(group: pd.DataFrame, dropped: pd.DataFrame | None) -> Floats:
    """Return when each record was settled: completed, filtered (when visible), or dropped; infinity if never."""
    settled = group["completed_s"].to_numpy(copy=True)
    filtered = (group["outcome"] == "filtered").to_numpy()
    settled[filtered] = group["visible_s"].to_numpy()[filtered]
    if dropped is not None:
        sequence = group["sequence_number"].to_numpy()
        gone = group["outcome"].isin(("discarded", "expired")).to_numpy()
        for first, last, at in zip(
            dropped["first_sequence_number"], dropped["last_sequence_number"], dropped["discarded_s"], strict=True
        ):
            settled[gone & (sequence >= first) & (sequence <= last) & np.isnan(settled)] = at
    settled[np.isnan(settled)] = np.inf
    return settled


def _oldest_sent(sent: pd.DataFrame | None, at_s: Floats) -> Floats:
    oldest = np.full(len(at_s), -np.inf)
    if sent is not None and len(at_s):
        step = np.searchsorted(at_s, sent["started_s"].to_numpy())
        inside = step < len(at_s)
        np.maximum.at(oldest, step[inside], sent["iterator_age_s"].to_numpy()[inside])
    return np.where(np.isinf(oldest), np.nan, oldest)
