"""Lag over time: how far each mapping is behind on each shard."""

from __future__ import annotations

import math
from collections.abc import Hashable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.checks.wording import shown
from ddbsim.log import outcomes

__all__ = ["ages", "grid", "lag", "largest_lag", "settled_s"]

Floats: TypeAlias = npt.NDArray[np.float64]
Columns: TypeAlias = dict[str, npt.NDArray[Any]]
_SHARD = ["event_source_mapping", "shard_id"]
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
        allowed = f"a number > 0 and >= {least:g} (a millionth of the run)"
        raise ValueError(f"every_s must be {allowed}, got {shown(every_s)}")
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
    sent_of = _by_shard(invocations[outcomes.ran(invocations)], ("started_s", "iterator_age_s"))
    dropped_of = _by_shard(discards, ("discarded_s", "first_sequence_number", "last_sequence_number"))
    records_of = _by_shard(_records(stream_log), ("sequence_number", "written_s", "settled_s", "dropped"))
    series = [_of_shard(of, dropped_of.get(key), sent_of.get(key), at_s) for key, of in records_of.items()]
    if not series:
        return _empty()
    names = {
        column: np.repeat(np.array([key[place] for key in records_of], dtype=object), len(at_s))
        for place, column in enumerate(_SHARD)
    }
    columns = {name: np.concatenate([one[name] for one in series]) for name in series[0]}
    return pd.DataFrame({**names, "at_s": np.tile(at_s, len(series)), **columns})


def settled_s(stream_log: pd.DataFrame, discards: pd.DataFrame) -> Floats:
    """Return when each record was settled: completed, passed over (when visible) or given up; infinity if not yet.

    Parameters
    ----------
    stream_log, discards
        Frames of a run.

    Returns
    -------
    ndarray
        Seconds, in the order of the log.
    """
    records = _records(stream_log)
    settled = records["settled_s"].to_numpy(copy=True)
    dropped = records["dropped"].to_numpy()
    if dropped.any():
        columns = ("discarded_s", "first_sequence_number", "last_sequence_number")
        rows = np.flatnonzero(dropped)
        given_up = records[dropped].assign(row=rows)
        drops = _by_shard(discards, columns)
        for key, of in _by_shard(given_up, ("sequence_number", "row")).items():
            if key in drops:
                settled[of["row"]] = _dropped_s(of["sequence_number"], drops[key])
    return np.where(np.isnan(settled), np.inf, settled)


def largest_lag(
    stream_log: pd.DataFrame, discards: pd.DataFrame, *, begin_s: float = 0.0, ended_s: float
) -> pd.DataFrame:
    """Return how far behind each mapping was on each shard at the most, and is at the end; exact, not of samples.

    Parameters
    ----------
    stream_log, discards
        Frames of a run.
    begin_s
        Records written before this instant are left out, seconds, but for those that still wait at the end.
    ended_s
        End of the run, seconds.

    Returns
    -------
    DataFrame
        event_source_mapping, shard_id, largest_s (the greatest age that a record reached before it was settled, or has
        reached at the end), at_the_end_s (age of the oldest record that is not settled; 0 if there is none).
    """
    ages_s, waited_s = ages(stream_log, discards, begin_s=begin_s, ended_s=ended_s)
    records = stream_log[_SHARD].assign(largest_s=ages_s, at_the_end_s=waited_s)
    return records.groupby(_SHARD, observed=True, sort=False).max().reset_index()


def ages(stream_log: pd.DataFrame, discards: pd.DataFrame, *, begin_s: float, ended_s: float) -> tuple[Floats, Floats]:
    """Return the age that each record reached by its settling or the end, and of those open at the end alone.

    Records written before `begin_s` and settled, and writes that an interrupted run never came to, have an age of 0.
    """
    written_s, settled = stream_log["written_s"].to_numpy(), settled_s(stream_log, discards)
    waits = (settled > ended_s) & (written_s < ended_s)
    ages_s = np.minimum(settled, ended_s) - written_s
    counts = waits | ((written_s >= begin_s) & (written_s < ended_s))
    return np.where(counts, ages_s, 0.0), np.where(waits, ages_s, 0.0)


