"""Whether a consumer keeps up: whether its backlog grows over the second half of a run.

A backlog is autocorrelated: near full load it wanders like a random walk, so a line through its points would call a
trend what is chance. Its *increments* over equal stretches are what is tested: of a random walk they are independent,
of a backlog that returns to its level they are negatively so, which makes the interval wider than need be, never
narrower.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.log import outcomes

from .lag import settled_s
from .student import t_quantile

__all__ = [
    "DOES_NOT",
    "KEEPS_UP",
    "NO_BACKLOG",
    "TOO_SHORT",
    "Backlogs",
    "KeepingUp",
    "Verdict",
    "backlogs",
    "backlogs_of",
    "grown",
    "keeping_up",
]

Floats: TypeAlias = npt.NDArray[np.float64]
Verdict: TypeAlias = Literal["keeps up", "does not keep up", "too short to tell"]
Shard: TypeAlias = tuple[Hashable, Hashable]

KEEPS_UP: Final[Verdict] = "keeps up"
DOES_NOT: Final[Verdict] = "does not keep up"
TOO_SHORT: Final[Verdict] = "too short to tell"

# of the second half; more would be shorter than a batch and its wait
_STRETCHES = 16
# means of a random walk over neighbouring stretches differ by 2/3 of its variance, their ends by all of it
_OF_MEANS = 1.5
# one-sided, over all shards of a mapping together
_ERROR = 0.025
# a lag that grows by less than this share of the time is not told from one that does not
_MATERIAL = 0.01
# an interval that does not rule out growth by this share of what is written tells nothing
_COARSE = 0.05


@dataclass(frozen=True, slots=True)
class KeepingUp:
    """Whether a consumer keeps up.

    Attributes
    ----------
    verdict
        "keeps up", "does not keep up" or "too short to tell".
    growth_share, low, high
        Of the records written in the second half of the run, the share by which the backlog grew, with its interval
        (95 %, over all shards together); NaN where nothing was written.
    processed_share
        Of the records written after the warm-up, those that were processed by the end; filtered ones count as such.
    growing
        The shards whose backlog grows.
    """

    verdict: Verdict
    growth_share: float
    low: float
    high: float
    processed_share: float
    growing: tuple[Hashable, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Backlogs:
    """The backlog of each shard of a consumer at the edges of equal stretches of the second half of a run.

    Attributes
    ----------
    shards
        Names, in the order of the rows.
    edges_s
        Instants, seconds; shape (stretches + 1,).
    behind
        Records written and not settled, or lost before they were ever sent, at each edge; shape
        (shards, stretches + 1).
    written
        Records written in each stretch; shape (shards, stretches).
    mean_behind
        The mean of `behind` over each stretch: polls and batches make it jump up and down; shape (shards, stretches).
    processed_share
        Of the records written after the warm-up, those processed or filtered by the end.
    """

    shards: tuple[Hashable, ...]
    edges_s: Floats
    behind: Floats
    written: Floats
    mean_behind: Floats
    processed_share: float = float("nan")


NO_BACKLOG: Final = Backlogs((), np.zeros(1), np.zeros((0, 1)), np.zeros((0, 0)), np.zeros((0, 0)))


def backlogs(
    stream_log: pd.DataFrame, discards: pd.DataFrame, *, warmup_s: float = 0.0, ended_s: float
) -> dict[str, Backlogs]:
    """Return the backlogs of each mapping.

    Parameters
    ----------
    stream_log, discards
        Frames of a run.
    warmup_s, ended_s
        What is judged is the second half of [warmup_s, ended_s], seconds.
    """
    begin_s = warmup_s if warmup_s < ended_s else 0.0
    edges_s = np.linspace((begin_s + ended_s) / 2.0, ended_s, _STRETCHES + 1)
    # a run that was interrupted before anything happened has no second half
    names = list(stream_log["event_source_mapping"].cat.categories) if len(stream_log) and ended_s > 0 else []
    found = {}
    for name in names:
        mine = stream_log if len(names) == 1 else stream_log[stream_log["event_source_mapping"] == name]
        if len(mine):
            found[str(name)] = _of_mapping(mine, discards, edges_s, begin_s)
    return found


def _of_mapping(log: pd.DataFrame, discards: pd.DataFrame, edges_s: Floats, begin_s: float) -> Backlogs:
    shard = log["shard_id"].cat
    written_s, settled = log["written_s"].to_numpy(), settled_s(log, discards)
    # what was lost before it was ever sent was not worked off
    settled[(outcomes.lost(log) & (log["deliveries"] == 0)).to_numpy()] = np.inf
    after = written_s >= begin_s
    done = log["outcome"].isin(("processed", "filtered", "skipped")).to_numpy()
    share = float(done[after].mean()) if after.any() else float("nan")
    return backlogs_of(shard.codes.to_numpy(), list(shard.categories), written_s, settled, edges_s, share)


def backlogs_of(
    shard: npt.NDArray[np.integer],
    names: Sequence[Hashable],
    written_s: Floats,
    settled_s: Floats,
    edges_s: Floats | None = None,
    processed_share: float = float("nan"),
    *,
    begin_s: float = 0.0,
    ended_s: float = 0.0,
) -> Backlogs:
    """Return the backlogs of one consumer.

    Parameters
    ----------
    shard, names
        Number of each record's shard, and the shards' names.
    written_s, settled_s
        When each record was written and settled, seconds; NaN or infinity if it was not.
    edges_s
        Where to look, seconds; by default the edges of equal stretches of the second half of [begin_s, ended_s].
    processed_share, begin_s, ended_s
        As in `Backlogs`; when the run is measured, seconds.
    """
    edges = np.linspace((begin_s + ended_s) / 2.0, ended_s, _STRETCHES + 1) if edges_s is None else edges_s
    codes, count = shard.astype(np.int64), len(names)
    came, waited_since = _cumulative(codes, count, written_s, edges)
    gone, waited_until = _cumulative(codes, count, settled_s, edges)
    seen = came[:, -1] > 0
    return Backlogs(
        tuple(name for name, there in zip(names, seen.tolist(), strict=True) if there),
        edges,
        (came - gone)[seen],
        np.diff(came, axis=1)[seen],
        (np.diff(waited_since - waited_until, axis=1) / np.diff(edges))[seen],
        processed_share,
    )


def _cumulative(codes: npt.NDArray[np.int64], count: int, at_s: Floats, edges_s: Floats) -> tuple[Floats, Floats]:
    """Return how many of each shard's events had happened by each edge, and the sum of the times since then."""
    step = np.searchsorted(edges_s, at_s, side="left")
    width = len(edges_s) + 1
    cell = codes * width + step
    reached = step < len(edges_s)
    counts = np.bincount(cell, minlength=count * width).reshape(count, width)[:, :-1]
    sums = np.bincount(cell[reached], weights=at_s[reached], minlength=count * width).reshape(count, width)[:, :-1]
    happened = np.cumsum(counts, axis=1, dtype=np.float64)
    return happened, happened * edges_s - np.cumsum(sums, axis=1)


