"""Event patterns: the rules beside the recordings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.filters.patterns import EventPattern, FilterCriteria, InvalidPatternError, matches


def field(values, found):
    """Whether {"f": values} matches a field f."""
    return matches({"f": values}, {"f": found})


@pytest.mark.parametrize(
    ("values", "yes", "no"),
    [
        (["a"], ["a", ["x", "a"], [["a"]]], ["A", "ab", 1, None, [], {"a": 1}]),
        ([None], [None, [1, None]], ["null", 0, False, []]),
        ([True], [True], ["true", 1, False]),
        ([""], [""], [None, " "]),
        ([1], [1, 1.0], ["1", True, 2]),
        ([300], [300.0], [301]),
        ([12345678901234567890123], [12345678901234567890123], [12345678901234567890124, "12345678901234567890123"]),
        ([{"exactly": "a"}], ["a"], ["A", 1]),
        ([{"prefix": "ab"}], ["ab", "abc"], ["a", "Ab", 12]),
        ([{"prefix": ""}], ["", "x"], [1, None, True]),
        ([{"suffix": ".png"}], ["a.png"], ["a.PNG", 1]),
        ([{"prefix": {"equals-ignore-case": "Ab"}}], ["aBc"], ["ba"]),
        ([{"suffix": {"equals-ignore-case": ".PNG"}}], ["a.png"], ["png", 1]),
        ([{"equals-ignore-case": "YeS"}], ["yes", "YES"], ["yess", True]),
        ([{"exists": True}], ["", None, 0, [1]], [{"a": 1}, []]),
        ([{"exists": False}], [{"a": 1}, []], ["", None]),
        ([{"wildcard": "a*b"}], ["ab", "a\nb", "axxb"], ["abc", "b"]),
        ([{"wildcard": r"a\*b\\*"}], ["a*b\\", "a*b\\x"], ["axb\\", "a*b"]),
        ([{"wildcard": ".+"}], [".+"], ["ab"]),
        ([{"cidr": "10.0.0.77/24"}], ["10.0.0.0", "10.0.0.255"], ["10.0.1.0", "10.0.0.256", "x", 10]),
        ([{"cidr": "2001:db8::/64"}], ["2001:0db8:0::7"], ["2001:db9::", "10.0.0.1"]),
        (["2001:db8::1"], ["2001:db8::1", "2001:0db8:0::1"], ["2001:db8::2"]),
        ([{"numeric": ["=", 5]}], [5, 5.0], [5.1, "5", None, True]),
        ([{"numeric": [">", 0, "<=", 5]}], [0.5, 5, ["x", 1]], [0, 5.5, "1"]),
        ([{"numeric": [">=", -1.5]}], [-1.5, 6e9], [-2]),
        ([{"numeric": ["<", 1e3]}], [-6e12, 999.9], [1000]),
        ([{"anything-but": "a"}], ["b", 1, None, ["a", "b"]], ["a", ["a"], [], {"x": 1}]),
        ([{"anything-but": [1, 2]}], [3, "1", True], [1.0, 2]),
        ([{"anything-but": {"prefix": ["a", "b"]}}], ["cab", 1], ["ab", "b"]),
        ([{"anything-but": {"suffix": "a"}}], ["ab"], ["ba"]),
        ([{"anything-but": {"equals-ignore-case": ["a", "B"]}}], ["ab", None], ["A", "b"]),
        ([{"anything-but": {"wildcard": ["*/x", "y*"]}}], ["x"], ["a/x", "yes"]),
        ([9007199254740993], [9007199254740993], [9007199254740992]),
        ([-0], [0, -0.0], [1]),
        (["a", {"prefix": "b"}, 3], ["a", "bc", 3], ["c", "3"]),
    ],
    ids=lambda values: json.dumps(values)[:40],
)
def test_operators(values, yes, no):
    assert [found for found in yes if not field(values, found)] == []
    assert [found for found in no if field(values, found)] == []


@pytest.mark.parametrize("number", ["1.0000000000000001", "0.1234567890123456789", "1e309", "1e-400"])
def test_a_fraction_that_no_float_holds_matches_nothing_not_even_itself(number):
    event = json.loads(f'{{"v": {number}}}')
    assert not matches(f'{{"v": [{number}]}}', event)
    for operator in ('{"numeric": ["=", %s]}', '{"anything-but": %s}'):
        with pytest.raises(InvalidPatternError, match=f"Cannot compare number : {number}"):
            matches(f'{{"v": [{operator % number}]}}', event)


# As the service's tester answered in 2026-09
@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("K", ["k", "K"], ["\u212a"]),
        ("S", ["s", "S"], ["\u017f"]),
        ("\u212a", ["k", "\u212a"], ["K"]),
        ("ß", ["ß", "SS"], ["ss", "Ss"]),
        ("ﬀ", ["ﬀ", "FF"], ["ff"]),
        ("İ", ["İ", "i\u0307"], ["i", "I"]),
        ("\u0390", ["\u0390", "\u0399\u0308\u0301"], ["\u0399"]),
        ("Straße", ["STRASSE", "straße"], ["strasse"]),
        ("\U0001f600", ["??"], ["\U0001f600", "?"]),
        ("a.b", ["A.B"], ["aXb"]),
    ],
)
def test_case_is_ignored_character_by_character(text, yes, no):
    for found in [*yes, *no]:
        equal = found in yes
        assert field([{"equals-ignore-case": text}], found) is equal
        assert field([{"anything-but": {"equals-ignore-case": text}}], found) is not equal
        assert field([{"prefix": {"equals-ignore-case": text}}], found + "xyz") is equal
        assert field([{"suffix": {"equals-ignore-case": text}}], "xyz" + found) is equal


# As the service's tester answered in 2026-09: addresses are compared by their digits, and so are numbers
@pytest.mark.parametrize(
    ("cidr", "yes", "no"),
    [
        ("010.0.0.0/8", ["10.1.2.3", "a00::1"], [1, "11.0.0.0"]),
        ("10.0.0.1/0", ["1.2.3.4", 1, "2001:db8::1"], ["x", None, True, -1]),
        ("2001:db8::/0", ["2001:db8::1", 1, "10.0.0.1"], ["1"]),
        ("::/0", ["10.0.0.1"], ["0.0.0.0"]),
        ("10.0.0.1/31", ["10.0.0.0", "10.0.0.1"], ["10.0.0.2"]),
        ("2001:db8::1/127", ["2001:db8::1"], ["2001:db8::2"]),
        ("16.0.0.0/4", [12, "31.0.0.1"], [1.5, 1, 2]),
    ],
)
def test_an_address_range_is_one_of_digits(cidr, yes, no):
    assert [found for found in yes if not field([{"cidr": cidr}], found)] == []
    assert [found for found in no if field([{"cidr": cidr}], found)] == []


def test_an_ipv6_address_with_octets_is_refused():
    with pytest.raises(InvalidPatternError, match=r"Nonstandard IP address: ::ffff:192\.0\.2\.0"):
        EventPattern({"a": [{"cidr": "::ffff:192.0.2.0/120"}]})


def test_fields_are_anded_and_patterns_need_all_of_them():
    pattern = EventPattern({"a": ["1"], "b": {"c": ["2"]}})
    assert pattern.matches({"a": "1", "b": {"c": "2"}, "more": 0})
    assert not pattern.matches({"a": "1", "b": {"d": "2"}})
    assert not pattern.matches({"a": "1", "b": "2"})


def test_an_absent_field_matches_nothing_but_exists_false():
    assert not field([{"anything-but": "a"}], {})
    assert not matches({"f": [{"anything-but": "a"}]}, {})
    assert matches({"f": ["x", {"exists": False}]}, {})
    assert matches({"f": {"g": [{"exists": False}]}}, {"f": "a leaf"})


def test_fields_matched_together_lie_in_one_element_of_an_array():
    people = {"people": [{"first": "Anna", "last": "Smith"}, {"first": "Jo", "last": "Jones"}]}
    assert matches({"people": {"first": ["Jo"], "last": ["Jones"]}}, people)
    assert not matches({"people": {"first": ["Anna"], "last": ["Jones"]}}, people)
    assert matches({"people": {"last": ["Jones"], "first": ["Anna", "Jo"]}}, people)
    nested = {"people": [[people["people"][0]], [people["people"][1]]]}
    assert matches({"people": {"first": ["Jo"], "last": ["Jones"]}}, nested)
    assert not matches({"people": {"first": ["Anna"], "last": ["Jones"]}}, nested)


def test_one_array_shared_by_two_fields_is_two_arrays():
    shared = [{"v": "1"}, {"v": "2"}]
    assert matches({"old": {"v": ["1"]}, "new": {"v": ["2"]}}, {"old": shared, "new": shared})


def test_a_missing_field_is_missed_in_the_chosen_element():
    event = {"list": [{"a": "1", "b": "x"}, {"a": "2"}]}
    assert matches({"list": {"a": ["2"], "b": [{"exists": False}]}}, event)
    assert not matches({"list": {"a": ["1"], "b": [{"exists": False}]}}, event)


def test_dots_in_names_are_steps():
    event = {"detail": {"state.status": "running"}}
    assert matches({"detail": {"state": {"status": ["running"]}}}, event)
    assert matches({"detail": {"state.status": ["running"]}}, {"detail": {"state": {"status": "running"}}})


OR = {"source": ["s"], "$or": [{"a": ["1"]}, {"b": ["2"], "c": ["3"]}]}


@pytest.mark.parametrize(
    ("wanted", "event", "expected"),
    [
        ({"a": [{"exists": False}], "b": [{"exists": False}]}, [{"a": 1}, {"b": 2}], False),
        ({"a": [{"exists": False}], "b": [{"exists": False}]}, [], True),
        ({"b": [{"exists": False}], "a": [1]}, [{"a": 1}, {"b": 2}], True),
        ({"b": [{"exists": False}], "a": [1]}, [[], [{"a": 1}]], True),
        ({"b": [{"exists": False}], "a": [1]}, [1, {"a": 1}], True),
        ({"b": [{"exists": False}], "a": [1]}, [{"a": 1, "b": 0}, {"a": 0, "b": 2}], False),
        ({"a": [{"exists": False}]}, [{"a": 1}, {}], False),
    ],
)
def test_absence_in_arrays_is_as_recorded(wanted, event, expected):
    assert matches({"v": wanted}, {"v": event}) is expected


@pytest.mark.parametrize(
    ("event", "expected"),
    [({"a": "1"}, True), ({"b": "2", "c": "3"}, True), ({"b": "2"}, False), ({}, False)],
)
def test_or_between_fields(event, expected):
    assert matches(OR, {"source": "s", **event}) is expected


def test_or_nests_and_multiplies():
    pattern = {"$or": [{"a": ["1"]}, {"b": {"$or": [{"c": ["2"]}, {"d": ["3"]}]}}], "e": ["4"]}
    for event in ({"a": "1"}, {"b": {"c": "2"}}, {"b": {"d": "3"}}):
        assert matches(pattern, {**event, "e": "4"})
        assert not matches(pattern, event)


def test_the_last_writing_of_a_path_wins_also_across_or():
    pattern = {"a": ["1"], "$or": [{"a": ["2"]}, {"b": ["3"]}]}
    assert matches(pattern, {"a": "2"})
    assert not matches(pattern, {"a": "1"})
    assert matches(pattern, {"a": "1", "b": "3"})


def test_a_repeated_key_keeps_its_other_paths():
    pattern = EventPattern('{"d": {"a": ["1"]}, "d": {"b": ["2"]}}')
    assert pattern.matches({"d": {"a": "1", "b": "2"}})
    assert not pattern.matches({"d": {"b": "2"}})
    assert EventPattern('{"d": ["1"], "d": ["2"]}').matches({"d": "2"})


TOO_DEEP = "the pattern is nested too deeply: at most 100 levels are read"


def nested(levels):
    pattern = ["x"]
    for _ in range(levels):
        pattern = {"a": pattern}
    return pattern


EXPECTED_VALUE = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("", "Unexpected end-of-input"),
        ("not-json", f"Unrecognized token 'not': {EXPECTED_VALUE}"),
        ('{"a": [x]}', f"Unrecognized token 'x': {EXPECTED_VALUE}"),
        ("{'a': 1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name"),
        ("{a: 1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name"),
        ('{"a": ["x"} ', "Unexpected character ('}' (code 125))"),
        ('{"a": [NaN]}', "Non-standard token 'NaN'"),
        ("1", "Filter is not an object"),
        ("[" * 4_000, TOO_DEEP),
        ('{"a":' * 800, TOO_DEEP),
        ('{"a":' * 600 + '["x"]' + "}" * 600, TOO_DEEP),
        ({"a" + ".a" * 100: ["x"]}, TOO_DEEP),
        (nested(600), TOO_DEEP),
        (nested(100_000), TOO_DEEP),
        ({"a": b"x"}, "the pattern is no JSON: Object of type bytes is not JSON serializable"),
        ({}, "Empty objects are not allowed"),
        ({"a": {}}, "Empty objects are not allowed"),
        ({"a": []}, "Empty arrays are not allowed"),
        ({"a": None}, '"a" must be an object or an array'),
        ({"a": [["b"]]}, "Match value must be String, number, true, false, or null"),
        ({"a": [{}]}, "Match expression name not found"),
        ({"a": [{"prefx": "b"}]}, "Unrecognized match type prefx"),
        ({"a": [{"prefix": "b", "suffix": "c"}]}, "Only one key allowed in match expression"),
        ({"a": [{"exists": False, "prefix": "c"}]}, "Only one key allowed in match expression"),
        ({"a": [{"numeric": ["=", 1], "prefix": "c"}]}, "Too many elements in numeric expression"),
        ({"a": [{"exists": "true"}]}, "exists match pattern must be either true or false."),
        ({"a": [{"exactly": 1}]}, "exact match pattern must be a string"),
        ({"a": [{"prefix": {"suffix": "x"}}]}, "Unsupported prefix pattern: suffix"),
        ({"a": [{"suffix": {}}]}, "Suffix expression name not found"),
        ({"a": [{"suffix": {"equals-ignore-case": 1}}]}, "equals-ignore-case match pattern must be a string"),
        (
            {"a": [{"prefix": {"equals-ignore-case": "a", "exists": True}}]},
            "Only one key allowed in match expression",
        ),
        (
            {"a": [{"anything-but": True}]},
            "Value of anything-but must be an array or single string/number value.",
        ),
        ({"a": [{"anything-but": {}}]}, "Anything-But expression name not found"),
        ({"a": [{"anything-but": {"numeric": ["=", 1]}}]}, "Unsupported anything-but pattern: numeric"),
        ({"a": [{"anything-but": ["x", None]}]}, "Inside anything but list, start|null|boolean is not supported."),
        (
            {"a": [{"anything-but": ["x", 1]}]},
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        (
            {"a": [{"anything-but": []}]},
            "Inside anything but list, either all values are number or string, mixed type is not supported",
        ),
        ({"a": [{"anything-but": {"prefix": "a", "suffix": "b"}}]}, "Too many elements in numeric expression"),
        ({"a": [{"anything-but": [12345678901234567890123]}]}, "Cannot compare number : 12345678901234567890123"),
        ({"a": [{"numeric": []}]}, "Invalid member in numeric match: ]"),
        ({"a": [{"numeric": [5]}]}, "Invalid member in numeric match: 5"),
        ({"a": [{"numeric": [None]}]}, "Invalid member in numeric match: null"),
        ({"a": [{"numeric": ["="]}]}, "Value of equals must be numeric"),
        ({"a": [{"numeric": ["<", "5"]}]}, "Value of < must be numeric"),
        ({"a": [{"numeric": ["!=", 5]}]}, "Unrecognized numeric range operator: !="),
        ({"a": [{"numeric": ["<", 5, ">", 1]}]}, "Too many elements in numeric expression"),
        ({"a": [{"numeric": [">", 5, 6]}]}, "Bad value in numeric range: 6"),
        ({"a": [{"numeric": [">", 5, "="]}]}, "Bad numeric range operator: ="),
        ({"a": [{"numeric": [">", 5, "<"]}]}, "Value of < must be numeric"),
        ({"a": [{"numeric": [">", 5, "<", 6, "<"]}]}, "Too many terms in numeric range expression"),
        ({"a": [{"numeric": [">", 5, "<", 5]}]}, "Bottom must be less than top"),
        ({"a": [{"numeric": ["=", 12345678901234567890123]}]}, "Cannot compare number : 12345678901234567890123"),
        ('{"a": [{"numeric": ["<", 1e400]}]}', "Cannot compare number : 1e400"),
        ({"a": [{"cidr": "10.0.0.0"}]}, "Malformed CIDR, one '/' required"),
        ({"a": [{"cidr": "10.0.0.0/-1"}]}, "Malformed CIDR, mask bits must not be negative"),
        ({"a": [{"cidr": "10.0.0.0/32"}]}, "IPv4 mask bits must be < 32"),
        ({"a": [{"cidr": "::/128"}]}, "IPv6 mask bits must be < 128"),
        ({"a": [{"cidr": "host/8"}]}, "Nonstandard IP address: host"),
        ({"a": [{"cidr": "10.0.0.256/8"}]}, "Invalid IP address: 10.0.0.256"),
        ({"a": [{"wildcard": "é**"}]}, "Consecutive wildcard characters at pos 3"),
        ({"a": [{"wildcard": "a\\b"}]}, "Invalid escape character at pos 2"),
        ({"a": [{"wildcard": "\\"}]}, "Invalid escape character at pos 1"),
        ({"$or": {"a": ["1"]}}, "It must be an Array followed with $or."),
        ({"$or": []}, "There must have at least 2 Objects in $or relationship."),
        ({"$or": [{"a": ["1"]}]}, "There must have at least 2 Objects in $or relationship."),
        ({"$or": [1, 2]}, "Only JSON object is allowed in array of $or relationship."),
        ({"a": {"$or": [{"$or": ["x"]}, {"b": ["x"]}]}}, "Only JSON object is allowed in array of $or relationship."),
        ({"$or": [{"a": ["1"]}, {}]}, "Empty objects are not allowed"),
        (
            {"$or": [{"a": {"prefix": ["x"]}}, {"b": ["x"]}]},
            "prefix is Ruler reserved fieldName which cannot be used inside $or.",
        ),
        ({"$or": [{"a": ["1"]}] * 1_001}, "Or operator is producing over 1000 rule combinations"),
        (
            {name: {"$or": [{"a": ["1"]}, {"a": ["2"]}]} for name in "ABCDEFGHIJ"},
            "Or operator is producing over 1000 rule combinations",
        ),
        (
            {"a": [{"anything-but": {"prefix": []}}]},
            "the service fails (InternalFailure) on an empty list of anything-but/prefix",
        ),
    ],
)
def test_what_the_service_refuses_has_its_reason(pattern, reason):
    with pytest.raises(InvalidPatternError) as refused:
        EventPattern(pattern)
    assert refused.value.reason == reason
    assert str(refused.value) == f"Event pattern is not valid. Reason: {reason}"
    assert refused.value.mapping_message == "Invalid filter pattern definition."


def test_filter_criteria_are_ored_and_none_lets_all_through():
    criteria = FilterCriteria([{"a": ["1"]}, '{"b": ["2"]}'])
    assert [criteria.matches(event) for event in ({"a": "1"}, {"b": "2"}, {"a": "2"})] == [True, True, False]
    assert FilterCriteria().matches({})


def test_a_mapping_has_5_patterns_and_up_to_10_on_request():
    with pytest.raises(ValueError, match="at most 5 patterns are allowed, got 6"):
        FilterCriteria([{"a": ["1"]}] * 6)
    assert len(FilterCriteria([{"a": ["1"]}] * 10, quota=10).patterns) == 10
    with pytest.raises(ValueError, match=r"quota must be 0\.\.10 patterns, got 11"):
        FilterCriteria(quota=11)


def test_a_pattern_has_at_most_4096_characters():
    longest = {"a": ["x" * (4_096 - len('{"a":[""]}'))]}
    assert FilterCriteria([longest]).matches({"a": longest["a"][0]})
    with pytest.raises(ValueError, match="must have at most 4096 characters, got 4097"):
        FilterCriteria([{"a": [longest["a"][0] + "x"]}])


@pytest.mark.parametrize(
    ("pattern", "paths", "needs_items"),
    [
        ({"eventName": ["INSERT"]}, {"eventName"}, False),
        ({"dynamodb": {"Keys": {"pk": {"S": ["a"]}}}}, {"dynamodb.Keys.pk.S"}, False),
        ({"dynamodb": {"SizeBytes": [1]}}, {"dynamodb.SizeBytes"}, False),
        ({"$or": [{"eventName": ["INSERT"]}, {"dynamodb": {"OldImage": {"a": {"S": ["x"]}}}}]}, None, True),
    ],
)
def test_paths_tell_whether_real_items_are_needed(pattern, paths, needs_items):
    criteria = FilterCriteria([pattern])
    assert criteria.paths() == (paths or {"eventName", "dynamodb.OldImage.a.S"})
    assert criteria.needs_items is needs_items


LEAVES = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.text(max_size=5)


@given(st.dictionaries(st.sampled_from("abc"), LEAVES, min_size=1), st.dictionaries(st.sampled_from("abc"), LEAVES))
def test_a_pattern_of_values_matches_where_all_are_equal(wanted, event):
    # a bool is a number to Python alone
    expected = all(
        name in event and event[name] == value and type(event[name]) is type(value) for name, value in wanted.items()
    )
    assert matches({name: [value] for name, value in wanted.items()}, event) is expected


@given(LEAVES, st.lists(st.text(max_size=3), min_size=1))
def test_anything_but_is_the_opposite_on_a_leaf(leaf, texts):
    assert field([{"anything-but": texts}], leaf) is not field(texts, leaf)
