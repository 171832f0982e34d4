"""How much a table may write: the two billing modes, auto scaling, and the splits of hot partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ddbsim.aws import capacity
from ddbsim.checks.wording import shown

from .checks import check_kind, check_number, check_switch, check_whole, take_numpy_numbers

__all__ = ["AutoScaling", "Billing", "BillingSwitch", "HeatSplits", "OnDemand", "Provisioned"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoScaling:
    """Target tracking of provisioned capacity, minute by minute.

    Parameters
    ----------
    target_value
        Consumed over provisioned capacity to aim at, percent, 20..90.
    min_capacity, max_capacity
        Bounds of the capacity, write units/s, >= 1.
    scale_out_minutes, scale_in_minutes
        Minutes in a row above the target, or more than `scale_in_margin` percentage points below it, before a change.
    scale_in_margin
        Percentage points.
    scale_out_cooldown_s, scale_in_cooldown_s
        Time after a change in which none of its kind follows, seconds.
    metric_delay_s, update_delay_s
        From a minute's end to the decision, and from there to the new capacity, seconds (assumed).
    """

    target_value: float = capacity.TARGET_VALUE.value
    min_capacity: int = 1
    max_capacity: int = capacity.TABLE_WRITE_QUOTA.value
    scale_out_minutes: int = capacity.SCALE_OUT_MINUTES.value
    scale_in_minutes: int = capacity.SCALE_IN_MINUTES.value
    scale_in_margin: float = capacity.SCALE_IN_MARGIN.value
    scale_out_cooldown_s: float = 0.0
    scale_in_cooldown_s: float = 0.0
    metric_delay_s: float = capacity.METRIC_DELAY_S.value
    update_delay_s: float = capacity.UPDATE_TABLE_S.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("AutoScaling.target_value", self.target_value, low=20, high=90)
        check_whole(self, "min_capacity", low=1)
        check_whole(self, "max_capacity", low=1)
        if self.max_capacity < self.min_capacity:
            raise ValueError(
                f"AutoScaling.max_capacity must be >= min_capacity ({self.min_capacity}), got {self.max_capacity}"
            )
        check_whole(self, "scale_out_minutes", low=1)
        check_whole(self, "scale_in_minutes", low=1)
        for name in (
            "scale_in_margin",
            "scale_out_cooldown_s",
            "scale_in_cooldown_s",
            "metric_delay_s",
            "update_delay_s",
        ):
            check_number(f"AutoScaling.{name}", getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """Provisioned capacity: so many write units a second, and what was left unused in the last minutes.

    Parameters
    ----------
    write_capacity_units
        AWS's WriteCapacityUnits at the start, >= 1.
    auto_scaling
        Adjusts them; None: they stay.
    burst_s
        Unused capacity is kept up to this many seconds' worth. 0: none is.
    initial_burst_s
        Seconds' worth that are kept already when the run begins, 0..burst_s (assumed).
    adaptive_capacity
        Whether a hot partition may use all that the table has left, up to the partition's cap. False shows the table
        of before 2018: each partition has an equal part, and saves nothing.
    read_capacity_units
        AWS's ReadCapacityUnits, >= 1, against which read-backs are served, with a burst of their own; nothing adjusts
        them. None: as many as are asked for, up to the quota.
    """

    write_capacity_units: int
    auto_scaling: AutoScaling | None = None
    burst_s: float = capacity.BURST_S.value
    initial_burst_s: float = capacity.INITIAL_BURST_S.value
    adaptive_capacity: bool = True
    read_capacity_units: int | None = None

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_whole(self, "write_capacity_units", low=1)
        if self.auto_scaling is not None:
            check_kind("Provisioned.auto_scaling", self.auto_scaling, AutoScaling)
        check_number("Provisioned.burst_s", self.burst_s)
        check_number("Provisioned.initial_burst_s", self.initial_burst_s, high=self.burst_s)
        check_switch("Provisioned.adaptive_capacity", self.adaptive_capacity)
        if self.read_capacity_units is not None:
            check_whole(self, "read_capacity_units", low=1)

    @property
    def write_units_at_start(self) -> int:
        """What it allows each second at the start."""
        return self.write_capacity_units

    @property
    def units_to_hold(self) -> tuple[int, int]:
        """The write and read units/s that a table's partitions are made for."""
        return self.write_capacity_units, self.read_capacity_units or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemand:
    """On-demand capacity: at once what is warm, then twice the former peak.

    A peak is the busiest minute so far; what it brings is there `peak_growth_s` later.

    Parameters
    ----------
    warm_write_units_per_s
        What the table takes at the start, write units/s, >= 1; AWS's warm throughput.
    max_write_request_units
        AWS's MaxWriteRequestUnits: the table's own maximum each second. None: no other than the quota.
    peak_growth_s
        From a minute with a new peak to the doubled capacity, seconds.
    warm_read_units_per_s, max_read_request_units
        The same for reads, read units/s, >= 1: what read-backs are served against.
    """

    warm_write_units_per_s: int = capacity.WARM_WRITE_UNITS.value
    max_write_request_units: int | None = None
    peak_growth_s: float = capacity.PEAK_GROWTH_S.value
    warm_read_units_per_s: int = capacity.WARM_READ_UNITS.value
    max_read_request_units: int | None = None

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_whole(self, "warm_write_units_per_s", low=1)
        if self.max_write_request_units is not None:
            check_whole(self, "max_write_request_units", low=1)
        check_number("OnDemand.peak_growth_s", self.peak_growth_s)
        check_whole(self, "warm_read_units_per_s", low=1)
        if self.max_read_request_units is not None:
            check_whole(self, "max_read_request_units", low=1)

    @property
    def write_units_at_start(self) -> int:
        """What it allows each second at the start."""
        most = self.max_write_request_units
        return self.warm_write_units_per_s if most is None else min(self.warm_write_units_per_s, most)

    @property
    def units_to_hold(self) -> tuple[int, int]:
        """The write and read units/s that a table's partitions are made for."""
        return self.warm_write_units_per_s, self.warm_read_units_per_s


