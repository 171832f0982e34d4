"""How many bytes DynamoDB counts for values, items and stream records.

The documented rules (attribute names and texts in UTF-8; 1 byte for null and booleans; 3 bytes for a list or map and
1 more for each element; sets without overhead) and, for numbers, which AWS only describes as "approximately", what
reproduces the sizes that the service charges: one byte for each pair of digits, pairs counted from the decimal point
as in other base-100 formats, one for the exponent, and one for a minus sign.

Source: CapacityUnitCalculations in the DynamoDB Developer Guide; recordings of charged sizes, 2026-09. That pairs are
counted from the decimal point is inferred (the recorded numbers do not tell it from a plain count of digits).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from .types import Item, binary_bytes, number_text, to_dynamodb

__all__ = ["item_bytes", "number_bytes", "record_bytes", "stored_bytes", "value_bytes"]

_CONTAINER_BYTES = 3
_ELEMENT_BYTES = 1
_MOST_NUMBER_BYTES = 21


def item_bytes(item: Mapping[str, Any]) -> int:
    """Return the size of an item in bytes, names included, without the storage overhead of 100 bytes.

    Parameters
    ----------
    item
        Plain Python or DynamoDB JSON, as `to_dynamodb` takes it.

    Examples
    --------
    >>> item_bytes({"id": "Fred", "count": 42})
    13
    """
    return stored_bytes(to_dynamodb(item))


def stored_bytes(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Return the size in bytes of an item that is in DynamoDB JSON already, as `to_dynamodb` returns it."""
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def record_bytes(keys: Item, new_image: Item | None = None, old_image: Item | None = None) -> int:
    """Return SizeBytes of a stream record: its keys and the images that it carries, each by the item-size rules.

    All three in canonical DynamoDB JSON.
    """
    return sum(stored_bytes(part) for part in (keys, new_image, old_image) if part)


def value_bytes(value: Mapping[str, Any]) -> int:
    """Return the size in bytes of one attribute value in DynamoDB JSON, without its name."""
    ((code, content),) = value.items()
    if code == "S":
        return len(content.encode())
    if code == "N":
        return number_bytes(content)
    if code == "B":
        return len(binary_bytes(content))
    if code in ("BOOL", "NULL"):
        return 1
    if code == "M":
        return _CONTAINER_BYTES + _ELEMENT_BYTES * len(content) + stored_bytes(content)
    if code == "L":
        return _CONTAINER_BYTES + sum(_ELEMENT_BYTES + value_bytes(element) for element in content)
    return sum(value_bytes({code[0]: element}) for element in content)


def number_bytes(number: str | int | float | Decimal) -> int:
    """Return the size in bytes of a number: 1 for zero, else 2 to 21.

    Examples
    --------
    >>> number_bytes(12), number_bytes(-12), number_bytes("1.25")
    (2, 3, 3)
    """
    text = number_text(number)
    if text == "0":
        return 1
    whole, _, fraction = text.lstrip("-").partition(".")
    # pairs from the decimal point outwards: 1.25 is 01|25, 0.5 is 50
    digits = whole.zfill(len(whole) + len(whole) % 2) + fraction.ljust(len(fraction) + len(fraction) % 2, "0")
    pairs = [digits[start : start + 2] for start in range(0, len(digits), 2)]
    used = [place for place, pair in enumerate(pairs) if pair != "00"]
    return min(_MOST_NUMBER_BYTES, used[-1] - used[0] + 2 + text.startswith("-"))
