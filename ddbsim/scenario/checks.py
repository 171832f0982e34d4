"""Checks that several configurations share; each error names the field, what is allowed and what was given."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import fields
from typing import Any

import numpy as np

__all__ = ["check_choice", "check_kind", "check_number", "check_share", "take_numpy_numbers"]


def take_numpy_numbers(config: Any) -> None:
    """Replace numpy's numbers in a configuration's fields by Python's: a sweep makes them, TOML knows none."""
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, np.generic):
            object.__setattr__(config, field.name, value.item())


def check_kind(where: str, value: Any, kind: type) -> None:
    """Raise ValueError unless `value` is a configuration of the given class."""
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be {kind.__name__}(...), got {value!r}")


def check_number(where: str, value: Any, *, low: float = 0.0, open_low: bool = False, high: float = math.inf) -> None:
    """Raise ValueError unless `value` is a finite number in [low, high] ((low, high] with `open_low`)."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value < low or value > high or (open_low and value == low):
        allowed = f"> {low:g}" if open_low else f">= {low:g}"
        allowed += "" if math.isinf(high) else f" and <= {high:g}"
        raise ValueError(f"{where} must be a number {allowed}, got {value!r}")


def check_share(where: str, value: Any) -> None:
    """Raise ValueError unless `value` is in [0, 1]."""
    check_number(where, value, high=1.0)


def check_choice(where: str, value: Any, allowed: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    if value not in allowed:
        raise ValueError(f"{where} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
