"""Ctrl-C as an event: a run stops between two of them, never in the middle of a row of its log."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import simpy

__all__ = ["interrupts_between_events"]


@contextmanager
def interrupts_between_events(env: simpy.Environment) -> Iterator[None]:
    """Raise the KeyboardInterrupt of a first Ctrl-C out of `env.run` between two events; a second one at once.

    Python raises it between any two instructions: with half of an invocation recorded, the columns of the log would
    differ in length. Where someone else handles the signal, or in another thread (which gets none), nothing changes.
    """
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def interrupt(*_: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop = env.event()
        stop.callbacks.append(_raise)
        stop.succeed()

    signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _raise(_: simpy.Event) -> None:
    raise KeyboardInterrupt
