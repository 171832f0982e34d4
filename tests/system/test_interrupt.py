"""Ctrl-C in the middle of recording: the run stops between two events, with a log that is whole."""

import signal
import threading

import pytest

import ddbsim as ds
from ddbsim.log.recorder import Recorder
from ddbsim.result import FRAMES

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
    done = cut.stream_log["outcome"] == "processed"
    assert cut.stream_log[done].equals(whole.stream_log[done])
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
