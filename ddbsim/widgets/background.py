"""Tasks beside the notebook's own thread, of which only the newest counts.

A slider asks faster than a run can answer: each new question gives up the one before, whose answer is never shown.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias, TypeVar

__all__ = ["GivenUp", "Latest", "Tell"]

Answer = TypeVar("Answer")
Tell: TypeAlias = Callable[[float], None]

# progress that is shown sooner only flickers, and more often only costs
_FIRST_SHOWN_S = 0.4
_SHOWN_EVERY_S = 0.1


class GivenUp(Exception):
    """A newer question was asked, or the user cancelled."""


class Latest:
    """Runs the newest task in a thread, and hands its answer to the notebook's thread.

    Where no event loop runs (a script, a test) tasks run at once, in place.
    """

    def __init__(self) -> None:
        self._newest = 0
        self._loop = _running_loop()
        # the newest does not wait for the one given up to come to where it is told so
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="ddbsim-widget")

    def ask(
        self,
        task: Callable[[Tell], Answer],
        *,
        done: Callable[[Answer], None],
        failed: Callable[[Exception], None],
        progress: Tell,
        in_place: bool = False,
    ) -> None:
        """Run a task instead of the one that is running.

        Parameters
        ----------
        task
            Is given a function to tell its progress to, 0..1, which raises `GivenUp` when the answer is wanted no more.
        done, failed
            Get the answer, or the exception.
        progress
            Gets the progress of a task that takes longer than a moment.
        in_place
            Run it here and now.
        """
        self._newest += 1
        in_place = in_place or self._loop is None
        asked = _Asked(self._newest, lambda: self._newest, None if in_place else self._loop, progress)
        if in_place:
            asked.work(task, done, failed)
        else:
            self._pool.submit(asked.work, task, done, failed)

    def after_rest(self, rest_s: float, call: Callable[[], None]) -> None:
        """Call in the notebook's thread if nothing else is asked for so long, seconds; never where no loop runs."""
        number = self._newest
        if self._loop is not None:
            self._loop.call_later(rest_s, lambda: call() if number == self._newest else None)

    def cancel(self) -> None:
        """Give up the task that is running, if any."""
        self._newest += 1


class _Asked:
    """One task: whether its answer is still wanted, and the way back to the notebook's thread."""

    def __init__(
        self, number: int, newest: Callable[[], int], loop: asyncio.AbstractEventLoop | None, progress: Tell
    ) -> None:
        self._number = number
        self._newest = newest
        self._loop = loop
        self._progress = progress
        self._show_at_s = time.monotonic() + _FIRST_SHOWN_S

    def work(
        self, task: Callable[[Tell], Answer], done: Callable[[Answer], None], failed: Callable[[Exception], None]
    ) -> None:
        try:
            self._tell(0.0)
            answer = task(self._tell)
        except GivenUp:
            return
        except Exception as error:
            self._later(failed, error)
        else:
            self._later(done, answer)

    @property
    def _wanted(self) -> bool:
        return self._number == self._newest()

    def _tell(self, share: float) -> None:
        if not self._wanted:
            raise GivenUp
        if time.monotonic() >= self._show_at_s:
            self._show_at_s = time.monotonic() + _SHOWN_EVERY_S
            self._later(self._progress, share)

    def _later(self, call: Callable[[Any], None], value: Any) -> None:
        if self._loop is None:
            call(value)
        else:
            # asked again when its turn comes: the answer may have grown old on the way
            self._loop.call_soon_threadsafe(lambda: call(value) if self._wanted else None)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
