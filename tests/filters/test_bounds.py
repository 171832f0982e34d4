"""What a hostile pattern or record may cost: steps are counted, never seconds."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddbsim.filters import EventPattern, matches
from ddbsim.filters.matching import Seen
from ddbsim.filters.operands import case_pattern, case_suffix_test, character_cases, fits, wildcard_pieces


class Counted(str):
    """A text that counts how often it is searched, and holds that no search starts before an earlier one."""

    __slots__ = ("searches",)

    def find(self, piece, start, end):
        self.searches = [*getattr(self, "searches", []), start]
        return str.find(self, piece, start, end)


@pytest.mark.parametrize(
    ("wildcard", "text"),
    [
        ("*error*timeout*retry*x", "error timeout retry " * 500),
        ("*a*a*ab", "a" * 2_000),
        ("a*a*a*a*a*b", "a" * 100_000),
        ("*abcabd*b", "abcab" * 20_000),
    ],
)
def test_a_wildcard_searches_once_for_each_piece_and_never_goes_back(wildcard, text):
    counted, pieces = Counted(text), wildcard_pieces(wildcard)
    assert not fits(pieces, counted)
    searches = getattr(counted, "searches", [])
    assert len(searches) <= len(pieces) - 2
    assert searches == sorted(searches)
    assert not matches({"f": [{"wildcard": wildcard}]}, {"f": text})


def slowly(wildcard, text):
    """Whether a wildcard matches, by trying every end of every `*`."""
    if not wildcard:
        return not text
    if wildcard[0] == "*":
        return any(slowly(wildcard[1:], text[start:]) for start in range(len(text) + 1))
    return text[:1] == wildcard[0] and slowly(wildcard[1:], text[1:])


@given(st.text("ab*", max_size=8).filter(lambda text: "**" not in text), st.text("ab", max_size=10))
def test_a_wildcard_matches_what_trying_everything_matches(wildcard, text):
    assert fits(wildcard_pieces(wildcard), text) is slowly(wildcard, text)


def test_no_character_begins_or_ends_alike_in_both_cases_so_that_a_case_is_read_once():
    cases = [character_cases(chr(code)) for code in range(0x10000)]
    assert [
        both for both in cases if both[0] != both[1] and (both[0][0] == both[1][0] or both[0][-1] == both[1][-1])
    ] == []


@given(st.text("aAßſ", max_size=4), st.text("aAsSßſ", max_size=8))
def test_a_suffix_without_case_is_a_search_of_the_end(suffix, text):
    found = any(case_pattern(suffix).fullmatch(text[start:]) for start in range(len(text) + 1))
    assert case_suffix_test(suffix)(text) is found


def lists(many, elements, wrong=()):
    """A record of some lists of maps, and the pattern that asks for two fields in one map of each."""
    event = {
        f"l{n}": [
            {"a": 1, "b": 2 if n in wrong else 1} if at else {"a": 1, "b": 1 + (n in wrong)} for at in range(elements)
        ]
        for n in range(many)
    }
    return {f"l{n}": {"a": [1], "b": [1]} for n in range(many)}, event


def steps(pattern, event):
    seen = Seen(event)
    (matcher,) = EventPattern(pattern)._matchers
    return matcher.matches(seen), seen.steps


@pytest.mark.parametrize(("many", "elements"), [(6, 10), (30, 10), (6, 100), (1, 5_000)])
@pytest.mark.parametrize("hit", [True, False])
def test_lists_cost_steps_by_their_elements_not_by_their_combinations(many, elements, hit):
    pattern, event = lists(many, elements, () if hit else (many - 1,))
    matched, taken = steps(pattern, event)
    assert matched is hit
    # found, made a tree, chosen from: each of two fields in each element
    assert taken <= 2 * many * (4 * elements + 2)


def test_lists_in_lists_cost_steps_by_their_elements():
    event = {"l": [{"m": [{"a": 1, "b": at % 7} for at in range(30)], "c": n} for n in range(30)]}
    matched, taken = steps({"l": {"m": {"a": [1], "b": [6]}, "c": [29]}}, event)
    assert matched
    assert taken < 10_000
    assert not matches({"l": {"m": {"a": [1], "b": [7]}, "c": [29]}}, event)


def test_names_with_dots_that_make_all_combinations_count_end_at_a_bound():
    # one list of maps at each of the ways to write a path of 13 names, and a field for each
    paths = ["a" + "".join(f"{mark}a" for mark in marks) for marks in itertools.product(".>", repeat=12)]
    event = {}
    for number, path in enumerate(paths[:40]):
        node = event
        *names, last = path.split(">")
        for name in names:
            node = node.setdefault(name, {})
            if not isinstance(node, dict):
                break
        else:
            node.setdefault(last, [{f"f{n}": n == number for n in range(40)}, {f"f{n}": True for n in range(0, 40, 2)}])
    pattern = {".".join(["a"] * 13): {f"f{n}": [True] for n in range(39)} | {"g": [1]}}
    # a bound reached in a test takes seconds: a smaller one is reached all the same
    seen = Seen(event)
    seen.steps = 4_900_000
    with pytest.raises(ValueError, match="must be matched to a record in at most 5,000,000 steps"):
        EventPattern(pattern)._matchers[0].matches(seen)


def test_lists_nested_without_end_are_refused_in_a_sentence():
    event = ["x"]
    for _ in range(100_000):
        event = [event]
    with pytest.raises(ValueError, match="lists in lists to a depth of at most 100"):
        matches({"f": ["x"]}, {"f": event})
    for _ in range(99_950):
        (event,) = event
    assert matches({"f": ["x"]}, {"f": event})


def test_a_dict_that_contains_itself_is_no_pattern():
    pattern = {}
    pattern["a"] = pattern
    with pytest.raises(ValueError, match="nested too deeply"):
        EventPattern(pattern)
