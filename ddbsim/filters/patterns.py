"""Event patterns as a filter applies them to records: which records a function gets to see.

A field of a pattern matches leaves of the event only: {"exists": false} on a map is true although the map is there.
Arrays of the event are looked through at any depth, but fields that are matched together must come from the same
element of an array. A number attribute of an item is a *string* in the event ({"N": "101"}), so that numeric
comparisons never match it.

Source: Event Ruler's documentation (https://github.com/aws/event-ruler) and recordings of the service's own tester,
2024-07 to 2025-10.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from ddbsim.aws import limits

from .operands import InvalidPatternError, Test
from .syntax import Branch, pattern_text, read_branches

__all__ = ["EventPattern", "FilterCriteria", "InvalidPatternError", "matches"]

_NO_ARRAYS: dict[Any, int] = {}  # shared, never written
_METADATA = frozenset(
    f"dynamodb.{name}" for name in ("ApproximateCreationDateTime", "SequenceNumber", "SizeBytes", "StreamViewType")
)

# A leaf that was found, with the arrays that it lies in: the place of each array -> the index of the element
_Found: TypeAlias = tuple[Any, dict[Any, int]]


class EventPattern:
    """One pattern, compiled once.

    Parameters
    ----------
    pattern
        JSON text, or the dict that would be written as it.

    Raises
    ------
    InvalidPatternError
        The pattern is one that the service refuses; `reason` says why.

    Examples
    --------
    >>> pattern = EventPattern({"eventName": ["INSERT", "MODIFY"]})
    >>> pattern.matches({"eventName": "REMOVE"})
    False
    """

    __slots__ = ("_branches", "text")

    def __init__(self, pattern: str | Mapping[str, Any]) -> None:
        self.text = pattern_text(pattern)
        self._branches = [_Branch(branch) for branch in read_branches(self.text)]

    def __repr__(self) -> str:
        return f"EventPattern({self.text!r})"

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether the pattern lets an event (a stream record as the function would get it) through."""
        return any(branch.matches(event) for branch in self._branches)

    def paths(self) -> frozenset[str]:
        """Return the dotted paths of the event's fields that the pattern looks at."""
        return frozenset(field.path for branch in self._branches for field in branch.fields)

    @property
    def needs_items(self) -> bool:
        """Whether it looks at content of items, which a workload of columns alone does not have."""
        return any(_is_content(path) for path in self.paths())


def _is_content(path: str) -> bool:
    if path == "dynamodb" or path.startswith("dynamodb.Keys") or path in _METADATA:
        return False
    return path.startswith("dynamodb.")


