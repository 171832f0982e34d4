"""Checks that the workloads share: one sentence that says what is allowed and what was got."""

from __future__ import annotations

import math
from numbers import Real
from typing import Any

__all__ = ["finite_number", "whole_number"]


def finite_number(where: str, value: Any, *, low: float = 0.0, above: bool = False, high: float = math.inf) -> float:
    """Return `value` as a plain int or float in [low, high] ((low, high] with `above`), or raise ValueError."""
    number = not isinstance(value, bool) and isinstance(value, Real) and math.isfinite(value)
    if not number or value < low or value > high or (above and value == low):
        raise ValueError(f"{where} must be {_allowed(low, above, high)}, got {value!r}")
    return value if isinstance(value, int) else float(value)


def whole_number(where: str, value: Any, *, low: int, high: int | None = None) -> int:
    """Return `value` as a plain int in [low, high], or raise ValueError."""
    number = finite_number(where, value, low=low, high=math.inf if high is None else high)
    if number != int(number):
        raise ValueError(f"{where} must be a whole number, got {value!r}")
    return int(number)


def _allowed(low: float, above: bool, high: float) -> str:
    if high < math.inf:
        return f"a number in {'(' if above else '['}{low:g}, {high:g}]"
    return f"a finite number {'>' if above else '>='} {low:g}"
