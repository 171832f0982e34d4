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
from typing import Any

from ddbsim.aws import limits
from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown

from .matching import Matcher, Path, Seen
from .operands import InvalidPatternError
from .syntax import pattern_text, read_branches

__all__ = ["EventPattern", "FilterCriteria", "InvalidPatternError", "matches"]

_METADATA = frozenset(
    f"dynamodb.{name}" for name in ("ApproximateCreationDateTime", "SequenceNumber", "SizeBytes", "StreamViewType")
)


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

    __slots__ = ("_matchers", "branches", "text")

    def __init__(self, pattern: str | Mapping[str, Any]) -> None:
        self.text = pattern_text(pattern)
        self.branches = tuple(read_branches(self.text))
        paths = {path: Path(path) for path in self.paths()}
        self._matchers = [Matcher([(paths[path], branch[path]) for path in sorted(branch)]) for branch in self.branches]

    def __repr__(self) -> str:
        return f"EventPattern({self.text!r})"

    def matches(self, event: Mapping[str, Any]) -> bool:
        """Return whether the pattern lets an event (a stream record as the function would get it) through.

        Raises
        ------
        ValueError
            To tell would take too many steps, which only an event with dots in its names, or lists nested in lists
            100 deep, can ask for.
        """
        seen = Seen(event)
        return any(matcher.matches(seen) for matcher in self._matchers)

    def paths(self) -> frozenset[str]:
        """Return the dotted paths of the event's fields that the pattern looks at."""
        return frozenset(path for branch in self.branches for path in branch)

    @property
    def needs_items(self) -> bool:
        """Whether it looks at content of items, which a workload of columns alone does not have."""
        return any(_is_content(path) for path in self.paths())


def _is_content(path: str) -> bool:
    if path == "dynamodb" or path.startswith("dynamodb.Keys") or path in _METADATA:
        return False
    return path.startswith("dynamodb.")


@checked
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
            raise ValueError(f"quota must be 0..{limits.FILTERS.high:g} patterns, got {shown(quota)}")
        if len(patterns) > quota:
            raise ValueError(
                f"at most {quota} patterns are allowed, got {len(patterns)}: a mapping has {limits.FILTERS.value}, "
                f"and up to {limits.FILTERS.high:g} on request"
            )
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
