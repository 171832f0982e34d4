"""The operands of an event pattern that have a grammar of their own: numbers, address ranges, wildcards.

The rules and the texts of the errors are those of Event Ruler, the engine behind EventBridge's patterns and Lambda's
filters (https://github.com/aws/event-ruler, read 2026-11).
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

__all__ = [
    "InvalidPatternError",
    "Number",
    "Test",
    "address",
    "case_pattern",
    "case_suffix_test",
    "character_cases",
    "cidr_range",
    "cidr_test",
    "comparable",
    "fits",
    "numeric_test",
    "wildcard_characters",
    "wildcard_pieces",
    "wildcard_test",
]

Test: TypeAlias = Callable[[Any], bool]

_EXACT_INTEGERS = 2**53
_HIGHEST_CHARACTER = 0xFFFF
_IPV4 = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+")
_IPV6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_INTEGER = re.compile(r"[+-]?[0-9]+")
_RANGE_TESTS: dict[tuple[str, str], Callable[[float, float], Test]] = {
    (">", "<"): lambda low, high: lambda value: (x := comparable(value)) is not None and low < x < high,
    (">", "<="): lambda low, high: lambda value: (x := comparable(value)) is not None and low < x <= high,
    (">=", "<"): lambda low, high: lambda value: (x := comparable(value)) is not None and low <= x < high,
    (">=", "<="): lambda low, high: lambda value: (x := comparable(value)) is not None and low <= x <= high,
}
_BOUNDS: dict[str, Callable[[float], tuple[str, float, str, float]]] = {
    "=": lambda x: (">=", x, "<=", x),
    "<": lambda x: (">=", -math.inf, "<", x),
    "<=": lambda x: (">=", -math.inf, "<=", x),
    ">": lambda x: (">", x, "<=", math.inf),
    ">=": lambda x: (">=", x, "<=", math.inf),
}


class InvalidPatternError(ValueError):
    """An event pattern that the service refuses.

    Attributes
    ----------
    reason
        Why, in the words of the service's pattern tester.
    mapping_message
        All that creating an event source mapping says about it.
    """

    mapping_message = "Invalid filter pattern definition."

    def __init__(self, reason: str) -> None:
        super().__init__(f"Event pattern is not valid. Reason: {reason}")
        self.reason = reason


class Number(str):
    """A number of a pattern, as it was written there."""

    __slots__ = ()


def comparable(value: Any) -> float | None:
    """Return a JSON number as the float that it is compared by; None for what cannot be compared as a number.

    A number that no float holds (an account number of 20 digits) is none: it only equals its own text.
    """
    if type(value) is float:
        return value if math.isfinite(value) else None
    if type(value) is int:
        if -_EXACT_INTEGERS <= value <= _EXACT_INTEGERS:
            return float(value)
    elif not isinstance(value, Number | Decimal):
        return None
    exact = Decimal(value)
    nearest = float(exact)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == exact else None


def _bound(number: Number) -> float:
    value = comparable(number)
    if value is None:
        raise InvalidPatternError(f"Cannot compare number : {number}")
    return value


def numeric_test(operand: Any) -> Test:
    """Return the test of {"numeric": operand}: one comparison, or a lower bound followed by an upper one."""
    if type(operand) is not list:
        raise InvalidPatternError("Value of numeric must be an array.")
    operator = operand[0] if operand else "]"
    if not operand or type(operator) is not str:
        raise InvalidPatternError(f"Invalid member in numeric match: {_token(operator)}")
    name = "equals" if operator == "=" else operator
    if operator not in _BOUNDS:
        raise InvalidPatternError(f"Unrecognized numeric range operator: {operator}")
    first = _number_at(operand, 1, name)
    if len(operand) == 2:
        low_operator, low, high_operator, high = _BOUNDS[operator](_bound(first))
        return _RANGE_TESTS[low_operator, high_operator](low, high)
    if operator not in (">", ">="):
        raise InvalidPatternError("Too many elements in numeric expression")
    return _range_test(operator, first, operand)


def _range_test(operator: str, first: Number, operand: Sequence[Any]) -> Test:
    closing = operand[2]
    if type(closing) is not str:
        raise InvalidPatternError(f"Bad value in numeric range: {_token(closing)}")
    if closing not in ("<", "<="):
        raise InvalidPatternError(f"Bad numeric range operator: {closing}")
    second = _number_at(operand, 3, closing)
    if len(operand) > 4:
        raise InvalidPatternError("Too many terms in numeric range expression")
    low, high = _bound(first), _bound(second)
    if low >= high:
        raise InvalidPatternError("Bottom must be less than top")
    return _RANGE_TESTS[operator, closing](low, high)


def _number_at(operand: Sequence[Any], position: int, operator: str) -> Number:
    if len(operand) <= position or type(operand[position]) is not Number:
        raise InvalidPatternError(f"Value of {operator} must be numeric")
    number: Number = operand[position]
    return number


def _token(value: Any) -> str:
    """Name a JSON token as the service does where it did not expect it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, str) else "[" if type(value) is list else "{"


