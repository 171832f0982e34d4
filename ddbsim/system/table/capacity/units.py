"""Write units: what each write takes of the table's capacity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.workload import TRANSACTION, TTL, WriteColumns

__all__ = ["units_of", "write_units"]


def write_units(writes: WriteColumns) -> npt.NDArray[np.int32]:
    """Return the write units of each write."""
    return units_of(writes.bytes_before, writes.bytes_after, writes.kind)


def units_of(
    before: npt.NDArray[np.int32], after: npt.NDArray[np.int32], kind: npt.NDArray[np.int8] | None
) -> npt.NDArray[np.int32]:
    """Return the write units of writes: 1 KB steps of the larger of before and after, at least one.

    A write in a transaction takes twice as many, the delete of an expired item none.
    """
    units = np.maximum(before, after)
    # a shift is several times faster than numpy's division of whole numbers
    units += limits.WRITE_UNIT_BYTES.value - 1
    units >>= limits.WRITE_UNIT_BYTES.value.bit_length() - 1
    np.maximum(units, 1, out=units)
    if kind is not None:
        units[kind == TRANSACTION] *= 2
        units[kind == TTL] = 0
    return units
