"""Items as Python values, and as the JSON that DynamoDB speaks: {"S": "text"}, {"N": "1"}, ...

Numbers travel as text. DynamoDB keeps up to 38 significant digits between 1E-130 and 9.9...E+125, and returns them
without leading or trailing zeros and without an exponent; `to_dynamodb` normalises them in the same way, so that two
spellings of a number are one value.

Source: Data types and Quotas in the DynamoDB Developer Guide, 2026-11.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any, TypeAlias

import numpy as np

from ddbsim.checks.wording import shown

__all__ = ["Item", "binary_bytes", "compact_json", "from_dynamodb", "number_text", "to_dynamodb"]

Item: TypeAlias = dict[str, dict[str, Any]]

_MOST_DIGITS = 38
_EXPONENTS = (-130, 125)  # of the first significant digit
_MOST_NESTING = 32
# one encoder for all: `json.dumps` would make a new one for each item
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_SETS = {"SS": "S", "NS": "N", "BS": "B"}
_CODES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", *_SETS})
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_STORED = Context(prec=_MOST_DIGITS)


def to_dynamodb(item: Mapping[str, Any]) -> Item:
    """Return an item as DynamoDB JSON, as the service would store it.

    Parameters
    ----------
    item
        Plain Python (str, int, Decimal, float, bytes or boto3's Binary, bool, None, list or tuple, dict, set, scalars
        of numpy), or DynamoDB JSON. It is taken for DynamoDB JSON if every attribute is a dict with one type code as
        its only key. A float becomes the shortest decimal that reads back as the same float (0.1 is "0.1"); boto3
        refuses floats.

    Returns
    -------
    Item
        Attribute name -> {type code: value}, with numbers normalised and binary values as base64 text.

    Raises
    ------
    ValueError, TypeError
        A value that DynamoDB refuses; the message names its path in the item.

    Examples
    --------
    >>> to_dynamodb({"pk": "a", "price": 12.50, "tags": {"x"}})
    {'pk': {'S': 'a'}, 'price': {'N': '12.5'}, 'tags': {'SS': ['x']}}
    """
    if not isinstance(item, Mapping):
        raise TypeError(f"an item must be a dict, got {shown(item)}")
    typed = bool(item) and all(_type_code(value) for value in item.values())
    convert = _canonical if typed else _from_python
    return {_name(name): convert(value, name, 1) for name, value in item.items()}


def from_dynamodb(item: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return an item in DynamoDB JSON as Python values: numbers as int where whole, else Decimal; binary as bytes."""
    return {name: _to_python(value) for name, value in item.items()}


def compact_json(value: Mapping[str, Any]) -> str:
    """Return an item or a record as JSON text without blanks, as the service sends it."""
    return _COMPACT.encode(value)


def number_text(number: str | int | float | Decimal, *, path: str = "number") -> str:
    """Return a number as DynamoDB returns it; ValueError beyond its 38 digits or its range."""
    # of numpy's floats too, whose own repr names their type
    text = float.__repr__(number) if isinstance(number, float) else str(number)
    try:
        value = Decimal(text) if _NUMBER.fullmatch(text) else None
    except InvalidOperation:  # an exponent beyond any use
        value = None
    if value is None:
        raise ValueError(f"{path} must be a finite number, got {shown(number)}")
    if not value:
        return "0"
    if len("".join(map(str, value.as_tuple().digits)).rstrip("0")) > _MOST_DIGITS:
        raise ValueError(f"{path} must have at most {_MOST_DIGITS} significant digits, got {shown(number)}")
    if not _EXPONENTS[0] <= value.adjusted() <= _EXPONENTS[1]:
        raise ValueError(f"{path} must be 0 or of a magnitude in 1E-130..9.9E+125, got {shown(number)}")
    return format(value.normalize(_STORED), "f")


def binary_bytes(value: bytes | bytearray | str, *, path: str = "binary") -> bytes:
    """Return the bytes of a binary value that is given as such, or as base64 text."""
    if isinstance(value, bytes | bytearray) or hasattr(value, "__bytes__"):
        return bytes(value)
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise ValueError(f"{path} must be bytes or their base64 text, got {shown(value)}") from None


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise ValueError(f"an attribute name must be a text that is not empty, got {shown(name)}")
    return name


def _type_code(value: Any) -> str | None:
    if isinstance(value, Mapping) and len(value) == 1:
        (code,) = value
        return code if code in _CODES else None
    return None


