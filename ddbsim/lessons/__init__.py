"""Lessons: small runs that each settle one thing which people get wrong about streams and their functions.

::

    lesson = ds.lessons.get("poison_pill")
    ds.lessons.check("poison_pill", 23)    # what you think before you look
    lesson.verdict(lesson.run())
    ds.widgets.step(lesson)
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

from ddbsim.checks.arguments import checked
from ddbsim.checks.wording import shown

from .checking import Checked, check_answer
from .lesson import Finding, Lesson

__all__ = ["Checked", "Finding", "Lesson", "check", "get", "names"]

_TOPICS = ("order", "failing", "reading", "pages", "shards", "writing", "retention")


@cache
def _catalogue() -> dict[str, Lesson]:
    """Return all lessons by name, in the order in which one would teach them; made when first asked for."""
    topics: list[Any] = [import_module(f".{topic}", __name__) for topic in _TOPICS]
    return {lesson.name: lesson for topic in topics for lesson in topic.LESSONS}


def names() -> list[str]:
    """Return the names of the lessons.

    Examples
    --------
    >>> "poison_pill" in names()
    True
    """
    return list(_catalogue())


@checked
def get(name: str) -> Lesson:
    """Return a lesson.

    Parameters
    ----------
    name
        One of `names()`.

    Raises
    ------
    ValueError
        If there is no such lesson.

    Examples
    --------
    >>> get("no_op_writes").prediction
    'Ten puts are made. How many records does the stream get?'
    """
    if name not in _catalogue():
        raise ValueError(f"lesson must be one of {', '.join(names())}, got {shown(name)}")
    return _catalogue()[name]


@checked
def check(name: str, answer: bool | float) -> Checked:
    """Return whether an answer to a lesson's prediction is what its run shows, and a sentence about it.

    Parameters
    ----------
    name
        One of `names()`.
    answer
        True, False or a number, as the question asks.

    Raises
    ------
    ValueError
        If there is no such lesson, or it is no answer to its question.

    Examples
    --------
    >>> bool(check("no_op_writes", 10))
    False
    """
    return check_answer(get(name), answer)
