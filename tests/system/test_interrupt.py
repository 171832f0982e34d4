"""Ctrl-C in the middle of recording: the run stops between two events, with a log that is whole."""

import signal
import threading
import time

import pytest

import ddbsim as ds
from ddbsim.record.recorder import Recorder
from ddbsim.result.result import FRAMES

SCENARIO = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=50), duration_s=60)


@pytest.fixture(autouse=True)
def pythons_handler():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def interrupt_in_the_middle_of(monkeypatch, row, times=1):
    """Send Ctrl-C between two columns of the `row`-th attempt that is recorded."""
    make = Recorder.__init__

    def made(self):
        make(self)
        appends = list(self._attempt)

        def interrupted(value, append=appends[6]):
            if len(self.attempts) == row + 1:
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
            append(value)

        appends[6] = interrupted
        self._attempt = tuple(appends)

    monkeypatch.setattr(Recorder, "__init__", made)


@pytest.mark.parametrize("row", [0, 7, 100])
def test_what_was_simulated_before_an_interrupt_is_whole(monkeypatch, row):
    whole = ds.simulate(SCENARIO, rng=7)
    interrupt_in_the_middle_of(monkeypatch, row)
    cut = ds.simulate(SCENARIO, rng=7)
    assert cut.partial
    assert {name: len(cut.frame(name)) for name in FRAMES}.keys() == set(FRAMES)
    assert row < len(cut.invocations) < len(whole.invocations)
    same = whole.invocations.iloc[: len(cut.invocations)]
    assert cut.invocations["started_s"].tolist() == same["started_s"].tolist()
    log = cut.stream_log
    done = log["outcome"] == "processed"
    assert log[done].equals(whole.stream_log.iloc[: len(log)][done])
    assert (cut.writes["written_s"] < cut.ended_s).all()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_second_interrupt_does_not_wait_for_an_event(monkeypatch):
    interrupt_in_the_middle_of(monkeypatch, row=7, times=2)
    result = ds.simulate(SCENARIO, rng=7)
    assert result.partial
    with pytest.raises(ValueError, match="shape"):
        result.frame("stream_log")


def test_a_handler_of_someone_else_stays_in_place(monkeypatch):
    seen = []
    own = signal.signal(signal.SIGINT, lambda *_: seen.append("own"))
    interrupt_in_the_middle_of(monkeypatch, row=7)
    result = ds.simulate(SCENARIO, rng=7)
    signal.signal(signal.SIGINT, own)
    assert seen == ["own"]
    assert not result.partial


def test_another_thread_runs_without_a_handler():
    results = []
    thread = threading.Thread(target=lambda: results.append(ds.simulate(SCENARIO, rng=7, progress=False)))
    thread.start()
    thread.join()
    assert not results[0].partial


def press_after(seconds):
    """Send Ctrl-C to this thread once, later."""
    timer = threading.Timer(seconds, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT))
    timer.start()
    return timer


def loop_for_ever():
    while True:
        pass


def swallow():
    try:
        time.sleep(60)
    except BaseException:
        return


def swallow_and_raise():
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        raise RuntimeError("not now") from None


def own_alarm():
    """Wait under an alarm of one's own, whose handler raises."""

    def ring(*_):
        raise TimeoutError("my own alarm")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        time.sleep(60)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def busy(what, factor=1, items=20):
    """A scenario whose handlers do something on the third call, on as many lanes as are asked for."""
    calls = []

    def handler(event, context):
        calls.append(event)
        if len(calls) >= 3:
            what()

    mapping = ds.EventSourceMapping(
        batch_size=1,
        maximum_retry_attempts=0,
        parallelization_factor=factor,
        function=ds.Function(handler=handler, cold_start=ds.ColdStart(init=0.0, placement_s=0.0)),
    )
    rows = [(0.0, "put", {"pk": str(n)}) for n in range(items)]
    scenario = ds.Scenario(workload=ds.ItemWrites(rows), event_source_mappings=mapping, duration_s=60)
    return scenario, calls


@pytest.mark.parametrize("factor", [1, 10], ids=["one lane", "several at one instant"])
@pytest.mark.parametrize(
    "what",
    [loop_for_ever, lambda: time.sleep(60), swallow, swallow_and_raise],
    ids=["loop", "sleep", "caught", "other"],
)
def test_the_first_interrupt_ends_a_run_whose_handler_does_not_return(what, factor):
    scenario, calls = busy(what, factor)
    timer = press_after(0.3)
    began = time.perf_counter()
    result = ds.simulate(scenario, rng=7, progress=False)
    timer.join()
    assert time.perf_counter() - began < 20
    assert result.partial
    assert len(calls) == 3
    for name in FRAMES:
        result.frame(name)
    assert len(result.invocations) in (2, 3)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    # what one run was told does not end the next
    assert not ds.simulate(SCENARIO, rng=7, progress=False).partial
    assert not ds.simulate(busy(lambda: None)[0], rng=7, progress=False).partial


def test_what_a_signal_handler_of_ones_own_raises_is_the_handlers_error_and_told():
    scenario, _ = busy(own_alarm, items=3)
    result = ds.simulate(scenario, rng=7, progress=False)
    assert not result.partial
    failed = result.invocations[result.invocations["outcome"] == "error"]
    assert failed["error_type"].tolist() == ["TimeoutError"]
    assert failed["error_message"].tolist() == ["my own alarm"]
    assert failed["error_line"].tolist() == [f"test_interrupt.py:{own_alarm.__code__.co_firstlineno + 4}"]
