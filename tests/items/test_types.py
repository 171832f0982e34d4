"""Items as Python values and as DynamoDB JSON."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.items import from_dynamodb, to_dynamodb

PLAIN = {
    "pk": "a",
    "int": 5,
    "exact": Decimal("12.50"),
    "float": 0.1,
    "bytes": b"\x00\x01",
    "yes": True,
    "nothing": None,
    "list": [1, "x", [False]],
    "map": {"b": {"c": 1}},
    "texts": {"b", "a"},
    "numbers": {10, Decimal("9.0")},
    "binaries": {b"\x01"},
}
TYPED = {
    "pk": {"S": "a"},
    "int": {"N": "5"},
    "exact": {"N": "12.5"},
    "float": {"N": "0.1"},
    "bytes": {"B": "AAE="},
    "yes": {"BOOL": True},
    "nothing": {"NULL": True},
    "list": {"L": [{"N": "1"}, {"S": "x"}, {"L": [{"BOOL": False}]}]},
    "map": {"M": {"b": {"M": {"c": {"N": "1"}}}}},
    "texts": {"SS": ["a", "b"]},
    "numbers": {"NS": ["9", "10"]},
    "binaries": {"BS": ["AQ=="]},
}


def test_plain_python_becomes_dynamodb_json():
    assert to_dynamodb(PLAIN) == TYPED


def test_dynamodb_json_stays_what_it_is():
    assert to_dynamodb(TYPED) == TYPED


def test_dynamodb_json_becomes_plain_python():
    assert from_dynamodb(TYPED) == {**PLAIN, "float": Decimal("0.1")}


def test_one_attribute_that_is_not_typed_makes_the_whole_item_plain():
    assert to_dynamodb({"pk": "a", "map": {"S": "x"}})["map"] == {"M": {"S": {"S": "x"}}}


@pytest.mark.parametrize(
    ("given_number", "stored"),
    [
        ("00012.3400", "12.34"),
        ("-0.0", "0"),
        ("1E+125", "1" + "0" * 125),
        ("1E-130", "0." + "0" * 129 + "1"),
        ("9" * 38, "9" * 38),
        ("1" + "0" * 60, "1" + "0" * 60),
        (".5", "0.5"),
        (1e21, "1" + "0" * 21),
        (Decimal("-1.10"), "-1.1"),
    ],
)
def test_numbers_are_normalised(given_number, stored):
    assert to_dynamodb({"n": {"N": given_number}}) == {"n": {"N": stored}}


@given(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=Decimal("-1e30"), max_value=Decimal("1e30"), places=6)
)
def test_a_number_keeps_its_value(number):
    text = to_dynamodb({"n": number})["n"]["N"]
    assert Decimal(text) == number
    assert text == to_dynamodb({"n": {"N": text}})["n"]["N"]


BELOW = {"deep": 1}
for _ in range(33):
    BELOW = {"deep": BELOW}


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"a": {"b": [float("nan")]}}, r"a\.b\[0\] must be a finite number, got nan"),
        ({"a": {"N": "NaN"}}, "a must be a finite number"),
        ({"a": {"N": "1_0"}}, "a must be a finite number"),
        ({"a": {"N": "1e99999999999999999999"}}, "a must be a finite number"),
        ({"a": 10**38 + 1}, "a must have at most 38 significant digits"),
        ({"a": {"N": "1E126"}}, r"a must be 0 or of a magnitude in 1E-130\.\.9\.9E\+125"),
        ({"a": {"N": "1E-131"}}, "a must be 0 or of a magnitude"),
        ({"a": {"N": True}}, "a must be a number, got True"),
        ({"a": set()}, "a must be a set of texts, of numbers or of bytes, with at least one"),
        ({"a": {1, "x"}}, "a must be a set of texts, of numbers or of bytes"),
        ({"a": {True}}, "a must be a set of texts, of numbers or of bytes"),
        ({"a": {"SS": []}}, "a must be a set with at least one element"),
        ({"a": {"NS": ["1", "1.0"]}}, "a must be a set without duplicates"),
        ({"a": {"M": {"b": {"X": 1}}}}, r"a\.b must be \{type code: value\} with one of B, BOOL"),
        ({"a": {"M": []}}, "a must be a map"),
        ({"a": {"L": "x"}}, "a must be a list"),
        ({"a": {"S": 1}}, "a must be a text, got 1"),
        ({"a": {"B": "%"}}, "a must be bytes or their base64 text"),
        ({"a": {"BOOL": 1}}, "a must be true or false, got 1"),
        ({"a": {"NULL": False}}, "a must be true, as the value of NULL"),
        ({"": 1}, "an attribute name must be a text that is not empty"),
        (BELOW, "must lie in at most 32 lists and maps"),
    ],
)
def test_what_dynamodb_refuses_is_refused_with_its_path(item, message):
    with pytest.raises(ValueError, match=message):
        to_dynamodb(item)


def test_a_type_that_dynamodb_lacks_is_refused():
    with pytest.raises(TypeError, match=r"a\[0\] must be a str, int, Decimal, float, bytes"):
        to_dynamodb({"a": [object()]})


@pytest.mark.parametrize("item", [None, "pk", ["pk"], {"pk"}])
def test_an_item_is_a_dict(item):
    with pytest.raises(TypeError, match="an item must be a dict, got"):
        to_dynamodb(item)


def test_scalars_of_numpy_are_the_values_they_hold():
    item = {"i": np.int64(3), "f": np.float64(0.1), "s": np.str_("x"), "t": np.bool_(True), "n": {np.int8(1)}}
    stored = {"i": {"N": "3"}, "f": {"N": "0.1"}, "s": {"S": "x"}, "t": {"BOOL": True}, "n": {"NS": ["1"]}}
    assert to_dynamodb(item) == stored
    assert to_dynamodb({"f": {"N": np.float64(0.1)}}) == {"f": {"N": "0.1"}}


def test_binary_values_of_boto3_are_bytes():
    binary = pytest.importorskip("boto3.dynamodb.types").Binary
    stored = {"b": {"B": "AQI="}, "s": {"BS": ["AQI="]}}
    assert to_dynamodb({"b": binary(b"\x01\x02"), "s": {binary(b"\x01\x02")}}) == stored
    assert to_dynamodb({"b": {"B": binary(b"\x01\x02")}, "s": {"BS": [binary(b"\x01\x02")]}}) == stored


def test_32_levels_are_allowed():
    item = 1
    for _ in range(32):
        item = [item]
    to_dynamodb({"a": item})


def test_boto3_agrees():
    serializer = pytest.importorskip("boto3.dynamodb.types").TypeSerializer()
    item = {name: value for name, value in PLAIN.items() if name != "float"}
    theirs = {name: serializer.serialize(value) for name, value in item.items()}
    for typed in theirs.values():  # sets in any order; boto3 keeps 12.50 and sends bytes as bytes
        for code in typed.keys() & {"SS", "NS", "BS"}:
            typed[code] = sorted(typed[code], key=Decimal if code == "NS" else None)
    assert to_dynamodb(theirs) == to_dynamodb(item)
