"""Writes that are sent several at a time: in BatchWriteItem, or in TransactWriteItems."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ddbsim.checks.wording import shown
from ddbsim.randomness import RandomStreams
from ddbsim.workload.columns import BATCH, SINGLE, TRANSACTION, Ints, WriteColumns
from ddbsim.workload.means import WriteMeans
from ddbsim.workload.writes import Workload

from .checks import whole_number

__all__ = ["BatchedWrites", "TransactedWrites"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _GroupedWrites(Workload):
    """Another workload's writes, gathered until there are enough, then sent as one request.

    A request holds an item once: a second write to it follows on its own.
    """

    workload: Workload
    size: int

    most: ClassVar[int]
    kind: ClassVar[int]

    def __post_init__(self) -> None:
        name = type(self).__name__
        if not isinstance(self.workload, Workload) or isinstance(self.workload, _GroupedWrites):
            raise ValueError(
                f"{name}: workload must be a workload such as PoissonWrites(...), got {shown(self.workload)}"
            )
        object.__setattr__(self, "size", whole_number(f"{name}: size", self.size, low=1, high=self.most))

    @property
    def _sent(self) -> Workload:
        """The writes that are gathered."""
        return self.workload

    @property
    def carries_items(self) -> bool:
        """Whether the writes have real items: as those of the workload inside."""
        return self.workload.carries_items

    @property
    def mean_item_bytes(self) -> float:
        """The expected size of an item after a write, its key included."""
        return self.workload.mean_item_bytes

    @property
    def means(self) -> WriteMeans:
        """What the writes are like on average."""
        return self.workload.means

    @property
    def steady(self) -> bool:
        """Whether the writes come at one rate all the time."""
        return self.workload.steady

    @property
    def rate_field(self) -> str | None:
        """The field of `workload` that holds the rate as one number; None if no field does."""
        inner = self.workload.rate_field
        return None if inner is None else f"workload.{inner}"

    @property
    def duration_s(self) -> float | None:
        """The workload's own length in seconds; None if it goes on for ever."""
        return self.workload.duration_s

    def may_write(self, item_id: int) -> bool:
        """Whether a write can go to an item."""
        return self.workload.may_write(item_id)

    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes to expect in [0, duration_s)."""
        return self._sent.expected_writes(duration_s, answer_s=answer_s)

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return the writes of [0, duration_s), the same for the same seed."""
        writes = self._sent.draw(duration_s, streams)
        count = len(writes)
        group = np.arange(count) // self.size
        repeated = _repeated(writes.item_id, group)
        order = np.lexsort((repeated, group))
        last = np.minimum((group + 1) * self.size, count) - 1
        alone = repeated[order]
        request = np.where(alone, count + np.arange(count), group)
        kind = np.where(alone, SINGLE, self.kind).astype(np.int8)
        if writes.kind is not None:
            kind = np.where(writes.kind[order] == SINGLE, kind, writes.kind[order])
        return writes.take(order, at_s=writes.at_s[last], kind=kind, request=request)


def _repeated(item_id: Ints, group: Ints) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which writes go to an item that their group has a write to already."""
    order = np.lexsort((np.arange(len(item_id)), item_id, group))
    same = np.zeros(len(item_id), dtype=np.bool_)
    same[order[1:]] = (np.diff(item_id[order]) == 0) & (np.diff(group[order]) == 0)
    return same


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchedWrites(_GroupedWrites):
    """Writes sent by BatchWriteItem: each is taken or refused for itself, and those unprocessed are sent again.

    Parameters
    ----------
    workload
        The writes; each waits until its batch is full.
    size
        Writes in a batch, 1..25.

    Examples
    --------
    >>> from ddbsim.workload import ConstantWrites
    >>> batches = BatchedWrites(workload=ConstantWrites(rate_per_s=10), size=5)
    >>> sorted(set(batches.draw(1, RandomStreams(7)).at_s.tolist()))
    [0.4, 0.9]
    """

    size: int = 25

    most: ClassVar[int] = 25
    kind: ClassVar[int] = BATCH


@dataclass(frozen=True, slots=True, kw_only=True)
class TransactedWrites(_GroupedWrites):
    """Writes sent by TransactWriteItems: all of a transaction are taken or none, at twice the write units.

    Each leaves a record of its own, and nothing in the stream tells which belong together.

    Parameters
    ----------
    workload
        The writes; each waits until its transaction is complete.
    size
        Writes in a transaction, 1..100.
    """

    size: int = 2

    most: ClassVar[int] = 100
    kind: ClassVar[int] = TRANSACTION

    @property
    def _sent(self) -> Workload:
        return self.workload.for_transactions(self.size)

    @property
    def means(self) -> WriteMeans:
        """What the writes are like on average; each takes twice its units."""
        return self.workload.means.in_transactions()
