"""What a user's handler raised, told as Lambda would, with the line of the user's own file."""

from __future__ import annotations

import os
import site
import sysconfig
from functools import cache
from pathlib import Path
from traceback import walk_tb

from ddbsim.aws import error_types
from ddbsim.log.reasons import Reason, one_line

__all__ = ["raised"]

_PACKAGE = str(Path(__file__).parents[2]) + os.sep


def raised(error: BaseException, hint: str = "") -> Reason:
    """Return why an invocation failed whose handler raised.

    Parameters
    ----------
    error
        What it raised.
    hint
        What more is known of it, to stand behind its text.
    """
    text = _text(error)
    if isinstance(error, SystemExit):
        return Reason(error_types.EXITED, one_line(f"sys.exit({text})"), _line(error))
    return Reason(type(error).__name__, one_line(text + hint), _line(error))


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # an exception of the user's own may do anything when asked for its text
        return "(its text cannot be read)"


def _line(error: BaseException) -> str:
    """Return the innermost line that is the user's; that of whoever raised, where all of them are a library's."""
    walked = [(frame.f_code.co_filename, line) for frame, line in walk_tb(error.__traceback__)]
    foreign = [place for place in walked if not place[0].startswith(_PACKAGE)]
    own = [place for place in foreign if not place[0].startswith(_libraries())] or foreign
    return _place(*own[-1]) if own else ""


def _place(filename: str, line: int) -> str:
    if filename.startswith("<ipython-input") or "ipykernel_" in filename:
        # the kernel's name of a cell's file says nothing to anybody
        return f"notebook cell, line {line}"
    return f"{filename if filename.startswith('<') else Path(filename).name}:{line}"


@cache
def _libraries() -> tuple[str, ...]:
    """Return how the names of files begin that belong to Python or to what is installed."""
    paths = sysconfig.get_paths()
    folders = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")] + site.getsitepackages()
    return ("<frozen ", *(folder + os.sep for folder in folders))
