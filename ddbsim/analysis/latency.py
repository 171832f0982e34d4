"""Latency, written to completed: quantiles, distribution, and where the time went.

A record still waiting when the run ended has not been fast: it is right-censored, and the quantiles are read off the
Kaplan-Meier estimate (which is the plain empirical distribution where nothing is censored).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.checks.wording import shown
from ddbsim.log.schema import LATENCY_PARTS

__all__ = ["PARTS", "ecdf", "quantiles", "waits"]

Floats: TypeAlias = npt.NDArray[np.float64]
Growing: TypeAlias = frozenset[tuple[Hashable, Hashable]]

PARTS = LATENCY_PARTS


def quantiles(
    stream_log: pd.DataFrame,
    quantiles: float | Sequence[float],
    *,
    by: str | None = None,
    warmup_s: float = 0.0,
    ended_s: float = np.inf,
    growing: Growing = frozenset(),
) -> pd.DataFrame:
    """Return latency quantiles per mapping.

    Parameters
    ----------
    stream_log
        The log, or a part of it.
    quantiles
        One or several, in [0, 1].
    by
        A further column to split by.
    warmup_s
        Records written before this instant are left out, seconds.
    ended_s
        End of the run, seconds: where waiting records are censored.
    growing
        (mapping, shard) pairs whose backlog grows; see `ddbsim.analysis.keeping_up`. What a record waits there depends
        on how long the run is: it has no latency that a longer run would not change, and counts as infinitely late.

    Returns
    -------
    DataFrame
        event_source_mapping, [by], quantile, latency_s (infinity, "grows without limit", where the quantile lies among
        records that wait, or on shards whose backlog grows; NaN where nothing was written), records (processed),
        waiting (censored).

    Raises
    ------
    ValueError
        If a quantile is outside [0, 1], or `by` is no column.

    Notes
    -----
    Records that were filtered, discarded or expired have no latency, and count on neither side.

    Examples
    --------
    >>> log = pd.DataFrame({"event_source_mapping": "indexer", "outcome": ["processed", "processed", "waiting"],
    ...                     "written_s": [0.0, 1.0, 2.0], "completed_s": [0.5, 2.0, np.nan]})
    >>> quantiles(log, 0.5, ended_s=10.0)
      event_source_mapping  quantile  latency_s  records  waiting
    0              indexer       0.5        1.0        2        1
    """
    wanted = np.atleast_1d(np.asarray(quantiles, dtype=np.float64))
    if not ((wanted >= 0) & (wanted <= 1)).all():
        raise ValueError(f"quantiles must be in 0..1, got {shown(quantiles)}")
    if by is not None and by not in stream_log:
        raise ValueError(f"by must be a column of the log ({', '.join(map(str, stream_log.columns))}), got {shown(by)}")
    rows = []
    for names, group in _groups(stream_log, by, warmup_s):
        settled, open_ended = _apart(group, [shard for mapping, shard in growing if mapping == names[0]])
        processed, waiting = _latencies(settled, ended_s)
        late = [len(part) for part in _latencies(open_ended, ended_s)]
        values = _quantiles_of(processed, waiting, sum(late), wanted)
        rows += [
            (*names, float(q), float(value), len(processed) + late[0], len(waiting) + late[1])
            for q, value in zip(wanted, values, strict=True)
        ]
    split = [by] if by else []
    return pd.DataFrame(rows, columns=["event_source_mapping", *split, "quantile", "latency_s", "records", "waiting"])


def ecdf(
    stream_log: pd.DataFrame,
    *,
    points: int = 500,
    warmup_s: float = 0.0,
    ended_s: float = np.inf,
    growing: Growing = frozenset(),
) -> pd.DataFrame:
    """Return the latency's distribution function per mapping, thinned to `points` steps.

    Parameters
    ----------
    stream_log
        The log, or a part of it.
    points
        Most steps per mapping; half of them are spent on the slowest hundredth.
    warmup_s
        Records written before this instant are left out, seconds.
    ended_s
        End of the run, seconds: where waiting records are censored.
    growing
        (mapping, shard) pairs whose backlog grows: their records count, and are never there in time.

    Returns
    -------
    DataFrame
        event_source_mapping, latency_s, share: of the records, those processed within latency_s.
    """
    frames = []
    for (name,), group in _groups(stream_log, None, warmup_s):
        settled, open_ended = _apart(group, [shard for mapping, shard in growing if mapping == name])
        processed, waiting = _latencies(settled, ended_s)
        late = sum(len(part) for part in _latencies(open_ended, ended_s))
        times, share = _distribution(processed, waiting)
        share *= (len(processed) + len(waiting)) / max(len(processed) + len(waiting) + late, 1)
        # the tail is what people look at: half of the points are spent on the slowest hundredth
        keep = np.unique(np.searchsorted(share, _levels(points)).clip(0, max(len(times) - 1, 0)))
        keep = keep[: len(times)]
        frames.append(pd.DataFrame({"event_source_mapping": name, "latency_s": times[keep], "share": share[keep]}))
    return (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame({"event_source_mapping": [], "latency_s": [], "share": []})
    )


def waits(
    latency_parts: pd.DataFrame,
    waiting_parts: pd.DataFrame,
    *,
    cohort: float | None = None,
    warmup_s: float = 0.0,
) -> pd.DataFrame:
    """Return where the time of the records went, per mapping: of those that were processed and those still waiting.

    Parameters
    ----------
    latency_parts, waiting_parts
        The frames of these names.
    cohort
        Only records at or beyond this quantile of latency, or of what they have waited so far; None for all.
    warmup_s
        Records written before this instant are left out, seconds.

    Returns
    -------
    DataFrame
        event_source_mapping, part, mean_s (over all these records; one that still waits counts with what it has waited
        up to the end of the run), share (of the mean), waiting (of these records, those that are in the part at the
        end).

    Raises
    ------
    ValueError
        If the cohort is outside [0, 1].

    Notes
    -----
    A record that waits behind a batch which is throttled, or sent again and again, counts as waiting for that.
    """
    if cohort is not None and not 0 <= cohort <= 1:
        raise ValueError(f"cohort must be None or a quantile in 0..1, got {shown(cohort)}")
    done = dict(_groups(latency_parts, None, warmup_s))
    waiting = dict(_groups(waiting_parts, None, warmup_s))
    rows = [
        row
        for names in dict.fromkeys((*done, *waiting))
        for row in _waits_of(names[0], done.get(names), waiting.get(names), cohort)
    ]
    return pd.DataFrame(rows, columns=["event_source_mapping", "part", "mean_s", "share", "waiting"])


def _waits_of(
    name: Hashable, done: pd.DataFrame | None, waiting: pd.DataFrame | None, cohort: float | None
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of one mapping."""
    parts = [(one, age) for one, age in ((done, "latency_s"), (waiting, "waited_s")) if one is not None and len(one)]
    if cohort is not None and parts:
        least_s = np.quantile(np.concatenate([one[age].to_numpy() for one, age in parts]), cohort)
        parts = [(one[one[age] >= least_s], age) for one, age in parts]
    count = sum(len(one) for one, _ in parts)
    means = {part: sum(float(one[part].sum()) for one, _ in parts) / count if count else np.nan for part in PARTS}
    in_part = [one["waits_for"].value_counts() for one, age in parts if age == "waited_s"]
    total = sum(means.values())
    for part, mean_s in means.items():
        short = part.removesuffix("_s")
        here = int(in_part[0].get(short, 0)) if in_part else 0
        yield name, short, mean_s, mean_s / total if total else 0.0, here


