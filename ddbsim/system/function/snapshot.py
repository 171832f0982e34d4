"""What an object held at an instant: to see later whether it has changed, and to put it back as it was.

A handler reaches its state by whatever names it likes, so the objects stay the same ones: what each of them held is
kept, not copies of them. What keeps its content in memory of a library's own (a random generator, the cells of a
DataFrame) is copied, and a copy takes its place where it has changed. Locks are left alone.
"""

from __future__ import annotations

import copy
import pickle
import threading
from array import array
from collections import OrderedDict, deque
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Snapshot", "UnkeptError"]

_LOCKS = (type(threading.Lock()), type(threading.RLock()))
_LEFT_ALONE = (
    *(str, int, float, complex, bytes, type(None), type),
    *(ModuleType, FunctionType, MethodType, BuiltinFunctionType),
    *_LOCKS,
)
# the methods of these are called past those of classes derived from them, which may do more
_CONTAINERS: tuple[Any, ...] = (OrderedDict, dict, list, set, deque, bytearray, array)


class UnkeptError(ValueError):
    """An object holds something of which nobody can say what it holds, such as a generator or an open file."""


class _Held(NamedTuple):
    """An object, and what it held: its elements (None if it has none), and its attributes by name."""

    owner: Any
    elements: Any
    attributes: dict[str, Any]


class _Copied(NamedTuple):
    """An object that cannot be looked into, and a copy of it."""

    owner: Any
    copy: Any


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
    >>> after = before.put_back()
    >>> counts
    {'a': [1]}
    """

    __slots__ = ("_copied", "_held", "_state")

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: dict[int, _Held] = {}
        self._copied: dict[int, _Copied] = {}
        waiting = [state]
        while waiting:
            value = waiting.pop()
            if isinstance(value, _LEFT_ALONE) or id(value) in self._held or id(value) in self._copied:
                continue
            held = _held(value)
            if held is None:
                self._keep_copy(value)
            else:
                self._held[id(value)] = held
                waiting.extend(_parts(held))

    def _keep_copy(self, value: Any) -> None:
        try:
            copied = copy.deepcopy(value)
            # what is its own copy cannot change
            if copied is not value:
                self._copied[id(value)] = _Copied(value, copied)
        except Exception:  # what cannot be copied raises whatever it likes
            raise UnkeptError(f"it holds a {type(value).__name__}, which cannot be copied") from None

    def differs(self) -> bool:
        """Return whether the state is another than it was; an equal object in place of one is no difference."""
        return not self._same(self._state, self._state, set())

    def put_back(self) -> Snapshot:
        """Make each object hold again what it held; return what they held until now, to be put back in turn."""
        now = object.__new__(Snapshot)
        now._state, now._copied = self._state, {}
        now._held = {
            key: _Held(held.owner, _elements(held.owner), _attributes(held.owner)) for key, held in self._held.items()
        }
        changed = {
            key: copy.deepcopy(copied.copy)
            for key, copied in self._copied.items()
            if not _equal_copies(copied.owner, copied.copy)
        }
        for held in self._held.values():
            _put_back(held if not changed else _with(held, changed))
        return now

    def copy(self) -> Any:
        """Return a copy of the state as it is now; locks are the same ones."""
        locks = {id(part): part for held in self._held.values() for part in _parts(held) if isinstance(part, _LOCKS)}
        return copy.deepcopy(self._state, locks)

    def _same(self, now: Any, before: Any, met: set[tuple[int, int]]) -> bool:
        if (copied := self._copied.get(id(before))) is not None:
            return _equal_copies(now, copied.copy)
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
    """Return what an object holds; None if that cannot be seen from outside."""
    elements = _elements(value)
    if elements is None and not _is_plain(value):
        return None
    if isinstance(value, tuple) and any(_held(part) is None for part in value if not isinstance(part, _LEFT_ALONE)):
        # another object could not be put into its place
        return None
    return _Held(value, elements, _attributes(value))


def _is_plain(value: Any) -> bool:
    """Whether all that an object holds lies in its attributes: Python's own way of taking it apart says so."""
    if isinstance(value, SimpleNamespace):
        return True
    kinds = [kind for kind in type(value).__mro__ if kind is not object]
    if any(name in kind.__dict__ for kind in kinds for name in ("__reduce__", "__reduce_ex__")):
        return False
    try:
        value.__reduce_ex__(2)
    except Exception:  # it holds something beyond, or has a `__getstate__` that raises what it likes
        return False
    return True


def _elements(value: Any) -> Any:
    kind = next((kind for kind in _CONTAINERS if isinstance(value, kind)), None)
    if kind is OrderedDict or kind is dict:
        return dict(kind.items(value))
    if kind is set:
        return set(set.__iter__(value))
    if kind is not None:
        return list(kind.__iter__(value))
    if isinstance(value, tuple):
        return tuple(tuple.__iter__(value))
    return value.copy() if isinstance(value, np.ndarray) and not value.dtype.hasobject else None


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
        yield from held.elements
        yield from held.elements.values()
    elif isinstance(held.elements, list | tuple | set):
        yield from held.elements
    yield from held.attributes.values()


def _equal(now: Any, before: Any) -> bool:
    try:
        return np.array_equal(now, before) if isinstance(before, np.ndarray) else bool(now == before)
    except Exception:  # a comparison of the user's own may do anything
        return False


def _equal_copies(now: Any, copied: Any) -> bool:
    """Whether two objects that cannot be looked into are alike: equal by themselves, or byte by byte."""
    if type(now) is not type(copied):
        return False
    try:
        return _equal(now, copied) or pickle.dumps(now) == pickle.dumps(copied)
    except Exception:  # what cannot be pickled raises whatever it likes
        return False


def _with(held: _Held, changed: dict[int, Any]) -> _Held:
    """Return what an object held, with copies in place of what has changed."""

    def fresh(value: Any) -> Any:
        return changed.get(id(value), value)

    elements = held.elements
    if isinstance(elements, dict):
        elements = {fresh(name): fresh(value) for name, value in elements.items()}
    elif isinstance(elements, list | set):
        elements = type(elements)(map(fresh, elements))
    return _Held(held.owner, elements, {name: fresh(value) for name, value in held.attributes.items()})


def _put_back(held: _Held) -> None:
    owner, elements = held.owner, held.elements
    kind = next((kind for kind in _CONTAINERS if isinstance(owner, kind)), None)
    if kind is array:
        del owner[:]
        owner.extend(elements)
    elif kind is not None:
        kind.clear(owner)
        add = kind.update if isinstance(elements, dict | set) else kind.extend
        add(owner, elements)
    elif isinstance(elements, np.ndarray):
        owner[...] = elements
    _put_back_attributes(owner, held.attributes)


def _put_back_attributes(owner: Any, attributes: dict[str, Any]) -> None:
    present = _attributes(owner)
    for name in present.keys() - attributes.keys():
        object.__delattr__(owner, name)
    for name, value in attributes.items():
        if name not in present or present[name] is not value:
            # past what a frozen dataclass allows
            object.__setattr__(owner, name, value)
