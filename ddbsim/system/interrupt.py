"""Ctrl-C as an event: a run stops between two of them, never in the middle of a row of its log.

A user's handler runs between two rows, and may take for ever: Ctrl-C ends it in its middle.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import simpy

__all__ = ["interruptible", "interrupts_between_events"]


class _Here(threading.local):
    """What this thread is at.

    Attributes
    ----------
    in_handler
        Whether a user's handler runs.
    stopped
        Whether Ctrl-C has come: no further handler is to begin, be it of the same instant.
    """

    in_handler = False
    stopped = False


_here = _Here()


def interruptible(handler: Callable[[Any, Any], Any], event: Any, context: Any) -> Any:
    """Return what a handler answers; Ctrl-C raises KeyboardInterrupt in its middle.

    Nothing of a row may be recorded in it. If the handler itself catches the KeyboardInterrupt, the run stops after it.
    """
    if _here.stopped:
        raise KeyboardInterrupt
    before = _here.in_handler
    try:
        _here.in_handler = True
        return handler(event, context)
    finally:
        _here.in_handler = before


@contextmanager
def interrupts_between_events(env: simpy.Environment) -> Iterator[None]:
    """Raise the KeyboardInterrupt of a first Ctrl-C out of `env.run` between two events; a second one at once.

    In a user's handler the first one is raised at once, too.

    Python raises it between any two instructions: with half of an invocation recorded, the columns of the log would
    differ in length. Where someone else handles the signal, or in another thread (which gets none), nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    _here.in_handler = _here.stopped = False

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop = env.event()
        stop.callbacks.append(_raise)
        stop.succeed()
        _here.stopped = True
        if _here.in_handler:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _here.stopped = False


def _raise(_: simpy.Event) -> None:
    raise KeyboardInterrupt
