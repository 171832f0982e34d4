"""Student's interval for the mean of independent replications."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.checks.wording import shown

__all__ = ["half_width", "mean_intervals", "t_quantile"]


def t_quantile(share: npt.ArrayLike, degrees: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return the quantile of Student's t distribution.

    Examples
    --------
    >>> t_quantile(0.975, [4, 9]).round(3).tolist()
    [2.776, 2.262]
    """
    # loads on first use; far lighter than scipy.stats, which has the same
    from scipy.special import stdtrit

    return np.asarray(stdtrit(degrees, share), dtype=np.float64)


def half_width(deviation: npt.ArrayLike, count: npt.ArrayLike, confidence: float = 0.95) -> npt.NDArray[np.float64]:
    """Return half the width of the interval for a mean; NaN for fewer than two values, of which it cannot be told.

    Parameters
    ----------
    deviation
        Sample standard deviation of the values.
    count
        How many values there are.
    confidence
        In (0, 1).

    Examples
    --------
    >>> half_width([1.0, 1.0], [4, 1]).round(3).tolist()
    [1.591, nan]
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be above 0 and below 1, got {shown(confidence)}")
    number = np.asarray(count, dtype=np.float64)
    enough = number > 1
    freedom = np.where(enough, number - 1, 1.0)
    width = t_quantile((1 + confidence) / 2, freedom) * np.asarray(deviation) / np.sqrt(np.maximum(number, 1))
    return np.where(enough, width, np.nan)


def mean_intervals(
    values: pd.DataFrame, column: str, *, by: Sequence[Hashable], confidence: float = 0.95
) -> pd.DataFrame:
    """Return the mean of a column per group, with the ends of its interval: `column`, `column`_low, `column`_high.

    Each row counts as one independent value: it must be that of a replication, not of a record.
    """
    groups = values.groupby(list(by), sort=False, observed=True)[column]
    mean = groups.mean()
    width = half_width(groups.std().to_numpy(), groups.count().to_numpy(), confidence)
    return pd.DataFrame({column: mean, f"{column}_low": mean - width, f"{column}_high": mean + width}).reset_index()
