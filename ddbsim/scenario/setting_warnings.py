"""Settings that the service accepts and that will not do what one may expect."""

from __future__ import annotations

import dataclasses
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType

__all__ = ["IneffectiveSettingWarning", "typed_at", "warn_of_setting", "without_setting_warnings"]

_PACKAGE = str(Path(__file__).parent.parent)

# where the warnings of this thread (or task) go instead of into a warning
_gathered: ContextVar[list[str] | None] = ContextVar("_gathered", default=None)


class IneffectiveSettingWarning(UserWarning):
    """The service accepts this setting, and it will not do what one may expect."""


@contextmanager
def without_setting_warnings() -> Iterator[list[str]]:
    """Gather the warnings of settings that are made here instead of giving them.

    For varied copies, of which the original has warned, and for who tells of them otherwise. The filters of
    `warnings` are one for all threads and left alone.

    Yields
    ------
    list of str
        What would have been warned of, as it comes.
    """
    gathered: list[str] = []
    token = _gathered.set(gathered)
    try:
        yield gathered
    finally:
        _gathered.reset(token)


def warn_of_setting(message: str, category: type[IneffectiveSettingWarning] = IneffectiveSettingWarning) -> None:
    """Warn of a setting at the line that typed it, or leave it to `without_setting_warnings`.

    Parameters
    ----------
    message, category
        As in `warnings.warn`.
    """
    gathered = _gathered.get()
    if gathered is None:
        warnings.warn(message, category, stacklevel=typed_at())
    else:
        gathered.append(message)


def typed_at() -> int:
    """Return the stacklevel at which a warning points at the line of the user, through `replace` and `vary` too."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_between(frame):
        frame, level = frame.f_back, level + 1
    return level


def _is_between(frame: FrameType) -> bool:
    code = frame.f_code
    made = code.co_filename == "<string>" and code.co_name == "__init__"
    return made or code.co_filename == dataclasses.__file__ or code.co_filename.startswith(_PACKAGE)
