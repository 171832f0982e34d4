"""A scenario as the Python that makes it."""

from __future__ import annotations

import json
import math
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from ddbsim.scenario import Scenario

__all__ = ["as_code"]

_WIDTH = 100


def as_code(scenario: Scenario) -> str:
    """Return Python that makes an equal scenario; fields at their default are left out.

    Parameters
    ----------
    scenario
        Of numbers, texts and configurations; functions, items and columns of writes are no text.

    Raises
    ------
    ValueError
        Naming the field that is no text.

    Examples
    --------
    >>> import ddbsim as ds
    >>> print(as_code(ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)))
    import ddbsim as ds
    <BLANKLINE>
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)
    """
    return f"import ddbsim as ds\n\nscenario = {_code(scenario, 'scenario', 0, 'scenario = ')}"


def _code(value: Any, where: str, depth: int, before: str = "") -> str:
    """Return a value as code, on one line if it fits behind what is `before` it, else with a line for each part."""
    if is_dataclass(value) and not isinstance(value, type):
        given = [field for field in fields(value) if field.init and getattr(value, field.name) != _default(field)]
        parts = [(f"{field.name}=", getattr(value, field.name), field.name) for field in given]
        return _call(f"{_public(value, where)}(", parts, ")", depth, before)
    if isinstance(value, tuple | list):
        # one mapping is typed as one
        if where == "event_source_mappings" and len(value) == 1:
            return _code(value[0], where, depth, before)
        return _call("(", [("", one, where) for one in value], ",)" if len(value) == 1 else ")", depth, before)
    if isinstance(value, dict):
        return _call("{", [(f"{json.dumps(name)}: ", one, where) for name, one in value.items()], "}", depth, before)
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, str):
        # JSON's escapes are Python's too, and its quotes are those of the house
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise ValueError(f"{where} cannot be written as code: it holds {type(value).__name__}, not text or numbers")


def _call(head: str, parts: list[tuple[str, Any, str]], tail: str, depth: int, before: str) -> str:
    flat = f"{head}{', '.join(name + _code(value, where, 0) for name, value, where in parts)}{tail}"
    if "\n" not in flat and 4 * depth + len(before) + len(flat) < _WIDTH:
        return flat
    inner = "    " * (depth + 1)
    lines = [f"{inner}{name}{_code(value, where, depth + 1, name)},\n" for name, value, where in parts]
    return f"{head}\n{''.join(lines)}{'    ' * depth})"


def _public(value: Any, where: str) -> str:
    """Return the class as one types it."""
    name = type(value).__name__
    if getattr(sys.modules["ddbsim"], name, None) is not type(value) or name == "Trace":
        raise ValueError(f"{where} cannot be written as code: it holds {name}, which is made otherwise")
    return f"ds.{name}"


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default
