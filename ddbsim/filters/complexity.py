"""How many wildcards a pattern may hold: what one value could match at once is bounded.

Every beginning of a wildcard text is a partial match, which the service keeps while it reads a value: "aa" is matched
by five beginnings of `*a*a*` (`*`, `*a`, `*a*`, `*a*a` and all of it). The service refuses a pattern of which one
value of a field could match more than ten at once.

Fields are looked at in the order of their paths, and those of an "$or" together where the values of the fields before
are the same. Source: Event Ruler's MachineComplexityEvaluator; the bound, and that no field behind {"exists": false}
is looked at, from recordings of the service's own tester, 2026-09.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any, NamedTuple, TypeAlias

from ddbsim.aws import limits

from .operands import InvalidPatternError, Number, cidr_range, comparable, wildcard_characters
from .operators import ABSENT, Condition, Fields

__all__ = ["check_complexity"]

_REASON = (
    "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences after a "
    "wildcard character"
)
_QUOTE = ord('"')


class _Term(NamedTuple):
    """A value of a field: what makes it the same as another, and the wildcard texts in it."""

    identity: Hashable
    wildcards: tuple[str, ...]


class _Field:
    """The values that a pattern asks for in one field, and the fields that follow each of them."""

    __slots__ = ("following", "met", "terms")

    def __init__(self) -> None:
        self.terms: list[_Term] = []
        self.following: dict[Hashable, _State] = {}
        self.met: list[_State] = []

    def add(self, values: Sequence[Any]) -> list[_State]:
        """Take in an array of values, and return where they lead: the new ones of an array to one place."""
        reached: list[_State] = []
        for value in values:
            term = _term(value)
            self.terms.append(term)
            state = self.following.setdefault(term.identity, reached[-1] if reached else {})
            reached.append(state)
            if value != ABSENT:
                self.met.append(state)
        return reached


# The fields that may come next, by path
_State: TypeAlias = dict[str, _Field]


def check_complexity(branches: Sequence[Mapping[str, Condition]]) -> None:
    """Raise InvalidPatternError, with the service's reason, if one value could match too much at once."""
    values = (value for branch in branches for condition in branch.values() for value in condition.values)
    if not any(_term(value).wildcards for value in values):
        return
    root: _State = {}
    for branch in branches:
        states = [root]
        for path, condition in sorted(branch.items()):
            fields = [state.setdefault(path, _Field()) for state in states]
            states = _distinct(after for field in fields for after in field.add(condition.values))
    for field in _fields(root):
        if _most_matched_at_once(field.terms) > limits.WILDCARD_MATCHES.value:
            raise InvalidPatternError(_REASON)


def _fields(root: _State) -> Iterator[_Field]:
    states, seen = [root], {id(root)}
    while states:
        for field in states.pop().values():
            yield field
            fresh = [state for state in _distinct(field.met) if id(state) not in seen]
            seen.update(map(id, fresh))
            states += fresh


def _distinct(states: Iterable[_State]) -> list[_State]:
    return list({id(state): state for state in states}.values())


def _term(value: Any) -> _Term:
    if not isinstance(value, Fields):
        return _Term(_identity(value), ())
    (name, operand), *_ = value
    if name == "wildcard":
        return _Term((name, operand), (operand,))
    if name == "anything-but":
        kind, excluded = operand[0] if isinstance(operand, Fields) else ("", operand)
        each = excluded if type(excluded) is list else [excluded]
        return _Term((name, kind, frozenset(map(_identity, each))), tuple(dict.fromkeys(each)) * (kind == "wildcard"))
    return _Term(_identity(value), ())


def _identity(value: Any) -> Hashable:
    """Return what two equal values of a field have in common; [1], [1.0] and {"numeric": ["=", 1]} are equal."""
    if type(value) is Number:
        number = comparable(value)
        return "number", str(value) if number is None else number
    if type(value) is list:
        return "list", tuple(map(_identity, value))
    if not isinstance(value, Fields):
        return type(value).__name__, value
    (name, operand), *_ = value
    if name == "numeric" and operand[0] == "=":
        return _identity(operand[1])
    return name, cidr_range(operand) if name == "cidr" else _identity(operand)


def _most_matched_at_once(terms: Iterable[_Term]) -> int:
    """Return how many beginnings of wildcard texts one value can match; the search ends above the bound."""
    beginnings = _Beginnings()
    for term in terms:
        for text in term.wildcards:
            beginnings.add(term.identity, text)
    start = frozenset([0])
    most, seen, waiting = 0, {start}, [start]
    while waiting and most <= limits.WILDCARD_MATCHES.value:
        matched = waiting.pop()
        for byte in beginnings.bytes_after(matched):
            longer = beginnings.after(matched, byte)
            most = max(most, len(longer))
            if longer not in seen:
                seen.add(longer)
                waiting.append(longer)
    return most


class _Beginnings:
    """The beginnings of wildcard texts in quotes, by number; 0 is the empty one, which does not count.

    A value's texts share their beginnings up to the first `*`, and the end; what lies between is each text's own.
    """

    __slots__ = ("_by_byte", "_is_open", "_key", "_opened", "_texts")

    def __init__(self) -> None:
        self._by_byte: list[dict[int, set[int]]] = [{}]
        self._opened: list[set[int]] = [set()]
        self._is_open = [False]
        self._key: dict[Hashable, int] = {}
        self._texts = count()

    def add(self, identity: Hashable, text: str) -> None:
        """Take in a text of the value `identity`."""
        parts = [_QUOTE, *_parts(text), _QUOTE]
        own, shared, before = next(self._texts), True, 0
        for end, part in enumerate(parts, start=1):
            key = (identity, "end") if end == len(parts) else (identity, before, part) if shared else (own, end)
            number = self._number(key)
            if part is None:
                self._is_open[number] = True
                self._opened[before].add(number)
                shared = False
            else:
                self._by_byte[before].setdefault(part, set()).add(number)
            before = number

    def _number(self, key: Hashable) -> int:
        number = self._key.setdefault(key, len(self._by_byte))
        if number == len(self._by_byte):
            self._by_byte.append({})
            self._opened.append(set())
            self._is_open.append(False)
        return number

    def bytes_after(self, matched: frozenset[int]) -> set[int]:
        """Return the bytes that make one of the beginnings longer; no other byte can lead to more matches."""
        return {byte for number in matched for byte in self._by_byte[number]}

    def after(self, matched: frozenset[int], byte: int) -> frozenset[int]:
        """Return what is matched after one more byte."""
        longer = {number for number in matched if self._is_open[number]}
        longer.update(*(self._by_byte[number].get(byte, ()) for number in matched))
        # a `*` matches nothing too
        longer.update(*[self._opened[number] for number in longer])
        return frozenset(longer)


def _parts(text: str) -> Iterator[int | None]:
    """Yield the bytes of a wildcard text, None for each `*`."""
    for character in wildcard_characters(text):
        yield from (None,) if character is None else character.encode("utf-8", "replace")