def _groups(frame: pd.DataFrame, by: str | None, warmup_s: float) -> Iterator[tuple[tuple[Any, ...], pd.DataFrame]]:
    if warmup_s > 0:
        frame = frame[frame["written_s"] >= warmup_s]
    columns = ["event_source_mapping"] + ([by] if by else [])
    names = frame["event_source_mapping"].unique()
    if by is None and len(names) == 1:
        # the common case needs no copy of the log
        yield (names[0],), frame
        return
    yield from frame.groupby(columns, observed=True, sort=False)


def _latencies(group: pd.DataFrame, ended_s: float) -> tuple[Floats, Floats]:
    """Return the latencies of processed records, and how long waiting ones have waited."""
    written, completed = group["written_s"].to_numpy(), group["completed_s"].to_numpy()
    outcome = group["outcome"]
    processed = ~np.isnan(completed)
    # an interrupted run knows writes that it never came to: they have not waited at all
    waiting = (outcome == "waiting").to_numpy() & (written < ended_s)
    return completed[processed] - written[processed], np.minimum(ended_s, 1e300) - written[waiting]


def _apart(group: pd.DataFrame, growing: list[Hashable]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a mapping's records of shards whose backlog does not grow, and those of shards whose backlog does."""
    if not growing:
        return group, group.iloc[:0]
    late = group["shard_id"].isin(growing).to_numpy()
    return group[~late], group[late]


def _quantiles_of(processed: Floats, waiting: Floats, late: int, wanted: Floats) -> Floats:
    """Return quantiles of processed and censored latencies, beside a number of records that are infinitely late."""
    known = len(processed) + len(waiting)
    if not known + late:
        return np.full(len(wanted), np.nan)
    if not known:
        return np.full(len(wanted), np.inf)
    level = wanted * (known + late) / known
    values = _km_quantiles(processed, waiting, np.minimum(level, 1.0))
    return np.where((level > 1.0 + 1e-12) | np.isnan(values), np.inf, values)


def _km_quantiles(processed: Floats, waiting: Floats, wanted: Floats) -> Floats:
    if not len(processed):
        return np.full(len(wanted), np.nan)
    if not len(waiting):
        return np.quantile(processed, wanted)
    # the estimate between two censored ages is a product that telescopes: counts per stretch, and no sort, are enough
    ages, censored = np.unique(waiting, return_counts=True)
    ends = np.bincount(np.searchsorted(ages, processed), minlength=len(ages) + 1)
    before = np.concatenate(([0], np.cumsum(ends)[:-1]))
    gone = np.concatenate(([0], np.cumsum(censored)))
    at_risk = len(processed) - before + len(waiting) - gone
    with np.errstate(invalid="ignore"):
        left = np.cumprod(np.where(at_risk > 0, (at_risk - ends) / at_risk, 1.0))
    start = np.concatenate(([1.0], left[:-1]))
    # rounding must not push a level that is reached exactly one record further
    target = 1.0 - wanted + 1e-12
    stretch = np.searchsorted(-left, -target)
    known = stretch < len(left)
    at = np.minimum(stretch, len(left) - 1)
    into = np.ceil(at_risk[at] * (1.0 - np.minimum(target / start[at], 1.0))).astype(np.int64)
    rank = np.where(known, before[at] + np.maximum(into, 1) - 1, 0)
    values = np.partition(processed, np.unique(rank))[rank]
    return np.where(known, values, np.nan)


def _distribution(processed: Floats, waiting: Floats) -> tuple[Floats, Floats]:
    """Return the sorted latencies and the estimated share of records processed within each."""
    times = np.sort(processed)
    if not len(waiting):
        return times, np.asarray(np.arange(1, len(times) + 1) / max(len(times), 1), dtype=np.float64)
    # at risk at each latency: those processed no sooner, and those that waited at least as long
    at_risk = np.arange(len(times), 0, -1) + len(waiting) - np.searchsorted(np.sort(waiting), times)
    return times, np.asarray(1.0 - np.cumprod(1.0 - 1.0 / at_risk), dtype=np.float64)


def _levels(points: int) -> Floats:
    half = max(points // 2, 1)
    return np.concatenate((np.linspace(0, 0.99, half), 1 - np.geomspace(0.01, 1e-7, half)))
