"""Write units: what each write takes of the table's capacity."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ddbsim.aws import limits
from ddbsim.workload import TRANSACTION, TTL, WriteColumns

__all__ = ["write_units"]


def write_units(writes: WriteColumns) -> npt.NDArray[np.int32]:
    """Return the write units of each write: 1 KB steps of the larger of before and after, at least one.

    A write in a transaction takes twice as many, the delete of an expired item none.
    """
    units = np.maximum(writes.bytes_before, writes.bytes_after)
    # a shift is several times faster than numpy's division of whole numbers
    units += limits.WRITE_UNIT_BYTES.value - 1
    units >>= limits.WRITE_UNIT_BYTES.value.bit_length() - 1
    np.maximum(units, 1, out=units)
    if writes.kind is not None:
        units[writes.kind == TRANSACTION] *= 2
        units[writes.kind == TTL] = 0
    return units
