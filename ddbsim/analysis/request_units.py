"""Bytes into the units that a table bills: write units of 1 KB, read units of 4 KB.

Notes
-----
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ProvisionedThroughput.html (2023); 1 KB is 1,024 bytes.
The stream's view type changes none of these.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from ddbsim.checks.wording import shown

__all__ = ["Consistency", "read_units", "write_units"]

Consistency: TypeAlias = Literal["eventual", "strong", "transactional"]

KB = 1024
UNITS_PER_READ = {"eventual": 0.5, "strong": 1.0, "transactional": 2.0}


def write_units(
    bytes_before: npt.ArrayLike, bytes_after: npt.ArrayLike, *, transactional: bool = False
) -> npt.NDArray[np.int64]:
    """Return the write units of each write: its larger image in whole KB, at least 1.

    A change of one attribute pays for the whole item, and a delete for the item that it removes. In the table's own
    class and mode these are write request units, replicated ones, or capacity units consumed.

    Parameters
    ----------
    bytes_before, bytes_after
        Size of the item before and after each write, 0 where there is none.
    transactional
        Whether the writes are part of TransactWriteItems, which counts them twice.

    Returns
    -------
    int64 array
        As many as there are writes; of no dimension for two numbers.

    Raises
    ------
    ValueError
        If a size is negative or NaN.

    Examples
    --------
    >>> write_units([0, 900, 2000], [300, 1025, 0])
    array([1, 2, 2])
    """
    larger = np.maximum(_sizes(bytes_before, "bytes_before"), _sizes(bytes_after, "bytes_after"))
    units = np.maximum(np.ceil(larger / KB), 1).astype(np.int64)
    return units * 2 if transactional else units


def read_units(bytes_read: npt.ArrayLike, consistency: Consistency = "eventual") -> npt.NDArray[np.float64]:
    """Return the read units of each GetItem: whole 4 KB, at least one, times what the consistency costs.

    Parameters
    ----------
    bytes_read
        Size of the item that each read returns, 0 for one that is not there.
    consistency
        "eventual" (half a unit per 4 KB), "strong" (1) or "transactional" (2).

    Returns
    -------
    float64 array
        As many as there are reads; of no dimension for one number.

    Raises
    ------
    ValueError
        If a size is negative or NaN, or the consistency is another.

    Examples
    --------
    >>> read_units([0, 4096, 4097], "eventual")
    array([0.5, 0.5, 1. ])
    """
    if consistency not in UNITS_PER_READ:
        raise ValueError(f"consistency must be one of {', '.join(UNITS_PER_READ)}, got {shown(consistency)}")
    blocks = np.maximum(np.ceil(_sizes(bytes_read, "bytes_read") / (4 * KB)), 1)
    return np.asarray(blocks * UNITS_PER_READ[consistency])


def _sizes(sizes: npt.ArrayLike, name: str) -> npt.NDArray[np.float64]:
    array = np.asarray(sizes, dtype=np.float64)
    if not (array >= 0).all():
        raise ValueError(f"{name} must be 0 or more bytes, got {array[~(array >= 0)].flat[0]:g}")
    return array
