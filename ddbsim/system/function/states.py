"""The states of a run's handlers: each run begins with what they held before the first, and leaves that behind.

A handler reaches its state by whatever names it likes, a closure or a global as well as `context.state`; so a run works
on the objects themselves, and puts back afterwards what they held. Runs of other threads wait meanwhile.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ddbsim.scenario import EventSourceMapping

from .snapshot import Snapshot, UnkeptError

__all__ = ["HandlerStates"]

_one_at_a_time = threading.RLock()


def _unlock() -> None:
    """Give a forked process a lock of its own: the thread that holds the other one is not in it."""
    global _one_at_a_time
    _one_at_a_time = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock)


class HandlerStates:
    """The states of a run's handlers, by function.

    Parameters
    ----------
    mappings
        Their functions have the handlers.
    """

    def __init__(self, mappings: Sequence[EventSourceMapping]) -> None:
        # two mappings may have functions of one name with a state each
        self._states = {one.label: one.function.state for one in mappings if one.function.state is not None}
        self._function = {one.label: one.function.name for one in mappings}
        self._left: Snapshot | None = None

    @contextmanager
    def for_a_run(self) -> Iterator[None]:
        """Let a run change the states, and put them back whatever comes of it.

        Raises
        ------
        ValueError
            If a state holds what cannot be put back.
        """
        if not self._states:
            yield
            return
        with _one_at_a_time:
            before = self._snapshot()
            try:
                yield
            finally:
                self._left = before.put_back()

    @contextmanager
    def as_left(self) -> Iterator[None]:
        """Have the states as the run left them."""
        if self._left is None:
            yield
            return
        with _one_at_a_time:
            # what was put back may have been changed since by its owner
            now = Snapshot(self._states)
            self._left.put_back()
            try:
                yield
            finally:
                now.put_back()

    def copies(self) -> dict[str, Any]:
        """Return copies of the states as they are, by function."""
        return {self._function[label]: state for label, state in Snapshot(self._states).copy().items()}

    def _snapshot(self) -> Snapshot:
        try:
            return Snapshot(self._states)
        except UnkeptError as error:
            name = next(self._function[label] for label, state in self._states.items() if not _can_be_kept(state))
            raise ValueError(
                f"Function {name!r}: state must be something that can be put back after a run, and {error}: keep that "
                "outside of state"
            ) from None


def _can_be_kept(state: Any) -> bool:
    try:
        Snapshot(state)
    except UnkeptError:
        return False
    return True
