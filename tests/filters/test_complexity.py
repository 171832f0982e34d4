"""How many wildcards a pattern may hold, as the service's own tester answered (2024-12 and 2026-09)."""

import time

import pytest

from ddbsim.filters.patterns import EventPattern, InvalidPatternError

TOO_COMPLEX = "Rule is too complex - try using fewer wildcard characters or fewer repeating character sequences"


def wildcards(*texts):
    return {"f": [{"wildcard": text} for text in texts]}


def numbered(form, many):
    return [form.format(number) for number in range(many)]


def alternatives(*branches):
    return {"$or": [{"a": first, "z": [{"wildcard": text} for text in texts]} for first, texts in branches]}


HALVES = (numbered("{}", 6), numbered("1{}", 6))
ACCEPTED = [
    wildcards("*a*a*a*a*a"),
    wildcards("*a*a*a*a*"),
    wildcards("*" + "abc" * 7 + "*"),
    wildcards(*numbered("{}*x", 10)),
    wildcards(*["*a*"] * 4),
    wildcards("arn:aws:events:us-east-1:*:event-bus/*"),
    {"f": [{"anything-but": {"wildcard": numbered("{}*x", 12)}}]},
    {"f": [{"anything-but": {"wildcard": ["*a*"] * 20}}]},
    {"$or": [{"f": [{"wildcard": text}]} for text in numbered("{}*x", 10)]},
    {str(number): [{"wildcard": "*a*"}] for number in range(11)},
    {"a": [{"exists": False}], "z": [{"wildcard": "*a" * 8}]},
    {"a": [{"wildcard": "*a*"}], "$or": [{"z": ["0"]}, {"z": ["1"]}, {"z": ["2"]}]},
    alternatives(*([[text], [text + "*"]] for text in numbered("{}", 11))),
    alternatives(([{"prefix": "x"}], HALVES[0]), ([{"suffix": "x"}], HALVES[1])),
]
REFUSED = [
    wildcards("*:*:*:*:*:event-bus/*"),
    wildcards("*a*a*a*a*a*"),
    wildcards("*a*a*a*a*a*a"),
    wildcards("*a" * 100),
    wildcards("*" + "abc" * 9 + "*"),
    wildcards("*" + "\U0001f642" * 10 + "*"),
    wildcards(*numbered("*a{}*", 5)),
    wildcards(*numbered("{}*x", 11)),
    wildcards(*numbered("{}", 11)),
    wildcards(*["*a*"] * 20),
    wildcards(r"a\*b*", "*a*a*a", "a*bc", "*\U0001f642*", "*abcabc*", r"a*\\"),
    {"f": [{"anything-but": {"wildcard": "*a" * 30}}]},
    {"f": [{"anything-but": {"wildcard": numbered("*a{}*", 20)}}]},
    {"f": [{"anything-but": {"wildcard": [r"a\*b*", "*a*a*a", "a*bc", "*\U0001f642*", "*abcabc*", r"a*\\"]}}]},
    {"$or": [{"f": [{"wildcard": text}]} for text in numbered("{}*x", 11)]},
    {"a": [{"exists": True}], "z": [{"wildcard": "*a" * 8}]},
    {"a": ["literal"], "z": [{"wildcard": "*a" * 8}]},
    {"a": [{"wildcard": "*a" * 8}], "z": [{"exists": False}]},
    alternatives(*([["same"], [text + "*"]] for text in numbered("{}", 11))),
    alternatives(([{"cidr": "10.0.0.0/24"}], HALVES[0]), ([{"cidr": "10.0.0.1/24"}], HALVES[1])),
    alternatives(([{"anything-but": ["a", "b"]}], HALVES[0]), ([{"anything-but": ["b", "a"]}], HALVES[1])),
    alternatives(([{"anything-but": "a"}], HALVES[0]), ([{"anything-but": ["a"]}], HALVES[1])),
    alternatives(([{"anything-but": {"prefix": "a"}}], HALVES[0]), ([{"anything-but": {"prefix": ["a"]}}], HALVES[1])),
    alternatives(([1], HALVES[0]), ([{"numeric": ["=", 1]}], HALVES[1])),
    alternatives(([0], HALVES[0]), ([0.0], HALVES[1])),
]


@pytest.mark.parametrize("pattern", ACCEPTED, ids=lambda pattern: str(pattern)[:40])
def test_what_the_service_accepts_is_not_too_complex(pattern):
    EventPattern(pattern)


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: str(pattern)[:40])
def test_what_one_value_could_match_too_often_is_refused(pattern):
    with pytest.raises(InvalidPatternError, match=TOO_COMPLEX):
        EventPattern(pattern)


def test_the_longest_wildcards_are_judged_at_once():
    texts = ["*" + "abcdefghijklmnopqrstuvwxyz" * 38 + f"{number}*" for number in range(3)]
    began = time.perf_counter()
    with pytest.raises(InvalidPatternError, match=TOO_COMPLEX):
        EventPattern(wildcards(*texts))
    EventPattern(wildcards("".join(map(chr, range(0x4E00, 0x4E00 + 4_000))) + "*"))
    assert time.perf_counter() - began < 5
