"""How long a run remembers its empty start: MSER-5, and Welch's moving average to look at."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["WarmUp", "mser", "warm_up_of", "welch"]

Floats = npt.NDArray[np.float64]


def mser(values: Sequence[float] | Floats, batch: int = 5) -> int | None:
    """Return how many leading values to leave out, by the marginal standard error rule.

    The values are averaged in batches of `batch`; the cut is where the squared standard error of the mean of what
    remains is least.

    Parameters
    ----------
    values
        A series in the order of time, NaN where there is none.
    batch
        Values to a batch: 5 for MSER-5.

    Returns
    -------
    int or None
        A multiple of `batch`; None where the least error lies in the second half: the series has not settled.

    Notes
    -----
    K. P. White, "An effective truncation heuristic for bias reduction in simulation output", Simulation 69(6), 1997;
    in batches of five: K. P. White, M. J. Cobb, S. C. Spratt, "A comparison of five steady-state truncation heuristics
    for simulation", Winter Simulation Conference 2000.

    Examples
    --------
    >>> mser([9.0] * 10 + [1.0, 2.0] * 50)
    10
    """
    array = np.asarray(values, dtype=np.float64)
    whole = len(array) // batch * batch
    table = array[:whole].reshape(-1, batch)
    present = ~np.isnan(table)
    counts = present.sum(axis=1)
    kept = counts > 0
    if kept.sum() < 2:
        return None
    means = np.where(present, table, 0.0).sum(axis=1)[kept] / counts[kept]
    # of what remains after each cut: its sums from the end
    size = np.arange(len(means), 0, -1)
    centred = means - means.mean()
    total, squares = np.cumsum(centred[::-1])[::-1], np.cumsum((centred**2)[::-1])[::-1]
    error = np.maximum(squares - total**2 / size, 0.0) / size**2
    # a few values left over agree by chance: the cut is looked for in the first half
    half = len(means) // 2
    # rounding must not choose among cuts that are equally good: the earliest keeps most
    best = int(np.argmax(error[: half + 1] <= error[: half + 1].min() + 1e-12 * error.max()))
    if best == half:
        return None
    return int(np.flatnonzero(kept)[best]) * batch


def welch(series: Floats, window: int) -> Floats:
    """Return the moving average of a series over 2 x window + 1 values, narrower at its beginning.

    Parameters
    ----------
    series
        Means over replications, in the order of time; NaN where there is none.
    window
        Values to either side, >= 0.

    Returns
    -------
    array
        `window` values shorter than the series.

    Notes
    -----
    P. D. Welch, "The statistical analysis of simulation results", in S. Lavenberg (ed.), The Computer Performance
    Modeling Handbook, 1983.

    Examples
    --------
    >>> welch(np.array([4.0, 1.0, 1.0, 1.0, 1.0]), 1).tolist()
    [4.0, 2.0, 1.0, 1.0]
    """
    known = ~np.isnan(series)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, series, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    at = np.arange(max(len(series) - window, 0))
    reach = np.minimum(at, window)
    low, high = at - reach, at + reach + 1
    number = counts[high] - counts[low]
    out = np.full(len(at), np.nan)
    np.divide(sums[high] - sums[low], number, out=out, where=number > 0)
    return out


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WarmUp:
    """What replications say of the warm-up.

    Attributes
    ----------
    frame
        A row per step of the run: at_s (its end), latency_s (mean of the records written in it, over replications),
        smooth_s (Welch's moving average).
    suggested_s
        MSER-5's cut of the series averaged over replications, seconds; None if it has not settled by half of the run.
    used_s
        The scenario's `warmup_s`.
    replications
        How many were averaged.
    """

    frame: pd.DataFrame
    suggested_s: float | None
    used_s: float
    replications: int

    @property
    def enough(self) -> bool:
        """Whether the scenario leaves out at least what is suggested."""
        return self.suggested_s is not None and self.used_s >= self.suggested_s

    @property
    def sentence(self) -> str:
        """What it means for `warmup_s`."""
        if self.suggested_s is None:
            return (
                "the latency has not settled by half of the run: make duration_s longer, or look whether the backlog "
                "grows or the traffic changes, in which case no warm-up makes a steady state"
            )
        if self.enough:
            return f"warmup_s {self.used_s:g} is enough: MSER-5 would leave out {self.suggested_s:g} s"
        return f"warmup_s {self.used_s:g} is too short: MSER-5 would leave out {self.suggested_s:g} s"

    def __repr__(self) -> str:
        return self.sentence

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.sentence)}</p>"


def warm_up_of(series: Sequence[Floats], length_s: float, used_s: float, window: int | None = None) -> WarmUp:
    """Return what the series of replications say of the warm-up.

    Parameters
    ----------
    series
        Of each replication, one value per step of the run.
    length_s
        Length of the run, seconds.
    used_s
        The scenario's `warmup_s`.
    window
        Of Welch's average, steps to either side; None for a fortieth of the series.
    """
    table = np.vstack(series)
    known = ~np.isnan(table)
    counts = known.sum(axis=0)
    mean = np.full(table.shape[1], np.nan)
    np.divide(np.where(known, table, 0.0).sum(axis=0), counts, out=mean, where=counts > 0)
    step_s = length_s / len(mean)
    window = max(len(mean) // 40, 1) if window is None else window
    smooth = welch(mean, window)
    frame = pd.DataFrame(
        {
            "at_s": np.arange(1, len(mean) + 1) * step_s,
            "latency_s": mean,
            "smooth_s": np.concatenate((smooth, np.full(len(mean) - len(smooth), math.nan))),
        }
    )
    cut = mser(mean)
    return WarmUp(frame, None if cut is None else cut * step_s, used_s, len(series))
