"""Settings that the service accepts and that will not do what one may expect."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["AcceptedWithATrap", "traps_told", "warn_of_trap"]

# where the traps of this thread (or task) go instead of into a warning
_gathered: ContextVar[list[str] | None] = ContextVar("_gathered", default=None)


class AcceptedWithATrap(UserWarning):
    """The service accepts this setting, and it will not do what one may expect."""


@contextmanager
def traps_told() -> Iterator[list[str]]:
    """Gather the traps of what is made here instead of warning of them.

    For varied copies, of which the original has warned, and for who tells of traps otherwise. The filters of
    `warnings` are one for all threads and left alone.

    Yields
    ------
    list of str
        What would have been warned of, as it comes.
    """
    traps: list[str] = []
    token = _gathered.set(traps)
    try:
        yield traps
    finally:
        _gathered.reset(token)


def warn_of_trap(message: str, category: type[AcceptedWithATrap] = AcceptedWithATrap, *, stacklevel: int = 4) -> None:
    """Warn of a setting that is `AcceptedWithATrap`, or leave it to the `traps_told` around.

    Parameters
    ----------
    message, category, stacklevel
        As in `warnings.warn`, called from where this is called.
    """
    traps = _gathered.get()
    if traps is None:
        warnings.warn(message, category, stacklevel=stacklevel + 1)
    else:
        traps.append(message)
