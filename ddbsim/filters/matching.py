"""Whether an event has what the fields of a pattern ask for, in bounded time also where it has arrays.

Fields that lie in one array must be matched in one element of it. As Event Ruler's ArrayMembership does (2026-11),
each field, in the order of the paths, adds to the elements chosen so far; Ruler queues a step for every combination
of elements. Here, choices that differ only in arrays in which no later field lies are one. What is left, in an event
without dots in its names, is at most one choice for each element, so that the steps of a pattern are at most its
fields times the elements that they lie in, times the depth of those. Names with dots ({"a.b": ...} is also a path
a -> b) can make every combination count: there the steps have a bound of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from .operands import Test
from .operators import Condition

__all__ = ["Matcher", "Path", "Seen"]

# Some seconds; the largest item, one list of 100,000 maps, takes as many for each field of a pattern.
_MOST_STEPS = 5_000_000
# DynamoDB nests 32 levels
_MOST_NESTED_ARRAYS = 100
_NO_ARRAYS: dict[Any, int] = {}  # shared, never written

# The elements that are chosen, or that a leaf lies in: the place of each array, outer ones first -> the index
_Chosen: TypeAlias = dict[Any, int]
_Leaf: TypeAlias = tuple[Any, _Chosen]


class Seen:
    """An event that is being matched: the leaves found in it so far, by path, and the steps taken."""

    __slots__ = ("_leaves", "event", "steps")

    def __init__(self, event: Mapping[str, Any]) -> None:
        self.event = event
        self.steps = 0
        self._leaves: dict[str, list[_Leaf]] = {}

    def leaves(self, path: Path) -> list[_Leaf]:
        """Return the leaves at a path."""
        found = self._leaves.get(path.text)
        if found is None:
            found = self._leaves[path.text] = path.leaves(self)
        return found

    def step(self, count: int = 1) -> None:
        """Count what has been looked at."""
        self.steps += count
        if self.steps > _MOST_STEPS:
            raise ValueError(
                f"a pattern must be matched to a record in at most {_MOST_STEPS:,} steps: this one has too many fields "
                "in the elements of the record's lists"
            )


class Path:
    """A dotted path, whose names may themselves contain dots."""

    __slots__ = ("_end", "_names", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        steps = text.split(".")
        self._end = len(steps)
        # at each step of the path: the names that lead on from there, and to which step
        self._names = [
            [(".".join(steps[start:end]), end) for end in range(start + 1, len(steps) + 1)]
            for start in range(len(steps) + 1)
        ]

    def leaves(self, seen: Seen) -> list[_Leaf]:
        """Return the leaves of an event at this path, with the array elements that they lie in."""
        found: list[_Leaf] = []
        self._walk(seen.event, 0, (), _NO_ARRAYS, found, seen)
        return found

    def _walk(self, node: Any, step: int, place: Any, arrays: _Chosen, found: list[_Leaf], seen: Seen) -> None:
        if isinstance(node, dict):
            for name, then in self._names[step]:
                if name in node:
                    self._walk(node[name], then, (place, name), arrays, found, seen)
        elif isinstance(node, list):
            self._walk_elements(node, step, place, arrays, found, seen)
        elif step == self._end:
            found.append((node, arrays))

    def _walk_elements(
        self, node: list[Any], step: int, place: Any, arrays: _Chosen, found: list[_Leaf], seen: Seen
    ) -> None:
        if len(arrays) == _MOST_NESTED_ARRAYS:
            raise ValueError(f"an event must have lists in lists to a depth of at most {_MOST_NESTED_ARRAYS}")
        seen.step(len(node))
        for index, item in enumerate(node):
            # a leaf is in no element: another one of the same list may be matched beside it
            inner = {**arrays, place: index} if isinstance(item, dict | list) else arrays
            self._walk(item, step, (place, index), inner, found, seen)


class Matcher:
    """Fields that must all match.

    Parameters
    ----------
    fields
        Their paths and conditions, in the order of the paths.
    """

    __slots__ = ("_fields", "_in_service_order")

    def __init__(self, fields: Sequence[tuple[Path, Condition]]) -> None:
        self._in_service_order = fields
        # a short path is found sooner, and without arrays the order changes nothing
        self._fields = sorted(fields, key=lambda field: field[0].text.count("."))

    def matches(self, seen: Seen) -> bool:
        """Return whether an event has what all fields ask for."""
        for path, condition in self._fields:
            found = seen.leaves(path)
            if not found:
                if condition.absent:
                    continue
                return False
            if len(found) > 1 or found[0][1]:
                return self._matches_in_arrays(seen)
            if not condition.test(found[0][0]):
                return False
        return True

    def _matches_in_arrays(self, seen: Seen) -> bool:
        leaves = [seen.leaves(path) for path, _ in self._in_service_order]
        last = {array: at for at, found in enumerate(leaves) for _, arrays in found for array in arrays}
        choices = [_NO_ARRAYS]
        for at, (_, condition) in enumerate(self._in_service_order):
            elements = _Elements.of(leaves[at], condition.test, seen)
            reached = (longer for chosen in choices for longer in _choices(elements, chosen, condition, seen))
            choices = _distinct(reached, last, at)
            if not choices:
                return False
        return True


class _Elements:
    """Leaves of a field that lie in the same elements of arrays, and those that lie further in.

    Attributes
    ----------
    found, passes
        Whether there is a leaf, and one that passes the field's test.
    inside
        The place of an array -> index -> what lies in that element.
    """

    __slots__ = ("found", "inside", "passes")

    def __init__(self) -> None:
        self.found = self.passes = False
        self.inside: dict[Any, dict[int, _Elements]] = {}

    @classmethod
    def of(cls, leaves: Sequence[_Leaf], test: Test, seen: Seen) -> _Elements:
        """Return the leaves as a tree."""
        root = cls()
        seen.step(len(leaves))
        for value, arrays in leaves:
            node = root
            for array, index in arrays.items():
                node = node.inside.setdefault(array, {}).setdefault(index, cls())
            node.found = True
            node.passes = node.passes or test(value)
        return root


def _choices(elements: _Elements, chosen: _Chosen, condition: Condition, seen: Seen) -> list[_Chosen]:
    """Return the choices that a field can go on with from one; the same one where it must be absent, and is."""
    reached: list[_Chosen] = []
    found = False
    waiting = [(elements, chosen)]
    while waiting:
        node, so_far = waiting.pop()
        seen.step()
        found = found or node.found
        if node.passes:
            reached.append(so_far)
        for array, inner in node.inside.items():
            index = so_far.get(array)
            if index is None:
                waiting += [(one, {**so_far, array: at}) for at, one in inner.items()]
            elif index in inner:
                waiting.append((inner[index], so_far))
    return [chosen] if condition.absent and not found else reached


def _distinct(choices: Iterable[_Chosen], last: Mapping[Any, int], at: int) -> list[_Chosen]:
    """Return the choices that matter to fields after `at`, each once; `last` names the last field in an array."""
    kept = ({array: index for array, index in chosen.items() if last[array] > at} for chosen in choices)
    return list({frozenset(chosen.items()): chosen for chosen in kept}.values())
