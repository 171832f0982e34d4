"""How much a table stores, from its writes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from ddbsim.aws import limits

__all__ = ["average_stored_bytes"]


def average_stored_bytes(writes: pd.DataFrame, start_s: float, end_s: float) -> float:
    """Return the bytes that the written items take in storage, on average over [start_s, end_s).

    Counted are the items that some write of the frame touches, from the start if they were there before it; each with
    what billed storage adds to it. Items that nobody writes are not known here.

    Parameters
    ----------
    writes
        written_s (NaN for one that the table did not take), item_id, bytes_before, bytes_after; an item's writes in
        their order.
    start_s, end_s
        Seconds, start_s < end_s.

    Examples
    --------
    >>> sizes = {"bytes_before": [0, 900], "bytes_after": [900, 0]}
    >>> writes = pd.DataFrame({"written_s": [0.0, 5.0], "item_id": 0, **sizes})
    >>> average_stored_bytes(writes, 0, 10)
    500.0
    """
    writes = writes[writes["written_s"].notna()]
    before, after = (_billed_bytes(writes[name].to_numpy()) for name in ("bytes_before", "bytes_after"))
    there_before = before[~writes["item_id"].duplicated().to_numpy()].sum()
    # a change counts for the share of the window in which it lasts
    lasts = np.clip(end_s - writes["written_s"].to_numpy(), 0.0, end_s - start_s) / (end_s - start_s)
    # what comes and goes may leave less than nothing, by rounding
    return max(float(there_before + ((after - before) * lasts).sum()), 0.0)


def _billed_bytes(size: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    return np.where(size > 0, size + float(limits.STORED_ITEM_OVERHEAD_BYTES.value), 0.0)
