"""Filters that can never match: each kind is told, and nothing is told of that some record matches."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ddbsim.filters import FilterCriteria, never_matching, only_dotted_names
from ddbsim.items import TIME_TO_LIVE_IDENTITY, ItemTable, lambda_record, stream_record

VIEW_TYPES = ("KEYS_ONLY", "NEW_IMAGE", "OLD_IMAGE", "NEW_AND_OLD_IMAGES")


def never(*patterns, view_type=None, keys=None):
    return never_matching(FilterCriteria(patterns), view_type, keys=keys)


def new(**attributes):
    return {"dynamodb": {"NewImage": attributes}}


def old(**attributes):
    return {"dynamodb": {"OldImage": attributes}}


def inner(**fields):
    return {"dynamodb": fields}


NEVER = [
    # a number is text in the event
    (new(n={"N": [{"numeric": [">", 5]}]}), r"dynamodb\.NewImage\.n\.N holds the number as text.*use \[\"5\"\]"),
    (new(n={"N": [5, 6.5]}), "holds the number as text"),
    (new(n={"NS": [5]}), "holds the number as text"),
    (new(m={"M": {"n": {"N": [{"numeric": ["=", 1]}]}}}), r"NewImage\.m\.M\.n\.N holds the number as text"),
    (new(l={"L": {"N": [{"numeric": ["=", 1]}]}}), "holds the number as text"),
    (inner(Keys={"pk": {"N": [1]}}), "holds the number as text"),
    (new(n={"N": ["5.0"]}), "holds the number as text"),
    (new(n={"N": ["1e3", "05", "+5", "-0", "", "x"]}), "holds the number as text"),
    (new(n={"N": [{"prefix": "x"}, {"wildcard": "*x*"}, {"suffix": {"equals-ignore-case": "e"}}]}), "number as text"),
    (new(n={"N": [{"cidr": "10.0.0.0/8"}, True, None]}), "holds the number as text"),
    # other types
    (new(s={"S": [5]}), "holds text"),
    (new(s={"S": [{"numeric": [">", 1]}, None, True]}), "holds text"),
    (new(s={"S": [{"anything-but": {"wildcard": "*"}}]}), "holds text"),
    (new(b={"BOOL": ["true"]}), "true or false, which are no text"),
    (new(b={"BOOL": [1]}), "true or false"),
    (new(b={"NULL": [False, None]}), "holds true where the attribute is null"),
    (new(b={"B": ["not base64!", "abc"]}), "base64"),
    # no type code
    (new(a={"X": ["v"]}), "'X', which is no type code: DynamoDB has S, N, B"),
    (new(a={"s": ["v"]}), "'s', which is no type code"),
    (new(a={"Bool": [True]}), "'Bool', which is no type code"),
    (inner(Keys={"pk": {"BOOL": [True]}}), "a key is S, N or B, never BOOL"),
    (inner(Keys={"pk": {"SS": ["a"]}}), "a key is S, N or B"),
    # no such field
    ({"body": {"eventName": ["INSERT"]}}, "records have no field body"),
    ({"NewImage": {"a": {"S": ["x"]}}}, "records have no field NewImage"),
    ({"Records": {"eventName": ["INSERT"]}}, "records have no field Records"),
    ({"EventName": ["INSERT"]}, r"\(is eventName meant\?\)"),
    (inner(newImage={"a": {"S": ["x"]}}), r"\(is NewImage meant\?\)"),
    (inner(eventName=["INSERT"]), r"records have no field dynamodb\.eventName"),
    ({"userIdentity": {"Type": ["Service"]}}, r"\(is type meant\?\)"),
    ({"eventName": {"S": ["INSERT"]}}, "eventName is a value, below which nothing lies"),
    # values that a field cannot have
    ({"eventName": ["Insert", "modify", "DELETE"]}, "eventName is INSERT, MODIFY or REMOVE"),
    ({"eventName": [{"prefix": "insert"}]}, "eventName is INSERT"),
    ({"eventName": [{"anything-but": ["INSERT", "MODIFY", "REMOVE"]}]}, "eventName is INSERT"),
    ({"eventSource": ["dynamodb"]}, "eventSource is aws:dynamodb"),
    ({"userIdentity": {"type": ["service"]}}, r"userIdentity\.type is Service"),
    ({"userIdentity": {"principalId": ["dynamodb"]}}, "is dynamodb.amazonaws.com"),
    (inner(StreamViewType=["new_image"]), "StreamViewType"),
    (inner(SizeBytes=["100"]), "holds a number of bytes"),
    (inner(SizeBytes=[{"numeric": ["<", 1]}]), "1 or more"),
    (inner(SizeBytes=[0]), "1 or more"),
    (inner(ApproximateCreationDateTime=[{"prefix": "2026"}]), "holds a number of seconds"),
    (inner(ApproximateCreationDateTime=[{"numeric": ["<=", -1]}]), "0 or more"),
    (inner(SequenceNumber=[111]), "holds digits as text"),
    (inner(SequenceNumber=["x1"]), "holds digits as text"),
    ({"eventID": [1]}, "eventID holds text"),
    # a node where a leaf is needed
    (new(state=["a"]), r"NewImage\.state holds its type and value"),
    (new(state=[{"exists": True}]), r"NewImage\.state holds its type and value"),
    (new(state={"M": [{"exists": True}]}), "is a map"),
    (new(state={"L": ["a"]}), "is a list"),
    ({"dynamodb": ["x"]}, "dynamodb holds further fields"),
    (inner(NewImage=[{"exists": True}]), "NewImage holds further fields"),
    (inner(Keys={"pk": ["a"]}), r"Keys\.pk holds its type and value"),
    ({"userIdentity": [{"exists": True}]}, "userIdentity holds further fields"),
    # what is there always
    ({"eventName": [{"exists": False}]}, "eventName is there in every record"),
    (inner(SizeBytes=[{"exists": False}]), "is there in every record"),
    # what no record has together
    ({"eventName": ["REMOVE"], **new(a={"S": ["1"]})}, r"eventName of REMOVE, .*NewImage\.a\.S of INSERT or MODIFY"),
    ({"eventName": ["INSERT"], **old(a={"S": ["1"]})}, r"eventName of INSERT, .*OldImage\.a\.S of MODIFY or REMOVE"),
    ({"eventName": ["INSERT"], "userIdentity": {"type": ["Service"]}}, r"userIdentity\.type of expired"),
    ({"userIdentity": {"type": ["Service"]}, **new(a={"S": ["1"]})}, "no record has all"),
    (
        {
            "eventName": ["INSERT", "REMOVE"],
            "dynamodb": {"NewImage": {"a": {"S": ["1"]}}, "OldImage": {"a": {"S": ["2"]}}},
        },
        "no record has all",
    ),
    (inner(NewImage={"a": {"S": ["1"]}}, StreamViewType=["KEYS_ONLY"]), "StreamViewType of KEYS_ONLY"),
    (new(a={"S": ["1"], "N": ["1"]}), "one type, never S and N at once"),
    # alternatives that are all of a kind
    ({"$or": [{"eventName": ["Insert"]}, {"body": ["x"]}]}, "eventName is INSERT.*; records have no field body"),
    ({"eventName": ["INSERT"], "dynamodb": {"$or": [{"OldImage": {"a": {"S": ["1"]}}}, {"Size": [1]}]}}, "no field"),
]


@pytest.mark.parametrize(("pattern", "words"), NEVER, ids=lambda value: str(value)[:60])
def test_what_no_record_can_match_is_told(pattern, words):
    (told,) = never(pattern)
    assert re.search(words, told), told
    assert all(never(pattern, view_type=view_type) for view_type in VIEW_TYPES)


SOME = [
    {"eventName": ["INSERT", "Insert"]},
    {"eventName": [{"equals-ignore-case": "insert"}, {"prefix": "x"}]},
    {"eventName": [{"anything-but": ["INSERT"]}]},
    new(n={"N": ["5", 5]}),
    new(n={"N": ["-0.5"]}),
    new(n={"N": [{"prefix": "1"}]}),
    new(n={"N": [{"anything-but": ["5"]}]}),
    new(n={"N": [{"exists": True}]}),
    new(n={"N": [5, {"exists": False}]}),
    new(state=[{"exists": False}]),
    new(a={"X": [{"exists": False}]}),
    {"body": [{"exists": False}]},
    {"userIdentity": {"type": [{"exists": False}]}},
    {"userIdentity": {"type": ["Service"]}, "eventName": ["REMOVE"]},
    {"eventName": ["REMOVE"], **new(a={"S": [{"exists": False}]})},
    {"eventName": ["INSERT"], **old(a={"S": ["x", {"exists": False}]})},
    {"$or": [{"eventName": ["Insert"]}, {"eventName": ["INSERT"]}]},
    new(l={"L": {"S": ["x"]}}),
    new(l={"L": {"M": {"x": {"S": ["x"]}, "y": {"N": ["1"]}}}}),
    new(a={"b": {"S": ["a name may have dots"]}}),
    {"dynamodb.NewImage": {"a": {"S": ["x"]}}},
    new(b={"B": ["aGk=", "x"]}),
    new(b={"BOOL": [True]}),
    new(a={"S": ["1", {"exists": False}], "N": ["1", {"exists": False}]}),
    inner(SizeBytes=[{"numeric": [">", 0, "<", 2]}]),
    inner(SizeBytes=[1]),
    inner(ApproximateCreationDateTime=[{"numeric": [">=", 1.7e9]}]),
    {"awsRegion": ["eu-central-1"], "eventVersion": ["1.1"], "eventSourceARN": [{"prefix": "arn:"}]},
]


@pytest.mark.parametrize("pattern", SOME, ids=lambda value: str(value)[:60])
def test_what_some_record_matches_is_not_told(pattern):
    assert never(pattern) == []


@pytest.mark.parametrize("view_type", VIEW_TYPES)
def test_an_image_that_the_view_type_leaves_out_is_never_there(view_type):
    for image in ("NewImage", "OldImage"):
        shown = view_type in ("NEW_AND_OLD_IMAGES", {"NewImage": "NEW_IMAGE", "OldImage": "OLD_IMAGE"}[image])
        told = never(inner(**{image: {"n": {"N": ["1"]}}}), view_type=view_type)
        assert bool(told) is not shown
        if told:
            assert f"a stream of {view_type} has no {image}" in told[0]
            assert "or NEW_AND_OLD_IMAGES has" in told[0]


def test_patterns_are_told_of_one_by_one():
    told = never({"eventName": ["INSERT"]}, {"eventName": ["Insert"]}, {"body": ["x"]})
    assert [sentence.split(":")[0] for sentence in told] == ["pattern 2", "pattern 3"]


def test_keys_are_those_of_the_table():
    assert never(inner(Keys={"id": {"S": ["a"]}}), keys=("pk", "sk")) == [
        "dynamodb.Keys.id.S: the key of these records is pk and sk"
    ]
    assert never(inner(Keys={"pk": {"S": ["a"]}}), keys=("pk", "sk")) == []
    assert never(inner(Keys={"p.k": {"S": ["a"]}}), keys=("p.k",)) == []
    assert never(inner(Keys={"id": {"S": [{"exists": False}]}}), keys=("pk",)) == []


def test_a_map_without_its_type_code_is_an_attribute_with_dots():
    (told,) = only_dotted_names(FilterCriteria([new(address={"city": {"S": ["Rome"]}})]))
    assert told.startswith(
        'dynamodb.NewImage.address.city.S matches only an attribute whose own name is "address.city"'
    )
    meant = [
        new(address={"M": {"city": {"S": ["Rome"]}}}),
        new(l={"L": {"L": {"M": {"M": {"S": ["x"]}}}}}),
        {"dynamodb": {"NewImage": {"address.city": {"S": ["Rome"]}}}},
        {"dynamodb.NewImage.a.S": ["x"]},
        new(state=["told elsewhere"]),
        {"$or": [{"eventName": ["INSERT"]}, old(a={"S": ["x"]})]},
    ]
    assert only_dotted_names(FilterCriteria(meant, quota=10)) == []


# Random records, and random patterns made of the same few names and values, so that they meet often
NAMES = st.sampled_from(["a", "S", "a.S", "b"])
TEXTS = st.sampled_from(["", "a", "5", "true", "INSERT", "10.0.0.1", "aGk="])
VALUES = st.recursive(
    TEXTS | st.sampled_from([5, -1, 0.5, True, False, None, b"hi", {"a"}, {5, 6}, {b"hi"}]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
ITEMS = st.dictionaries(NAMES, VALUES, max_size=2).map(lambda item: {"pk": "5", **item})


@st.composite
def records(draw):
    """Records of an item that is put, put again and removed, as a function gets them."""
    table = ItemTable(key=("pk",))
    changes = [table.apply("put", draw(ITEMS)), table.apply("put", draw(ITEMS)), table.apply("delete", {"pk": "5"})]
    view_type = draw(st.sampled_from(VIEW_TYPES))
    return [
        lambda_record(
            stream_record(
                change,
                view_type=view_type,
                sequence_number="500",
                event_id="a",
                at_epoch_s=5.0,
                region="a",
                user_identity=TIME_TO_LIVE_IDENTITY if change.event_name == "REMOVE" and draw(st.booleans()) else None,
            ),
            stream_arn="a",
        )
        for change in changes
        if change.event_name is not None
    ]


TEXT_TESTS = ("prefix", "suffix", "equals-ignore-case", "exactly", "wildcard")
PLAIN = TEXTS | st.sampled_from([5, 0.5, -1, True, False, None, "Service", "MODIFY", "REMOVE", "KEYS_ONLY", "-1", "hi"])
TESTS = (
    st.builds(lambda name, text: {name: text}, st.sampled_from(TEXT_TESTS), TEXTS)
    | st.builds(lambda exists: {"exists": exists}, st.booleans())
    | st.builds(
        lambda bound, by: {"numeric": [by, bound]}, st.sampled_from([-1, 0, 1, 5]), st.sampled_from(["<", ">", "="])
    )
    | st.sampled_from(
        [
            {"cidr": "10.0.0.0/8"},
            {"cidr": "::/0"},
            {"anything-but": ["a", "INSERT"]},
            {"anything-but": [5]},
            {"anything-but": {"wildcard": "*"}},
            {"anything-but": {"prefix": "a"}},
            {"wildcard": "*5*"},
            {"prefix": {"equals-ignore-case": "insert"}},
            {"suffix": {"equals-ignore-case": "E"}},
        ]
    )
)
CONDITIONS = st.lists(PLAIN | TESTS, min_size=1, max_size=2)
CODES = st.sampled_from(["S", "N", "B", "SS", "NS", "BS", "BOOL", "NULL", "M", "L", "a"])
BELOW_IMAGE = st.lists(NAMES | CODES, max_size=3).map(tuple)
PATHS = st.one_of(
    st.builds(
        lambda image, below: ("dynamodb", image, *below), st.sampled_from(["NewImage", "OldImage", "Keys"]), BELOW_IMAGE
    ),
    st.builds(
        lambda image, name, code: ("dynamodb", image, name, code),
        st.sampled_from(["NewImage", "OldImage"]),
        NAMES,
        CODES,
    ),
    st.builds(lambda code: ("dynamodb", "Keys", "pk", code), CODES),
    st.sampled_from(["eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "eventSourceARN", "body"]).map(
        lambda name: (name,)
    ),
    st.sampled_from(["ApproximateCreationDateTime", "SequenceNumber", "SizeBytes", "StreamViewType", "a"]).map(
        lambda name: ("dynamodb", name)
    ),
    st.sampled_from([("userIdentity", "type"), ("userIdentity", "principalId"), ("userIdentity",), ("dynamodb",)]),
)


@st.composite
def patterns(draw, ors=2):
    fields = [{".".join(draw(PATHS)): draw(CONDITIONS)} for _ in range(draw(st.integers(1, 3)))]
    pattern = {name: values for field in fields for name, values in field.items()}
    if not ors or draw(st.integers(0, 5)):
        return pattern
    return {**pattern, "$or": [draw(patterns(ors=ors - 1)), draw(patterns(ors=ors - 1))]}


@given(patterns(), records())
@example({"dynamodb.NewImage.a.S": ["x"]}, [])
def test_nothing_is_told_of_a_pattern_that_a_record_matches(pattern, written):
    criteria = FilterCriteria([pattern])
    for record in written:
        if criteria.matches(record):
            assert never_matching(criteria) == []
            assert never_matching(criteria, record["dynamodb"]["StreamViewType"], keys=("pk",)) == []
