"""Checks that several configurations share; each error names the field, what is allowed and what was given."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import fields
from typing import Any
from unicodedata import category

import numpy as np

from ddbsim.aws.facts import Limit
from ddbsim.aws.names import NAMES
from ddbsim.checks.bounds import LARGEST, LEAST_INTERVAL_S, MOST_WHOLE, beyond, is_number
from ddbsim.checks.wording import closest, shown
from ddbsim.distributions import Distribution, as_distribution

__all__ = [
    "check_aws_name",
    "check_choice",
    "check_distribution",
    "check_interval",
    "check_kind",
    "check_limit",
    "check_name",
    "check_number",
    "check_share",
    "check_switch",
    "check_whole",
    "several",
    "take_numpy_numbers",
]

_LONGEST_NAME = 255


def take_numpy_numbers(config: Any) -> None:
    """Replace numpy's numbers in a configuration's fields by Python's: a sweep makes them, TOML knows none."""
    for field in fields(config):
        value = getattr(config, field.name)
        if isinstance(value, np.generic):
            object.__setattr__(config, field.name, value.item())


def check_kind(where: str, value: Any, kind: type) -> None:
    """Raise ValueError unless `value` is a configuration of the given class."""
    if not isinstance(value, kind):
        raise ValueError(f"{where} must be {kind.__name__}(...), got {shown(value)}")


def check_number(where: str, value: Any, *, low: float = 0.0, open_low: bool = False, high: float = LARGEST) -> None:
    """Raise ValueError unless `value` is a finite number in [low, high] ((low, high] with `open_low`)."""
    if not is_number(value, low=low, high=high, above=open_low):
        allowed = f"> {low:g}" if open_low else f">= {low:g}"
        allowed += beyond(value, low=low, high=high) or (f" and <= {high:g}" if high < LARGEST else "")
        raise ValueError(f"{where} must be a number {allowed}, got {shown(value)}")


def check_interval(where: str, value: Any, *, low: float = LEAST_INTERVAL_S) -> None:
    """Raise ValueError unless `value` is a time after which something happens again, seconds."""
    check_number(where, value, low=low)


def check_whole(config: Any, name: str, *, low: int = 0, high: float = MOST_WHOLE) -> None:
    """Make the field a plain int in [low, high], or raise ValueError; TOML and arithmetic write 100 as 100.0."""
    value = getattr(config, name)
    where = f"{type(config).__name__}.{name}"
    check_number(where, value, low=low, high=high)
    if value != int(value):
        raise ValueError(f"{where} must be a whole number, got {shown(value)}")
    object.__setattr__(config, name, int(value))


def check_limit(config: Any, name: str, limit: Limit, *, where: str) -> None:
    """Make the field a plain int that the service would accept, or raise ValueError."""
    value = getattr(config, name)
    limit.check(value, where=where)
    object.__setattr__(config, name, int(value))


def check_name(where: str, value: Any) -> None:
    """Raise ValueError unless `value` is a text of one line that is not empty, and that can be written in UTF-8."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{where} must be a non-empty text, got {shown(value)}")
    # control characters, line and paragraph separators, halves of surrogate pairs
    odd = next((letter for letter in value if category(letter) in ("Cc", "Cs", "Zl", "Zp")), None)
    if odd is not None:
        raise ValueError(f"{where} must be a text of one line without control characters, got {shown(odd)} in it")
    if len(value) > _LONGEST_NAME:
        raise ValueError(f"{where} must be a text of at most {_LONGEST_NAME} characters, got {shown(value)}")


def check_aws_name(where: str, value: Any, kind: str) -> None:
    """Raise ValueError unless AWS takes `value` as the name of a table, an index, a function, a queue, ..."""
    check_name(where, value)
    rule = NAMES[kind]
    if not rule.pattern.fullmatch(value):
        raise ValueError(f"{where} must be a name as AWS takes it, {rule.allowed}, got {shown(value)}")


def check_switch(where: str, value: Any) -> None:
    """Raise ValueError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{where} must be True or False, got {shown(value)}")


def check_distribution(where: str, value: float | Distribution) -> Distribution:
    """Return a distribution as it is, a number as `Constant`; raise ValueError that names the place."""
    try:
        return as_distribution(value)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None


def several(value: Any) -> tuple[Any, ...]:
    """Return what was given as one, or as a list of several, as a tuple; numpy's numbers as Python's."""
    items = value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else (value,)
    return tuple(item.item() if isinstance(item, np.generic) else item for item in items)


def check_share(where: str, value: Any) -> None:
    """Raise ValueError unless `value` is in [0, 1]."""
    check_number(where, value, high=1.0)


def check_choice(where: str, value: Any, allowed: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of `allowed`."""
    # a list, say, has no place in a set
    if not isinstance(value, str) or value not in allowed:
        near = closest(value, allowed)
        raise ValueError(f"{where} must be one of {', '.join(map(repr, allowed))}, got {shown(value)}{near}")
