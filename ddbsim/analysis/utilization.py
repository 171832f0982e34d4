"""Throughput, concurrency and utilization."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes

from .lag import grid

__all__ = ["busy_share", "throughput"]

Floats = npt.NDArray[np.float64]


def throughput(
    stream_log: pd.DataFrame, invocations: pd.DataFrame, *, every_s: float | None = None, ended_s: float | None = None
) -> pd.DataFrame:
    """Return rates and concurrency of each mapping over time.

    Parameters
    ----------
    stream_log, invocations
        Frames of a run.
    every_s
        Step of the time grid, seconds; None for 200 steps.
    ended_s
        End of the run; the last write if None.

    Returns
    -------
    DataFrame
        event_source_mapping, at_s (end of the step), written_per_s, completed_per_s, invocations_per_s, concurrency
        (mean number of invocations running in the step).
    """
    if ended_s is None:
        ended_s = float(stream_log["written_s"].max()) if len(stream_log) else 1.0
    at_s = grid(every_s, ended_s)
    ran = invocations[outcomes.ran(invocations)]
    frames = []
    for name, group in stream_log.groupby("event_source_mapping", observed=True):
        mine = ran[ran["event_source_mapping"] == name]
        frames.append(
            pd.DataFrame(
                {
                    "event_source_mapping": name,
                    "at_s": at_s,
                    "written_per_s": _rate(group["written_s"], at_s),
                    "completed_per_s": _rate(group["completed_s"].dropna(), at_s),
                    "invocations_per_s": _rate(mine["started_s"], at_s),
                    "concurrency": _concurrency(mine, at_s),
                }
            )
        )
    if not frames:
        columns = ("event_source_mapping", "at_s", "written_per_s", "completed_per_s", "invocations_per_s")
        return pd.DataFrame({name: [] for name in (*columns, "concurrency")})
    return pd.concat(frames, ignore_index=True)


def busy_share(invocations: pd.DataFrame, lane_s: float, *, begin_s: float = 0.0, ended_s: float) -> float:
    """Return the share of the lanes' time in [begin_s, ended_s] that was spent in invocations, 0..1.

    Parameters
    ----------
    invocations
        The frame, of one mapping.
    lane_s
        How long there were lanes, all together, seconds: the time that shards were open x parallelization_factor.
    begin_s, ended_s
        What is looked at, seconds; of an invocation that reaches beyond, only what lies inside counts, and one that is
        still running has run until the end.

    Examples
    --------
    >>> ran = pd.DataFrame({"outcome": ["success"], "started_s": [1.0], "init_s": [0.5], "duration_s": [2.0]})
    >>> busy_share(ran, 10.0, ended_s=10.0)
    0.25
    """
    ran = invocations[outcomes.ran(invocations)]
    started = ran["started_s"].to_numpy()
    ends = started + ran["init_s"].to_numpy() + ran["duration_s"].to_numpy()
    ends = np.where(np.isnan(ends), ended_s, ends)
    busy = np.maximum(np.minimum(ends, ended_s) - np.maximum(started, begin_s), 0.0).sum()
    return float(busy / lane_s) if lane_s > 0 else 0.0


def _rate(times: pd.Series[float], at_s: Floats) -> Floats:
    # a record may complete out of order: sort before counting. What happens at 0 s belongs to the first step
    reached = np.searchsorted(np.sort(times.to_numpy()), at_s, side="right")
    return np.diff(reached, prepend=0) / np.diff(at_s, prepend=0.0)


def _concurrency(ran: pd.DataFrame, at_s: Floats) -> Floats:
    """Return the mean number running in each step, from the integral of the number running."""
    starts = np.sort(ran["started_s"].to_numpy())
    ends = ran["started_s"].to_numpy() + ran["init_s"].to_numpy() + ran["duration_s"].to_numpy()
    ends = np.sort(np.where(np.isnan(ends), np.inf, ends))
    edges = np.concatenate(([0.0], at_s))
    busy = _elapsed(starts, edges) - _elapsed(ends, edges)
    return np.diff(busy) / np.diff(edges)


def _elapsed(times: Floats, edges: Floats) -> Floats:
    """Return, at each edge, the sum over earlier times of the time since."""
    count = np.searchsorted(times, edges)
    sums = np.concatenate(([0.0], np.cumsum(times[np.isfinite(times)])))
    return count * edges - sums[np.minimum(count, len(sums) - 1)]
