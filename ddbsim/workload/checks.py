"""Checks that the workloads share: one sentence that says what is allowed and what was got."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Real
from typing import Any

from ddbsim.distributions import Distribution, as_distribution

__all__ = ["distribution", "finite_number", "listed", "whole_number"]


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


def listed(where: str, values: Any, *, of: str) -> tuple[Any, ...]:
    """Return what `values` lists as a tuple, or raise ValueError: a text or bytes lists nothing."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise ValueError(f"{where} must be a list of {of}, got {values!r}")
    return tuple(values)


def distribution(where: str, value: Any) -> Distribution:
    """Return a distribution as it is, a number as `Constant`; raise ValueError that names the place."""
    try:
        return as_distribution(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _allowed(low: float, above: bool, high: float) -> str:
    if high < math.inf:
        return f"a number in {'(' if above else '['}{low:g}, {high:g}]"
    return f"a finite number {'>' if above else '>='} {low:g}"
