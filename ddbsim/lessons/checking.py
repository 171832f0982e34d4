"""Exercises: an answer against what the lesson's run shows."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from ddbsim.checks.wording import shown

from .lesson import Answer, Lesson

__all__ = ["Checked", "check_answer"]


@dataclass(frozen=True, slots=True)
class Checked:
    """Whether an answer is right, and a sentence about it; true where it is.

    Attributes
    ----------
    right
        Whether the run agrees.
    sentence
        The claim where it does; where to look where it does not.
    """

    right: bool
    sentence: str

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.sentence

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{'&#10003;' if self.right else '&#10007;'} {html.escape(self.sentence)}</p>"


def check_answer(lesson: Lesson, answer: Answer) -> Checked:
    """Return whether an answer is what the lesson's run shows.

    Raises
    ------
    ValueError
        If it is no answer to that question.
    """
    found = _answer_of(lesson)
    wanted = "True or False" if isinstance(found, bool) else "a number"
    yes_or_no = isinstance(answer, bool | np.bool_)
    number = isinstance(answer, int | float | np.number) and not yes_or_no and math.isfinite(answer)
    if not (yes_or_no if isinstance(found, bool) else number):
        raise ValueError(f"the answer to {lesson.name!r} must be {wanted}, got {shown(answer)}")
    # a run's numbers are sums of floats: equal means equal to nine digits
    if math.isclose(answer, found, rel_tol=1e-9, abs_tol=lesson.tolerance):
        return Checked(True, f"Right, the run shows {_spoken(found)}. {lesson.claim}")
    return Checked(False, f"Not so: {_spoken(answer)} is not what the run shows. {lesson.hint}")


# a class asks the same question many times, and the run is the same each time
@lru_cache(maxsize=64)
def _answer_of(lesson: Lesson) -> Answer:
    return lesson.answer(lesson.run())


def _spoken(answer: Answer) -> str:
    return str(bool(answer)) if isinstance(answer, bool | np.bool_) else f"{answer:.4g}"
