"""The instants of polls, computed, against a list of all of them."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ddbsim as ds
from ddbsim.record.polls import steps_before
from ddbsim.result.result import FRAMES
from ddbsim.system.mapping.schedule import Interrupted, Pauses, PeriodicPolls
from ddbsim.system.stream.shared_reads import SharedReads

END_S = 90.0
instants = st.floats(0.0, 100.0)
intervals = st.sampled_from([0.25, 0.1, 1 / 3, 7.3, 40.0])


def all_polls(lattice, pauses, shared):
    polls = [lattice.phase_s + number * lattice.interval_s for number in range(1_200)]
    stretches = [*pauses.stretches, *([] if shared is None else shared.refused)]
    return [at for at in polls if at < END_S and not any(start <= at < end for start, end in stretches)]


@given(
    interval_s=intervals,
    phase=st.floats(0.0, 1.0, exclude_max=True),
    pauses=st.lists(st.tuples(instants, st.floats(0.0, 30.0)), max_size=4),
    readers=st.sampled_from([2, 3, 5]),
    asked=st.lists(instants, min_size=1, max_size=20),
    seed=st.integers(0, 1_000),
)
def test_the_next_poll_is_that_of_a_list_of_all(interval_s, phase, pauses, readers, asked, seed):
    lattice = PeriodicPolls(interval_s, phase * interval_s)
    held = Pauses([(start, start + length) for start, length in pauses])
    stream = ds.Stream(throttled_read_stretch_s=10.0)
    shared = None if readers == 2 else SharedReads(stream, readers, 0.0, END_S, np.random.default_rng(seed))
    schedule, polls = Interrupted(lattice, END_S, held, shared), all_polls(lattice, held, shared)
    asked += [*polls[:3], *(math.nextafter(at, 0.0) for at in polls[:3])]
    expected = [next((poll for poll in polls if poll >= at), math.inf) for at in asked]
    assert [schedule.at_or_after(at) for at in asked] == expected
    assert schedule.first_polls(np.array(asked)).tolist() == expected
    assert [schedule.after(at) for at in asked] == [next((p for p in polls if p > at), math.inf) for at in asked]
    assert schedule.at_or_after(math.inf) == math.inf


@given(start_s=instants, step_s=intervals, at_s=st.floats(-10.0, 200.0))
def test_steps_before_an_instant_are_counted_to_the_last_bit(start_s, step_s, at_s):
    counted = sum(start_s + number * step_s < at_s for number in range(2_100))
    assert int(steps_before(start_s, step_s, at_s)) == counted
    assert steps_before(np.array([start_s]), np.array([step_s]), np.array([at_s])).tolist() == [counted]


def test_what_is_drawn_of_refusals_follows_what_is_asked():
    class Counted:
        def __init__(self):
            self.rng, self.draws = np.random.default_rng(7), 0

        def random(self):
            return self.rng.random()

        def uniform(self, low, high, size):
            self.draws += size
            return self.rng.uniform(low, high, size)

    rng = Counted()
    shared = SharedReads(ds.Stream(), 4, 20 * 86_400.0, 30 * 86_400.0, rng)
    assert not shared.refuses(86_400.0)
    shared.served_s(20 * 86_400.0 + 1_000.0)
    assert 0 < rng.draws < 50


def test_two_ways_of_asking_draw_the_same_refusals():
    one, other = (SharedReads(ds.Stream(), 3, 0.0, 9_000.0, np.random.default_rng(7)) for _ in range(2))
    asked = np.linspace(0.0, 8_000.0, 500)
    each = [one.served_s(at_s) for at_s in asked]
    assert other.all_served_s(asked).tolist() == each
    starts = [start for start, _ in other.refused]
    assert [one.next_refusal_s(at_s) for at_s in asked[:300]] == [
        next((start for start in starts if start > at_s), math.inf) for at_s in asked[:300]
    ]


SUSPENDED = ds.Suspension(start_s=4_000, end_s=90_000)
IDLE = {
    "a suspension": {"event_source_mappings": ds.EventSourceMapping(suspensions=SUSPENDED)},
    "created late": {"event_source_mappings": ds.EventSourceMapping(created_s=60)},
    "three mappings, suspended": {
        "event_source_mappings": tuple(ds.EventSourceMapping(name=str(n), suspensions=SUSPENDED) for n in range(3))
    },
    "two other readers": {"stream_readers": tuple(ds.StreamReader(name=str(n)) for n in range(2))},
}


@pytest.mark.parametrize("case", IDLE)
def test_three_days_of_hardly_any_writes_needs_no_memory_for_polls(case):
    """All of its polls would be a million instants of each of the 75 shards."""
    scenario = ds.Scenario(workload=ds.PoissonWrites(rate_per_s=1 / 3_600), duration_s=3 * 86_400, **IDLE[case])
    tracemalloc.start()
    result = ds.simulate(scenario, rng=7, progress=False)
    for name in FRAMES:
        result.frame(name)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert result.stream_log["outcome"].eq("processed").all()
    assert peak < 64 * 2**20
