"""The table and its stream."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, cast, get_args

from ddbsim.aws import behaviour, capacity, limits
from ddbsim.checks.bounds import LEAST_LIFETIME_S, MOST_BYTES_PER_BYTE, MOST_OVERHEAD_BYTES, MOST_PARTITIONS
from ddbsim.checks.wording import shown
from ddbsim.distributions import Distribution, LogNormal, Uniform

from .billing import Billing, BillingSwitch, HeatSplits, OnDemand, Provisioned
from .checks import (
    check_aws_name,
    check_choice,
    check_distribution,
    check_interval,
    check_kind,
    check_number,
    check_whole,
    several,
    take_numpy_numbers,
)
from .expiry import TimeToLive
from .indexes import GlobalSecondaryIndex
from .splits import MOST_OPEN_PARTITIONS, Split, check_splits

__all__ = ["VIEW_TYPES", "Stream", "Table", "TableClass", "ViewType"]

ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
VIEW_TYPES: tuple[ViewType, ...] = get_args(ViewType)
TableClass: TypeAlias = Literal["STANDARD", "STANDARD_INFREQUENT_ACCESS"]

_MOST_PARTITIONS = 10_000


def _visibility_delay() -> Distribution:
    return LogNormal(
        median=behaviour.VISIBILITY_BASE_S.value + behaviour.VISIBILITY_TAIL_MEDIAN_S.value,
        sigma=behaviour.VISIBILITY_TAIL_SIGMA.value,
        shift=behaviour.VISIBILITY_BASE_S.value,
    )


def _shard_lifetime() -> Distribution:
    return Uniform(low=behaviour.SHARD_LIFETIME_LOW_S.value, high=behaviour.SHARD_LIFETIME_HIGH_S.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table whose writes are simulated.

    Parameters
    ----------
    partitions
        Partitions at the start, 1..10,000; each has one open shard. An item's partition follows from a hash of its key.
        None: as many as `initial_partitions` says.
    name
        The table's name, as it appears in ARNs: 3..255 letters, digits, -, _ and dots.
    splits
        Splits of partitions at stated times, one or several.
    table_class
        AWS's TableClass, "STANDARD" or "STANDARD_INFREQUENT_ACCESS": a matter of price.
    replicas
        Other regions that the table is replicated to (a global table); each write is then a replicated write in every
        region, this one included: a matter of price, at this region's prices.
    other_items_gb
        Stored items that the run never writes, GB (2^30 bytes): a matter of price, and of the size at which partitions
        split (they are spread evenly).
    billing
        `Provisioned(...)` or `OnDemand(...)`. None: the table takes whatever comes, nothing is ever throttled, and
        partitions split at stated times only; what follows then does not matter.
    billing_switches
        Changes of the mode, one or several. Where the new one needs more partitions, each splits at most once a second
        until there are enough.
    global_secondary_indexes
        Indexes with a capacity of their own, one or several.
    time_to_live
        When items expire, in any mode; None: never.
    heat_splits
        When busy partitions split.
    partition_write_units_per_s
        Cap of each partition, write units/s. The service has 1,000, fixed; lessons need less.
    write_quota_per_s
        The account's quota for one table, write units/s: provisioned capacity, the indexes' included, may not exceed
        it, on-demand traffic is throttled beyond it.
    partition_read_units_per_s, read_quota_per_s
        The same for reads, read units/s: the service has 3,000 a partition, fixed. Both hold under a billing mode only.
    """

    partitions: int | None = None
    name: str = "table"
    splits: tuple[Split, ...] | Split = ()
    table_class: TableClass = "STANDARD"
    replicas: int = 0
    other_items_gb: float = 0.0
    billing: Billing | None = None
    billing_switches: tuple[BillingSwitch, ...] | BillingSwitch = ()
    global_secondary_indexes: tuple[GlobalSecondaryIndex, ...] | GlobalSecondaryIndex = ()
    time_to_live: TimeToLive | None = None
    heat_splits: HeatSplits = field(default_factory=HeatSplits)
    partition_write_units_per_s: int = limits.PARTITION_WRITE_UNITS_PER_S.value
    write_quota_per_s: int = capacity.TABLE_WRITE_QUOTA.value
    partition_read_units_per_s: int = limits.PARTITION_READ_UNITS_PER_S.value
    read_quota_per_s: int = capacity.TABLE_READ_QUOTA.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        self._check_partitions()
        check_aws_name("Table.name", self.name, "table")
        check_choice("Table.table_class", self.table_class, get_args(TableClass))
        check_whole(self, "replicas")
        check_number("Table.other_items_gb", self.other_items_gb)
        self._check_kinds()
        check_kind("Table.heat_splits", self.heat_splits, HeatSplits)
        if self.time_to_live is not None:
            check_kind("Table.time_to_live", self.time_to_live, TimeToLive)
        check_whole(self, "partition_write_units_per_s", low=1)
        check_whole(self, "write_quota_per_s", low=1)
        check_whole(self, "partition_read_units_per_s", low=1)
        check_whole(self, "read_quota_per_s", low=1)
        if self.billing is not None:
            self._check_billing(self.billing)
        elif self.stated_switches or self.indexes:
            given = "billing_switches" if self.stated_switches else "global_secondary_indexes"
            raise ValueError(f"Table.billing must be given with {given}: without it nothing limits the table")
        self._check_splits()

    @property
    def stated_switches(self) -> tuple[BillingSwitch, ...]:
        """The switches of the billing mode, always as a tuple, by their time."""
        return cast("tuple[BillingSwitch, ...]", self.billing_switches)

    @property
    def indexes(self) -> tuple[GlobalSecondaryIndex, ...]:
        """The global secondary indexes, always as a tuple."""
        return cast("tuple[GlobalSecondaryIndex, ...]", self.global_secondary_indexes)

    @property
    def initial_partitions(self) -> int:
        """The partitions at the start: those stated, else by the table's capacity.

        A table on demand has what its warm throughput needs, a provisioned one what its write and read units need, at
        the caps of a partition (1,000 and 3,000 units/s). Without a billing mode there are 4, as new on-demand tables
        have.

        Examples
        --------
        >>> import ddbsim as ds
        >>> ds.Table(billing=ds.Provisioned(write_capacity_units=2_500)).initial_partitions
        3
        >>> ds.Table(billing=ds.OnDemand()).initial_partitions
        4
        """
        if self.partitions is not None:
            return self.partitions
        if self.billing is None:
            return int(behaviour.NEW_TABLE_PARTITIONS.value)
        write_units, read_units = self.billing.units_to_hold
        least = max(
            -(-write_units // self.partition_write_units_per_s), -(-read_units // self.partition_read_units_per_s)
        )
        return min(least, _MOST_PARTITIONS)

    def _check_partitions(self) -> None:
        if self.partitions is None:
            return
        whole = isinstance(self.partitions, int) and not isinstance(self.partitions, bool)
        if not whole or not 1 <= self.partitions <= _MOST_PARTITIONS:
            raise ValueError(
                f"Table.partitions must be None or a whole number in 1..{_MOST_PARTITIONS}, "
                f"got {shown(self.partitions)}"
            )

    @property
    def modes(self) -> tuple[tuple[float, Billing], ...]:
        """The billing modes, and from when on each holds, seconds: a switch takes effect at a whole second."""
        if self.billing is None:
            return ()
        return ((0.0, self.billing), *((float(math.ceil(one.at_s)), one.billing) for one in self.stated_switches))

    def modes_of(self, index: GlobalSecondaryIndex) -> tuple[tuple[float, Billing], ...]:
        """Return the billing modes of an index, and from when on each holds, seconds.

        The mode is one for the table and its indexes: where the table's is switched to one that the index has no
        capacity of its own for, or none at all, the index has as much as the new mode gives the table.
        """
        if index.billing is None:
            return self.modes
        held = [(0.0, index.billing)]
        for begin_s, billing in self.modes[1:]:
            wanted = index.billing if isinstance(billing, type(index.billing)) else billing
            if wanted is not index.billing or held[-1][1] is not index.billing:
                held.append((begin_s, wanted))
        return tuple(held)

    def _check_kinds(self) -> None:
        """Make tuples of what may be one or several, and check what they hold."""
        switches, indexes = several(self.billing_switches), several(self.global_secondary_indexes)
        for switch in switches:
            check_kind("Table.billing_switches", switch, BillingSwitch)
        for index in indexes:
            check_kind("Table.global_secondary_indexes", index, GlobalSecondaryIndex)
        names = [index.name for index in indexes]
        if len(set(names)) < len(names):
            raise ValueError(f"Table.global_secondary_indexes must have different names, got {shown(names)}")
        object.__setattr__(self, "billing_switches", tuple(sorted(switches, key=lambda switch: switch.at_s)))
        object.__setattr__(self, "global_secondary_indexes", indexes)

    def _check_billing(self, billing: Billing) -> None:
        if not isinstance(billing, Provisioned | OnDemand):
            raise ValueError(f"Table.billing must be Provisioned(...), OnDemand(...) or None, got {shown(billing)}")
        units, cap = min(billing.write_units_at_start, self.write_quota_per_s), self.partition_write_units_per_s
        least = -(-units // cap)
        if self.initial_partitions < least:
            raise ValueError(
                f"Table.partitions must be >= {least:,} for {units:,} write units/s at {cap:,} each, "
                f"got {self.initial_partitions:,}"
            )
        self._check_switches()
        own = [index.billing for index in self.indexes if index.billing is not None]
        provisioned = [one.write_capacity_units for one in (billing, *own) if isinstance(one, Provisioned)]
        if sum(provisioned) > self.write_quota_per_s:
            raise ValueError(
                f"Table.billing: write_capacity_units of the table and its indexes must add up to at most "
                f"write_quota_per_s ({self.write_quota_per_s:,}), got {sum(provisioned):,}"
            )

    def _check_switches(self) -> None:
        cap, most = self.partition_write_units_per_s, self.write_quota_per_s
        for switch in self.stated_switches:
            units = switch.billing.write_units_at_start
            if isinstance(switch.billing, Provisioned) and units > most:
                raise ValueError(
                    f"Table.billing_switches: write_capacity_units must be at most write_quota_per_s ({most:,}), got "
                    f"{units:,} at {switch.at_s:g} s"
                )
            if -(-min(units, most) // cap) > MOST_OPEN_PARTITIONS:
                raise ValueError(
                    f"Table.billing_switches must need at most {MOST_OPEN_PARTITIONS:,} partitions, got {units:,} "
                    f"write units/s at {switch.at_s:g} s, {cap:,} for each partition"
                )

    @property
    def stated_splits(self) -> tuple[Split, ...]:
        """The splits, always as a tuple, by their time."""
        return cast("tuple[Split, ...]", self.splits)

    def _check_splits(self) -> None:
        splits = several(self.splits)
        for split in splits:
            check_kind("Table.splits", split, Split)
        if (numbers := self.initial_partitions + 2 * len(splits)) > MOST_PARTITIONS:
            raise ValueError(
                f"Table.splits must leave at most {MOST_PARTITIONS:,} numbers of partitions, two more by each split, "
                f"got {numbers:,}"
            )
        object.__setattr__(self, "splits", tuple(sorted(splits, key=lambda split: split.at_s)))
        check_splits(self.stated_splits, self.initial_partitions, whole_seconds=self.billing is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """The table's stream.

    Parameters
    ----------
    view_type
        AWS's StreamViewType: what each record carries.
    retention_s
        How long a record stays readable, seconds. The service has 86,400, fixed; lessons need less.
    visibility_delay
        Seconds from the write to the instant when a reader can see the record: a number or a distribution.
    visibility_hold_s
        How long one drawn delay holds for a shard, seconds, >= 0.001 (assumed). Records become visible in order: a slow
        moment delays all that follow it.
    event_record_overhead_bytes, event_bytes_per_stored_byte
        The size of a record in the Lambda event, where the workload has sizes but no items (assumed):
        overhead + factor x SizeBytes, with at most 6 MiB and a factor of 1 to 100.
    shard_lifetime
        How long a shard stays open, seconds: a number or a distribution with a mean >= 1. Then it closes, and one child
        takes its place; all shards open at 0 s.
    throttled_read_stretch_s, throttled_read_reserve
        With more than two readers of a shard each is served 2 / readers of the time (assumed). Stretches in which its
        reads are refused last so long on average, seconds, >= 0.001; over served and refused stretches together it can
        take so many times (> 1) what is written. A reader trails the longer the longer the stretches and the less the
        reserve.
    disabled_s
        When the stream is disabled, seconds: all shards close, later writes make no record, and what is in the stream
        stays readable until it is trimmed. None: never.
    """

    view_type: ViewType = "NEW_AND_OLD_IMAGES"
    retention_s: float = limits.RETENTION_S.value
    visibility_delay: float | Distribution = field(default_factory=_visibility_delay)
    visibility_hold_s: float = behaviour.VISIBILITY_HOLD_S.value
    event_record_overhead_bytes: int = behaviour.EVENT_RECORD_OVERHEAD_BYTES.value
    event_bytes_per_stored_byte: float = behaviour.EVENT_BYTES_PER_STORED_BYTE.value
    shard_lifetime: float | Distribution = field(default_factory=_shard_lifetime)
    throttled_read_stretch_s: float = behaviour.THROTTLED_READ_STRETCH_S.value
    throttled_read_reserve: float = behaviour.THROTTLED_READ_RESERVE.value
    disabled_s: float | None = None

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_choice("Stream.view_type", self.view_type, VIEW_TYPES)
        check_number("Stream.retention_s", self.retention_s, open_low=True, high=limits.RETENTION_S.value)
        check_interval("Stream.visibility_hold_s", self.visibility_hold_s)
        check_whole(self, "event_record_overhead_bytes", high=MOST_OVERHEAD_BYTES)
        factor = self.event_bytes_per_stored_byte
        check_number("Stream.event_bytes_per_stored_byte", factor, low=1.0, high=MOST_BYTES_PER_BYTE)
        check_distribution("Stream.visibility_delay", self.visibility_delay)
        lifetime = check_distribution("Stream.shard_lifetime", self.shard_lifetime)
        if lifetime.mean < LEAST_LIFETIME_S:
            raise ValueError(
                f"Stream.shard_lifetime must be >= {LEAST_LIFETIME_S:g} on average, got {shown(self.shard_lifetime)}"
            )
        check_interval("Stream.throttled_read_stretch_s", self.throttled_read_stretch_s)
        check_number("Stream.throttled_read_reserve", self.throttled_read_reserve, low=1.0, open_low=True)
        if self.disabled_s is not None:
            check_number("Stream.disabled_s", self.disabled_s)
