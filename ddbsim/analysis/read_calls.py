"""How often readers that are not Lambda call GetRecords: what their stream reads are billed by."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["read_calls"]


def read_calls(reads: pd.DataFrame, start_s: float, end_s: float) -> float:
    """Return the billed GetRecords calls of [start_s, end_s): one stream read request unit each, empty ones too.

    Parameters
    ----------
    reads
        A row per reader, shard and minute: minute_s, calls (those that were answered).
    start_s, end_s
        Seconds; the run ends at `end_s`. Of a minute that is only partly inside, the same part of its calls is.

    Examples
    --------
    >>> reads = pd.DataFrame({"minute_s": [0.0, 60.0, 120.0], "calls": [240, 240, 120]})
    >>> read_calls(reads, 30, 150)
    480.0
    """
    begins = reads["minute_s"].to_numpy(dtype=np.float64)
    ends = np.minimum(begins + 60.0, end_s)
    inside = np.clip(ends - np.maximum(begins, start_s), 0.0, None) / np.maximum(ends - begins, 1e-9)
    return float((reads["calls"].to_numpy() * inside).sum())
