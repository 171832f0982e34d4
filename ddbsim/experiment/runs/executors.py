"""Where runs are done: this process, its threads, a pool of processes, or any executor that one brings."""

from __future__ import annotations

import os
import pickle
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from contextlib import AbstractContextManager, ExitStack, contextmanager
from multiprocessing import connection, parent_process
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, TypeAlias

from ddbsim.checks.wording import shown

from .job import Failure, Job, perform
from .store import RunNotKeptWarning, RunStore

__all__ = ["AllRunsFailedError", "ExecutorChoice", "Runner", "UnpicklableScenarioError", "cores"]

ExecutorChoice: TypeAlias = Executor | Literal["processes", "threads", "serial"] | int | None


class UnpicklableScenarioError(ValueError):
    """A scenario holds something that cannot be sent to another process."""


class AllRunsFailedError(RuntimeError):
    """Not one run of an experiment came to its end; the message has the first one's error and seed."""


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Serial(Executor):
    """Does each task at once, here."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class Runner(AbstractContextManager["Runner"]):
    """Does runs on an executor and keeps them in a store; what it returns depends on neither.

    Parameters
    ----------
    executor
        None or "processes": a pool of as many processes as this machine has cores (in this process if there is only
        one); a number: a pool of so many; "threads"; "serial"; or anything with `concurrent.futures.Executor`'s
        interface, such as ``dask.distributed.Client(...).get_executor()``, which stays open.
    store
        A folder in which each finished run is kept at once, and from which it is taken the next time. None: nowhere.
    progress
        Show a bar over the runs.
    what
        The bar's title.

    Attributes
    ----------
    performed, reused
        How many runs were done, and how many were taken from the store.
    """

    def __init__(
        self,
        executor: ExecutorChoice = None,
        store: str | Path | None = None,
        *,
        progress: bool = True,
        what: str = "runs",
    ) -> None:
        self._choice = _checked(executor)
        self._store = None if store is None else RunStore(store)
        self._progress = progress
        self._what = what
        self._stack = ExitStack()
        self._executor: Executor | None = None
        self._told_of_store = False
        self.performed = 0
        self.reused = 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None and isinstance(self._executor, Executor) and self._executor is not self._choice:
            # do not sit through what nobody will look at
            self._executor.shutdown(wait=False, cancel_futures=True)
        self._stack.close()

    def run(self, jobs: Sequence[Job]) -> list[Any]:
        """Do runs, and return their measures or failures in the order of the jobs."""
        outcomes: list[Any] = [None] * len(jobs)
        keys = [self._store.key(job) if self._store else "" for job in jobs]
        missing = []
        for place, key in enumerate(keys):
            if self._store and (kept := self._store.get(key)) is not None:
                outcomes[place] = kept
            else:
                missing.append(place)
        self.reused += len(jobs) - len(missing)
        with _bar(len(jobs), self._progress, self._what) as bar:
            bar.update(len(jobs) - len(missing))
            for place, outcome in self._performed(jobs, missing):
                outcomes[place] = outcome
                self.performed += 1
                if self._store and not isinstance(outcome, Failure):
                    self._keep(keys[place], jobs[place], outcome)
                bar.update(1)
        return outcomes

    def _keep(self, key: str, job: Job, measures: Any) -> None:
        """Keep a run in the store; where that cannot be, the experiment goes on with what it has in memory."""
        assert self._store is not None
        try:
            self._store.put(key, job, measures)
        except OSError as error:
            if not self._told_of_store:
                told = (
                    f"finished runs cannot be kept in the store ({error}): they are in what is returned, and only there"
                )
                warnings.warn(told, RunNotKeptWarning, stacklevel=3)
            self._told_of_store = True

    def _performed(self, jobs: Sequence[Job], places: Sequence[int]) -> Iterator[tuple[int, Any]]:
        if not places:
            return
        executor = self._opened(len(places))
        if isinstance(executor, ProcessPoolExecutor):
            _check_picklable([jobs[place] for place in places])
        if isinstance(executor, _Serial):
            yield from ((place, perform(jobs[place])) for place in places)
            return
        futures = {executor.submit(perform, jobs[place]): place for place in places}
        lost = []
        try:
            for future in _completed(futures):
                try:
                    yield futures[future], future.result()
                except BrokenExecutor as error:
                    lost.append((futures[future], error))
                except Exception as error:
                    yield futures[future], Failure.of(error)
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        yield from self._again(jobs, lost)

    def _again(self, jobs: Sequence[Job], lost: Sequence[tuple[int, BrokenExecutor]]) -> Iterator[tuple[int, Any]]:
        """Do those runs again that went down with a dead worker process, each in a process of its own."""
        if lost and not isinstance(self._choice, Executor):
            self._stack.close()
            self._executor = None
        for place, error in sorted(lost, key=lambda one: one[0]):
            if isinstance(self._choice, Executor):
                yield place, Failure.of(error)
                continue
            with _pool(1) as alone:
                try:
                    yield place, alone.submit(perform, jobs[place]).result()
                except BrokenExecutor:
                    yield place, Failure("the worker process died: killed from outside, or out of memory")

    def _opened(self, count: int) -> Executor:
        if self._executor is None:
            self._executor = self._open(count)
        return self._executor

    def _open(self, count: int) -> Executor:
        choice = self._choice
        if isinstance(choice, int) or choice in (None, "processes"):
            workers = choice if isinstance(choice, int) else cores()
            # one worker does nothing that this process could not do without sending anything
            if workers == 1 and choice is None:
                return _Serial()
            return self._stack.enter_context(_pool(workers))
        if choice == "threads":
            return self._stack.enter_context(ThreadPoolExecutor(cores()))
        if choice == "serial":
            return _Serial()
        assert not isinstance(choice, str | None)
        return choice


def _pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Let this worker end with the process that it works for, which may be killed without a word to it."""
    threading.Thread(target=_wait_for_parent, args=(os.getppid(),), daemon=True, name="ends with parent").start()


