"""Lag over time: how far each mapping is behind on each shard."""

from __future__ import annotations

import math
from collections.abc import Hashable
from numbers import Real

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log.outcomes import NOT_RUN

__all__ = ["grid", "lag"]

Floats = npt.NDArray[np.float64]
_STEPS = 200
_MOST_STEPS = 1_000_000


def grid(every_s: float | None, ended_s: float) -> Floats:
    """Return the instants at which a series is given: the ends of whole steps in [0, ended_s].

    Parameters
    ----------
    every_s
        Length of a step, seconds, > 0 and at least a millionth of `ended_s`; None for a two-hundredth of it.
    ended_s
        End of the run, seconds.

    Raises
    ------
    ValueError
        If `every_s` is out of range.

    Examples
    --------
    >>> grid(25.0, 60.0).tolist()
    [25.0, 50.0]
    """
    least = ended_s / _MOST_STEPS
    if every_s is not None and (not _is_number(every_s) or every_s <= 0 or every_s < least):
        raise ValueError(f"every_s must be a number > 0 and >= {least:g} (a millionth of the run), got {every_s!r}")
    step = ended_s / _STEPS if every_s is None else every_s
    # a sum of steps may miss the end by a rounding error
    steps = int(np.floor(ended_s / step + 1e-9)) if step > 0 else 0
    return np.asarray(np.arange(1, steps + 1) * step, dtype=np.float64)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and math.isfinite(value)


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

    Notes
    -----
    The numbers of a dropped batch span those of the shard's other lanes. Where several drops span a given-up record it
    counts as settled by the earliest of them: exact with one lane per shard, early by a retry's length with more.
    """
    if ended_s is None:
        ended_s = float(stream_log["written_s"].max()) if len(stream_log) else 1.0
    at_s = grid(every_s, ended_s)
    sent = invocations[~invocations["outcome"].isin(NOT_RUN)]
    keys = ["event_source_mapping", "shard_id"]
    sent_of = dict(list(sent.groupby(keys, observed=True)))
    dropped_of = dict(list(discards.groupby(keys, observed=True)))
    # only what is looked at: a group is a copy
    log = stream_log[[*keys, "sequence_number", "written_s", "visible_s", "completed_s", "outcome"]]
    frames = [
        _of_shard(key, group, sent_of.get(key), dropped_of.get(key), at_s)
        for key, group in log.groupby(keys, observed=True)
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
    """Return when each record was settled: completed, passed over (when visible), or dropped; infinity if never."""
    settled = group["completed_s"].to_numpy(copy=True)
    passed_over = group["outcome"].isin(("filtered", "skipped")).to_numpy()
    settled[passed_over] = group["visible_s"].to_numpy()[passed_over]
    if dropped is not None:
        gone = group["outcome"].isin(("discarded", "expired")).to_numpy()
        settled[gone] = _dropped_s(group["sequence_number"].to_numpy(), dropped)[gone]
    settled[np.isnan(settled)] = np.inf
    return settled


def _dropped_s(sequence: npt.NDArray[np.int64], dropped: pd.DataFrame) -> Floats:
    """Return the earliest drop whose range holds each sequence number; NaN where none does."""
    at = np.full(len(sequence), np.nan)
    dropped = dropped.sort_values("discarded_s", ascending=False, kind="stable")
    firsts = np.searchsorted(sequence, dropped["first_sequence_number"].to_numpy()).tolist()
    ends = np.searchsorted(sequence, dropped["last_sequence_number"].to_numpy(), side="right").tolist()
    for first, end, when in zip(firsts, ends, dropped["discarded_s"].tolist(), strict=True):
        at[first:end] = when
    return at


def _oldest_sent(sent: pd.DataFrame | None, at_s: Floats) -> Floats:
    oldest = np.full(len(at_s), -np.inf)
    if sent is not None and len(at_s):
        step = np.searchsorted(at_s, sent["started_s"].to_numpy())
        age_s = sent["iterator_age_s"].to_numpy()
        # the call that ends a tumbling window has no records, and no age
        inside = (step < len(at_s)) & ~np.isnan(age_s)
        np.maximum.at(oldest, step[inside], age_s[inside])
    return np.where(np.isinf(oldest), np.nan, oldest)
