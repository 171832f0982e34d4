"""Checks that the workloads share: one sentence that says what is allowed and what was got."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ddbsim.checks.bounds import LARGEST, MOST_WHOLE, beyond, is_number
from ddbsim.checks.wording import closest, shown
from ddbsim.distributions import Distribution, as_distribution

__all__ = ["distribution", "finite_number", "listed", "one_of", "whole_number"]


def finite_number(where: str, value: Any, *, low: float = 0.0, above: bool = False, high: float = LARGEST) -> float:
    """Return `value` as a plain int or float in [low, high] ((low, high] with `above`), or raise ValueError."""
    if not is_number(value, low=low, high=high, above=above):
        allowed = _allowed(low, above, high) or _from(low, above) + beyond(value, low=low, high=high)
        raise ValueError(f"{where} must be {allowed}, got {shown(value)}")
    return value if isinstance(value, int) else float(value)


def whole_number(where: str, value: Any, *, low: int, high: float = MOST_WHOLE) -> int:
    """Return `value` as a plain int in [low, high], or raise ValueError."""
    number = finite_number(where, value, low=low, high=high)
    if number != int(number):
        raise ValueError(f"{where} must be a whole number, got {shown(value)}")
    return int(number)


def listed(where: str, values: Any, *, of: str) -> tuple[Any, ...]:
    """Return what `values` lists as a tuple, or raise ValueError: a text or bytes lists nothing."""
    if not isinstance(values, Iterable) or isinstance(values, str | bytes):
        raise ValueError(f"{where} must be a list of {of}, got {shown(values)}")
    return tuple(values)


def one_of(where: str, value: Any, allowed: Iterable[str], *, also: str = "") -> None:
    """Raise ValueError unless `value` is one of the allowed texts."""
    words = tuple(allowed)
    if not isinstance(value, str) or value not in words:
        raise ValueError(f"{where} must be {also}one of {', '.join(words)}, got {shown(value)}{closest(value, words)}")


def distribution(where: str, value: Any) -> Distribution:
    """Return a distribution as it is, a number as `Constant`; raise ValueError that names the place."""
    try:
        return as_distribution(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def _allowed(low: float, above: bool, high: float) -> str:
    return f"a number in {'(' if above else '['}{low:g}, {high:g}]" if high < LARGEST else ""


def _from(low: float, above: bool) -> str:
    return f"a finite number {'>' if above else '>='} {low:g}"
