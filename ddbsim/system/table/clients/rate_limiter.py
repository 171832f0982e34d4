"""The rate limiter of the SDKs' adaptive mode: a client sends no faster than throttles have taught it.

The algorithm is CUBIC, as in the SDKs: a throttle cuts the rate to a share of what was sent, which then grows along a
cubic curve, flat around the rate at which the throttle came.

Source: the retry behaviour of the AWS SDKs and Tools Reference Guide, and botocore's source, 2026-08.
"""

from __future__ import annotations

__all__ = ["RateLimiter"]

_BETA, _SCALE = 0.7, 0.4
_LEAST_PER_S, _LEAST_CAPACITY = 0.5, 1.0
_SLOT_S, _SMOOTHING = 0.5, 0.8


class RateLimiter:
    """One client's."""

    __slots__ = ("_best", "_count", "_filled_s", "_measured", "_rate", "_slot", "_throttled_s", "_tokens", "enabled")

    def __init__(self) -> None:
        self.enabled = False
        self._rate = self._tokens = self._measured = self._best = 0.0
        self._filled_s = self._throttled_s = 0.0
        self._slot, self._count = 0.0, 0

    def delay(self, now: float) -> float:
        """Take a token, and return how long to wait for it, seconds."""
        if not self.enabled:
            return 0.0
        self._fill(now)
        self._tokens -= 1.0
        return max(0.0, -self._tokens / self._rate)

    def learn(self, now: float, throttled: bool) -> None:
        """Take in an answer."""
        self._measure(now)
        if throttled:
            used = min(self._measured, self._rate) if self.enabled else self._measured
            self._best, self._throttled_s = used, now
            rate = _BETA * used
            if not self.enabled:
                self.enabled, self._filled_s = True, now
        elif self.enabled:
            turn_s = (self._best * (1.0 - _BETA) / _SCALE) ** (1.0 / 3.0)
            rate = _SCALE * (now - self._throttled_s - turn_s) ** 3 + self._best
        else:
            return
        self._fill(now)
        self._rate = max(min(rate, 2.0 * self._measured), _LEAST_PER_S)
        self._tokens = min(self._tokens, max(self._rate, _LEAST_CAPACITY))

    def _fill(self, now: float) -> None:
        capacity = max(self._rate, _LEAST_CAPACITY)
        self._tokens = min(capacity, self._tokens + self._rate * max(0.0, now - self._filled_s))
        self._filled_s = max(now, self._filled_s)

    def _measure(self, now: float) -> None:
        """Smooth the rate of answers over slots of half a second."""
        self._count += 1
        slot = now // _SLOT_S * _SLOT_S
        if slot > self._slot:
            rate = self._count / (slot - self._slot)
            self._measured = _SMOOTHING * rate + (1.0 - _SMOOTHING) * self._measured
            self._slot, self._count = slot, 0
