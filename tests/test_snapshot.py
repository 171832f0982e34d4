"""What an object held: whether it has changed since, and how it was."""

import io
import random
import threading
from array import array
from collections import Counter, OrderedDict, UserDict, defaultdict, deque
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ddbsim.system.function.snapshot import Snapshot, UnkeptError


@dataclass
class Store:
    rows: dict = field(default_factory=dict)


class Plain:
    """Without a comparison of its own."""

    def __init__(self):
        self.rows, self.lock = {}, threading.Lock()


class Slots:
    __slots__ = ("__hidden", "rows")

    def __init__(self):
        self.rows, self.__hidden = {}, 1

    def hide(self, value):
        self.__hidden = value


@dataclass(frozen=True)
class Frozen:
    rows: list


class Stubborn:
    def __eq__(self, other):
        raise RuntimeError

    __hash__ = None


CHANGES = {
    "a key": ({}, lambda state: state.update(a=1)),
    "a value": ({"a": 1}, lambda state: state.update(a=2)),
    "a value's type": ({"a": "1"}, lambda state: state.update(a=1)),
    "an element": ([1], lambda state: state.append(2)),
    "the order": ([1, 2], lambda state: state.reverse()),
    "a member": ({1}, lambda state: state.add(2)),
    "a count": (Counter("a"), lambda state: state.update("a")),
    "a default": (defaultdict(list), lambda state: state["a"]),
    "a deque": (deque([1], maxlen=3), lambda state: state.append(2)),
    "bytes": (bytearray(b"a"), lambda state: state.extend(b"b")),
    "a mapping": (UserDict(a=1), lambda state: state.update(b=2)),
    "an array": ({"a": np.zeros(3)}, lambda state: state["a"].fill(1)),
    "deep": ({"a": [{"b": {1: [2]}}]}, lambda state: state["a"][0]["b"][1].append(3)),
    "in a tuple": (([1], 2), lambda state: state[0].append(3)),
    "an attribute": (SimpleNamespace(x=1), lambda state: setattr(state, "x", 2)),
    "a new attribute": (SimpleNamespace(x=1), lambda state: setattr(state, "y", 2)),
    "a lost attribute": (SimpleNamespace(x=1), lambda state: delattr(state, "x")),
    "an object": (Store(), lambda state: state.rows.update(a=1)),
    "an object in another": (SimpleNamespace(store=Plain()), lambda state: state.store.rows.update(a=1)),
    "a slot": (Slots(), lambda state: state.rows.update(a=1)),
    "a hidden slot": (Slots(), lambda state: state.hide(2)),
    "a frozen object": (Frozen([]), lambda state: state.rows.append(1)),
    "what cannot be compared": ({"a": Stubborn()}, lambda state: state.update(a=1)),
}


@pytest.mark.parametrize(("state", "change"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_seen_and_taken_back(state, change):
    before = Snapshot(state)
    assert not before.differs()
    change(state)
    assert before.differs()
    before.put_back()
    assert not before.differs()


def test_what_is_put_back_is_the_same_object_with_its_old_content():
    inner, number = [1], np.zeros(2)
    state = OrderedDict(b=inner, a=number)
    before = Snapshot(state)
    state.move_to_end("b")
    inner.append(2)
    number += 1
    state["a"] = "other"
    before.put_back()
    assert list(state) == ["b", "a"]
    assert state["b"] is inner
    assert inner == [1]
    assert state["a"] is number
    assert number.tolist() == [0, 0]


NO_CHANGES = {
    "the same value": ({"a": [1, {"b": 2}]}, lambda state: state.update(a=[1, {"b": 2}])),
    "an equal object": ({"a": Frozen([1])}, lambda state: state.update(a=Frozen([1]))),
    "an object like it": (SimpleNamespace(a=SimpleNamespace(x=1)), lambda s: setattr(s, "a", SimpleNamespace(x=1))),
    "an equal array": ({"a": np.ones(2)}, lambda state: state.update(a=np.ones(2))),
    "there and back": ([1], lambda state: (state.append(2), state.pop())),
    "a lock": (Plain(), lambda state: state.lock.acquire()),
    "nothing": ([float("nan")], lambda state: None),
}


@pytest.mark.parametrize(("state", "change"), NO_CHANGES.values(), ids=NO_CHANGES)
def test_an_equal_state_is_none(state, change):
    before = Snapshot(state)
    change(state)
    assert not before.differs()


def test_a_new_object_is_compared_with_what_the_old_one_held():
    state = {"a": [1]}
    before = Snapshot(state)
    state["a"].append(2)
    state["a"] = [1]
    assert not before.differs()


def test_cycles_end():
    state = {"a": []}
    state["a"].append(state)
    before = Snapshot(state)
    assert not before.differs()
    state["a"].append(1)
    assert before.differs()
    before.put_back()
    assert len(state["a"]) == 1


OPAQUE = {
    "random.Random": (lambda: random.Random(1), lambda value: value.random()),
    "numpy's generator": (lambda: np.random.default_rng(1), lambda value: value.random()),
    "an iterator": (lambda: iter([1, 2]), next),
    "a frame": (lambda: pd.DataFrame({"n": [1, 2]}), lambda value: value.__setitem__("n", [3, 4])),
    "a frame's cell": (lambda: pd.DataFrame({"n": [1, 2]}), lambda value: value.loc.__setitem__((0, "n"), 9)),
    "objects in an array": (lambda: np.array([[1]], dtype=object), lambda value: value[0].fill(2)),
    "an array of numbers": (lambda: array("q", [1]), lambda value: value.append(2)),
}


@pytest.mark.parametrize("where", [lambda value: {"a": value}, lambda value: [value], lambda value: ((value, 1), [2])])
@pytest.mark.parametrize(("make", "change"), OPAQUE.values(), ids=OPAQUE)
def test_what_cannot_be_looked_into_is_seen_to_change_and_put_back(make, change, where):
    value = make()
    state = {"deep": where(value)}
    before = Snapshot(state)
    assert not before.differs()
    change(value)
    assert before.differs()
    after = before.put_back()
    assert not before.differs()
    after.put_back()
    assert before.differs()


def test_what_was_put_back_can_be_put_in_turn():
    state = {"a": [1]}
    before = Snapshot(state)
    state["a"].append(2)
    state["b"] = 3
    after = before.put_back()
    assert state == {"a": [1]}
    after.put_back()
    assert state == {"a": [1, 2], "b": 3}


def test_a_copy_shares_nothing_but_locks():
    state = {"plain": Plain(), "rows": [1]}
    again = Snapshot(state).copy()
    again["rows"].append(2)
    assert state["rows"] == [1]
    assert again["plain"] is not state["plain"]
    assert again["plain"].lock is state["plain"].lock


@pytest.mark.parametrize("value", [(n for n in ()), io.TextIOWrapper(io.BytesIO())], ids=["generator", "file"])
def test_what_cannot_be_copied_is_refused(value):
    with pytest.raises(UnkeptError, match=r"it holds a (generator|TextIOWrapper), which cannot be copied"):
        Snapshot({"deep": [value]})
