"""Hashes of item ids: which partition an item lives in, which lane its records take."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Buckets", "lane_of", "partition_hash", "partition_of", "uniform_of"]

Buckets: TypeAlias = npt.NDArray[np.uint8 | np.uint16]

# increments of the two hashes, so that an item's lane says nothing about its partition
_PARTITION_SALT = np.uint64(0x9E3779B97F4A7C15)
_LANE_SALT = np.uint64(0xD1B54A32D192ED03)
_DRAW_SALT = np.uint64(0xA0761D6478BD642F)


def _mix(ids: npt.NDArray[np.int64], salt: np.uint64) -> npt.NDArray[np.uint64]:
    """Return SplitMix64's finalizer of each id: 64 well-mixed bits."""
    z = ids.astype(np.uint64)
    z += np.uint64(1)
    z *= salt
    z ^= z >> np.uint64(30)
    z *= np.uint64(0xBF58476D1CE4E5B9)
    z ^= z >> np.uint64(27)
    z *= np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return z


def _per_item(ids: npt.NDArray[np.int64], buckets: int, salt: np.uint64, dtype: type[np.uint8 | np.uint16]) -> Buckets:
    """Return the bucket of each id; equal slices of the hash space, so that a bucket can later be split in two."""

    def bucket(distinct: npt.NDArray[np.int64]) -> Buckets:
        return (((_mix(distinct, salt) >> np.uint64(32)) * np.uint64(buckets)) >> np.uint64(32)).astype(dtype)

    highest = int(ids.max(initial=-1))
    # hashing each item once and looking it up is several times cheaper than hashing each write
    if highest < len(ids):
        return bucket(np.arange(highest + 1, dtype=np.int64))[ids]
    return bucket(ids)


def partition_hash(ids: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """Return each item's place in the hash space [0, 2**32) that the partitions divide up (uint64)."""
    return _mix(ids, _PARTITION_SALT) >> np.uint64(32)


def partition_of(ids: npt.NDArray[np.int64], partitions: int) -> Buckets:
    """Return the partition, 0..partitions-1, of each item id (uint16)."""
    return _per_item(ids, partitions, _PARTITION_SALT, np.uint16)


def lane_of(ids: npt.NDArray[np.int64], lanes: int) -> Buckets:
    """Return the lane, 0..lanes-1, of each item id (uint8)."""
    return _per_item(ids, lanes, _LANE_SALT, np.uint8)


def uniform_of(key: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Return a random number in [0, 1) for each key: the same one whenever, and in whatever order, it is asked for."""
    mixed = _mix(key ^ np.int64(seed), _DRAW_SALT) >> np.uint64(11)
    return mixed.astype(np.float64) * 2.0**-53
