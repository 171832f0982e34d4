"""Sizes of values, items and records."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.items import item_bytes, number_bytes, record_bytes, stored_bytes, to_dynamodb, value_bytes


@pytest.mark.parametrize(
    ("number", "size"),
    [
        *[(0, 1), (5, 2), (99, 2), (100, 2), (101, 3), (-101, 4), (1234, 3), (12345, 4)],
        *[("0.5", 2), ("0.05", 2), ("12.34", 3), ("1.25", 3), ("1.5", 3), (120, 3)],
        *[("1" * 38, 20), ("-" + "1" * 38, 21), ("0." + "1" * 37 + "2", 20), ("-1" + "." + "1" * 37, 21)],
    ],
)
def test_numbers_take_a_byte_for_each_pair_of_digits(number, size):
    assert number_bytes(number) == size


def test_nested_values_add_up():
    # list: 3 + 2 elements; 1 text byte; map 3 + 1 element + name 2 + text of 2 UTF-8 bytes
    assert value_bytes({"L": [{"S": "a"}, {"M": {"kk": {"S": "é"}}}]}) == (3 + 2) + 1 + (3 + 1 + 2 + 2)


def test_binary_counts_its_bytes_however_it_is_given():
    assert value_bytes({"B": "AAECAwQ="}) == value_bytes({"B": b"\x00\x01\x02\x03\x04"}) == 5


def test_a_record_is_its_keys_and_images():
    keys, item = to_dynamodb({"id": "Fred"}), to_dynamodb({"id": "Fred", "name": "Fred"})
    assert [record_bytes(keys), record_bytes(keys, item), record_bytes(keys, item, keys)] == [6, 20, 26]


def test_an_item_is_its_names_and_values():
    assert item_bytes({"id": "é", "flag": None}) == 2 + 2 + 4 + 1


@given(st.dictionaries(st.text(min_size=1, max_size=5), st.text(max_size=20), max_size=5))
def test_python_and_json_have_one_size(item):
    assert item_bytes(item) == stored_bytes(to_dynamodb(item)) == sum(len((k + v).encode()) for k, v in item.items())
