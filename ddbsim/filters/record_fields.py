"""What a stream record may hold, as a pattern sees it: which paths end in a value, and what that value can be.

Source: "Using AWS Lambda with DynamoDB" and "StreamRecord" in AWS's documentation, 2026-11. An attribute's name may
have dots, so that of a path below an image only its end is sure: a type code whose value is a leaf.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

from .operands import Number, character_cases, comparable, numeric_test, wildcard_pieces
from .operators import Fields, read_condition

__all__ = ["RECORDS", "Leaf", "NoLeaf", "Record", "leaf_at", "reads_as_written"]

_TYPE_CODES = "S, N, B, SS, NS, BS, M, L, NULL and BOOL"


class Record(NamedTuple):
    """A kind of record: what happened, whether by expiry, and what the stream shows of it."""

    event_name: str
    expired: bool
    view_type: str

    @property
    def shows_new(self) -> bool:
        """Whether it has a NewImage."""
        return self.event_name != "REMOVE" and self.view_type in ("NEW_IMAGE", "NEW_AND_OLD_IMAGES")

    @property
    def shows_old(self) -> bool:
        """Whether it has an OldImage."""
        return self.event_name != "INSERT" and self.view_type in ("OLD_IMAGE", "NEW_AND_OLD_IMAGES")


_VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")
_HAPPENINGS = (("INSERT", False), ("MODIFY", False), ("REMOVE", False), ("REMOVE", True))
#: All kinds of records.
RECORDS = tuple(Record(*happened, view_type) for view_type, happened in product(_VIEW_TYPES, _HAPPENINGS))


class Values(NamedTuple):
    """What a leaf can hold.

    Attributes
    ----------
    allows
        Whether some value it can hold passes one value of a pattern.
    meaning
        What it holds, and what would match it.
    """

    allows: Callable[[Any], bool]
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A value of records.

    Attributes
    ----------
    values
        What it can hold, by kind of record.
    may_be_there
        Whether a record of a kind can have it.
    must_be_there
        Whether each record has it.
    attribute
        (image, name, type code) of an attribute that is no part of a map or list for sure, else None.
    """

    values: Callable[[Record], Values]
    may_be_there: Callable[[Record], bool]
    must_be_there: bool = False
    attribute: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class NoLeaf:
    """A path at which no record has a value, and why."""

    reason: str


def _among(*known: Any, meaning: str = "") -> Values:
    def allows(value: Any) -> bool:
        test = read_condition([value]).test
        return any(test(one) for one in known)

    return Values(allows, meaning or f"is {' or '.join(map(str, known))} in every record")


def _allows_text(value: Any) -> bool:
    if not isinstance(value, Fields):
        return type(value) is str
    (name, operand), *_ = value
    if name == "anything-but" and isinstance(operand, Fields):
        return not (operand[0][0] == "wildcard" and "*" in operand[0][1])
    return name != "numeric" and (name != "exists" or operand is True)


def _texts_of(whole: str, characters: str, meaning: str) -> Values:
    """Return texts that are written as `whole`, a regular expression, says, and so of these characters alone."""
    written, others = re.compile(whole), re.compile(f"[^{characters}]")

    def part(text: str) -> bool:
        return others.search(text) is None

    def in_a_case(text: str) -> bool:
        return all(part(lower) or part(upper) for lower, upper in map(character_cases, text))

    def allows(value: Any) -> bool:
        if not _allows_text(value):
            return False
        if not isinstance(value, Fields):
            return written.fullmatch(value) is not None
        (name, operand), *_ = value
        if name in ("prefix", "suffix"):
            return in_a_case(operand[0][1]) if isinstance(operand, Fields) else part(operand)
        if name == "wildcard":
            return all(map(part, wildcard_pieces(operand)))
        if name == "exactly":
            return written.fullmatch(operand) is not None
        return in_a_case(operand) if name == "equals-ignore-case" else name != "cidr"

    return Values(allows, meaning)


def _numbers_from(lowest: float, meaning: str) -> Values:
    def allows(value: Any) -> bool:
        if type(value) is Number:
            number = comparable(value)
            return number is None or number >= lowest
        if not isinstance(value, Fields):
            return False
        (name, operand), *_ = value
        if name == "numeric":
            test = numeric_test(operand)
            bounds = [found for bound in operand if (found := comparable(bound)) is not None]
            tried = [near for bound in (lowest, *bounds) for near in (bound, *_neighbours(bound))]
            return any(near >= lowest and test(near) for near in tried)
        return name in ("anything-but", "cidr") or (name == "exists" and operand is True)

    return Values(allows, meaning)


def _neighbours(number: float) -> tuple[float, float]:
    return math.nextafter(number, -math.inf), math.nextafter(number, math.inf)