def keeping_up(backlogs: Backlogs, *, cycle_s: float = 0.0) -> KeepingUp:
    """Judge whether a consumer keeps up.

    Parameters
    ----------
    backlogs
        Of one mapping or reader; see the function of that name.
    cycle_s
        The longest time that a healthy consumer lets records wait on purpose (its batching window, the interval of
        its polls), seconds: stretches shorter than this tell nothing.

    Returns
    -------
    KeepingUp

    Notes
    -----
    A shard's backlog grows if nothing of it was settled in all that time, or if the lower bound of its mean increment
    is above 0 (Student's t, one-sided at 2.5 %, shared out over the shards) and its lag, the backlog over the rate at
    which it comes, grows by more than 1 % of the time.

    Examples
    --------
    >>> edges_s = np.linspace(50, 100, 17)
    >>> behind = 3.0 * edges_s[np.newaxis]
    >>> told = keeping_up(Backlogs(("shard",), edges_s, behind, np.full((1, 16), 62.5), behind[:, 1:]))
    >>> told.verdict, round(told.growth_share, 2)
    ('does not keep up', 0.15)
    """
    arrived = float(backlogs.written.sum())
    if not len(backlogs.shards):
        return KeepingUp(KEEPS_UP, float("nan"), float("nan"), float("nan"), backlogs.processed_share)
    tests = len(backlogs.shards) + (len(backlogs.shards) > 1)
    whole = backlogs.mean_behind.sum(axis=0, keepdims=True)
    growth, low, high = _growth(whole, 1)
    lower = _growth(backlogs.mean_behind, tests)[1]
    material = _lag_growth(backlogs.mean_behind, backlogs.written) > _MATERIAL
    stuck = (backlogs.behind[:, 0] > 0.0) & (_settled(backlogs) == 0.0)
    grows = ((lower > 0.0) & material) | stuck
    total = bool(
        _growth(whole, tests)[1][0] > 0.0
        and _lag_growth(whole, backlogs.written.sum(axis=0, keepdims=True))[0] > _MATERIAL
    )
    growing = backlogs.shards if total and not grows.any() else tuple(np.array(backlogs.shards)[grows].tolist())
    share, least, most = (float(value[0]) / arrived if arrived else float("nan") for value in (growth, low, high))
    verdict = _verdict(bool(growing), most, backlogs, cycle_s)
    return KeepingUp(verdict, share, least, most, backlogs.processed_share, growing if verdict == DOES_NOT else ())


