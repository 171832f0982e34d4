"""How far a reader is behind over the second half of a run, and whether it falls further behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .student import t_quantile

__all__ = ["Backlog", "backlog", "rises"]

Floats = npt.NDArray[np.float64]

_STRETCHES = 16
_ONE_SIDED = 0.975
# a lag that grows by less than this share of the time is not told from one that stays
_MATERIAL = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Backlog:
    """The records behind, at the edges of equal stretches of the second half of a run.

    Attributes
    ----------
    edges_s
        Instants, seconds; shape (stretches + 1,).
    behind
        Records written and not read, of each shard; shape (shards, stretches + 1).
    written
        Records written in each stretch; shape (shards, stretches).
    """

    edges_s: Floats
    behind: Floats
    written: Floats


def backlog(
    shard: npt.NDArray[np.integer], shards: int, written_s: Floats, read_s: Floats, *, begin_s: float, end_s: float
) -> Backlog:
    """Return a reader's backlog over the second half of [begin_s, end_s].

    Parameters
    ----------
    shard, shards
        Number of each record's shard, and how many shards there are.
    written_s, read_s
        When each record was written and read; NaN if it was not read.
    begin_s, end_s
        Seconds.
    """
    edges_s = np.linspace((begin_s + end_s) / 2.0, end_s, _STRETCHES + 1)

    def by_then(at_s: Floats) -> Floats:
        step = np.searchsorted(edges_s, at_s, side="left")
        width = len(edges_s) + 1
        counts = np.bincount(shard * width + step, minlength=shards * width).reshape(shards, width)
        return np.cumsum(counts[:, :-1], axis=1, dtype=np.float64)

    written = by_then(written_s)
    # NaN is sorted behind all instants: what was not read is read after the last edge
    return Backlog(edges_s, written - by_then(read_s), np.diff(written, axis=1))


def rises(one: Backlog) -> bool:
    """Return whether a backlog rises, all shards together: a level that wanders does not.

    Its mean step must be above zero beyond chance (Student's t, 97.5 %, one-sided), and the lag, the backlog over
    the rate at which records come, must grow by more than 1 % of the time.

    Examples
    --------
    >>> edges_s = np.linspace(50, 100, 17)
    >>> rises(Backlog(edges_s, 3.0 * edges_s[np.newaxis], np.full((1, 16), 62.5)))
    True
    """
    behind, rate = one.behind.sum(axis=0), one.written.sum() / _STRETCHES
    steps = np.diff(behind)
    spread = float(steps.std(ddof=1)) / np.sqrt(_STRETCHES)
    beyond_chance = float(steps.mean()) > float(t_quantile(_ONE_SIDED, _STRETCHES - 1)) * spread
    return bool(beyond_chance and steps.sum() > _MATERIAL * _STRETCHES * max(rate, 1.0))