def matches(pattern: str | Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Return whether a pattern matches an event; compile an `EventPattern` to ask more than once."""
    return EventPattern(pattern).matches(event)


class FilterCriteria:
    """The filter of an event source mapping: a record goes through if any of its patterns matches.

    Parameters
    ----------
    patterns
        JSON texts or dicts; none lets every record through.
    quota
        Patterns that the account may use in a mapping: 5, and up to 10 on request.

    Raises
    ------
    ValueError
        More patterns than the quota, or one longer than 4,096 characters.
    InvalidPatternError
        A pattern that the service refuses.
    """

    __slots__ = ("patterns",)

    def __init__(
        self, patterns: Sequence[str | Mapping[str, Any]] = (), *, quota: int = int(limits.FILTERS.value)
    ) -> None:
        if not 0 <= quota <= limits.FILTERS.high:
            raise ValueError(f"quota must be 0..{limits.FILTERS.high:g} patterns, got {quota!r}")
        if len(patterns) > quota:
            raise ValueError(f"at most {quota} patterns are allowed, got {len(patterns)}")
        self.patterns = tuple(EventPattern(_short_enough(pattern)) for pattern in patterns)

    def __repr__(self) -> str:
        return f"FilterCriteria({[pattern.text for pattern in self.patterns]})"

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether a record goes through the filter."""
        return not self.patterns or any(pattern.matches(event) for pattern in self.patterns)

    def paths(self) -> frozenset[str]:
        """Return the dotted paths of the event's fields that any pattern looks at."""
        return frozenset().union(*(pattern.paths() for pattern in self.patterns))

    @property
    def needs_items(self) -> bool:
        """Whether any pattern looks at content of items."""
        return any(pattern.needs_items for pattern in self.patterns)


def _short_enough(pattern: str | Mapping[str, Any]) -> str:
    text = pattern_text(pattern)
    most = limits.PATTERN_CHARACTERS.value
    if len(text) > most:
        raise ValueError(f"a pattern must have at most {most} characters, got {len(text)}")
    return text


class _Branch:
    """Fields that must all match."""

    __slots__ = ("fields", "in_service_order")

    def __init__(self, branch: Branch) -> None:
        self.in_service_order = [
            _Field(path, condition.test, condition.absent) for path, condition in sorted(branch.items())
        ]
        # a short path is found sooner, and without arrays the order changes nothing
        self.fields = sorted(self.in_service_order, key=lambda field: field.path.count("."))

    def matches(self, event: Mapping[str, Any]) -> bool:
        for field in self.fields:
            found = field.leaves(event)
            if not found:
                if field.absent:
                    continue
                return False
            if len(found) > 1 or found[0][1]:
                return self._matches_through_arrays(event)
            if not field.test(found[0][0]):
                return False
        return True

    def _matches_through_arrays(self, event: Mapping[str, Any]) -> bool:
        leaves = [field.leaves(event) for field in self.in_service_order]
        return self._matches_from(0, leaves, _NO_ARRAYS)

    def _matches_from(self, at: int, leaves: list[list[_Found]], arrays: dict[Any, int]) -> bool:
        """Try each leaf of a field that lies in the elements chosen so far, then the fields after it."""
        if at == len(self.in_service_order):
            return True
        field = self.in_service_order[at]
        inside = [(value, chosen) for value, own in leaves[at] if (chosen := _consistent(arrays, own)) is not None]
        if not inside:
            return field.absent and self._matches_from(at + 1, leaves, arrays)
        tried: list[dict[Any, int]] = []
        for value, chosen in inside:
            if chosen not in tried and field.test(value):
                tried.append(chosen)
                if self._matches_from(at + 1, leaves, chosen):
                    return True
        return False


def _consistent(so_far: dict[Any, int], own: dict[Any, int]) -> dict[Any, int] | None:
    """Return both together, or None if they name different elements of one array."""
    if not own:
        return so_far
    if any(so_far.get(array, index) != index for array, index in own.items()):
        return None
    return {**so_far, **own}


class _Field:
    """The leaves of an event at one dotted path, whose names may themselves contain dots."""

    __slots__ = ("_end", "_names", "absent", "path", "test")

    def __init__(self, path: str, test: Test, absent: bool) -> None:
        self.path, self.test, self.absent = path, test, absent
        steps = path.split(".")
        self._end = len(steps)
        # at each step of the path: the names that lead on from there, and to which step
        self._names = [
            [(".".join(steps[start:end]), end) for end in range(start + 1, len(steps) + 1)]
            for start in range(len(steps) + 1)
        ]

    def leaves(self, event: Mapping[str, Any]) -> list[_Found]:
        found: list[_Found] = []
        self._walk(event, 0, (), _NO_ARRAYS, found)
        return found

    def _walk(self, node: Any, step: int, place: Any, arrays: dict[Any, int], found: list[_Found]) -> None:
        if isinstance(node, dict):
            for name, then in self._names[step]:
                if name in node:
                    self._walk(node[name], then, (place, name), arrays, found)
        elif isinstance(node, list):
            for index, item in enumerate(node):
                inner = {**arrays, place: index} if isinstance(item, dict | list) else arrays
                self._walk(item, step, (place, index), inner, found)
        elif step == self._end:
            found.append((node, arrays))
