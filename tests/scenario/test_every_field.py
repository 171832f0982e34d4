"""Every field of every configuration, by reflection: what it cannot hold is refused in one sentence that names it."""

import collections.abc
import dataclasses
import math
import typing

import pytest
from configurations import CONFIGURATIONS, FIELDS, bounds, documentation, kinds, required

import ddbsim as ds

NUMBERS = (int, float)


class Anything:
    """No field can hold this."""

    def __repr__(self):
        return "Anything()"


def made(cls, **fields):
    return cls(**required(cls) | fields)


def holds(kind, cls, field):
    """Whether a field may hold values of a type, by its annotation."""
    return any(one is kind or typing.get_origin(one) is kind for one in kinds(cls, field))


def is_number(cls, field):
    return any(holds(kind, cls, field) for kind in NUMBERS)


def refusal(cls, field, value):
    """Return what a value is refused for; nothing if it is taken. Any other error is a failure."""
    try:
        made(cls, **{field: value})
    except ValueError as error:
        return str(error)
    return ""


def wrong_values(cls, field):
    """Yield what a field's annotation and documentation rule out."""
    if not holds(collections.abc.Callable, cls, field):
        yield Anything
    yield from (Anything(), 1j, {"a": Anything()}, [Anything()], (None,), b"7")
    if not (holds(type(None), cls, field) or holds(typing.Any, cls, field)):
        yield None
    if not holds(bool, cls, field):
        yield True
    yield from ("",) if holds(str, cls, field) else ("", "7", "no such thing")
    if is_number(cls, field):
        yield from wrong_numbers(cls, field)
    else:
        yield from (-1, math.nan)
        if not holds(ds.Distribution, cls, field):
            yield 3.5


def wrong_numbers(cls, field):
    yield from (math.nan, -math.inf)
    if "infinite" not in documentation(cls, field):
        yield math.inf
    low, high = bounds(cls, field)
    if "-1:" not in documentation(cls, field):
        yield -1
    if low is not None and low - 1 != -1:
        yield low - 1
    if high is not None:
        yield high + 1
    if not holds(float, cls, field):
        yield (low or 0) + 1.5


@pytest.mark.parametrize("cls", CONFIGURATIONS, ids=lambda cls: cls.__name__)
def test_every_field_is_documented(cls):
    undocumented = [field.name for field in dataclasses.fields(cls) if not documentation(cls, field.name)]
    assert not undocumented


@pytest.mark.parametrize(("cls", "field"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_a_wrong_value_is_refused_in_a_sentence_that_names_class_and_field(cls, field):
    made(cls)
    for value in wrong_values(cls, field):
        sentence = refusal(cls, field, value)
        assert sentence, f"took {value!r}"
        assert cls.__name__ in sentence, value
        assert field in sentence, value
        assert "\n" not in sentence, value
