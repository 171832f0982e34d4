"""The values of one field of an event pattern, compiled to one test of an event's value.

A field's array holds plain values and match expressions like {"prefix": "a"}; one of them suffices. Every test sees
one leaf of the event: a string, number, boolean or null, of which only strings have prefixes, cases and wildcards.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from .operands import (
    InvalidPatternError,
    Number,
    Test,
    address,
    case_pattern,
    case_suffix_test,
    cidr_test,
    comparable,
    numeric_test,
    wildcard_test,
)

__all__ = ["ABSENT", "Condition", "Fields", "read_condition"]


class Fields(tuple[tuple[str, Any], ...]):
    """The fields of a JSON object in the order written, duplicates included."""

    __slots__ = ()


#: What asks for a field to be absent.
ABSENT = Fields((("exists", False),))


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What one field must be: a leaf that passes `test`, or, with `absent`, no leaf at all; `values` say so."""

    test: Test
    absent: bool
    values: Sequence[Any]


def read_condition(values: Sequence[Any]) -> Condition:
    """Compile a field's array of values; InvalidPatternError with the service's reason if it would refuse them."""
    if not values:
        raise InvalidPatternError("Empty arrays are not allowed")
    texts: set[str] = set()
    tests: list[Test] = []
    absent = False
    for value in values:
        if value == ABSENT:
            absent = True
        elif type(value) is not str:
            tests.append(_value_test(value))
        elif address(value) is None:
            texts.add(value)
        else:
            tests.append(_address_test(value))
    return Condition(test=_any_of(frozenset(texts), tests), absent=absent, values=values)


def _any_of(texts: frozenset[str], tests: Sequence[Test]) -> Test:
    if not tests:
        return lambda value: type(value) is str and value in texts
    if len(tests) == 1 and not texts:
        return tests[0]
    return lambda value: (type(value) is str and value in texts) or any(test(value) for test in tests)


def _value_test(value: Any) -> Test:
    if isinstance(value, Fields):
        return _expression_test(value)
    if type(value) is list:
        raise InvalidPatternError("Match value must be String, number, true, false, or null")
    if type(value) is Number:
        return _number_test(value)
    return lambda found: found is value  # true, false, null


def _number_test(number: Number) -> Test:
    """Compare by value (300 and 3.0e2 are one number) where a float holds the number, else by its text."""
    expected = comparable(number)
    if expected is None:
        text = str(number)
        return lambda found: type(found) is not bool and type(found) is not str and str(found) == text
    return lambda found: comparable(found) == expected


def _address_test(text: str) -> Test:
    """Accept every spelling of one IP address."""
    expected = address(text)
    return lambda found: type(found) is str and address(found) == expected


def _expression_test(fields: Fields) -> Test:
    if not fields:
        raise InvalidPatternError("Match expression name not found")
    name, operand = fields[0]
    if name not in _OPERATORS:
        raise InvalidPatternError(f"Unrecognized match type {name}")
    test = _OPERATORS[name](operand)
    if len(fields) > 1:
        # the service reads two of its operators with one parser, which speaks of numbers for both
        several = name in ("numeric", "anything-but")
        raise InvalidPatternError(
            "Too many elements in numeric expression" if several else "Only one key allowed in match expression"
        )
    return test


def _text_of(name: str, operand: Any) -> str:
    if type(operand) is not str:
        raise InvalidPatternError(f"{name} match pattern must be a string")
    return operand


def _exactly(operand: Any) -> Test:
    text = _text_of("exact", operand)
    return lambda value: type(value) is str and value == text


def _ignoring_case(operand: Any) -> Test:
    pattern = case_pattern(_text_of("equals-ignore-case", operand))
    return lambda value: type(value) is str and pattern.fullmatch(value) is not None


def _prefix(operand: Any) -> Test:
    if isinstance(operand, Fields):
        pattern = case_pattern(_case_operand("prefix", operand))
        return lambda value: type(value) is str and pattern.match(value) is not None
    text = _text_of("prefix", operand)
    return lambda value: type(value) is str and value.startswith(text)


