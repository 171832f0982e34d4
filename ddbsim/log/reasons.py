"""Why an invocation failed: the kind, the words, and the line of the user's file that they came from."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Reason", "one_line", "sentence"]

_MOST_CHARACTERS = 200
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")


class Reason(NamedTuple):
    """Why an invocation failed.

    Attributes
    ----------
    error_type
        An exception's name, Lambda's own (`Runtime.ExitError`), the law's (`Failures.outages`), or what is wrong with
        an answer.
    message
        The words; empty where the kind says it all.
    line
        Where it was raised, as "file.py:12"; empty where nothing was.
    """

    error_type: str
    message: str = ""
    line: str = ""

    @property
    def is_told(self) -> bool:
        """Whether it says more than its kind does, as that of a user's own handler."""
        return bool(self.message or self.line)


def one_line(text: str) -> str:
    r"""Return a text as one line of a bounded length; addresses of objects, which differ from run to run, are left out.

    Examples
    --------
    >>> one_line("bad <Order object at 0x7f3a2b10>,\n  again")
    'bad <Order object at 0x...>, again'
    """
    # no more of it than can be shown is looked at, however long it is
    line = _ADDRESS.sub("0x...", " ".join(text[: 4 * _MOST_CHARACTERS].split()))
    return line if len(line) <= _MOST_CHARACTERS else line[: _MOST_CHARACTERS - 3] + "..."


def sentence(reason: Reason) -> str:
    """Return a reason as it stands in a sentence.

    Examples
    --------
    >>> sentence(Reason("NameError", "name 'evnt' is not defined", "handler.py:12"))
    "NameError: name 'evnt' is not defined (handler.py:12)"
    """
    words = f"{reason.error_type}: {reason.message}" if reason.message else reason.error_type
    return f"{words} ({reason.line})" if reason.line else words
