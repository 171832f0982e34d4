"""The patterns of a mapping's filter: read once, and told of once where they let no record through."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any

from ddbsim.aws import limits
from ddbsim.filters import FilterCriteria, InvalidPatternError, dead_patterns
from ddbsim.workload import ItemWrites, Workload

from .checks import several

__all__ = ["Patterns", "criteria_of", "keys_shown", "news_of", "read_patterns", "sentences_of"]

_EVERY = int(limits.FILTERS.high)
_ALLOWED = f"a mapping has {limits.FILTERS.value}, and up to {limits.FILTERS.high} on request"


class Patterns(tuple[str, ...]):
    """The texts of a filter that has been read.

    A varied copy of a mapping or a scenario has the same ones, and so tells nothing twice.

    Attributes
    ----------
    told
        Which patterns have been told of, and for which view type (None: for any).
    """

    told: frozenset[tuple[int, str | None]]

    def __new__(cls, texts: Iterable[str], told: Collection[tuple[int, str | None]] = ()) -> Patterns:
        """Make them of texts that have been read."""
        made = super().__new__(cls, texts)
        made.told = frozenset(told)
        return made

    def __reduce__(self) -> tuple[type[Patterns], tuple[tuple[str, ...], frozenset[tuple[int, str | None]]]]:
        return Patterns, (tuple(self), self.told)

    def having_told(self, numbers: Iterable[int], view_types: Iterable[str | None]) -> Patterns:
        """Return the same patterns, of which more has been told."""
        view_types = tuple(view_types)
        return Patterns(self, self.told | {(number, view_type) for number in numbers for view_type in view_types})


@lru_cache(maxsize=64)
def criteria_of(patterns: tuple[str, ...]) -> FilterCriteria:
    """Return patterns that have been read as the filter that they are."""
    return FilterCriteria(patterns, quota=_EVERY)


def read_patterns(given: Any) -> Patterns:
    """Return the patterns of a filter, given as one, as several, or in the API's form.

    Raises
    ------
    ValueError
        With what is wrong and what is allowed.
    """
    texts = _texts(given)
    if len(texts) > _EVERY:
        raise ValueError(f"at most {_EVERY} patterns are allowed, got {len(texts)}: {_ALLOWED}")
    try:
        return Patterns(one.text for one in FilterCriteria(texts, quota=_EVERY).patterns)
    except InvalidPatternError as error:
        # the mapping's own words name no reason: those of the pattern tester do
        raise ValueError(f"{error.mapping_message} {error}") from None


def _texts(given: Any) -> tuple[Any, ...]:
    if not isinstance(given, Mapping):
        texts = several(given)
        for text in texts:
            _refuse_other(text)
        return texts
    if not _is_api_form(given):
        return (given,)
    ((name, filters),) = given.items()
    if name != "Filters" or not all(map(_is_filter, filters)):
        wrong = name if name != "Filters" else next(one for one in filters if not _is_filter(one))
        raise ValueError(
            'the API\'s form is {"Filters": [{"Pattern": "..."}, ...]}, each Pattern a JSON text; '
            f"{_ALLOWED}; got {_shown(wrong)}"
        )
    return tuple(one["Pattern"] for one in filters)


def _refuse_other(text: Any) -> None:
    if not isinstance(text, str | Mapping):
        raise ValueError(f"each pattern must be a JSON text or a dict, got {_shown(text)}")
    if isinstance(text, Mapping) and _is_filter_like(text):
        raise ValueError(
            'give the patterns themselves, or all of them in the API\'s form {"Filters": [{"Pattern": "..."}, ...]}, '
            f"got {_shown(text)}"
        )


def _is_api_form(given: Mapping[Any, Any]) -> bool:
    """Return whether a dict looks like the API's form: a pattern may have a field of that name, of plain values."""
    if len(given) != 1:
        return False
    ((name, filters),) = given.items()
    if not isinstance(filters, list | tuple) or str(name).lower() not in ("filters", "filter"):
        return False
    return (name == "Filters" and not filters) or any(isinstance(one, Mapping) for one in filters)


def _is_filter(given: Any) -> bool:
    return isinstance(given, Mapping) and list(given) == ["Pattern"] and isinstance(given["Pattern"], str)


def _is_filter_like(given: Mapping[Any, Any]) -> bool:
    ((name, value), *others) = given.items() if given else (("", None),)
    return not others and str(name).lower() in ("pattern", "patterns") and isinstance(value, str)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}..."


def news_of(
    patterns: Patterns, view_type: str | None = None, keys: Collection[str] | None = None
) -> tuple[list[str], Patterns]:
    """Return what is to be told of a filter and has not been told yet, and its patterns, of which it has been told."""
    dead = dead_patterns(criteria_of(patterns), view_type, keys=keys)
    fresh = [number for number in dead if not patterns.told & {(number, None), (number, view_type)}]
    if not fresh:
        return [], patterns
    return sentences_of(dead, len(patterns), fresh), patterns.having_told(fresh, (view_type,))


def sentences_of(dead: Mapping[int, str], count: int, numbers: Iterable[int]) -> list[str]:
    """Return what is to be said of patterns that nothing can match, given by their numbers."""
    if len(dead) == count:
        why = "; ".join(dead.values()) if count == 1 else "; ".join(f"pattern {n}: {why}" for n, why in dead.items())
        return [f"the filter lets no record through: {why}"]
    return [f"pattern {number} of the filter can never match: {dead[number]}" for number in numbers]


def keys_shown(workload: Workload, *, by_share: bool) -> tuple[str, ...] | None:
    """Return the names of the keys that records show a mapping's filter; None where they are not known.

    Parameters
    ----------
    workload
        Its writes make the records.
    by_share
        Whether a share stands for the filter.
    """
    if isinstance(workload, ItemWrites):
        return tuple(workload.key)
    # where a share stands for the filter, its patterns are those of a table that the workload does not have
    return None if workload.carries_items or by_share else ("item_id",)