def _suffix(operand: Any) -> Test:
    if isinstance(operand, Fields):
        return case_suffix_test(_case_operand("suffix", operand))
    text = _text_of("suffix", operand)
    return lambda value: type(value) is str and value.endswith(text)


def _case_operand(name: str, fields: Fields) -> str:
    if not fields:
        raise InvalidPatternError(f"{name.capitalize()} expression name not found")
    inner, operand = fields[0]
    if inner != "equals-ignore-case":
        raise InvalidPatternError(f"Unsupported {name} pattern: {inner}")
    text = _text_of("equals-ignore-case", operand)
    if len(fields) > 1:
        raise InvalidPatternError("Only one key allowed in match expression")
    return text


def _exists(operand: Any) -> Test:
    if type(operand) is not bool:
        raise InvalidPatternError("exists match pattern must be either true or false.")
    return lambda value: operand


def _anything_but(operand: Any) -> Test:
    if isinstance(operand, Fields):
        excluded = _excluded_expression(operand)
    elif type(operand) is list:
        excluded = _excluded_values(operand)
    elif type(operand) in (str, Number):
        excluded = _excluded_values([operand])
    else:
        raise InvalidPatternError(_ANYTHING_BUT_TYPES)
    return lambda value: not excluded(value)


_ANYTHING_BUT_TYPES = "Value of anything-but must be an array or single string/number value."


def _excluded_values(values: Sequence[Any]) -> Test:
    for value in values:
        if type(value) not in (str, Number):
            raise InvalidPatternError("Inside anything but list, start|null|boolean is not supported.")
        if type(value) is Number and comparable(value) is None:
            raise InvalidPatternError(f"Cannot compare number : {value}")
    if len({type(value) for value in values}) != 1:
        raise InvalidPatternError(
            "Inside anything but list, either all values are number or string, mixed type is not supported"
        )
    if type(values[0]) is str:
        texts = frozenset(values)
        return lambda value: type(value) is str and value in texts
    numbers = frozenset(comparable(value) for value in values)
    return lambda value: comparable(value) in numbers


def _excluded_expression(fields: Fields) -> Test:
    if not fields:
        raise InvalidPatternError("Anything-But expression name not found")
    name, operand = fields[0]
    if name not in _EXCLUDABLE:
        raise InvalidPatternError(f"Unsupported anything-but pattern: {name}")
    if type(operand) not in (list, str, Number):
        raise InvalidPatternError(_ANYTHING_BUT_TYPES)
    test_of, wrong_type = _EXCLUDABLE[name]
    texts = operand if type(operand) is list else [operand]
    if not texts:
        raise InvalidPatternError(f"the service fails (InternalFailure) on an empty list of anything-but/{name}")
    for text in texts:
        if type(text) is not str:
            raise InvalidPatternError(wrong_type)
        if not text and name in ("prefix", "suffix"):
            raise InvalidPatternError("Null prefix/suffix not allowed")
    tests = [test_of(text) for text in texts]
    if len(fields) > 1:
        raise InvalidPatternError("Too many elements in numeric expression")
    return _any_of(frozenset(), tests)


_EXCLUDABLE: dict[str, tuple[Callable[[Any], Test], str]] = {
    "prefix": (_prefix, "prefix/suffix match pattern must be a string"),
    "suffix": (_suffix, "prefix/suffix match pattern must be a string"),
    "wildcard": (wildcard_test, "wildcard match pattern must be a string"),
    "equals-ignore-case": (
        _ignoring_case,
        "Inside anything-but/equals-ignore-case list, number|start|null|boolean is not supported.",
    ),
}
_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "exactly": _exactly,
    "prefix": _prefix,
    "suffix": _suffix,
    "equals-ignore-case": _ignoring_case,
    "wildcard": wildcard_test,
    "numeric": numeric_test,
    "cidr": cidr_test,
    "exists": _exists,
    "anything-but": _anything_but,
}
