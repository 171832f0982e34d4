"""What writes change, and which of them the stream records."""

import pytest

from ddbsim.items import ItemTable, to_dynamodb


def story(*writes, key=("pk",)):
    table = ItemTable(key=key)
    return [table.apply(operation, item).event_name for operation, item in writes]


def test_the_life_of_an_item():
    assert story(
        ("put", {"pk": "a", "n": 1}),
        ("put", {"pk": "a", "n": 1}),
        ("update", {"pk": "a", "n": 1}),
        ("update", {"pk": "a", "n": 2}),
        ("put", {"pk": "a"}),
        ("delete", {"pk": "a"}),
        ("delete", {"pk": "a"}),
        ("update", {"pk": "a", "m": 1}),
    ) == ["INSERT", None, None, "MODIFY", "MODIFY", "REMOVE", None, "INSERT"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"m": {"x": 1, "y": 2}}, {"m": {"y": 2, "x": 1}}),
        ({"m": {"N": "1.50"}}, {"m": {"N": "15E-1"}}),
        ({"m": {"SS": ["a", "b"]}}, {"m": {"SS": ["b", "a"]}}),
        ({"m": {"L": [{"M": {"s": {"NS": ["1", "2"]}}}]}}, {"m": {"L": [{"M": {"s": {"NS": ["2.0", "1"]}}}]}}),
        ({"m": {"B": b"\x01"}}, {"m": {"B": "AQ=="}}),
    ],
    ids=["map order", "number", "set order", "nested set", "binary"],
)
def test_another_spelling_of_the_same_item_is_no_change(before, after):
    key = {"S": "a"} if any(isinstance(v, dict) and len(v) == 1 for v in before.values()) else "a"
    assert story(("put", {"pk": key, **before}), ("put", {"pk": key, **after})) == ["INSERT", None]


@pytest.mark.parametrize(
    ("before", "after"),
    [([1, 2], [2, 1]), ("1", 1), ({"a"}, {"a", "b"}), ({"x": 1}, {"y": 1}), (None, False), ([1], [1, 2])],
)
def test_another_content_is_a_change(before, after):
    assert story(("put", {"pk": "a", "m": before}), ("put", {"pk": "a", "m": after})) == ["INSERT", "MODIFY"]


def test_a_change_holds_images_and_sizes():
    table = ItemTable()
    table.apply("put", {"pk": "a", "n": 100})
    change = table.apply("update", {"pk": "a", "s": "xyz"})
    assert change.keys == {"pk": {"S": "a"}}
    assert change.old_image == to_dynamodb({"pk": "a", "n": 100})
    assert change.new_image == to_dynamodb({"pk": "a", "n": 100, "s": "xyz"})
    assert (change.key_bytes, change.bytes_before, change.bytes_after) == (3, 6, 10)
    gone = table.apply("delete", {"pk": "a"})
    assert (gone.new_image, gone.bytes_before, gone.bytes_after) == (None, 10, 0)
    assert len(table) == 0


def test_a_write_that_changes_nothing_keeps_the_sizes():
    table = ItemTable()
    table.apply("put", {"pk": "a", "n": 1})
    same = table.apply("put", {"pk": "a", "n": 1})
    assert (same.bytes_before, same.bytes_after) == (6, 6)


def test_item_ids_follow_the_first_appearance_and_stay():
    table = ItemTable(key=("pk", "sk"))
    writes = [("put", "a", 1), ("put", "a", 2), ("put", "b", 1), ("delete", "a", 1), ("put", "a", 1.0)]
    assert [table.apply(kind, {"pk": pk, "sk": sk}).item_id for kind, pk, sk in writes] == [0, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("operation", "item", "message"),
    [
        ("upsert", {"pk": "a"}, "operation must be 'put', 'update' or 'delete', got 'upsert'"),
        ("put", {"n": 1}, "an item must have its key pk, got no pk"),
        ("put", {"pk": ""}, r"key pk must have 1\.\.2048 bytes, got 0"),
        ("put", {"pk": "x" * 2049}, r"key pk must have 1\.\.2048 bytes, got 2049"),
        ("put", {"pk": True}, "key pk must be a text, a number or binary"),
        ("put", {"pk": {"S": "a"}, "n": 1}, "an item is DynamoDB JSON if all of its attributes are"),
        ("put", {"pk": 1}, "key pk must be S as in the items before"),
        ("delete", {"pk": "a", "n": 1}, "delete takes the key"),
        ("put", {"pk": "a", "s": "x" * 409_600}, "an item must have at most 409600 bytes, got 409604"),
    ],
)
def test_what_dynamodb_refuses(operation, item, message):
    table = ItemTable()
    table.apply("put", {"pk": "first"})
    with pytest.raises(ValueError, match=message):
        table.apply(operation, item)
    assert len(table) == 1


def test_a_table_has_one_or_two_key_attributes():
    with pytest.raises(ValueError, match="key must be a tuple of one or two different attribute names"):
        ItemTable(key=("pk", "pk"))