Billing: TypeAlias = Provisioned | OnDemand


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingSwitch:
    """A change of the table's billing mode.

    On demand, the table goes on with the most of its warm throughput, its highest provisioned capacity and twice its
    former peak.

    Parameters
    ----------
    at_s
        When, seconds > 0; it takes effect at the next whole second.
    billing
        The mode from then on.
    """

    at_s: float
    billing: Billing

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_number("BillingSwitch.at_s", self.at_s, open_low=True)
        if not isinstance(self.billing, Provisioned | OnDemand):
            raise ValueError(
                f"BillingSwitch.billing must be Provisioned(...) or OnDemand(...), got {shown(self.billing)}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatSplits:
    """When a busy partition is split in two, each half with a cap of its own; all of it assumed.

    The cut lies where the last minute's traffic is halved. It helps neither a single hot item nor a key that moves:
    then nothing is split. Partitions never merge.

    Parameters
    ----------
    enabled
        Whether partitions are split for heat at all.
    threshold
        Share of a partition's cap that counts as heat, > 0..1.
    sustained_minutes
        Minutes in a row with so much, >= 1.
    split_s
        How long the split takes, seconds; the partition serves on meanwhile.
    least_relief
        Least share of the traffic that the lighter half must take over, 0..0.5.
    """

    enabled: bool = True
    threshold: float = capacity.HEAT_THRESHOLD.value
    sustained_minutes: int = capacity.HEAT_MINUTES.value
    split_s: float = capacity.HEAT_SPLIT_S.value
    least_relief: float = capacity.HEAT_RELIEF.value

    def __post_init__(self) -> None:
        take_numpy_numbers(self)
        check_switch("HeatSplits.enabled", self.enabled)
        check_number("HeatSplits.threshold", self.threshold, open_low=True, high=1.0)
        check_whole(self, "sustained_minutes", low=1)
        check_number("HeatSplits.split_s", self.split_s)
        check_number("HeatSplits.least_relief", self.least_relief, high=0.5)
