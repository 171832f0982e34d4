"""The contents of values as a digest: of configurations, arrays, files, and of code with all that it reaches."""

from __future__ import annotations

import copyreg
import hashlib
import os
import reprlib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path, PurePath
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

import numpy as np
import pandas as pd

from ddbsim.scenario import Scenario
from ddbsim.workload import TraceWrites

from .reached import is_own, is_users, module_version, reached

__all__ = ["Contents", "NoFingerprintError"]

# what a run is called does not change it; of a file counts what it holds, not where it lies
_LEFT_OUT = {(Scenario, "name")}
_FILES = {(TraceWrites, "trace")}
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
# of a class: what is made from the rest of it, or says nothing of what it does
_NOT_OF_A_CLASS = frozenset(
    [
        "__module__",
        "__doc__",
        "__dict__",
        "__weakref__",
        "__annotations__",
        "__firstlineno__",
        "__static_attributes__",
        "_abc_impl",
        "__dataclass_params__",
        "__annotate_func__",
        "__annotations_cache__",
    ]
)
_BUILT_IN = (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    MethodWrapperType,
    WrapperDescriptorType,
)


class NoFingerprintError(ValueError):
    """A part of a scenario cannot be told from others by its contents."""


class Contents:
    """A digest that is fed with values, each preceded by its kind, so that 1, 1.0, True and "1" differ.

    Parameters
    ----------
    beginning
        A text that all of it depends on.
    """

    def __init__(self, beginning: str) -> None:
        self._digest = hashlib.sha256()
        self._text(beginning)
        # objects by their id, with their number; kept, so that no id becomes another's
        self._met: dict[int, tuple[int, Any]] = {}
        self._inside: dict[int, int] = {}
        self._in_code = False

    @property
    def digits(self) -> str:
        """What tells what was fed, as 40 hexadecimal digits."""
        return self._digest.hexdigest()[:40]

    def feed(self, value: Any, where: str) -> None:
        """Add a value.

        Raises
        ------
        NoFingerprintError
            If its contents are not known; `where` then says what holds it.
        """
        kind = type(value)
        if kind in _PLAIN:
            self._text(f"{kind.__name__}:{value!r}")
        elif isinstance(value, np.generic):
            self.feed(value.item(), where)
        elif kind is np.ndarray:
            self._array(value, where)
        elif kind in (tuple, list, dict, set, frozenset, MappingProxyType):
            self._container(value, where)
        elif is_dataclass(value) and not isinstance(value, type):
            self._dataclass(value, where)
        elif isinstance(value, pd.DataFrame):
            columns = (value[name].to_numpy() for name in value)
            self._several("frame", [list(map(str, value)), value.index.to_numpy(), *columns], where)
        elif isinstance(value, PurePath):
            self._text(f"path:{os.fspath(value)}")
        elif isinstance(value, CodeType):
            self._code(value, where)
        else:
            self._object(value, where)

    def _text(self, text: str) -> None:
        content = text.encode("utf-8", "surrogatepass")
        self._digest.update(f"{len(content)}:".encode() + content)

    def _several(self, kind: str, items: Iterable[Any], where: str) -> None:
        items = list(items)
        self._text(f"{kind} of {len(items)}")
        for item in items:
            self.feed(item, where)

    def _array(self, array: np.ndarray[Any, Any], where: str) -> None:
        self._text(f"array{array.dtype.str}{array.shape}")
        if array.dtype.hasobject:
            self._several("objects", array.tolist(), where)
        else:
            self._digest.update(np.ascontiguousarray(array).tobytes())

    def _container(self, value: Any, where: str) -> None:
        if id(value) in self._inside:
            self._text(f"inside itself:{self._inside[id(value)]}")
            return
        self._inside[id(value)] = len(self._inside)
        if isinstance(value, tuple | list):
            self._several("list", value, where)
        elif isinstance(value, set | frozenset):
            self._several("set", sorted(value, key=repr), where)
        else:
            self._several("dict", [item for pair in value.items() for item in pair], where)
        del self._inside[id(value)]

    def _dataclass(self, config: Any, where: str) -> None:
        kind = type(config)
        self._object(kind, where)
        for field in fields(config):
            if (kind, field.name) in _LEFT_OUT:
                continue
            self._text(field.name)
            value = getattr(config, field.name)
            at = f"{where}.{field.name}" if where else field.name
            if isinstance(value, str) and any(isinstance(config, of) and field.name == name for of, name in _FILES):
                self._file(value, at)
            else:
                self.feed(value, at)

    def _file(self, path: str, where: str) -> None:
        try:
            content = Path(path).read_bytes()
        except (OSError, ValueError) as error:
            raise NoFingerprintError(f"{where} names the file {path}, which cannot be read ({error})") from None
        self._text(f"file:{hashlib.sha256(content).hexdigest()}")

    def _object(self, value: Any, where: str) -> None:
        """Add an object that may be reached by several ways: what it holds once, then that it is the same one."""
        if id(value) in self._met:
            self._text(f"met:{self._met[id(value)][0]}")
            return
        self._met[id(value)] = (len(self._met), value)
        if isinstance(value, type):
            self._class(value, where)
        elif isinstance(value, FunctionType):
            self._function(value, where)
        elif isinstance(value, ModuleType):
            self._module(value, where)
        elif isinstance(value, _BUILT_IN):
            self._built_in(value, where)
        else:
            parts = _parts(value)
            if parts is None:
                self._reduced(value, where)
            else:
                self._several(type(value).__name__, parts, where)

    def _code(self, code: CodeType, where: str) -> None:
        arguments = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        # constants one by one: 1 and True are equal, and one of them is not the other
        self._several("code", [code.co_code, code.co_exceptiontable, arguments, names, *code.co_consts], where)

    def _function(self, function: FunctionType, where: str) -> None:
        module = function.__module__ or ""
        cells = [_content(cell) for cell in function.__closure__ or ()]
        if not is_users(module):
            self._text(_library_name(module, function.__qualname__))
            self._several("cells", [*cells, function.__dict__.get("__wrapped__")], where)
            return
        self._text(f"function:{function.__qualname__}")
        parts = (function.__code__, function.__defaults__, function.__kwdefaults__, function.__dict__)
        self._several("function", [*parts, *cells], where)
        outside, self._in_code = self._in_code, True
        for one in reached(function):
            if one.unknowable:
                raise NoFingerprintError(
                    f"{where or function.__qualname__} calls {one.name}, which {one.unknowable}, so nobody knows what "
                    "its answers depend on: leave store= out, or import at the top of the module"
                )
            self._text(one.name)
            if not one.absent:
                self.feed(one.value, f"{where or function.__qualname__}: {one.name}")
        self._in_code = outside

    def _class(self, kind: type, where: str) -> None:
        if not is_users(kind.__module__):
            self._text(_library_name(kind.__module__, kind.__qualname__))
            return
        self._text(f"class:{kind.__qualname__}")
        self._several("bases", [type(kind), *kind.__bases__], where)
        for name, value in kind.__dict__.items():
            if name not in _NOT_OF_A_CLASS:
                self._text(name)
                self.feed(value, f"{where}: {kind.__qualname__}.{name}")

    def _module(self, module: ModuleType, where: str) -> None:
        if not is_users(module.__name__):
            self._text(_library_name(module.__name__, ""))
            return
        self._text(f"module:{module.__name__.rpartition('.')[2]}")
        for name, value in sorted(module.__dict__.items()):
            if not (name.startswith("__") and name.endswith("__")):
                self._text(name)
                self.feed(value, f"{where}.{name}")

    def _built_in(self, value: Any, where: str) -> None:
        module = value.__module__ if isinstance(value, BuiltinFunctionType) else None
        self._text(_library_name(module or "builtins", value.__qualname__))
        if isinstance(value, BuiltinFunctionType | MethodWrapperType) and not isinstance(value.__self__, ModuleType):
            self.feed(value.__self__, where)

    def _reduced(self, value: Any, where: str) -> None:
        """Add an object by what copies of it would be made from."""
        if type(value) is object and self._in_code:
            # a mark that code compares others with: which one it is, its number says
            self._text("object")
            return
        try:
            made = None if type(value) is object else _copied(value)
        except Exception:  # who cannot be copied raises whatever it likes
            made = None
        if made is None:
            raise NoFingerprintError(
                f"{where or 'the scenario'} holds {reprlib.repr(value)}, and a {type(value).__name__} cannot be told "
                "from others by its contents: leave store= out, or use a function, dataclasses, numbers and texts"
            )
        self._object(type(value), where)
        if isinstance(made, str):
            self._text(made)
        else:
            maker, arguments, *rest = made
            rest = [list(part) if number and part is not None else part for number, part in enumerate(rest)]
            self._several("made", [maker, arguments, *rest], where)


def _parts(value: Any) -> list[Any] | None:
    """Return what makes up a wrapper of a function, or a member of an enumeration; None of what is neither."""
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, staticmethod | classmethod):
        return [value.__func__]
    if isinstance(value, property):
        return [value.fget, value.fset, value.fdel]
    if isinstance(value, cached_property):
        return [value.func]
    if isinstance(value, Enum):
        return [type(value), value.name, value.value]
    if hasattr(value, "__dict__") and "__wrapped__" in value.__dict__:
        # what functools.wraps leaves, such as on the wrapper of lru_cache
        return [type(value), value.__dict__["__wrapped__"]]
    return None


def _copied(value: Any) -> Any:
    """Return what `copy` and `pickle` make copies from."""
    made = copyreg.dispatch_table.get(type(value))
    return value.__reduce_ex__(2) if made is None else made(value)


def _content(cell: Any) -> Any:
    """Return what a closure's cell holds; of one that is still empty, that."""
    try:
        return cell.cell_contents
    except ValueError:
        return "an empty cell"


def _library_name(module: str, name: str) -> str:
    """Return a name that stays where its module moves, with the release of its library."""
    if is_own(module):
        return f"ddbsim:{name}"
    return f"{module}:{name}:{module_version(module)}"
