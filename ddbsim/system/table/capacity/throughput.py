"""What a table or an index lets through each second, and how that changes with its use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ddbsim.log.throttling import Throttle
from ddbsim.scenario import Billing, OnDemand, Provisioned

from .auto_scaling import AutoScaler

__all__ = ["Change", "Throughput"]


@dataclass(frozen=True, slots=True)
class Change:
    """A change of capacity.

    Attributes
    ----------
    decided_s, effective_s
        When it was decided, and the whole second from which it holds.
    cause
        "scale out", "scale in", "peak" or "switch".
    units_before, units_after
        Write units/s.
    billing
        The new mode of a switch.
    """

    decided_s: float
    effective_s: int
    cause: str
    units_before: float
    units_after: float
    billing: Billing | None = None


class Throughput:
    """A bucket that is filled once a second, and the mode that sets its size.

    Parameters
    ----------
    billing
        The mode at the start.
    quota
        Most units per second that the account allows.
    start_epoch_s
        The date of simulated time 0.

    Attributes
    ----------
    level
        Units left in this second, those saved up included; below 0 in debt.
    rate
        Units that each second brings.
    reason
        Code of the throttle when it is empty (`log.throttling.Throttle`).
    high_water
        The most that it ever allowed.
    """

    def __init__(self, billing: Billing, quota: int, start_epoch_s: float) -> None:
        self._quota, self._start_epoch_s = quota, start_epoch_s
        self.level = 0.0
        self.high_water = 0.0
        self._peak = 0.0
        self.pending: list[Change] = []
        self._use(billing)
        if isinstance(billing, Provisioned):
            self.level = billing.initial_burst_s * billing.write_capacity_units

    @classmethod
    def of_modes(cls, modes: Sequence[tuple[float, Billing]], quota: int, start_epoch_s: float) -> Throughput:
        """Return the bucket of a table or an index, with the switches between its modes planned."""
        throughput = cls(modes[0][1], quota, start_epoch_s)
        for begin_s, billing in modes[1:]:
            throughput.switch(begin_s, billing)
        return throughput

    @property
    def empty(self) -> bool:
        """Whether a write would be refused."""
        return self.level <= 0

    @property
    def provisioned(self) -> float:
        """The provisioned capacity, units/s; NaN on demand."""
        return self.rate if isinstance(self.billing, Provisioned) else math.nan

    @property
    def saved(self) -> float:
        """Units that the burst bucket holds at the end of a second."""
        return min(max(self.level, 0.0), self._kept)

    def refill(self) -> None:
        """Begin a second: what was left is kept up to the burst, a debt is paid off."""
        self.level = min(self.level, self._kept) + self.rate

    @property
    def at_rest(self) -> bool:
        """Whether a second in which nothing is taken leaves it as it is."""
        return self.level == min(self.level, self._kept) + self.rate

    @property
    def watches(self) -> bool:
        """Whether minutes without consumption may change it."""
        return self._scaler is not None

    def switch(self, at_s: float, billing: Billing) -> None:
        """Change the mode at the next whole second after `at_s`."""
        if isinstance(billing, OnDemand):
            units = self._on_demand(billing, max(billing.warm_write_units_per_s, self.high_water, 2.0 * self._peak))[0]
        else:
            units = float(billing.write_capacity_units)
        self._plan(Change(at_s, math.ceil(at_s), "switch", self.rate, units, billing))

    def apply(self, second: int) -> list[Change]:
        """Make the changes that are due, and return them."""
        due = [change for change in self.pending if change.effective_s <= second]
        self.pending = [change for change in self.pending if change.effective_s > second]
        for change in due:
            if change.billing is not None:
                # what was planned for the former mode is void
                self.pending = [other for other in self.pending if other.billing is not None]
                self._use(change.billing)
            elif isinstance(self.billing, Provisioned):
                self._set(change.units_after)
            else:
                self._grow(self.billing, change.units_after)
        return due

    def observe(self, minute_end: int, used: float) -> None:
        """Take in a minute's mean consumption, units/s, and decide."""
        if isinstance(self.billing, Provisioned):
            self._auto_scale(minute_end, used)
        elif used > self._peak:
            self._peak = used
            if 2.0 * used > self._instant:
                effective = math.ceil(minute_end + self.billing.peak_growth_s)
                self._plan(Change(float(minute_end), effective, "peak", self.rate, 2.0 * used))

    def _auto_scale(self, minute_end: int, used: float) -> None:
        scaler = self._scaler
        if scaler is None:
            return
        scaler.observe(used, self.rate)
        if any(change.billing is None for change in self.pending):
            return  # the table is still updating
        config, now_s = scaler.config, float(minute_end)
        wanted = scaler.decide(now_s, used, self.rate)
        if wanted is not None:
            cause = "scale out" if wanted > self.rate else "scale in"
            effective = math.ceil(now_s + config.metric_delay_s + config.update_delay_s)
            self._plan(Change(now_s + config.metric_delay_s, effective, cause, self.rate, float(wanted)))

    def _plan(self, change: Change) -> None:
        self.pending.append(change)
        self.pending.sort(key=lambda one: one.effective_s)

    def _use(self, billing: Billing) -> None:
        self.billing = billing
        self._scaler: AutoScaler | None = None
        if isinstance(billing, Provisioned):
            self.reason = Throttle.PROVISIONED
            self._set(float(billing.write_capacity_units))
            if billing.auto_scaling is not None:
                self._scaler = AutoScaler(billing.auto_scaling, self._start_epoch_s)
        else:
            self._kept = self._instant = 0.0
            self._grow(billing, max(billing.warm_write_units_per_s, self.high_water, 2.0 * self._peak))

    def _set(self, units: float) -> None:
        assert isinstance(self.billing, Provisioned)
        self.rate = units
        self.high_water = max(self.high_water, units)
        self._kept = self.billing.burst_s * units

    def _grow(self, billing: OnDemand, instant: float) -> None:
        self._instant = max(self._instant, instant)
        self.high_water = max(self.high_water, self._instant)
        self.rate, self.reason = self._on_demand(billing, self._instant)

    def _on_demand(self, billing: OnDemand, instant: float) -> tuple[float, int]:
        """Return what on-demand mode allows each second, and the reason of a throttle beyond it."""
        most = math.inf if billing.max_write_request_units is None else float(billing.max_write_request_units)
        # beyond twice the former peak it is the partitions that are too few
        allowed = (most, Throttle.MAX_ON_DEMAND), (float(self._quota), Throttle.ACCOUNT), (instant, Throttle.KEY_RANGE)
        return min(allowed, key=lambda one: one[0])