def address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address that a text is, None if it is none; octets are decimal, with leading zeros or not."""
    try:
        if _IPV4.fullmatch(text):
            return ipaddress.IPv4Address(".".join(str(int(octet)) for octet in text.split(".")))
        return ipaddress.IPv6Address(text) if _IPV6.fullmatch(text) else None
    except ValueError:
        return None


def cidr_range(operand: Any) -> tuple[str, str]:
    """Return the lowest and the highest address of {"cidr": operand}, in hexadecimal digits.

    The service's wording speaks of a prefix where the type is wrong.
    """
    if type(operand) is not str:
        raise InvalidPatternError("prefix match pattern must be a string")
    base, bits = _cidr_parts(operand)
    if bits > base.max_prefixlen - 1:
        raise InvalidPatternError(f"IPv{base.version} mask bits must be < {base.max_prefixlen}")
    network = ipaddress.ip_network(f"{base}/{bits}", strict=False)
    return _digits(network[0]), _digits(network[-1])


def cidr_test(operand: Any) -> Test:
    """Return the test of {"cidr": operand}.

    The service compares digits from the left, and is done with the first that lies between those of the bounds: so
    10.0.0.0/8 takes in the IPv6 address a00::1, and a range of all addresses most numbers.
    """
    bottom, top = cidr_range(operand)
    length = len(bottom)

    def test(value: Any) -> bool:
        digits = _value_digits(value)
        if len(digits) < length:
            return bottom[: len(digits)] < digits < top[: len(digits)]
        return bottom <= digits[:length] <= top

    return test


def _value_digits(value: Any) -> str:
    if type(value) in (int, float):
        return repr(value)
    found = address(value) if type(value) is str else None
    return "" if found is None else _digits(found)


def _digits(found: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return found.packed.hex().upper()


def _cidr_parts(operand: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    text, _, mask = operand.rstrip("/").partition("/")
    if not mask or "/" in mask:
        raise InvalidPatternError("Malformed CIDR, one '/' required")
    if not _INTEGER.fullmatch(mask) or abs(int(mask)) >= 2**31:
        raise InvalidPatternError("Malformed CIDR, mask bits must be an integer")
    if int(mask) < 0:
        raise InvalidPatternError("Malformed CIDR, mask bits must not be negative")
    if not (_IPV4.fullmatch(text) or _IPV6.fullmatch(text)):
        raise InvalidPatternError(f"Nonstandard IP address: {text}")
    base = address(text)
    if base is None:
        raise InvalidPatternError(f"Invalid IP address: {text}")
    return base, int(mask)


def wildcard_test(operand: Any) -> Test:
    r"""Return the test of {"wildcard": operand}: `*` is any text, `\*` and `\\` are the characters themselves."""
    if type(operand) is not str:
        raise InvalidPatternError("wildcard match pattern must be a string")
    pieces = wildcard_pieces(operand)
    return lambda value: type(value) is str and fits(pieces, value)


def wildcard_pieces(text: str) -> list[str]:
    """Return the texts between the `*` of a wildcard text, empty ones at its ends included."""
    pieces = [""]
    for character in wildcard_characters(text):
        if character is None:
            pieces.append("")
        else:
            pieces[-1] += character
    return pieces


def fits(pieces: Sequence[str], text: str) -> bool:
    """Return whether a text is the pieces in their order, with anything between them.

    Each piece is taken where it is found first: whatever fits further on fits behind that too, so that nothing is
    ever taken back, and the text is read once.
    """
    first, *others = pieces
    if not others:
        return text == first
    *middle, last = others
    end = len(text) - len(last)
    if not (text.startswith(first) and len(first) <= end and text.endswith(last)):
        return False
    at = len(first)
    for piece in middle:
        found = text.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def wildcard_characters(text: str) -> Iterator[str | None]:
    """Yield the characters of a wildcard text, None for each `*` that is any text."""
    at = 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair == "**":
            raise InvalidPatternError(f"Consecutive wildcard characters at pos {_position(text, at)}")
        if pair[0] == "\\" and pair not in (r"\*", r"\\"):
            raise InvalidPatternError(f"Invalid escape character at pos {_position(text, at)}")
        escaped = pair[0] == "\\"
        yield pair[1] if escaped else None if pair[0] == "*" else pair[0]
        at += 1 + escaped


def _position(text: str, at: int) -> int:
    # The service counts UTF-8 bytes and starts at the quote that it puts before the text
    return 1 + len(text[:at].encode("utf-8", "replace"))


def case_pattern(text: str) -> re.Pattern[str]:
    """Return a regular expression of the texts that are equal to one but for their case, as the service compares them.

    It takes each character apart, in lower and in upper case: "ß" is also "SS", but not "ss". Java's characters have
    16 bits: one with a higher number is two of them, each of which turns into a question mark.
    """
    return re.compile("".join(_either(*character_cases(character)) for character in text))


def case_suffix_test(text: str) -> Test:
    """Return the test of texts that end with one, but for its case: both are read from their ends."""
    cases = [character_cases(character) for character in reversed(text)]
    longest = sum(max(map(len, both)) for both in cases)
    match = re.compile("".join(_either(lower[::-1], upper[::-1]) for lower, upper in cases)).match
    return lambda value: type(value) is str and match(value[max(0, len(value) - longest) :][::-1]) is not None


def character_cases(character: str) -> tuple[str, str]:
    """Return a character in lower and in upper case, as the service has them."""
    if ord(character) > _HIGHEST_CHARACTER:
        return "??", "??"
    return character.lower(), character.upper()


def _either(lower: str, upper: str) -> str:
    return re.escape(lower) if lower == upper else f"(?:{re.escape(lower)}|{re.escape(upper)})"
