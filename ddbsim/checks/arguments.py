"""What public functions are given: refused in one sentence, at once, where its kind is not the annotated one.

The annotations that mypy reads are what is checked, so that no argument is forgotten: a kind is stated once. What a
kind does not say (a range, names of columns) each function checks itself.
"""

from __future__ import annotations

import inspect
import math
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import is_dataclass
from functools import cache, wraps
from numbers import Integral, Real
from pathlib import Path, PurePath
from typing import Any, Literal, ParamSpec, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd

from .wording import closest, shown

__all__ = ["checked", "tell_misspelt_names"]

P = ParamSpec("P")
R = TypeVar("R")
Kinds: TypeAlias = tuple[Any, ...]

_GIVEN_BY_KEYWORD = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
# what cannot be told by isinstance of the annotation itself: words, and whether a value is of the kind
_PLAIN: dict[Any, tuple[str, Callable[[Any], bool]]] = {
    type(None): ("None", lambda value: value is None),
    bool: ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    int: ("a whole number", lambda value: _is_real(value) and math.isfinite(value) and value == int(value)),
    float: ("a number", lambda value: _is_real(value) and not math.isnan(value)),
    str: ("a text", lambda value: isinstance(value, str)),
    Callable: ("a function", callable),
    os.PathLike: ("a path", lambda value: isinstance(value, os.PathLike)),
    Path: ("a path", lambda value: isinstance(value, PurePath)),
    Mapping: ("a dict", lambda value: isinstance(value, Mapping)),
    Sequence: ("a list", lambda value: _is_list(value)),
    tuple: ("a tuple", lambda value: _is_list(value)),
}


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Refuse arguments of another kind than the function's annotations say, and misspelt names, before it begins.

    Raises
    ------
    ValueError
        Naming the function, the argument, what is allowed and what was given.
    TypeError
        For an argument that the function does not have, with the name that may have been meant.
    """
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        _check_names(function, signature.parameters, kwargs)
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{function.__name__}: {error}") from None
        for name, value in bound.arguments.items():
            bound.arguments[name] = _taken(function, signature.parameters[name], value)
        try:
            return function(*bound.args, **bound.kwargs)
        except AttributeError as error:
            # what a plot passes on to an artist of matplotlib, which calls a wrong name so
            if "unexpected keyword argument" not in str(error):
                raise
            raise TypeError(f"{function.__name__}: {error}") from None

    return call


def tell_misspelt_names(public: Iterable[Any]) -> None:
    """Let each dataclass say which field may have been meant by a keyword that its constructor does not have."""
    for value in public:
        if isinstance(value, type) and is_dataclass(value):
            value.__init__ = _telling(value, value.__init__)  # type: ignore[method-assign]


def _telling(cls: type, made: Callable[..., None]) -> Callable[..., None]:
    parameters = inspect.signature(made).parameters

    @wraps(made)
    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        _check_names(cls, parameters, kwargs)
        made(self, *args, **kwargs)

    return init


def _check_names(what: Any, parameters: Mapping[str, inspect.Parameter], given: Mapping[str, Any]) -> None:
    named = [name for name, one in parameters.items() if one.kind in _GIVEN_BY_KEYWORD and name != "self"]
    free = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    for name in given:
        if name not in named and not free:
            known = f"; it takes {', '.join(named)}" if len(named) < 20 else ""
            raise TypeError(f"{what.__name__} has no argument {shown(name)}{closest(name, named) or known}")


def _taken(function: Callable[..., Any], parameter: inspect.Parameter, value: Any) -> Any:
    """Return an argument as it is passed on, or raise ValueError."""
    kinds = _kinds(function).get(parameter.name)
    if kinds is None:
        return value
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return tuple(_one(function, parameter.name, kinds, one) for one in value)
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return value
    return _one(function, parameter.name, kinds, value)


def _one(function: Callable[..., Any], name: str, kinds: Kinds, value: Any) -> Any:
    if any(_is(kind, value) for kind in kinds):
        # 1e9 for a whole number, as one types a large one
        whole = int in kinds and float not in kinds and isinstance(value, float)
        return int(value) if whole else value
    choices = [choice for kind in kinds for choice in get_args(kind)]
    near = closest(value, [choice for choice in choices if isinstance(choice, str)])
    raise ValueError(f"{function.__name__}: {name} must be {_words(kinds)}, got {_got(value, kinds)}{near}")


def _is(kind: Any, value: Any) -> bool:
    origin = _origin(kind)
    if kind is Any:
        return True
    if origin is Literal:
        return isinstance(value, str | int) and value in get_args(kind)
    if origin in _PLAIN:
        return _PLAIN[origin][1](value)
    return isinstance(value, origin)


def _origin(kind: Any) -> Any:
    origin: Any = get_origin(kind)
    return kind if origin is None else origin


def _is_real(value: Any) -> bool:
    real = isinstance(value, Real) and not isinstance(value, bool)
    # a whole number beyond what a float holds is no number of anything here
    return real and (not isinstance(value, Integral) or abs(int(value)) < 2**1023)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


def _words(kinds: Kinds) -> str:
    words: list[str] = []
    for kind in kinds:
        origin = _origin(kind)
        if origin is Literal:
            words += map(repr, get_args(kind))
        else:
            words.append(_PLAIN[origin][0] if origin in _PLAIN else f"{origin.__name__}(...)")
    *first, last = dict.fromkeys(words)
    return f"{', '.join(first)} or {last}" if first else last


def _got(value: Any, kinds: Kinds) -> str:
    """Return what was given; of a Result where a Scenario is due also where that is."""
    wanted = any(isinstance(kind, type) and kind.__name__ == "Scenario" for kind in kinds)
    has = wanted and hasattr(value, "__dict__") and "scenario" in vars(value)
    return f"{shown(value)}: its scenario is .scenario" if has else shown(value)


@cache
def _kinds(function: Callable[..., Any]) -> dict[str, Kinds]:
    """Return the kinds that each parameter may have, by its annotation."""
    own = {name: text for name, text in function.__annotations__.items() if name != "return"}
    names = _names_of_annotations(function.__module__)
    hints = get_type_hints(types.SimpleNamespace(__annotations__=own), names, names)
    # how a seed may be written RandomStreams has the say
    return {name: _flat(hint) for name, hint in hints.items() if name != "rng"}


def _names_of_annotations(module: str) -> dict[str, Any]:
    """Return a module's names, and those that it imports only for those who check types."""
    # the package and its price lists are there once any function of it is called
    names = vars(sys.modules["ddbsim"]) | vars(sys.modules["ddbsim.aws.prices"]) | {"pd": pd, "Path": Path}
    if module.startswith("ddbsim.plots."):
        from matplotlib.axes import Axes

        names |= {"Axes": Axes}
    return names | vars(sys.modules[module])


def _flat(hint: Any) -> Kinds:
    if get_origin(hint) in (Union, types.UnionType):
        return tuple(kind for one in get_args(hint) for kind in _flat(one))
    # None stands for its type in annotations
    return (hint,)
