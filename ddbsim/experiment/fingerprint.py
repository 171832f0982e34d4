"""A scenario's fingerprint: equal for scenarios that simulate the same, different for all others.

It is the key under which finished runs are kept, so it depends on contents alone: not on the process, the order of
fields in a file or the scenario's title.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.scenario import Scenario
from ddbsim.workload import TraceWrites

__all__ = ["NoFingerprintError", "fingerprint"]

# what a run is called does not change it
_TITLES = {(Scenario, "name")}


class NoFingerprintError(ValueError):
    """A part of a scenario cannot be told from others by its contents."""


def fingerprint(*parts: Any) -> str:
    """Return 40 hexadecimal digits that tell the parts from all others.

    Raises
    ------
    NoFingerprintError
        If a part is an object of a kind whose contents are not known.

    Examples
    --------
    >>> import ddbsim as ds
    >>> first, second = (ds.Scenario(workload=ds.PoissonWrites(rate_per_s=5), duration_s=1, name=n) for n in "ab")
    >>> fingerprint(first) == fingerprint(second)
    True
    """
    digest = hashlib.sha256()
    for part in parts:
        _feed(digest, part, "")
    return digest.hexdigest()[:40]


def _feed(digest: Any, value: Any, where: str) -> None:
    """Add a value to a digest, preceded by its kind, so that 1, 1.0, True and "1" differ."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | Enum):
        digest.update(f"{type(value).__name__}:{value!r};".encode())
    elif isinstance(value, np.generic):
        _feed(digest, value.item(), where)
    elif isinstance(value, np.ndarray):
        _feed_array(digest, value, where)
    elif isinstance(value, TraceWrites) and isinstance(value.trace, str):
        _feed_dataclass(digest, value, where)
        # the traffic is what the file holds now
        digest.update(Path(value.trace).read_bytes())
    elif is_dataclass(value) and not isinstance(value, type):
        _feed_dataclass(digest, value, where)
    elif isinstance(value, Mapping):
        _feed_several(digest, "dict", [item for pair in value.items() for item in pair], where)
    elif isinstance(value, tuple | list):
        _feed_several(digest, "list", value, where)
    elif isinstance(value, set | frozenset):
        _feed_several(digest, "set", sorted(value, key=repr), where)
    else:
        _feed_object(digest, value, where)


def _feed_several(digest: Any, kind: str, items: Any, where: str) -> None:
    digest.update(f"{kind}{len(items)}(".encode())
    for item in items:
        _feed(digest, item, where)
    digest.update(b")")


def _feed_dataclass(digest: Any, config: Any, where: str) -> None:
    kind = type(config)
    digest.update(f"{kind.__module__}.{kind.__qualname__}(".encode())
    for field in fields(config):
        if (kind, field.name) not in _TITLES:
            digest.update(f"{field.name}=".encode())
            _feed(digest, getattr(config, field.name), f"{where}.{field.name}" if where else field.name)
    digest.update(b")")


def _feed_array(digest: Any, array: np.ndarray[Any, Any], where: str) -> None:
    digest.update(f"array{array.dtype.str}{array.shape}".encode())
    if array.dtype.hasobject:
        _feed_several(digest, "objects", array.tolist(), where)
    else:
        digest.update(np.ascontiguousarray(array).tobytes())


def _feed_object(digest: Any, value: Any, where: str) -> None:
    if isinstance(value, MethodType):
        _feed_several(digest, "method", [value.__func__, value.__self__], where)
    elif isinstance(value, FunctionType):
        _feed_function(digest, value, where)
    elif isinstance(value, CodeType):
        _feed_several(digest, "code", [value.co_code, value.co_names, *value.co_consts], where)
    elif isinstance(value, pd.DataFrame):
        _feed_several(digest, "frame", [list(map(str, value)), *(value[name].to_numpy() for name in value)], where)
    elif isinstance(value, os.PathLike):
        digest.update(os.fsencode(value))
    elif type(value).__module__ == "decimal":
        digest.update(repr(value).encode())
    else:
        raise NoFingerprintError(
            f"{where or 'the scenario'} holds {value!r}, and a {type(value).__name__} cannot be told from others by "
            "its contents: leave store= out, or use a function, dataclasses, numbers and texts"
        )


def _feed_function(digest: Any, function: FunctionType, where: str) -> None:
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    digest.update(f"{function.__module__}.{function.__qualname__}".encode())
    _feed_several(
        digest,
        "function",
        [function.__code__, function.__defaults__, function.__kwdefaults__, *cells],
        where,
    )
