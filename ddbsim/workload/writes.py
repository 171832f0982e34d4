"""The workloads that one types: when writes come, to which items, what they do, how large the items are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from ddbsim.aws import limits
from ddbsim.checks.wording import shown
from ddbsim.distributions import Constant, Distribution, as_distribution
from ddbsim.randomness import RandomStreams
from ddbsim.workload.arrivals import evenly_spaced, poisson
from ddbsim.workload.chains import Changes, chained, unchained
from ddbsim.workload.columns import Floats, Ints, Operations, Sizes, WriteColumns
from ddbsim.workload.keys import Keys, UniformKeys
from ddbsim.workload.means import WriteMeans
from ddbsim.workload.operations import CREATE, OperationMix
from ddbsim.workload.rates import Rate, RateProfile, as_rate_profile

from .checks import distribution, finite_number, whole_number

__all__ = ["ConstantWrites", "DrawnWrites", "PoissonWrites", "ReplayWrites", "Workload"]


class Workload(ABC):
    """What every workload answers."""

    __slots__ = ()

    @abstractmethod
    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return the writes of [0, duration_s), the same for the same seed."""

    @abstractmethod
    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes to expect in [0, duration_s), if clients that wait have an answer after `answer_s`."""

    @property
    @abstractmethod
    def mean_item_bytes(self) -> float:
        """The expected size of an item after a write, its key included."""

    @property
    @abstractmethod
    def means(self) -> WriteMeans:
        """What the writes are like on average: share that makes records, sizes, units, the hottest item's share."""

    @property
    def recorded_share(self) -> float:
        """The share of the writes that change an item and so make a stream record, 0..1."""
        return self.means.recorded_share

    @property
    def mean_write_units(self) -> float:
        """The write units that a write takes of the table on average, indexes aside."""
        return self.means.write_units

    @property
    def hottest_share(self) -> float:
        """The share of the writes that the item written most gets, 0..1; its records stay in one lane, in order."""
        return self.means.hottest_share

    def mean_record_bytes(self, view_type: str) -> float:
        """Return the mean SizeBytes of a record under a view type."""
        return self.means.record_bytes(view_type)

    @property
    @abstractmethod
    def steady(self) -> bool:
        """Whether writes come at one rate all the time, so that any stretch of them is like any other."""

    @property
    @abstractmethod
    def rate_field(self) -> str | None:
        """The field that holds the rate as one number > 0, such as "rate_per_s"; None if no field does."""

    @property
    def carries_items(self) -> bool:
        """Whether the writes have real items, and not only sizes."""
        return False

    def may_write(self, item_id: int) -> bool:
        """Whether a write can go to an item: True where only a run tells."""
        return True

    @property
    def duration_s(self) -> float | None:
        """The workload's own length in seconds; None if it goes on for ever."""
        return None

    def for_transactions(self, size: int) -> Workload:
        """Return the writes to send in transactions: other ones where the units that they take say how many come."""
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawnWrites(Workload):
    """What the randomly drawn workloads share: all but when the writes come.

    Parameters
    ----------
    item_bytes
        The size that a write gives its item, key included, bytes: a number or a distribution with a mean of
        key_bytes..409,600. Single draws beyond these bounds are set to the bound.
    keys
        Which item each write goes to.
    operations
        What the writes do.
    key_bytes
        The size of the key attributes, names included, bytes, >= 1.
    """

    item_bytes: float | Distribution = 1024
    keys: Keys = UniformKeys(items=10_000)  # noqa: RUF009 - frozen, so all may share one
    operations: OperationMix = OperationMix()  # noqa: RUF009 - as above
    key_bytes: int = 36

    def __post_init__(self) -> None:
        name = type(self).__name__
        for field, kind in (("keys", Keys), ("operations", OperationMix)):
            if not isinstance(getattr(self, field), kind):
                raise ValueError(f"{name}: {field} must be {kind.__name__}, got {shown(getattr(self, field))}")
        object.__setattr__(self, "key_bytes", whole_number(f"{name}: key_bytes", self.key_bytes, low=1))
        most = int(limits.ITEM_BYTES.value)
        if not self.key_bytes <= (mean := distribution(f"{name}: item_bytes", self.item_bytes).mean) <= most:
            allowed = f"{self.key_bytes}..{most} (key_bytes to the largest item)"
            raise ValueError(f"{name}: item_bytes must have a mean of {allowed}, got {mean:g}")

    @property
    @abstractmethod
    def profile(self) -> RateProfile:
        """The rate over time."""

    @abstractmethod
    def _arrivals(self, duration_s: float, rng: np.random.Generator) -> Floats:
        """Return when the writes come."""

    @property
    def mean_item_bytes(self) -> float:
        """The expected size of an item after a write, its key included."""
        return as_distribution(self.item_bytes).mean

    def may_write(self, item_id: int) -> bool:
        """Whether a write can go to an item: one of the keys', or one that is made anew."""
        return item_id < self.keys.items or self.operations.insert > self.operations.remove

    @property
    def means(self) -> WriteMeans:
        """What the writes are like on average, in the long run."""
        return WriteMeans.drawn(
            self.operations, as_distribution(self.item_bytes), self.key_bytes, self.keys.hottest_share
        )

    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes to expect in [0, duration_s)."""
        return self.profile.expected(self._checked_duration(duration_s))

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return the writes of [0, duration_s), the same for the same seed."""
        return self._draw_at(self._arrivals(self._checked_duration(duration_s), streams("writes.arrivals")), streams)

    def _draw_at(self, at_s: Floats, streams: RandomStreams) -> WriteColumns:
        """Return writes at the given instants."""
        intents = self.operations.draw(len(at_s), streams("writes.operations"))
        item_id = self.keys.draw(len(at_s), streams("writes.keys"))
        created = np.flatnonzero(intents == CREATE)
        item_id[created] = self.keys.items + np.arange(len(created))
        operation, before, after = self._changes(intents, item_id, streams)
        kind = self.operations.kinds(operation, streams)
        return WriteColumns(
            at_s=at_s,
            item_id=item_id,
            operation=operation,
            bytes_before=before,
            bytes_after=after,
            key_bytes=self.key_bytes,
            kind=kind,
        )

    def _checked_duration(self, duration_s: float) -> float:
        return finite_number("duration_s", duration_s, above=True)

    def _changes(self, intents: Operations, item_id: Ints, streams: RandomStreams) -> Changes:
        sizes = as_distribution(self.item_bytes)
        if self.operations.always_there and isinstance(sizes, Constant):
            return unchained(intents, round(sizes.value))
        at_start = streams("writes.at_start")
        return chained(
            intents,
            item_id,
            self._sizes(len(intents), streams("writes.sizes")),
            lambda items: self._sizes(items, at_start) * (at_start.random(items) < self.operations.existing_at_start),
        )

    def _sizes(self, n: int, rng: np.random.Generator) -> Sizes:
        drawn = as_distribution(self.item_bytes).sample(rng, n)
        np.clip(drawn, self.key_bytes, limits.ITEM_BYTES.value, out=drawn)
        return np.rint(drawn, out=drawn).astype(np.int32)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RatedWrites(DrawnWrites):
    """Drawn writes at a rate that is typed in."""

    rate_per_s: Rate

    def __post_init__(self) -> None:
        DrawnWrites.__post_init__(self)
        as_rate_profile(f"{type(self).__name__}: rate_per_s", self.rate_per_s)

    @property
    def profile(self) -> RateProfile:
        """The rate over time."""
        return as_rate_profile("rate_per_s", self.rate_per_s)

    @property
    def steady(self) -> bool:
        """Whether the rate is a number."""
        return isinstance(self.rate_per_s, int | float)

    @property
    def rate_field(self) -> str | None:
        """The field `rate_per_s`, where it is a number > 0."""
        return "rate_per_s" if isinstance(self.rate_per_s, int | float) and self.rate_per_s > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class PoissonWrites(_RatedWrites):
    """Writes of many independent writers: at random, at a rate that may vary over time.

    Parameters
    ----------
    rate_per_s
        Writes per second, >= 0, or a rate profile: `Steps`, `Ramp`, `Spike`, `Diurnal`.
    item_bytes, keys, operations, key_bytes
        As in `DrawnWrites`.

    Examples
    --------
    >>> workload = PoissonWrites(rate_per_s=50, item_bytes=2_000)
    >>> workload.expected_writes(60)
    3000.0
    >>> workload.draw(60, RandomStreams(7)).bytes_after[:2].tolist()
    [2000, 2000]
    """

    def _arrivals(self, duration_s: float, rng: np.random.Generator) -> Floats:
        return poisson(self.rate_per_s, duration_s, rng)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantWrites(_RatedWrites):
    """Writes of one metronome: evenly spaced, the first at 0 s. Real traffic is never so even, and waits less.

    Parameters
    ----------
    rate_per_s
        Writes per second, >= 0, or a rate profile: `Steps`, `Ramp`, `Spike`, `Diurnal`.
    item_bytes, keys, operations, key_bytes
        As in `DrawnWrites`.
    """

    def _arrivals(self, duration_s: float, rng: np.random.Generator) -> Floats:
        return evenly_spaced(self.rate_per_s, duration_s)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReplayWrites(Workload):
    """Given writes, replayed as they are.

    Parameters
    ----------
    columns
        A DataFrame or mapping with `at_s` (ascending), `item_id`, `operation` (names or codes), `bytes_before`,
        `bytes_after` as in `WriteColumns`; copied, and kept as `WriteColumns`. Each row is checked by itself, not
        whether it follows from the rows before.
    key_bytes
        The size of the key attributes, names included, bytes, >= 1; the largest of `WriteColumns` if those are given.
    """

    columns: Mapping[str, Any] | WriteColumns
    key_bytes: int = 36

    def __post_init__(self) -> None:
        key_bytes = whole_number("ReplayWrites: key_bytes", self.key_bytes, low=1)
        object.__setattr__(self, "columns", self._checked(key_bytes))
        object.__setattr__(self, "key_bytes", int(np.max(self._writes.key_bytes, initial=0)))

    def _checked(self, key_bytes: int) -> WriteColumns:
        given: Any = self.columns
        if isinstance(given, WriteColumns):
            return given
        # a DataFrame is no Mapping, and is one in all that is asked of it here
        if not isinstance(given, Mapping) and not hasattr(given, "columns"):
            raise ValueError(f"ReplayWrites: columns must be a DataFrame or mapping of columns, got {shown(given)}")
        try:
            return WriteColumns.from_columns(given, key_bytes=key_bytes)
        except ValueError as error:
            raise ValueError(f"ReplayWrites: columns: {error}") from None

    @property
    def _writes(self) -> WriteColumns:
        assert isinstance(self.columns, WriteColumns)
        return self.columns

    @property
    def mean_item_bytes(self) -> float:
        """The mean size of an item after a write that left one; 0 without such."""
        sizes = self._writes.bytes_after
        return float(sizes[sizes > 0].mean()) if (sizes > 0).any() else 0.0

    def may_write(self, item_id: int) -> bool:
        """Whether a given write goes to an item."""
        return bool((self._writes.item_id == item_id).any())

    @property
    def means(self) -> WriteMeans:
        """What the given writes are like on average."""
        return _means_of(self._writes)

    @property
    def steady(self) -> bool:
        """Whether writes come at one rate all the time: given ones need not."""
        return False

    @property
    def rate_field(self) -> str | None:
        """None: given writes come when they came."""
        return None

    def expected_writes(self, duration_s: float, *, answer_s: float = 0.0) -> float:
        """Return how many writes there are in [0, duration_s)."""
        return float(len(self._writes.until(duration_s)))

    def draw(self, duration_s: float, streams: RandomStreams) -> WriteColumns:
        """Return the writes of [0, duration_s); `streams` is left untouched."""
        return self._writes.until(duration_s)


@lru_cache(maxsize=8)
def _means_of(writes: WriteColumns) -> WriteMeans:
    return WriteMeans.given(writes)
