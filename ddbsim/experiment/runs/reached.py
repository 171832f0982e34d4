"""What a function of the user's reaches: the globals that its code names, in its own module and in those it imports."""

from __future__ import annotations

import builtins
import dis
import hashlib
import importlib
import sys
import sysconfig
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

__all__ = ["Reached", "is_own", "is_users", "module_version", "reached"]

_LOADS = ("LOAD_GLOBAL", "LOAD_NAME")
_ATTRIBUTES = ("LOAD_ATTR", "LOAD_METHOD")
# whoever calls one of these may look at any global by a name that is made up on the way
_SEE_ALL = frozenset({"eval", "exec", "globals", "vars"})
_IMPORT_ANY = frozenset({"__import__", "import_module"})


class Reached(NamedTuple):
    """What a name in a function's code stands for.

    Attributes
    ----------
    name
        As the code has it, with dots.
    value
        What it is; meaningless if `absent`.
    absent
        Whether there is no such name (yet).
    unknowable
        Why what is reached cannot be known; "" if it can.
    """

    name: str
    value: Any
    absent: bool = False
    unknowable: str = ""


def reached(function: FunctionType) -> Iterator[Reached]:
    """Yield what a function and the functions, classes and comprehensions inside it reach by name."""
    for code in _codes(function.__code__):
        steps = list(dis.get_instructions(code))
        for place, step in enumerate(steps):
            if step.opname in _LOADS:
                yield from _global(step.argval, steps[place + 1 :], function)
            elif step.opname == "IMPORT_NAME":
                yield from _imported(place, steps, function)


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _global(name: str, after: list[dis.Instruction], function: FunctionType) -> Iterator[Reached]:
    if name not in function.__globals__:
        yield from _builtin(name, function)
        return
    yield _followed(name, function.__globals__[name], after)


def _builtin(name: str, function: FunctionType) -> Iterator[Reached]:
    if name in _IMPORT_ANY:
        yield Reached(name, None, unknowable="imports modules by names that are made up as it runs")
    elif name in _SEE_ALL:
        module = sys.modules.get(function.__module__)
        yield Reached(name, module, absent=module is None)
    elif not hasattr(builtins, name):
        yield Reached(name, None, absent=True)


def _followed(name: str, value: Any, after: list[dis.Instruction]) -> Reached:
    """Return what is at the end of ``module.part.name``; a module that is used in any other way is reached whole."""
    for step in after:
        if not isinstance(value, ModuleType) or step.opname not in _ATTRIBUTES:
            break
        if step.argval in _IMPORT_ANY:
            return Reached(name, None, unknowable="imports modules by names that are made up as it runs")
        name = f"{name}.{step.argval}"
        if not hasattr(value, step.argval):
            return Reached(name, None, absent=True)
        value = getattr(value, step.argval)
    return Reached(name, value)


def _imported(place: int, steps: list[dis.Instruction], function: FunctionType) -> Iterator[Reached]:
    """Yield what an import inside a function brings."""
    step, level = steps[place], steps[place - 2].argval
    package = str(function.__globals__.get("__package__") or "")
    name = "." * int(level or 0) + step.argval
    try:
        module = importlib.import_module(name, package) if level else importlib.import_module(name)
    except Exception:  # a module may raise anything when it is imported: the run will tell of it
        yield Reached(name, None, absent=True)
        return
    names = (
        [after.argval for after in steps[place + 1 :] if after.opname == "IMPORT_FROM"]
        if steps[place - 1].argval
        else []
    )
    # the names of later imports may be among them, which reaches too much rather than too little
    found = [one for one in names if hasattr(module, one)]
    for one in found:
        yield Reached(f"{name}.{one}", getattr(module, one))
    if not found:
        yield Reached(name, module)


def is_own(name: str) -> bool:
    """Return whether a module is ddbsim's own, by its name."""
    return name.partition(".")[0] == "ddbsim"


def is_users(name: str) -> bool:
    """Return whether a module is the user's, by its name: neither ddbsim's nor Python's nor an installed library's."""
    if is_own(name) or name.partition(".")[0] in sys.stdlib_module_names - {"__main__"}:
        return name == "__main__"
    return not _is_installed(_file_of(name))


def _file_of(name: str) -> str:
    module = sys.modules.get(name)
    file = None if module is None else module.__dict__.get("__file__")
    return str(file or "")


@lru_cache(maxsize=1024)
def _is_installed(file: str) -> bool:
    folders = {Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib", "stdlib")}
    path = Path(file).resolve() if file else None
    return path is not None and bool(
        folders & set(path.parents) or {"site-packages", "dist-packages"} & set(path.parts)
    )


def module_version(name: str) -> str:
    """Return what tells one release of a library from another: its version, or else the contents of its file."""
    top = name.partition(".")[0]
    if top in sys.stdlib_module_names:
        return f"python {sys.version_info[0]}.{sys.version_info[1]}"
    module = sys.modules.get(top)
    version = None if module is None else module.__dict__.get("__version__")
    file = _file_of(name)
    if version is None and file:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()
    return str(version)