_TEXT = Values(_allows_text, "holds text: numbers, numeric, true, false and null never match it; write the text")
_NUMBER_TEXT = _texts_of(
    r"-?(?!0\Z)(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?|0",
    r"0-9.\-",
    'holds the number as text, as DynamoDB writes it ("5", never "5.0" or "5e3"): numeric and numbers never match it; '
    'use ["5"], or compare as text',
)
_BASE64 = _texts_of(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?",
    "A-Za-z0-9+/=",
    "holds base64 text: write the bytes in base64",
)
_DIGITS = _texts_of("[0-9]+", "0-9", "holds digits as text: write the digits as text")
_BOOLEANS = _among(True, False, meaning='holds true or false, which are no text: use [true] or [false], not ["true"]')
_NULL = _among(True, meaning="holds true where the attribute is null: use [true]")
_SECONDS = _numbers_from(0.0, "holds a number of seconds since 1970, 0 or more: text never matches it; use numeric")
_BYTES = _numbers_from(1.0, "holds a number of bytes, 1 or more: text never matches it; use numeric")
_EVENT_NAME = "is INSERT, MODIFY or REMOVE, in capitals"
_OF_CODE = {
    **dict.fromkeys(("S", "SS"), _TEXT),
    **dict.fromkeys(("N", "NS"), _NUMBER_TEXT),
    **dict.fromkeys(("B", "BS"), _BASE64),
    "BOOL": _BOOLEANS,
    "NULL": _NULL,
}
_KEY_CODES = ("S", "N", "B")


def _everywhere(values: Values) -> Leaf:
    return Leaf(values=lambda _: values, may_be_there=lambda _: True, must_be_there=True)


def _on_expiry(values: Values) -> Leaf:
    return Leaf(values=lambda _: values, may_be_there=lambda record: record.expired)


_LEAVES: dict[str, dict[str, Leaf]] = {
    "": {
        **{name: _everywhere(_TEXT) for name in ("eventID", "eventVersion", "awsRegion", "eventSourceARN")},
        "eventName": Leaf(
            values=lambda record: _among(record.event_name, meaning=_EVENT_NAME),
            may_be_there=lambda _: True,
            must_be_there=True,
        ),
        "eventSource": _everywhere(_among("aws:dynamodb")),
    },
    "dynamodb": {
        "ApproximateCreationDateTime": _everywhere(_SECONDS),
        "SequenceNumber": _everywhere(_DIGITS),
        "SizeBytes": _everywhere(_BYTES),
        "StreamViewType": Leaf(
            values=lambda record: _among(record.view_type),
            may_be_there=lambda _: True,
            must_be_there=True,
        ),
    },
    "userIdentity": {
        "type": _on_expiry(_among("Service", meaning="is Service, in the records of expired items alone")),
        "principalId": _on_expiry(
            _among("dynamodb.amazonaws.com", meaning="is dynamodb.amazonaws.com, in the records of expired items alone")
        ),
    },
}
_NODES = {"": ("dynamodb", "userIdentity"), "dynamodb": ("Keys", "NewImage", "OldImage"), "userIdentity": ()}


def leaf_at(path: str) -> Leaf | NoLeaf:
    """Return what a record can hold at a dotted path, or why it holds no value there."""
    name, *below = path.split(".")
    if name not in _NODES[""]:
        return _named("", name, below)
    if not below:
        return _node(name)
    inner, *further = below
    if inner not in _NODES[name]:
        return _named(name, inner, further)
    return _attribute(inner, further) if further else _node(f"{name}.{inner}")


def _named(parent: str, name: str, below: Sequence[str]) -> Leaf | NoLeaf:
    where = f"{parent}.{name}" if parent else name
    leaf = _LEAVES[parent].get(name)
    if leaf is None:
        known = (*_LEAVES[parent], *_NODES[parent])
        meant = next((f" (is {one} meant?)" for one in known if one.lower() == name.lower()), "")
        return NoLeaf(f"records have no field {where}{meant}: {parent or 'a record'} has {', '.join(known)}")
    return NoLeaf(f"{where} is a value, below which nothing lies") if below else leaf


def _node(where: str) -> NoLeaf:
    return NoLeaf(f"{where} holds further fields and is no value itself: name a field below it")


def _attribute(image: str, steps: Sequence[str]) -> Leaf | NoLeaf:
    """Return the leaf of an attribute: any name, and a type code at its end."""
    *names, code = steps
    where = ".".join(("dynamodb", image, *steps))
    if not names or code in ("M", "L"):
        kind = "a list" if code == "L" else "a map"
        inside = f"is {kind}, and no value itself" if names else "holds its type and value, and is no value itself"
        return NoLeaf(f'{where} {inside}: go on to a type code, as in {{"S": ["a"]}}; DynamoDB has {_TYPE_CODES}')
    if code not in _OF_CODE:
        return NoLeaf(f"{where} ends in {code!r}, which is no type code: DynamoDB has {_TYPE_CODES}")
    if image == "Keys" and code not in _KEY_CODES:
        return NoLeaf(f"{where}: a key is S, N or B, never {code}")
    return Leaf(
        values=lambda _: _OF_CODE[code],
        may_be_there=_IS_SHOWN[image],
        attribute=(image, names[0], code) if len(names) == 1 else None,
    )


def reads_as_written(names: Sequence[str]) -> bool:
    """Return whether names of a pattern, one by one, lead through an image: attribute, type code, and on from M and L.

    What is written with dots is meant so, and reads.
    """
    if (
        len(names) < 3
        or names[0] != "dynamodb"
        or names[1] not in ("NewImage", "OldImage")
        or any("." in name for name in names)
    ):
        return True
    at = 3
    while at < len(names) and names[at] in ("M", "L"):
        at += 2 if names[at] == "M" else 1
    return at == len(names) - 1


_IS_SHOWN: dict[str, Callable[[Record], bool]] = {
    "Keys": lambda _: True,
    "NewImage": lambda record: record.shows_new,
    "OldImage": lambda record: record.shows_old,
}
