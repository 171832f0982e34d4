"""Patterns that no stream record can match, and why.

Every field of a pattern is held against every kind of record; a pattern is told of only if, for each of its
alternatives, no kind of record can have what all its fields ask for. What depends on values of other fields is not
looked at: a pattern that is not told of may still match nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from .operators import ABSENT, Condition
from .patterns import EventPattern, FilterCriteria
from .record_fields import RECORDS, Leaf, NoLeaf, Record, leaf_at, reads_as_written
from .syntax import written_paths

__all__ = ["dead_patterns", "never_matching", "only_dotted_names"]

# what would fill a screen is cut off after as many reasons
_MOST_REASONS = 3


class _Asked(NamedTuple):
    """A field of a pattern: what is asked for, of which leaf, and the kinds of records that can have it."""

    path: str
    condition: Condition
    leaf: Leaf | NoLeaf
    records: frozenset[Record]

    @property
    def must_be_there(self) -> bool:
        return not self.condition.absent


def never_matching(
    criteria: FilterCriteria, view_type: str | None = None, *, keys: Collection[str] | None = None
) -> list[str]:
    """Return a sentence for each pattern that no record of a stream can match: which path, why, what would match.

    The patterns are alternatives, so that the filter lets nothing through if there is a sentence for each of them.
    That a pattern has no sentence does not mean that a record matches it.

    Parameters
    ----------
    criteria
        The filter.
    view_type
        StreamViewType of the stream; None: what no view type lets match.
    keys
        Names of the table's key attributes; None: any.

    Examples
    --------
    >>> from ddbsim.filters import FilterCriteria
    >>> never_matching(FilterCriteria([{"eventName": ["Insert"]}]))
    ['eventName is INSERT, MODIFY or REMOVE, in capitals']
    """
    dead = dead_patterns(criteria, view_type, keys=keys)
    return [f"pattern {n}: {why}" if len(criteria.patterns) > 1 else why for n, why in dead.items()]


def dead_patterns(
    criteria: FilterCriteria, view_type: str | None = None, *, keys: Collection[str] | None = None
) -> dict[int, str]:
    """Return the patterns that `never_matching` tells of, by number from 1, and why each matches nothing."""
    kinds = frozenset(record for record in RECORDS if view_type in (None, record.view_type))
    reasons = {n: _reason(one, kinds, view_type, keys) for n, one in enumerate(criteria.patterns, start=1)}
    return {number: reason for number, reason in reasons.items() if reason}


def only_dotted_names(criteria: FilterCriteria) -> list[str]:
    """Return a sentence for each path that only an attribute with dots in its own name can match.

    {"address": {"city": {"S": ["Rome"]}}} lets through records of an attribute "address.city"; in a map `address`, a
    `city` lies below {"M": ...}, which is what most people mean.
    """
    paths = dict.fromkeys(tuple(path) for pattern in criteria.patterns for path in written_paths(pattern.text))
    return [
        f'{".".join(path)} matches only an attribute whose own name is "{".".join(path[2:-1])}": what lies in a map is '
        'below its type code, as in {"address": {"M": {"city": {"S": ["Rome"]}}}}'
        for path in paths
        if isinstance(leaf_at(".".join(path)), Leaf) and not reads_as_written(path)
    ]


def _reason(
    pattern: EventPattern, kinds: frozenset[Record], view_type: str | None, keys: Collection[str] | None
) -> str:
    """Return why no record matches a pattern, "" if one may."""
    reasons: dict[str, None] = {}
    for branch in pattern.branches:
        asked = [_asked(path, condition, kinds, keys) for path, condition in branch.items()]
        reason = _why_not(asked, view_type)
        if not reason:
            return ""
        reasons[reason] = None
    told = list(reasons)[:_MOST_REASONS]
    return "; ".join(told) + (f"; and {len(reasons) - len(told)} more" if len(reasons) > len(told) else "")


def _asked(path: str, condition: Condition, kinds: frozenset[Record], keys: Collection[str] | None) -> _Asked:
    leaf = leaf_at(path)
    if isinstance(leaf, Leaf) and keys is not None and path.startswith("dynamodb.Keys."):
        name = path.removeprefix("dynamodb.Keys.").rpartition(".")[0]
        if name not in keys:
            leaf = NoLeaf(f"{path}: the key of these records is {' and '.join(keys)}")
    return _Asked(path, condition, leaf, frozenset(record for record in kinds if _can_match(leaf, condition, record)))


def _can_match(leaf: Leaf | NoLeaf, condition: Condition, record: Record) -> bool:
    if isinstance(leaf, NoLeaf):
        return condition.absent
    if condition.absent and not leaf.must_be_there:
        return True
    if not leaf.may_be_there(record):
        return False
    values = leaf.values(record)
    return any(values.allows(value) for value in condition.values if value != ABSENT)


def _why_not(asked: Sequence[_Asked], view_type: str | None) -> str:
    """Return why no record has all that is asked for, "" if one may."""
    for one in asked:
        if not one.records:
            return _why_not_one(one, view_type)
    if not frozenset.intersection(*(one.records for one in asked)):
        return _apart(asked)
    return _two_types(asked)


def _why_not_one(one: _Asked, view_type: str | None) -> str:
    if isinstance(one.leaf, NoLeaf):
        return one.leaf.reason
    if one.condition.absent and all(value == ABSENT for value in one.condition.values):
        return f"{one.path} is there in every record: exists false never matches it"
    there = [record for record in RECORDS if one.leaf.may_be_there(record)]
    if view_type is not None and not any(record.view_type == view_type for record in there):
        image = one.path.split(".")[1]
        shown = dict.fromkeys(record.view_type for record in there)
        return f"{one.path}: a stream of {view_type} has no {image}; view type {' or '.join(shown)} has"
    return f"{one.path} {one.leaf.values(there[0]).meaning}"


def _apart(asked: Sequence[_Asked]) -> str:
    """Say which fields ask for different records."""
    limited = [one for one in asked if not {record[:2] for record in RECORDS} <= {record[:2] for record in one.records}]
    if not limited or frozenset.intersection(*(frozenset(r[:2] for r in one.records) for one in limited)):
        limited = [one for one in asked if len(one.records) < len(RECORDS)]
        told = [
            f"{one.path} of {_joined(dict.fromkeys(record.view_type for record in one.records))}" for one in limited
        ]
        return f"no record has all that the pattern asks for: {', '.join(told)} records"
    told = [f"{one.path} of {_happened(one)}" for one in limited]
    return f"no record has all that the pattern asks for: {', '.join(told)} records"


def _happened(one: _Asked) -> str:
    names = {"expired" if record.expired else record.event_name: None for record in sorted(one.records)}
    if "REMOVE" in names:
        names.pop("expired", None)
    return _joined(names)


def _joined(names: Mapping[str, None]) -> str:
    return " or ".join(names)


def _two_types(asked: Sequence[_Asked]) -> str:
    """Say which attribute would have to be of two types at once."""
    codes: dict[tuple[str, str], str] = {}
    for one in asked:
        if isinstance(one.leaf, Leaf) and one.leaf.attribute and one.must_be_there:
            *name, code = one.leaf.attribute
            first = codes.setdefault((name[0], name[1]), code)
            if first != code:
                return (
                    f"dynamodb.{'.'.join(name)} has one type, never {first} and {code} at once: make them alternatives "
                    'with "$or"'
                )
    return ""
