"""Application Auto Scaling on one table or index: alarms on whole minutes, and the daily limit on decreases."""

from __future__ import annotations

import math

from ddbsim.aws import capacity
from ddbsim.scenario import AutoScaling

__all__ = ["AutoScaler"]

_DAY_S, _HOUR_S = 86_400.0, 3_600.0


class AutoScaler:
    """Decides, minute by minute.

    Parameters
    ----------
    config
        Its settings.
    start_epoch_s
        The date of simulated time 0: decreases are counted by UTC day.
    """

    def __init__(self, config: AutoScaling, start_epoch_s: float) -> None:
        self.config = config
        self._start_epoch_s = start_epoch_s
        self._above = self._below = 0
        self._last_out_s = self._last_in_s = -math.inf
        self._decreases_s: list[float] = []

    def observe(self, used: float, capacity_units: float) -> None:
        """Take in a minute's mean consumption, of a capacity, units/s."""
        percent = 100.0 * used / capacity_units
        config = self.config
        self._above = self._above + 1 if percent > config.target_value else 0
        self._below = self._below + 1 if percent < config.target_value - config.scale_in_margin else 0

    def decide(self, now_s: float, used: float, capacity_units: float) -> int | None:
        """Return the new capacity, or None to leave it, after the minute that ended at `now_s`."""
        config = self.config
        # rounding must not ask for one unit more
        wanted = math.ceil(100.0 * used / config.target_value - 1e-9)
        wanted = min(max(wanted, config.min_capacity), config.max_capacity)
        if self._above >= config.scale_out_minutes and wanted > capacity_units:
            if now_s >= self._last_out_s + config.scale_out_cooldown_s:
                self._last_out_s = now_s
                return wanted
        elif (
            self._below >= config.scale_in_minutes
            and wanted < capacity_units
            and now_s >= self._last_in_s + config.scale_in_cooldown_s
            and self._may_decrease(now_s)
        ):
            self._last_in_s = now_s
            self._decreases_s.append(now_s)
            return wanted
        return None

    def _may_decrease(self, now_s: float) -> bool:
        day_s = (now_s + self._start_epoch_s) % _DAY_S
        today = [at_s for at_s in self._decreases_s if at_s >= now_s - day_s]
        if len(today) >= capacity.DECREASES_PER_DAY.value:
            return False
        if day_s < _HOUR_S and len(today) < capacity.DECREASES_IN_FIRST_HOUR.value:
            return True
        return not self._decreases_s or now_s - self._decreases_s[-1] >= _HOUR_S
