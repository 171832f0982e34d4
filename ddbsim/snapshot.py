"""What an object held at an instant: to see later whether it has changed, and to put it back as it was.

A handler reaches its state by whatever names it likes, so the objects stay the same ones: what each of them held is
kept, not copies of them. What has neither elements nor attributes (a number, a lock, an open connection) is left alone,
and so is what a library keeps in its own memory, such as the cells of a DataFrame.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Snapshot"]

_LEFT_ALONE = (str, int, float, bytes, type, ModuleType, FunctionType, MethodType, BuiltinFunctionType)


class _Held(NamedTuple):
    """An object, and what it held: its elements (None if it has none), and its attributes by name."""

    owner: Any
    elements: Any
    attributes: dict[str, Any]


class Snapshot:
    """What an object and all that it leads to hold now.

    Parameters
    ----------
    state
        Any object.

    Examples
    --------
    >>> counts = {"a": [1]}
    >>> before = Snapshot(counts)
    >>> counts["a"].append(2)
    >>> before.differs()
    True
    >>> before.put_back()
    >>> counts
    {'a': [1]}
    """

    __slots__ = ("_held", "_state")

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: dict[int, _Held] = {}
        waiting = [state]
        while waiting:
            value = waiting.pop()
            held = None if id(value) in self._held else _held(value)
            if held is not None:
                self._held[id(value)] = held
                waiting.extend(_parts(held))

    def differs(self) -> bool:
        """Return whether the state is another than it was; an equal object in place of one is no difference."""
        return not self._same(self._state, self._state, set())

    def put_back(self) -> None:
        """Make each object hold again what it held."""
        for held in self._held.values():
            _put_back(held)

    def _same(self, now: Any, before: Any, met: set[tuple[int, int]]) -> bool:
        held = self._held.get(id(before))
        if held is None or type(now) is not type(before):
            return now is before or _equal(now, before)
        if (id(now), id(before)) in met:
            return True
        met.add((id(now), id(before)))
        return self._same_elements(_elements(now), held.elements, met) and self._same_values(
            _attributes(now), held.attributes, met
        )

    def _same_elements(self, now: Any, before: Any, met: set[tuple[int, int]]) -> bool:
        if isinstance(before, dict):
            return self._same_values(now, before, met)
        if isinstance(before, list | tuple):
            return len(now) == len(before) and all(self._same(*pair, met) for pair in zip(now, before, strict=True))
        return _equal(now, before)

    def _same_values(self, now: dict[Any, Any], before: dict[Any, Any], met: set[tuple[int, int]]) -> bool:
        return now.keys() == before.keys() and all(self._same(now[name], before[name], met) for name in before)


def _held(value: Any) -> _Held | None:
    if isinstance(value, _LEFT_ALONE):
        return None
    elements, attributes = _elements(value), _attributes(value)
    return None if elements is None and not attributes else _Held(value, elements, attributes)


def _elements(value: Any) -> Any:
    if isinstance(value, MutableMapping):
        return dict(value)
    if isinstance(value, MutableSequence):
        return list(value)
    if isinstance(value, MutableSet):
        return set(value)
    if isinstance(value, tuple):
        return tuple(value)
    return value.copy() if isinstance(value, np.ndarray) else None


def _attributes(value: Any) -> dict[str, Any]:
    slots = (name for kind in type(value).__mro__ for name in _slots(kind))
    attributes = {name: getattr(value, name) for name in slots if hasattr(value, name)}
    return attributes | getattr(value, "__dict__", {})


def _slots(kind: type) -> Iterator[str]:
    slots = kind.__dict__.get("__slots__", ())
    for name in (slots,) if isinstance(slots, str) else slots:
        if name not in ("__dict__", "__weakref__"):
            is_private = name.startswith("__") and not name.endswith("__")
            yield f"_{kind.__name__.lstrip('_')}{name}" if is_private else name


def _parts(held: _Held) -> Iterator[Any]:
    if isinstance(held.elements, dict):
        yield from held.elements.values()
    elif isinstance(held.elements, list | tuple):
        yield from held.elements
    yield from held.attributes.values()


def _equal(now: Any, before: Any) -> bool:
    try:
        return np.array_equal(now, before) if isinstance(before, np.ndarray) else bool(now == before)
    except Exception:  # a comparison of the user's own may do anything
        return False


def _put_back(held: _Held) -> None:
    owner, elements = held.owner, held.elements
    if isinstance(elements, dict | set):
        owner.clear()
        owner.update(elements) if isinstance(elements, dict) else owner.__ior__(elements)
    elif isinstance(elements, list):
        owner.clear()
        owner.extend(elements)
    elif isinstance(elements, np.ndarray):
        owner[...] = elements
    present = _attributes(owner)
    for name in present.keys() - held.attributes.keys():
        object.__delattr__(owner, name)
    for name, value in held.attributes.items():
        if name not in present or present[name] is not value:
            # past what a frozen dataclass allows
            object.__setattr__(owner, name, value)
