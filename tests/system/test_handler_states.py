"""A run depends on its scenario and seed alone: what a handler keeps in its state is put back after it."""

import gc
import itertools
import random
import threading
from collections import ChainMap, OrderedDict, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ddbsim as ds

ROWS = [(n * 0.2, "put", {"pk": str(n)}) for n in range(25)]


def dedupe(event, context):
    for record in event["Records"]:
        number = record["dynamodb"]["SequenceNumber"]
        if number not in context.state:
            context.state[number] = 1
            raise RuntimeError("first time")


def keeping(handler, state, rows=ROWS, name="scenario", **mapping):
    function = ds.Function(handler=handler, state=state)
    return ds.Scenario(
        name=name,
        workload=ds.ItemWrites(rows),
        table=ds.Table(partitions=1),
        duration_s=200,
        event_source_mappings=ds.EventSourceMapping(**{"batch_size": 1, "function": function} | mapping),
    )


def failures(scenario, rng=7):
    outcome = ds.simulate(scenario, rng=rng, progress=False).invocations["outcome"]
    return int((outcome == "error").sum())


def test_a_scenario_can_be_run_twice():
    state = {}
    scenario = keeping(dedupe, state)
    assert [failures(scenario) for _ in range(3)] == [25] * 3
    assert state == {}


@pytest.mark.parametrize("executor", ["serial", "threads", 2])
def test_every_executor_gives_the_same_numbers(executor):
    runs = ds.replicate(keeping(dedupe, {}), 4, rng=7, executor=executor, progress=False).runs
    assert runs["failed_invocations"].tolist() == [25] * 4


def test_a_scenario_compared_with_itself_is_no_different():
    scenario = keeping(dedupe, {})
    found = ds.compare({"one": scenario, "other": scenario}, replications=3, rng=7, executor="serial", progress=False)
    assert (found.frame["difference"].dropna() == 0).all()
    assert found.runs["failed_invocations"].tolist() == [25] * 6


def test_runs_of_one_scenario_at_once_share_no_state():
    scenario = keeping(dedupe, {})
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(failures, [scenario] * 8)) == [25] * 8


class Store:
    """Keeps what it saw in an attribute of an attribute; its handler is a method."""

    def __init__(self):
        self.inner = Inner()
        self.lock = threading.Lock()

    def handle(self, event, context):
        with self.lock:
            for record in event["Records"]:
                if self.inner.seen_before(record["dynamodb"]["SequenceNumber"]):
                    continue
                raise RuntimeError("first time")


@dataclass
class Inner:
    rows: list = field(default_factory=lambda: [set()])

    def seen_before(self, number):
        known = number in self.rows[0]
        self.rows[0].add(number)
        return known


def by_closure():
    seen = {"deep": [set()]}

    def handler(event, context):
        for record in event["Records"]:
            number = record["dynamodb"]["SequenceNumber"]
            if number not in seen["deep"][0]:
                seen["deep"][0].add(number)
                raise RuntimeError("first time")

    return handler, seen


def by_method():
    store = Store()
    return store.handle, store


def by_part():
    store = Store()
    return store.handle, store.inner.rows


def by_instance():
    class Handler(Store):
        __call__ = Store.handle

    handler = Handler()
    return handler, handler


REACHED = {"a closure": by_closure, "its own method": by_method, "a part": by_part, "itself": by_instance}


@pytest.mark.parametrize("make", REACHED.values(), ids=REACHED)
def test_a_state_may_be_reached_by_any_name(make):
    handler, state = make()
    scenario = keeping(handler, state)
    assert [failures(scenario) for _ in range(2)] == [25] * 2


def drawing(event, context):
    if context.state["rng"].random() < 0.5:
        raise RuntimeError("bad luck")


def counting(event, context):
    if next(context.state["rng"]) % 3 == 0:
        raise RuntimeError("every third")


def filling(event, context):
    context.state["rng"].loc[len(context.state["rng"])] = [1]
    context.state["rng"].iloc[0, 0] += 1
    if context.state["rng"]["n"].sum() % 3 == 0:
        raise RuntimeError("every third")


def filling_an_array(event, context):
    context.state["rng"][0][0] += 1
    if context.state["rng"][0][0] % 3 == 0:
        raise RuntimeError("every third")