def _deeper(depth: int, path: str) -> int:
    if depth > _MOST_NESTING:
        raise ValueError(f"{path} must lie in at most {_MOST_NESTING} lists and maps")
    return depth + 1


def _from_python(value: Any, path: str, depth: int) -> dict[str, Any]:
    """Convert a plain Python value."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, int | float | Decimal):
        return {"N": number_text(value, path=path)}
    if isinstance(value, bytes | bytearray) or hasattr(value, "__bytes__"):
        return {"B": _base64(bytes(value), path)}
    if isinstance(value, Mapping):
        return {"M": _map(value, path, depth, _from_python)}
    if isinstance(value, list | tuple):
        return {"L": _list(value, path, depth, _from_python)}
    if isinstance(value, set | frozenset):
        return _set_from_python(value, path)
    raise TypeError(
        f"{path} must be a str, int, Decimal, float, bytes, bool, None, list, tuple, dict or set, got {shown(value)}"
    )


def _set_from_python(values: set[Any] | frozenset[Any], path: str) -> dict[str, Any]:
    converted = [_from_python(value, path, 1) for value in values]
    codes = {code for value in converted for code in value}
    for set_code, code in _SETS.items():
        if codes == {code}:
            elements = _distinct([value[code] for value in converted], path)
            return {set_code: sorted(elements, key=Decimal if code == "N" else None)}
    raise ValueError(f"{path} must be a set of texts, of numbers or of bytes, with at least one, got {shown(values)}")


def _canonical(value: Any, path: str, depth: int) -> dict[str, Any]:
    """Check and normalise a value that is DynamoDB JSON already."""
    code = _type_code(value)
    if code is None:
        codes = ", ".join(sorted(_CODES))
        raise ValueError(f"{path} must be {{type code: value}} with one of {codes}, got {shown(value)}")
    content = value[code]
    if code == "M":
        return {"M": _map(content, path, depth, _canonical)}
    if code == "L":
        return {"L": _list(content, path, depth, _canonical)}
    if code in _SETS:
        if not isinstance(content, list | tuple | set | frozenset) or not content:
            raise ValueError(f"{path} must be a set with at least one element, got {shown(content)}")
        return {code: _distinct([_SCALARS[_SETS[code]](element, path) for element in content], path)}
    return {code: _SCALARS[code](content, path)}


def _map(content: Any, path: str, depth: int, convert: Callable[[Any, str, int], dict[str, Any]]) -> Item:
    if not isinstance(content, Mapping):
        raise ValueError(f"{path} must be a map, got {shown(content)}")
    below = _deeper(depth, path)
    return {_name(name): convert(value, f"{path}.{name}", below) for name, value in content.items()}


def _list(
    content: Any, path: str, depth: int, convert: Callable[[Any, str, int], dict[str, Any]]
) -> list[dict[str, Any]]:
    if not isinstance(content, list | tuple):
        raise ValueError(f"{path} must be a list, got {shown(content)}")
    below = _deeper(depth, path)
    return [convert(value, f"{path}[{index}]", below) for index, value in enumerate(content)]


def _distinct(elements: Sequence[str], path: str) -> list[str]:
    if len(set(elements)) < len(elements):
        raise ValueError(f"{path} must be a set without duplicates, got {shown(list(elements))}")
    return list(elements)


def _base64(value: Any, path: str) -> str:
    return base64.b64encode(binary_bytes(value, path=path)).decode("ascii")


def _text(value: Any, path: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{path} must be a text, got {shown(value)}")
    return value


def _number(value: Any, path: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError(f"{path} must be a number, got {shown(value)}")
    return number_text(value, path=path)


def _boolean(value: Any, path: str) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{path} must be true or false, got {shown(value)}")
    return value


def _null(value: Any, path: str) -> bool:
    if value is not True:
        raise ValueError(f"{path} must be true, as the value of NULL, got {shown(value)}")
    return True


_SCALARS: dict[str, Callable[[Any, str], Any]] = {
    "S": _text,
    "N": _number,
    "B": _base64,
    "BOOL": _boolean,
    "NULL": _null,
}


def _to_python(value: Mapping[str, Any]) -> Any:
    ((code, content),) = value.items()
    if code == "M":
        return from_dynamodb(content)
    if code == "L":
        return [_to_python(element) for element in content]
    if code in _SETS:
        return {_READERS[_SETS[code]](element) for element in content}
    return _READERS[code](content)


def _python_number(text: str) -> int | Decimal:
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


_READERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _python_number,
    "B": binary_bytes,
    "BOOL": bool,
    "NULL": lambda content: None,
}
