"""The table and its stream."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from ddbsim.aws import behaviour, limits
from ddbsim.distributions import Distribution, LogNormal

from .checks import check_choice, check_distribution, check_name, check_number, check_whole, take_numpy_numbers

__all__ = ["VIEW_TYPES", "Stream", "Table", "ViewType"]

ViewType: TypeAlias = Literal["KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES"]
VIEW_TYPES: tuple[ViewType, ...] = get_args(ViewType)


def _visibility_delay() -> Distribution:
    return LogNormal(
        median=behaviour.VISIBILITY_BASE_S.value + behaviour.VISIBILITY_TAIL_MEDIAN_S.value,
        sigma=behaviour.VISIBILITY_TAIL_SIGMA.value,
        shift=behaviour.VISIBILITY_BASE_S.value,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table whose writes are simulated.

    Parameters
    ----------
    partitions
        Partitions at the start, 1..10,000; each has one open shard. An item's partition follows from a hash of its key.
    name
        The table's name, as it appears in ARNs.
    """

    partitions: int = behaviour.NEW_TABLE_PARTITIONS.value
    name: str = "table"

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        whole = isinstance(self.partitions, int) and not isinstance(self.partitions, bool)
        if not whole or not 1 <= self.partitions <= 10_000:
            raise ValueError(f"Table.partitions must be a whole number in 1..10000, got {self.partitions!r}")
        check_name("Table.name", self.name)


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
        How long one drawn delay holds for a shard, seconds (assumed). Records become visible in order: a slow moment
        delays all that follow it.
    event_record_overhead_bytes, event_bytes_per_stored_byte
        The size of a record in the Lambda event, where the workload has sizes but no items (assumed):
        overhead + factor x SizeBytes.
    """

    view_type: ViewType = "NEW_AND_OLD_IMAGES"
    retention_s: float = limits.RETENTION_S.value
    visibility_delay: float | Distribution = field(default_factory=_visibility_delay)
    visibility_hold_s: float = behaviour.VISIBILITY_HOLD_S.value
    event_record_overhead_bytes: int = behaviour.EVENT_RECORD_OVERHEAD_BYTES.value
    event_bytes_per_stored_byte: float = behaviour.EVENT_BYTES_PER_STORED_BYTE.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_choice("Stream.view_type", self.view_type, VIEW_TYPES)
        check_number("Stream.retention_s", self.retention_s, open_low=True, high=limits.RETENTION_S.value)
        check_number("Stream.visibility_hold_s", self.visibility_hold_s, open_low=True)
        check_whole(self, "event_record_overhead_bytes")
        check_number("Stream.event_bytes_per_stored_byte", self.event_bytes_per_stored_byte, low=1.0)
        check_distribution("Stream.visibility_delay", self.visibility_delay)
