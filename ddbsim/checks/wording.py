"""Words for errors: what was given, in a few characters, and what may have been meant."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from itertools import islice
from typing import Any

import numpy as np

__all__ = ["brief", "closest", "kind_of", "shown"]

_MOST_CHARACTERS = 200
_MOST_PARTS = 6
# Python refuses to write longer whole numbers, and nobody counts their digits
_MOST_BITS = 400
_BITS_PER_DIGIT = 3.3219280948873626


def shown(value: Any, most: int = _MOST_CHARACTERS) -> str:
    """Return what a value looks like, in one line of at most `most` characters, whatever it is.

    Examples
    --------
    >>> shown("8GB"), shown(10**4000), shown("x" * 500, most=20)
    ("'8GB'", 'a whole number of about 4,001 digits', "'xxxxxxxxx...xxxxxx'")
    """
    text = " ".join(_text(value, most).split())
    return text if len(text) <= most else f"{text[: most // 2]}...{text[len(text) - most // 2 + 3 :]}"


def brief(text: str, most: int = 60) -> str:
    """Return a text without quotes, in one line of at most `most` characters: a name that is most likely short.

    Examples
    --------
    >>> brief("AmazonS3"), brief("y" * 500, most=10)
    ('AmazonS3', 'yyyyy...yy')
    """
    line = "".join(one if one.isprintable() else " " for one in text[: 2 * most] + text[2 * most :][-most:])
    return line if len(line) <= most else f"{line[: most // 2]}...{line[len(line) - most // 2 + 3 :]}"


def kind_of(value: Any) -> str:
    """Return the kind of a value with its article.

    Examples
    --------
    >>> kind_of("text"), kind_of(1.5), kind_of(None), kind_of(len)
    ('a text', 'a number', 'None', 'a function')
    """
    if value is None:
        return "None"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    name = _COMMON.get(type(value), type(value).__name__)
    return f"{'an' if name[0] in 'AEIOUaeio' else 'a'} {name}"


def closest(word: Any, known: Iterable[str]) -> str:
    """Return the words ``, did you mean 'x'?`` for what a misspelt word may have meant, or nothing.

    Examples
    --------
    >>> closest("batchsize", ["batch_size", "name"]), closest("colour", ["batch_size"])
    (", did you mean 'batch_size'?", '')
    """
    if not isinstance(word, str) or len(word) > _MOST_CHARACTERS:
        return ""
    by_fold = {one.casefold().replace("-", "_"): one for one in known}
    folded = word.casefold().replace("-", "_")
    near = get_close_matches(folded, by_fold, n=4, cutoff=0.6)
    # of words as near as each other the one of the same letters, two of which were swapped
    swapped = [one for one in near if sorted(one) == sorted(folded)]
    return f", did you mean {by_fold[(swapped or near)[0]]!r}?" if near else ""


_COMMON = {
    str: "text",
    int: "whole number",
    float: "number",
    type(shown): "function",
    type(len): "function",
}


def _text(value: Any, most: int) -> str:
    if isinstance(value, str):
        # what lies in the middle of a long one is not shown
        return repr(value if len(value) <= most else value[:most] + value[-most:])
    if isinstance(value, bytes):
        return repr(value[:most])
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return f"a whole number of about {int(value.bit_length() / _BITS_PER_DIGIT) + 1:,} digits"
    if isinstance(value, list | tuple | set | frozenset | dict) and len(value) > _MOST_PARTS:
        return f"a {type(value).__name__} of {len(value):,}, the first {_text(next(iter(value)), most // 2)}"
    if isinstance(value, list | tuple):
        ends = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return f"{ends[0]}{', '.join(_text(part, most) for part in islice(value, _MOST_PARTS))}{ends[1]}"
    # what draws itself in a notebook, a report or a frame, is long, and may be long in the making
    if isinstance(value, np.ndarray) or hasattr(type(value), "_repr_html_"):
        return kind_of(value)
    try:
        text = repr(value)
    except Exception:
        return kind_of(value)
    # a table or a report of many lines says less here than what it is
    return kind_of(value) if "\n" in text else text
