"""What a workload's writes are like on average: what a closed form needs to know of them before any is drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ddbsim.aws import limits
from ddbsim.distributions import Constant, Distribution
from ddbsim.workload.columns import NO_OP, TRANSACTION, TTL, Floats, Sizes, WriteColumns
from ddbsim.workload.operations import OperationMix

__all__ = ["WriteMeans"]

# two draws a write give the larger of an item's two sizes; 0.5 % of the mean units at worst
_DRAWS = 20_000
_SEED = 20_261_127
_QUANTILES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteMeans:
    """The averages of a workload.

    Attributes
    ----------
    recorded_share
        Of the writes, those that change an item and so make a stream record, 0..1.
    remove_share
        Of the records, those that leave no item to read back, 0..1.
    key_bytes, new_image_bytes, old_image_bytes
        Per record: the size of its keys, of the item after the change (0 for a REMOVE) and before it (0 for an
        INSERT), bytes.
    write_units
        Per write: what it takes of the table's capacity, indexes aside.
    hottest_share
        Of the writes, those that go to the item written most, 0..1.
    insert_share
        Of the records, those that make an item, 0..1.
    larger_bytes
        Quantiles, evenly spaced, of the larger size of an item before and after a record, bytes.
    """

    recorded_share: float = 0.0
    remove_share: float = 0.0
    key_bytes: float = 0.0
    new_image_bytes: float = 0.0
    old_image_bytes: float = 0.0
    write_units: float = 0.0
    hottest_share: float = 0.0
    insert_share: float = 0.0
    larger_bytes: tuple[float, ...] = ()

    def entry_units(self, projected_share: float) -> float:
        """Return the write units that a write of an index takes on average, if it holds a share of an item's bytes."""
        if not self.larger_bytes:
            return 1.0
        return float(_units(np.array(self.larger_bytes) * projected_share).mean())

    def record_bytes(self, view_type: str) -> float:
        """Return the mean SizeBytes of a record under a view type.

        Examples
        --------
        >>> WriteMeans(key_bytes=36, new_image_bytes=1000, old_image_bytes=900).record_bytes("NEW_AND_OLD_IMAGES")
        1936
        """
        new = self.new_image_bytes if view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES") else 0.0
        old = self.old_image_bytes if view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES") else 0.0
        return self.key_bytes + new + old

    def event_share(self, event_name: str) -> float:
        """Return the share of the records that are an "INSERT", a "MODIFY" or a "REMOVE"."""
        shares = {"INSERT": self.insert_share, "REMOVE": self.remove_share}
        return shares.get(event_name, 1.0 - sum(shares.values()))

    def in_transactions(self) -> WriteMeans:
        """Return the same writes sent in transactions, which take twice the units."""
        return replace(self, write_units=self.write_units * limits.TRANSACTION_WRITE_FACTOR.value)

    @classmethod
    def drawn(cls, operations: OperationMix, sizes: Distribution, key_bytes: int, hottest_share: float) -> WriteMeans:
        """Return the averages of writes that are drawn from a mix of operations and a distribution of sizes."""
        recorded = 1.0 - operations.idle
        mean, larger = _sizes(sizes, key_bytes)
        inserted, removed = (share / recorded if recorded else 0.0 for share in (operations.insert, operations.remove))
        # what changes nothing costs the item that is there, and one unit where none is
        idle = operations.idle * (1.0 + (mean.units - 1.0) * operations.existing_in_the_long_run)
        one = mean.units * (operations.insert + operations.remove) + idle
        # what is brand new is written once, and never to the hottest item
        existing = 1.0 - max(operations.insert - operations.remove, 0.0)
        return cls(
            recorded_share=recorded,
            remove_share=removed,
            key_bytes=float(key_bytes),
            new_image_bytes=mean.size * (1.0 - removed),
            old_image_bytes=mean.size * (1.0 - inserted),
            write_units=one + larger.units * operations.modify,
            hottest_share=hottest_share * existing,
            insert_share=inserted,
            larger_bytes=larger.quantiles,
        )

    @classmethod
    def given(cls, writes: WriteColumns) -> WriteMeans:
        """Return the averages of writes that are known one by one."""
        if not len(writes):
            return cls()
        changed = writes.operation != NO_OP
        records = max(int(changed.sum()), 1)
        keys = np.broadcast_to(np.asarray(writes.key_bytes, dtype=np.float64), changed.shape)
        units = _units(np.maximum(writes.bytes_before, writes.bytes_after))
        if writes.kind is not None:
            units = units * np.where(writes.kind == TRANSACTION, limits.TRANSACTION_WRITE_FACTOR.value, 1.0)
            units = units * (writes.kind != TTL)
        return cls(
            recorded_share=float(changed.mean()),
            remove_share=float((changed & (writes.bytes_after == 0)).sum() / records),
            key_bytes=float(keys[changed].sum() / records),
            new_image_bytes=float(writes.bytes_after[changed].sum() / records),
            old_image_bytes=float(writes.bytes_before[changed].sum() / records),
            write_units=float(units.mean()),
            hottest_share=float(np.unique(writes.item_id, return_counts=True)[1].max() / len(writes)),
            insert_share=float((changed & (writes.bytes_before == 0)).sum() / records),
            larger_bytes=_quantiles(np.maximum(writes.bytes_before, writes.bytes_after)[changed]),
        )


@dataclass(frozen=True, slots=True)
class _Size:
    size: float
    units: float
    quantiles: tuple[float, ...]


def _units(sizes: Sizes | Floats) -> Floats:
    """Return the write units of items of some sizes: one per started KB, one at the least."""
    units: Floats = np.maximum(np.ceil(np.asarray(sizes) / limits.WRITE_UNIT_BYTES.value), 1.0)
    return units


@lru_cache(maxsize=256)
def _sizes(sizes: Distribution, key_bytes: int) -> tuple[_Size, _Size]:
    """Return mean size and units of an item, and of the larger of two sizes drawn for it."""
    most = float(limits.ITEM_BYTES.value)
    if isinstance(sizes, Constant):
        value = float(round(min(max(sizes.value, key_bytes), most)))
        one = _Size(value, float(_units(np.array([value]))[0]), (value,))
        return one, one
    drawn = np.rint(np.clip(sizes.sample(np.random.default_rng(_SEED), 2 * _DRAWS), key_bytes, most))
    larger = np.maximum(drawn[:_DRAWS], drawn[_DRAWS:])
    return _size(drawn), _size(larger)


def _size(drawn: Floats) -> _Size:
    return _Size(float(drawn.mean()), float(_units(drawn).mean()), _quantiles(drawn))


def _quantiles(sizes: Sizes | Floats) -> tuple[float, ...]:
    if not len(sizes):
        return ()
    return tuple(np.quantile(sizes, (np.arange(_QUANTILES) + 0.5) / _QUANTILES).tolist())
