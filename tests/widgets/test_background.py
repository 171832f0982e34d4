import asyncio
import threading
import time

import pytest

from ddbsim.widgets.background import Latest


def ask(latest, task, log, **options):
    latest.ask(
        task,
        done=lambda answer: log.append(("done", answer, threading.current_thread() is threading.main_thread())),
        failed=lambda error: log.append(("failed", str(error))),
        progress=lambda share: log.append(("progress", share)),
        **options,
    )


def test_without_a_loop_a_task_runs_at_once():
    log = []
    ask(Latest(), lambda tell: 7, log)
    assert log == [("done", 7, True)]


def test_an_answer_comes_back_in_the_loop_s_thread():
    async def session(log):
        ask(Latest(), lambda tell: threading.current_thread() is threading.main_thread(), log)
        assert log == []
        await until(lambda: log)

    log = []
    asyncio.run(session(log))
    assert log == [("done", False, True)]


def test_a_newer_question_gives_up_the_one_before():
    started, go_on = threading.Event(), threading.Event()

    def long(tell):
        started.set()
        go_on.wait(5)
        tell(0.5)
        raise AssertionError("it was told that nobody waits")

    async def session(log):
        latest = Latest()
        ask(latest, long, log)
        await until(started.is_set)
        ask(latest, lambda tell: "new", log)
        go_on.set()
        await until(lambda: log)

    log = []
    asyncio.run(session(log))
    assert log == [("done", "new", True)]


def test_what_was_cancelled_is_never_shown_even_if_it_had_ended():
    ended = threading.Event()

    async def session(log):
        latest = Latest()
        ask(latest, lambda tell: ended.set(), log)
        # the loop is held: the answer waits for its turn
        assert ended.wait(5)
        time.sleep(0.05)
        latest.cancel()
        await asyncio.sleep(0.1)

    log = []
    asyncio.run(session(log))
    assert log == []


def test_a_long_task_tells_how_far_it_is_and_a_short_one_does_not():
    def task(tell):
        for step in range(7):
            tell(step / 10)
            time.sleep(0.1)
        return "end"

    async def session(log):
        ask(Latest(), task, log)
        await until(lambda: log and log[-1][0] == "done")

    log = []
    asyncio.run(session(log))
    shares = [entry[1] for entry in log if entry[0] == "progress"]
    assert shares == sorted(shares)
    assert min(shares) >= 0.3
    assert len(shares) >= 2


@pytest.mark.parametrize("in_place", [True, False])
def test_a_failure_is_handed_over_as_the_exception(in_place):
    async def session(log):
        ask(Latest(), lambda tell: 1 / 0, log, in_place=in_place)
        await until(lambda: log)

    log = []
    asyncio.run(session(log))
    assert log == [("failed", "division by zero")]


async def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