def _settled(backlogs: Backlogs) -> Floats:
    """Return how many records of each shard were settled in the second half."""
    return np.asarray(backlogs.written.sum(axis=1) - (backlogs.behind[:, -1] - backlogs.behind[:, 0]))


def _verdict(grows: bool, high: float, backlogs: Backlogs, cycle_s: float) -> Verdict:
    stretch_s = float(backlogs.edges_s[1] - backlogs.edges_s[0])
    if stretch_s * _STRETCHES < 4.0 * cycle_s:
        return TOO_SHORT
    if grows:
        return DOES_NOT
    return TOO_SHORT if high > _COARSE else KEEPS_UP


def _growth(mean_behind: Floats, tests: int) -> tuple[Floats, Floats, Floats]:
    """Return by how many records each backlog grew, and the ends of the interval for it."""
    increments = np.diff(mean_behind, axis=1)
    count = increments.shape[1]
    # from the middle of the first stretch to the middle of the last
    whole = (count + 1) / count
    total = increments.sum(axis=1) * whole
    spread = increments.std(axis=1, ddof=1) * np.sqrt(count * _OF_MEANS) * whole
    width = t_quantile(1.0 - _ERROR / tests, count - 1) * spread
    return total, total - width, total + width


def _lag_growth(mean_behind: Floats, written: Floats) -> Floats:
    """Return by how many seconds a second the lag of each row grows, from the third quarter to the fourth.

    The lag is the backlog over the rate at which it comes: where traffic rises, a backlog rises with it at one lag.
    """
    half = written.shape[1] // 2
    rates = [np.maximum(part.sum(axis=1), 1.0) / half for part in (written[:, :half], written[:, half:])]
    lags = [mean_behind[:, :half].mean(axis=1) / rates[0], mean_behind[:, half:].mean(axis=1) / rates[1]]
    return np.asarray((lags[1] - lags[0]) / half, dtype=np.float64)


def grown(verdicts: Mapping[str, KeepingUp]) -> frozenset[Shard]:
    """Return the (mapping, shard) pairs whose backlog grows: what waits there waits longer in every longer run."""
    return frozenset((name, shard) for name, one in verdicts.items() for shard in one.growing)