def _by_shard(frame: pd.DataFrame, columns: tuple[str, ...]) -> dict[tuple[Hashable, ...], Columns]:
    """Return columns by mapping and shard, in their order; a frame for each would cost more than what is read off."""
    if frame.empty:
        return {}
    # a log's columns of names are numbered already
    mapping, shard = (pd.Categorical(frame[name]) for name in _SHARD)
    number = mapping.codes.astype(np.int64) * len(shard.categories) + shard.codes
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    keys = zip(*(frame[name].iloc[order[starts]] for name in _SHARD), strict=True)
    parts = {name: np.split(frame[name].to_numpy()[order], starts[1:]) for name in columns}
    return {key: {name: parts[name][place] for name in columns} for place, key in enumerate(keys)}


def _records(stream_log: pd.DataFrame) -> pd.DataFrame:
    """Return what each record tells by itself: when it was completed or passed over, and whether it was dropped."""
    passed_over = stream_log["outcome"].isin(("filtered", "skipped"))
    return stream_log[[*_SHARD, "sequence_number", "written_s"]].assign(
        settled_s=np.where(passed_over, stream_log["visible_s"], stream_log["completed_s"]),
        dropped=outcomes.lost(stream_log),
    )


def _empty() -> pd.DataFrame:
    columns = ("event_source_mapping", "shard_id", "at_s", "records_behind", "seconds_behind", "iterator_age_s")
    return pd.DataFrame({name: [] for name in columns})


def _of_shard(records: Columns, drops: Columns | None, sent: Columns | None, at_s: Floats) -> Columns:
    written = records["written_s"]
    settled = _settled_s(records, drops)
    arrived = np.searchsorted(written, at_s, side="right")
    left = np.searchsorted(np.sort(settled), at_s, side="right")
    # lanes settle out of order: the oldest open record is the first whose predecessors' latest end is still ahead
    oldest = np.searchsorted(np.maximum.accumulate(settled), at_s, side="right")
    behind = oldest < arrived
    age = np.where(behind, at_s - written[np.minimum(oldest, len(written) - 1)], 0.0)
    return {"records_behind": arrived - left, "seconds_behind": age, "iterator_age_s": _oldest_sent(sent, at_s)}


def _settled_s(records: Columns, drops: Columns | None) -> Floats:
    """Return when each record was settled: completed, passed over (when visible), or dropped; infinity if never."""
    settled = records["settled_s"]
    if drops is not None:
        settled = np.where(records["dropped"], _dropped_s(records["sequence_number"], drops), settled)
    return np.where(np.isnan(settled), np.inf, settled)


def _dropped_s(sequence: npt.NDArray[np.int64], drops: Columns) -> Floats:
    """Return the earliest drop whose range holds each sequence number; NaN where none does."""
    at = np.full(len(sequence), np.nan)
    # the latest first: an earlier drop overrides it
    order = np.argsort(-drops["discarded_s"], kind="stable")
    firsts = np.searchsorted(sequence, drops["first_sequence_number"][order]).tolist()
    ends = np.searchsorted(sequence, drops["last_sequence_number"][order], side="right").tolist()
    for first, end, when in zip(firsts, ends, drops["discarded_s"][order].tolist(), strict=True):
        at[first:end] = when
    return at


def _oldest_sent(sent: Columns | None, at_s: Floats) -> Floats:
    oldest = np.full(len(at_s), -np.inf)
    if sent is not None and len(at_s):
        step = np.searchsorted(at_s, sent["started_s"])
        age_s = sent["iterator_age_s"]
        # the call that ends a tumbling window has no records, and no age
        inside = (step < len(at_s)) & ~np.isnan(age_s)
        np.maximum.at(oldest, step[inside], age_s[inside])
    return np.where(np.isinf(oldest), np.nan, oldest)
