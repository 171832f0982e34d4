"""The text of an event pattern, read into branches: each maps the dotted path of a field to its condition.

All fields of a branch must match, and one branch suffices; a pattern without "$or" has one branch. As in Event Ruler,
fields go by their dotted path, so the last of two writings of one path wins, also across an "$or", and what lies in
different paths of a repeated key all counts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from ddbsim.aws import limits

from .complexity import check_complexity
from .operands import InvalidPatternError, Number
from .operators import Condition, Fields, read_condition

__all__ = ["Branch", "pattern_text", "read_branches", "written_paths"]

Branch: TypeAlias = dict[str, Condition]

_COMPARISONS = ("=", "<", "<=", ">", ">=")
_OPERATOR_NAMES = (
    *("exactly", "equals-ignore-case", "prefix", "suffix", "anything-but"),
    *("exists", "wildcard", "numeric", "cidr"),
)
_FUTURE_NAMES = (
    *("regex", "not-wildcard", "not-equals-ignore-case"),
    *("date-after", "date-on-or-after", "date-before", "date-on-or-before", "in-date-range"),
    *("ip-address-in-range", "ip-address-not-in-range"),
)
_RESERVED_IN_OR = frozenset((*_COMPARISONS, *_OPERATOR_NAMES, *_FUTURE_NAMES))
_EXPECTED_VALUE = "was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
_TOKEN = re.compile(r"[^\W\d][\w$]*")
_TEXT_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
# A value of a record lies below at most 68 names and type codes (DynamoDB nests 32 levels), and an expression in an
# "$or" of ten alternatives some 30 brackets further down.
_MOST_LEVELS = 100


def pattern_text(pattern: str | Mapping[str, Any]) -> str:
    """Return a pattern as the JSON text that the service would be given."""
    if isinstance(pattern, str):
        return pattern
    _check_levels(_levels(pattern))
    try:
        return json.dumps(pattern, ensure_ascii=False, separators=(",", ":"))
    except TypeError as error:
        raise InvalidPatternError(f"the pattern is no JSON: {error}") from None


def read_branches(text: str) -> list[Branch]:
    """Return the branches of a pattern; InvalidPatternError with the service's reason if it would refuse it."""
    root = _read_json(text)
    if not isinstance(root, Fields):
        raise InvalidPatternError("Filter is not an object")
    most = limits.OR_COMBINATIONS.value
    if _combinations(root) > most:
        raise InvalidPatternError(f"Or operator is producing over {most} rule combinations")
    branches: list[Branch] = [{}]
    _read_fields(branches, (), root)
    check_complexity(branches)
    return branches


def written_paths(text: str) -> list[list[str]]:
    """Return the names that lead to each field of a valid pattern, one by one, as they are written."""
    paths: list[list[str]] = []
    waiting: list[tuple[list[str], Any]] = [([], _read_json(text))]
    while waiting:
        names, node = waiting.pop()
        for name, value in node:
            if name == "$or":
                waiting += [(names, alternative) for alternative in value]
            elif isinstance(value, Fields):
                waiting.append(([*names, name], value))
            else:
                paths.append([*names, name])
    return paths


def _read_json(text: str) -> Any:
    _check_levels(_levels_of_text(text))
    try:
        return json.loads(
            text, object_pairs_hook=Fields, parse_int=Number, parse_float=Number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise InvalidPatternError(_json_reason(text, error)) from None


def _check_levels(levels: int) -> None:
    if levels > _MOST_LEVELS:
        raise InvalidPatternError(f"the pattern is nested too deeply: at most {_MOST_LEVELS} levels are read")


def _levels_of_text(text: str) -> int:
    """Return how deep the brackets of a JSON text are nested, without nesting calls as deep."""
    open_now = deepest = 0
    for token in _TEXT_OR_BRACKET.finditer(text):
        bracket = token.group()
        open_now += (bracket in "[{") - (bracket in "]}")
        deepest = max(deepest, open_now)
    return deepest


def _levels(value: Any) -> int:
    """Return how deep dicts and lists are nested; one more than are read if there are more, or no end to them."""
    level, depth = [value], 0
    while level and depth <= _MOST_LEVELS:
        inside = [inner for node in level for inner in (node.values() if isinstance(node, Mapping) else node)]
        # what is met twice in one level is looked at once
        level = list({id(inner): inner for inner in inside if isinstance(inner, Mapping | list | tuple)}.values())
        depth += 1
    return depth


def _refuse_constant(token: str) -> None:
    raise InvalidPatternError(f"Non-standard token '{token}'")


def _json_reason(text: str, error: json.JSONDecodeError) -> str:
    """Say what is no JSON in the words of the service's parser, Jackson."""
    at = error.pos
    in_name = error.msg.startswith("Expecting property name")
    token = None if in_name else _TOKEN.match(text, at)
    if token:
        return f"Unrecognized token '{token.group()}': {_EXPECTED_VALUE}"
    if at >= len(text):
        return "Unexpected end-of-input"
    expected = ": was expecting double-quote to start field name" if in_name else ""
    return f"Unexpected character ('{text[at]}' (code {ord(text[at])})){expected}"


def _combinations(node: Any) -> int:
    """Return the product of the lengths of all "$or" arrays, which is what the service bounds."""
    if type(node) is list:
        return _product(_combinations(item) for item in node)
    if not isinstance(node, Fields):
        return 1
    return _product(
        _combinations(value) * (len(value) if name == "$or" and type(value) is list and value else 1)
        for name, value in node
    )


def _product(factors: Any) -> int:
    product = 1
    for factor in factors:
        product *= factor
    return product


def _read_fields(branches: list[Branch], path: tuple[str, ...], fields: Fields, *, inside_or: bool = False) -> None:
    if not fields:
        raise InvalidPatternError("Empty objects are not allowed")
    for name, value in fields:
        if name == "$or":
            _read_or(branches, path, value)
            continue
        if inside_or and name in _RESERVED_IN_OR:
            raise InvalidPatternError(f"{name} is Ruler reserved fieldName which cannot be used inside $or.")
        if isinstance(value, Fields):
            _read_fields(branches, (*path, name), value, inside_or=inside_or)
        elif type(value) is list:
            condition, place = read_condition(value), ".".join((*path, name))
            _check_levels(place.count(".") + 1)
            for branch in branches:
                branch[place] = condition
        else:
            raise InvalidPatternError(f'"{name}" must be an object or an array')


def _read_or(branches: list[Branch], path: tuple[str, ...], alternatives: Any) -> None:
    """Replace the branches so far by a copy of them for each alternative."""
    if type(alternatives) is not list:
        raise InvalidPatternError("It must be an Array followed with $or.")
    before = list(branches)
    branches.clear()
    for fields in alternatives:
        if not isinstance(fields, Fields):
            raise InvalidPatternError("Only JSON object is allowed in array of $or relationship.")
        forked = [dict(branch) for branch in before]
        _read_fields(forked, path, fields, inside_or=True)
        branches.extend(forked)
    if len(alternatives) < 2:
        raise InvalidPatternError("There must have at least 2 Objects in $or relationship.")