def _wait_for_parent(number: int) -> None:
    parent = parent_process()
    assert parent is not None
    # a forked sibling may hold the parent's end of the sentinel open: whose child this is, is asked too
    while os.getppid() == number and not connection.wait([parent.sentinel], timeout=1.0):
        pass
    os._exit(1)


def _checked(executor: Any) -> ExecutorChoice:
    whole = isinstance(executor, int) and not isinstance(executor, bool) and executor >= 1
    named = executor in (None, "processes", "threads", "serial") if isinstance(executor, str | None) else False
    if not whole and not named and not hasattr(executor, "submit"):
        raise ValueError(
            "executor must be None, 'processes', 'threads', 'serial', a number of processes >= 1 or a "
            f"concurrent.futures.Executor, got {shown(executor)}"
        )
    return executor  # type: ignore[no-any-return]


def _check_picklable(jobs: Sequence[Job]) -> None:
    seen: set[int] = set()
    for job in jobs:
        if id(job.scenario) in seen:
            continue
        seen.add(id(job.scenario))
        try:
            pickle.dumps(job.scenario)
        except Exception as error:  # what cannot be pickled raises whatever it likes
            raise UnpicklableScenarioError(
                f"the scenario {job.scenario.name!r} cannot be sent to another process ({error}): define its handler "
                "at the top level of a module, or pass executor='threads' or executor='serial'"
            ) from None


def _completed(futures: dict[Future[Any], int]) -> Iterator[Future[Any]]:
    """Yield futures as they are done, whoever made them: Dask's are no futures to the standard library's waiting."""
    if all(isinstance(future, Future) for future in futures):
        yield from as_completed(futures)
        return
    yield from futures


@contextmanager
def _bar(total: int, show: bool, what: str) -> Iterator[Any]:
    if not show or total < 2:
        yield _Silent()
        return
    from tqdm.auto import tqdm

    # what is done within a second needs no bar
    with tqdm(total=total, unit="run", desc=what, delay=1.0) as bar:
        yield bar


class _Silent:
    def update(self, runs: int) -> None:
        """Show nothing."""
