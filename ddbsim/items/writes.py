"""A table of real items: what each write changes, and whether the stream gets a record of it.

The stream records changes, not writes: a put of an identical item, an update that changes nothing and the delete of
an item that is not there leave no record. A put over another item is a MODIFY, an update of a missing key an INSERT.

Source: Change data capture for DynamoDB Streams, 2026-11; recordings of the service, 2024-10 to 2026-09.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

from ddbsim.aws import limits
from ddbsim.checks.wording import shown

from .sizes import stored_bytes, value_bytes
from .types import Item, compact_json, to_dynamodb

__all__ = ["Change", "EventName", "ItemTable", "Operation", "bare_change", "same_item"]

EventName: TypeAlias = Literal["INSERT", "MODIFY", "REMOVE"]
Operation: TypeAlias = Literal["put", "update", "delete"]

_KEY_TYPES = ("S", "N", "B")
_KEY_BYTES = (2048, 1024)  # partition key, sort key


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What one write did to one item.

    Attributes
    ----------
    event_name
        "INSERT", "MODIFY" or "REMOVE"; None where the write changed nothing and the stream gets no record.
    item_id
        The item's number in its table: 0, 1, ... in the order in which keys first appear.
    keys, old_image, new_image
        In DynamoDB JSON; an image is None where there is no item. They belong to the table: do not change them.
    key_bytes, bytes_before, bytes_after
        Sizes in bytes; 0 where there is no item.
    keys_json, old_json, new_json
        The three as compact JSON text, made once for all the events that show them; "" where there is no item.
    """

    event_name: EventName | None
    item_id: int
    keys: Item
    old_image: Item | None
    new_image: Item | None
    key_bytes: int
    bytes_before: int
    bytes_after: int
    keys_json: str
    old_json: str = ""
    new_json: str = ""


def bare_change(event_name: EventName, keys: Item, record_bytes: int = 0) -> Change:
    """Return a change of which only the keys are known, and the SizeBytes of its record; it has no images."""
    return Change(
        event_name=event_name,
        item_id=0,
        keys=keys,
        old_image=None,
        new_image=None,
        key_bytes=record_bytes,
        bytes_before=0,
        bytes_after=0,
        keys_json=compact_json(keys),
    )


class _Stored(NamedTuple):
    """An item of the table, its size and its JSON text."""

    item: Item
    stored_bytes: int
    json: str


class ItemTable:
    """The items of one table.

    Parameters
    ----------
    key
        Names of the partition key and, where the table has one, the sort key.

    Examples
    --------
    >>> table = ItemTable(key=("pk",))
    >>> [table.apply("put", {"pk": "a", "n": n}).event_name for n in (1, 1.0, 2)]
    ['INSERT', None, 'MODIFY']
    """

    def __init__(self, key: tuple[str, ...] = ("pk",)) -> None:
        names = isinstance(key, tuple) and all(isinstance(name, str) and name for name in key)
        if not names or len(key) not in (1, 2) or len(set(key)) < len(key):
            raise ValueError(f"key must be a tuple of one or two different attribute names, got {shown(key)}")
        self.key = key
        self._key_types: dict[str, str] = {}
        self._ids: dict[tuple[str, ...], int] = {}
        self._items: dict[tuple[str, ...], _Stored] = {}

    def __len__(self) -> int:
        return len(self._items)

    def apply(self, operation: Operation, item: Mapping[str, Any]) -> Change:
        """Write, and return what changed.

        Parameters
        ----------
        operation
            "put" replaces the whole item, "update" sets the attributes given, "delete" takes the key alone.
        item
            Plain Python or DynamoDB JSON, as `to_dynamodb` takes it, with the key in it.

        Raises
        ------
        ValueError, TypeError
            Something that DynamoDB refuses: a missing or empty key, a key of another type than before or other than
            S, N or B, more than 400 KB, ...
        """
        if operation not in ("put", "update", "delete"):
            raise ValueError(f"operation must be 'put', 'update' or 'delete', got {shown(operation)}")
        given = to_dynamodb(item)
        keys = self._keys_of(given)
        if operation == "delete" and len(given) > len(keys):
            raise ValueError(f"delete takes the key {self.key} alone, got {sorted(given)}")
        identity = tuple(next(iter(value.values())) for value in keys.values())
        old = self._items.get(identity)
        new = self._after(operation, old.item if old else None, given)
        return self._change(identity, keys, old, new)

    def _after(self, operation: Operation, old: Item | None, given: Item) -> Item | None:
        if operation == "delete":
            return None
        return {**old, **given} if operation == "update" and old is not None else given

    def _change(self, identity: tuple[str, ...], keys: Item, old: _Stored | None, item: Item | None) -> Change:
        event_name = _event_name(old.item if old else None, item)
        if event_name is None:
            new = old
        elif item is None:
            new = None
            del self._items[identity]
        else:
            new = self._items[identity] = _stored(item)
        return Change(
            event_name=event_name,
            item_id=self._ids.setdefault(identity, len(self._ids)),
            keys=keys,
            old_image=old.item if old else None,
            new_image=new.item if new else None,
            key_bytes=stored_bytes(keys),
            bytes_before=old.stored_bytes if old else 0,
            bytes_after=new.stored_bytes if new else 0,
            keys_json=compact_json(keys),
            old_json=old.json if old else "",
            new_json=new.json if new else "",
        )

    def _keys_of(self, given: Item) -> Item:
        missing = [name for name in self.key if name not in given]
        if missing:
            raise ValueError(f"an item must have its key {' and '.join(self.key)}, got no {' and no '.join(missing)}")
        return {
            name: self._checked_key(name, given[name], most) for name, most in zip(self.key, _KEY_BYTES, strict=False)
        }

    def _checked_key(self, name: str, value: dict[str, Any], most_bytes: int) -> dict[str, Any]:
        (code,) = value
        if code not in _KEY_TYPES:
            hint = "; an item is DynamoDB JSON if all of its attributes are" if code == "M" else ""
            raise ValueError(f"key {name} must be a text, a number or binary, got {shown(value)}{hint}")
        if self._key_types.setdefault(name, code) != code:
            raise ValueError(f"key {name} must be {self._key_types[name]} as in the items before, got {shown(value)}")
        if not 1 <= value_bytes(value) <= most_bytes:
            raise ValueError(f"key {name} must have 1..{most_bytes} bytes, got {value_bytes(value)}")
        return value


def _stored(item: Item) -> _Stored:
    size = stored_bytes(item)
    if size > limits.ITEM_BYTES.value:
        raise ValueError(f"an item must have at most {limits.ITEM_BYTES.value} bytes, got {size}")
    return _Stored(item, size, compact_json(item))


def _event_name(old: Item | None, new: Item | None) -> EventName | None:
    if old is None:
        return None if new is None else "INSERT"
    if new is None:
        return "REMOVE"
    return None if same_item(old, new) else "MODIFY"


def same_item(one: Item, other: Item) -> bool:
    """Return whether two items in canonical DynamoDB JSON are equal: maps and sets in any order, lists in theirs."""
    return one == other or (
        one.keys() == other.keys() and all(_same_value(value, other[name]) for name, value in one.items())
    )


def _same_value(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if one == other:
        return True
    (code,) = one
    if code not in other:
        return False
    mine, theirs = one[code], other[code]
    if code == "M":
        return same_item(mine, theirs)
    if code == "L":
        return len(mine) == len(theirs) and all(map(_same_value, mine, theirs))
    return code in ("SS", "NS", "BS") and set(mine) == set(theirs)