HIDDEN = {
    "random.Random": (lambda: random.Random(1), drawing),
    "numpy's generator": (lambda: np.random.default_rng(1), drawing),
    "a count": (lambda: itertools.count(1), counting),
    "an iterator": (lambda: iter(range(10_000)), counting),
    "a frame": (lambda: pd.DataFrame({"n": [1, 2]}), filling),
    "an array in a tuple": (lambda: (np.zeros(2), "text"), filling_an_array),
    "an array of objects": (lambda: np.array([[0], [1]], dtype=object), filling_an_array),
}


@pytest.mark.parametrize(("make", "handler"), HIDDEN.values(), ids=HIDDEN)
def test_what_a_library_keeps_for_itself_is_put_back_too(make, handler):
    scenario = keeping(handler, {"rng": make()})
    counts = [failures(scenario) for _ in range(3)]
    assert counts[0] > 0
    assert counts == [counts[0]] * 3
    assert failures(keeping(handler, {"rng": make()})) == counts[0]


class Odd(dict):
    """A dict whose own methods do more."""

    def clear(self):
        raise RuntimeError("never clear")

    def update(self, *args, **kwargs):
        raise RuntimeError("never update")


@pytest.mark.parametrize(
    "state",
    [OrderedDict(b=1, a=2), Odd(b=1), ChainMap({}, {"b": 1})],
    ids=lambda state: type(state).__name__,
)
def test_mappings_of_any_kind_are_put_back(state):
    before = repr(state)
    assert [failures(keeping(dedupe, state)) for _ in range(2)] == [25] * 2
    assert repr(state) == before


def test_two_functions_with_one_state_share_it_in_each_run():
    shared = deque()

    def appending(event, context):
        context.state.append(1)
        if len(context.state) % 2:
            raise RuntimeError("odd")

    mappings = tuple(
        ds.EventSourceMapping(function=ds.Function(name=name, handler=appending, state=shared), batch_size=1)
        for name in ("one", "other")
    )
    scenario = ds.Scenario(workload=ds.ItemWrites(ROWS), event_source_mappings=mappings, duration_s=60)
    results = [ds.simulate(scenario, rng=7, progress=False) for _ in range(2)]
    assert results[0].invocations.equals(results[1].invocations)
    assert len(shared) == 0
    states = results[0].handler_report().states
    assert len(states["one"]) == len(states["other"]) == len(results[0].invocations)


def test_an_interrupted_run_leaves_its_state_as_it_was():
    def stopping(event, context):
        context.state.append(1)
        if len(context.state) == 3:
            raise KeyboardInterrupt

    state = ["before"]
    scenario = keeping(stopping, state)
    results = [ds.simulate(scenario, rng=7, progress=False) for _ in range(2)]
    assert [result.partial for result in results] == [True, True]
    assert state == ["before"]
    assert len(results[0].invocations) == len(results[1].invocations)


def test_a_run_that_raises_leaves_its_state_as_it_was():
    def failing_bar(now):
        raise ZeroDivisionError

    from ddbsim.randomness import RandomStreams
    from ddbsim.run import draw_writes, run

    state = {}
    scenario, streams = keeping(dedupe, state), RandomStreams(7)
    with pytest.raises(ZeroDivisionError):
        run(scenario, draw_writes(scenario, streams), streams, progress=failing_bar)
    assert state == {}


def test_what_its_owner_puts_into_a_state_between_two_runs_counts():
    state = {}
    scenario = keeping(dedupe, state)
    first = ds.simulate(scenario, rng=7, progress=False)
    state.update(first.handler_report().states["function"])
    assert failures(scenario) == 0
    # and a report of the first run is still that of the first run
    assert len(first.handler_report().states["function"]) == 25
    assert len(state) == 25


def test_a_state_shows_what_each_run_left():
    def naming(event, context):
        context.state.append(len(context.state))

    scenario = keeping(naming, [])
    long, short = (ds.simulate(one, rng=7, progress=False) for one in (scenario, keeping(naming, [], rows=ROWS[:3])))
    assert long.handler_report().states["function"] == list(range(25))
    assert short.handler_report().states["function"] == [0, 1, 2]


def generator():
    yield 1


@pytest.mark.parametrize(
    ("make", "kind"), [(generator, "generator"), (Path(__file__).open, "TextIOWrapper")], ids=["generator", "file"]
)
def test_a_state_that_cannot_be_put_back_is_refused(make, kind):
    part = make()
    state = {"deep": [part]}
    words = f"Function 'function': state must be something that can be put back after a run, and it holds a {kind}"
    with pytest.raises(ValueError, match=words):
        ds.simulate(keeping(dedupe, state), rng=7, progress=False)
    part.close()
    gc.collect()
